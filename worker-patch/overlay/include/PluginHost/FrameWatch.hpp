#ifndef MS_PLUGIN_HOST_FRAME_WATCH_HPP
#define MS_PLUGIN_HOST_FRAME_WATCH_HPP

#include "common.hpp"
#include "RTC/RTP/Packet.hpp"
#include <vector>

namespace PluginHost
{
	/**
	 * What a lost frame means to those that come after it, by stream of one producer. [worker-loop]
	 */
	class FrameWatch
	{
	public:
		/**
		 * Of each packet that comes, before anything is decided about it.
		 */
		void OnReceived(const RTC::RTP::Packet& packet)
		{
			auto& stream = GetStream(packet.GetSsrc());

			stream.topTemporalLayer = std::max(stream.topTemporalLayer, packet.GetTemporalLayer());
		}
		/**
		 * Of each packet that goes out.
		 */
		void OnRouted(const RTC::RTP::Packet& packet)
		{
			auto& stream = GetStream(packet.GetSsrc());

			stream.hasRouted       = true;
			stream.routedTimestamp = packet.GetTimestamp();
		}
		/**
		 * The packet's frame is lost. Unless others can do without it, the sender is to begin anew, but not all the time.
		 */
		bool WantsKeyFrame(const RTC::RTP::Packet& packet, uint64_t nowNs)
		{
			auto& stream = GetStream(packet.GetSsrc());

			const bool isDispensable =
			  stream.topTemporalLayer > 0 && packet.GetTemporalLayer() >= stream.topTemporalLayer;
			const bool isBegun = stream.hasRouted && stream.routedTimestamp == packet.GetTimestamp();

			if (
			  (isDispensable && !isBegun) ||
			  (stream.requestedAtNs != 0 && nowNs - stream.requestedAtNs < MinIntervalNs))
			{
				return false;
			}

			stream.requestedAtNs = nowNs;

			return true;
		}

	private:
		struct Stream
		{
			uint32_t ssrc{ 0 };
			uint8_t topTemporalLayer{ 0 };
			bool hasRouted{ false };
			uint32_t routedTimestamp{ 0 };
			// 0: never.
			uint64_t requestedAtNs{ 0 };
		};

	private:
		Stream& GetStream(uint32_t ssrc)
		{
			for (auto& stream : this->streams)
			{
				if (stream.ssrc == ssrc)
				{
					return stream;
				}
			}

			// Mapped SSRCs are as many as encodings; the bound is for what nobody thought of.
			if (this->streams.size() >= MaxStreams)
			{
				this->streams.erase(this->streams.begin());
			}

			return this->streams.emplace_back(Stream{ .ssrc = ssrc });
		}

	private:
		static constexpr size_t MaxStreams{ 16 };
		static constexpr uint64_t MinIntervalNs{ 500000000 };

	private:
		std::vector<Stream> streams;
	};
} // namespace PluginHost

#endif
