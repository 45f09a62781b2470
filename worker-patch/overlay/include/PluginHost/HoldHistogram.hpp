#ifndef MS_PLUGIN_HOST_HOLD_HISTOGRAM_HPP
#define MS_PLUGIN_HOST_HOLD_HISTOGRAM_HPP

#include "common.hpp"
#include <array>
#include <bit>
#include <vector>

namespace PluginHost
{
	/**
	 * Counts how long packets were held, in log-linear buckets: 8 per power of two, nanoseconds. The library makes
	 * percentiles of it (docs/control-protocol.md, "Hold-time histogram").
	 */
	class HoldHistogram
	{
	public:
		static constexpr size_t Buckets{ 256 };

	public:
		void Add(uint64_t ns)
		{
			++this->counts[BucketOf(ns)];
			this->sumNs += ns;
		}

		uint64_t GetSumNs() const
		{
			return this->sumNs;
		}

		/**
		 * Without the zeros at its end: of an attachment that never held anything, nothing.
		 */
		std::vector<uint64_t> GetTrimmedCounts() const
		{
			const auto end = std::find_if(
			  this->counts.rbegin(),
			  this->counts.rend(),
			  [](uint64_t count)
			  {
				  return count != 0;
			  });

			return { this->counts.begin(), end.base() };
		}

		static size_t BucketOf(uint64_t ns)
		{
			if (ns < 8)
			{
				return ns;
			}

			const size_t exponent = std::bit_width(ns) - 1;
			const size_t bucket   = (8 * (exponent - 2)) + ((ns >> (exponent - 3)) & 7);

			return std::min(bucket, Buckets - 1);
		}

	private:
		std::array<uint64_t, Buckets> counts{};
		uint64_t sumNs{ 0 };
	};
} // namespace PluginHost

#endif
