#ifndef MS_PLUGIN_HOST_TOKEN_BUCKET_HPP
#define MS_PLUGIN_HOST_TOKEN_BUCKET_HPP

#include <algorithm>
#include <cstdint>

namespace PluginHost
{
	/**
	 * So much per second, with bursts of what comes in a tenth of it. What costs more than a whole burst is let through by a full bucket, which
	 * is in debt then. [worker-loop]
	 */
	class TokenBucket
	{
	public:
		explicit TokenBucket(uint32_t perSecond)
		{
			SetRate(perSecond);
		}

	public:
		void SetRate(uint32_t perSecond)
		{
			this->perSecond = std::max(perSecond, 1u);
			this->level     = GetCapacity();
		}

		/**
		 * @param nowNs - Never before that of the last call.
		 */
		bool Has(uint32_t cost, uint64_t nowNs)
		{
			const auto elapsedNs = nowNs - this->filledAtNs;
			const auto missing   = static_cast<uint64_t>(GetCapacity() - this->level);

			this->filledAtNs = nowNs;
			// Multiplied only if that stays below the capacity.
			this->level = elapsedNs > missing / static_cast<uint64_t>(this->perSecond)
			                ? GetCapacity()
			                : this->level + (static_cast<int64_t>(elapsedNs) * this->perSecond);

			return this->level >= std::min(cost * Token, GetCapacity());
		}

		void Take(uint32_t cost)
		{
			this->level = std::max(this->level - (cost * Token), -MaxDebt);
		}

	private:
		// In nanoseconds of one token per second, so that nothing is lost by rounding.
		static constexpr int64_t Token{ 1'000'000'000 };
		static constexpr int64_t BurstNs{ Token / 10 };
		static constexpr int64_t MaxDebt{ INT64_MAX / 2 };

	private:
		int64_t GetCapacity() const
		{
			return BurstNs * this->perSecond;
		}

	private:
		// Passed by argument.
		int64_t perSecond{ 1 };
		// Others.
		int64_t level{ 0 };
		uint64_t filledAtNs{ 0 };
	};
} // namespace PluginHost

#endif
