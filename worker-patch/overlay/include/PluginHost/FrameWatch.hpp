#ifndef MS_PLUGIN_HOST_FRAME_WATCH_HPP
#define MS_PLUGIN_HOST_FRAME_WATCH_HPP

#include "common.hpp"
#include "RTC/RTP/Packet.hpp"
#include <uv.h> // uv_hrtime()
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
		 *
		 * @return Whether the sender is to begin anew for a frame that was lost too soon after another one.
		 */
		bool OnReceived(const RTC::RTP::Packet& packet)
		{
			auto& stream = GetStream(packet.GetSsrc());

			stream.topTemporalLayer = std::max(stream.topTemporalLayer, packet.GetTemporalLayer());

			return stream.isOwed && Request(stream, uv_hrtime());
		}
		/**
		 * Of each packet that goes out.
		 */
		void OnRouted(const RTC::RTP::Packet& packet)
		{
			auto& stream = GetStream(packet.GetSsrc());

			stream.hasRouted       = true;
			stream.routedTimestamp = packet.GetTimestamp();
			// Whatever was lost before, it has begun anew.
			stream.isOwed = stream.isOwed && !packet.IsKeyFrame();
		}
		/**
		 * Whether those that come after the packet's frame can do without it. No part of it must have gone out.
		 */
		bool IsDispensable(const RTC::RTP::Packet& packet)
		{
			const auto& stream = GetStream(packet.GetSsrc());

			return stream.topTemporalLayer > 0 && packet.GetTemporalLayer() >= stream.topTemporalLayer &&
			       !(stream.hasRouted && stream.routedTimestamp == packet.GetTimestamp());
		}
		/**
		 * The packet's frame is lost. Unless others can do without it, the sender is to begin anew, but not all the time.
		 */
		bool WantsKeyFrame(const RTC::RTP::Packet& packet, uint64_t nowNs)
		{
			return !IsDispensable(packet) && Request(GetStream(packet.GetSsrc()), nowNs);
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
			// A key frame, which may not be asked for yet.
			bool isOwed{ false };
		};

	private:
		static bool Request(Stream& stream, uint64_t nowNs)
		{
			stream.isOwed = stream.requestedAtNs != 0 && nowNs - stream.requestedAtNs < MinIntervalNs;

			if (stream.isOwed)
			{
				return false;
			}

			stream.requestedAtNs = nowNs;

			return true;
		}
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
