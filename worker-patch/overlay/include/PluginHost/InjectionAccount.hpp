#ifndef MS_PLUGIN_HOST_INJECTION_ACCOUNT_HPP
#define MS_PLUGIN_HOST_INJECTION_ACCOUNT_HPP

#include "common.hpp"
#include "PluginHost/TokenBucket.hpp"
#include "mph/fbs/layout.h"

namespace PluginHost
{
	/**
	 * What a plugin may inject in this worker, at all its places together, and what became of it. [worker-loop]
	 */
	class InjectionAccount
	{
	public:
		struct Counters
		{
			uint64_t injected{ 0 };
			uint64_t full{ 0 };
			uint64_t unknown{ 0 };
			uint64_t malformed{ 0 };
			uint64_t limited{ 0 };
			uint64_t repeated{ 0 };
			uint64_t keyFrameRequests{ 0 };
			// Results for which there was no room.
			uint64_t resultsLost{ 0 };
		};

	public:
		/**
		 * Per second; 0: the default.
		 */
		void SetLimits(uint32_t packets, uint32_t bytes)
		{
			this->packets.SetRate(packets != 0 ? packets : DefaultPackets);
			this->bytes.SetRate(bytes != 0 ? bytes : DefaultBytes);
		}
		/**
		 * Whether one more of that many bytes is within the limits; then it counts.
		 */
		bool Take(uint32_t length, uint64_t nowNs)
		{
			const bool hasPacket = this->packets.Has(1, nowNs);

			if (!this->bytes.Has(length, nowNs) || !hasPacket)
			{
				return false;
			}

			this->packets.Take(1);
			this->bytes.Take(length);

			return true;
		}
		void Count(Mph::Layout::ResultCode code)
		{
			switch (code)
			{
				case Mph::Layout::ResultCode::Ok:
				{
					++this->counters.injected;

					break;
				}

				case Mph::Layout::ResultCode::Full:
				{
					++this->counters.full;

					break;
				}

				case Mph::Layout::ResultCode::Unknown:
				{
					++this->counters.unknown;

					break;
				}

				case Mph::Layout::ResultCode::Malformed:
				{
					++this->counters.malformed;

					break;
				}

				case Mph::Layout::ResultCode::Limited:
				{
					++this->counters.limited;

					break;
				}
			}
		}

	public:
		Counters counters;

	private:
		static constexpr uint32_t DefaultPackets{ 20'000 };
		static constexpr uint32_t DefaultBytes{ 64 * 1024 * 1024 };

	private:
		TokenBucket packets{ DefaultPackets };
		TokenBucket bytes{ DefaultBytes };
	};
} // namespace PluginHost

#endif
