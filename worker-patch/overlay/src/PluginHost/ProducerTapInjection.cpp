#define MS_CLASS "PluginHost::ProducerTap"
// #define MS_LOG_DEV_LEVEL 3

#include "Logger.hpp"
#include "PluginHost/ProducerTap.hpp"
#include "PluginHost/RouterTap.hpp"

// What is asked of a producer, or sent in its name, by a host. The rest of ProducerTap is in ProducerTap.cpp.
namespace PluginHost
{
	bool ProducerTap::HasStream(uint32_t ssrc, uint8_t payloadType) const
	{
		return payloadType < this->info->codecs.size() &&
		       this->info->codecs[payloadType] != Mph::Layout::Codec::Unknown &&
		       std::ranges::find(this->info->ssrcs, ssrc) != this->info->ssrcs.end();
	}

	void ProducerTap::Inject(const InjectedRtp& rtp, const std::vector<RTC::Consumer*>& consumers)
	{
		MS_TRACE();

		// Nobody gets what is sent to a paused producer.
		if (this->producer->IsPaused())
		{
			return;
		}

		const auto& rtpParameters = this->producer->GetRtpParameters();
		const auto index          = static_cast<size_t>(
      std::ranges::find(this->info->ssrcs, rtp.ssrc) - this->info->ssrcs.begin());

		// The stream's codec, whatever the payload type says: it is what the consumers of the stream expect.
		const auto* codec = rtpParameters.GetCodecForEncoding(
		  const_cast<RTC::RtpEncodingParameters&>(rtpParameters.encodings.at(index)));
		const auto packet = RtpBuilder::Build(
		  rtp,
		  RtpBuilder::Stream{ .kind         = this->producer->GetKind(),
			                    .mimeType     = codec->mimeType,
			                    .hasPacketIds = this->producer->enableMediasoupPacketIdHeaderExtension });
		const auto number = this->numbers.Insert(rtp.ssrc);

		if (!number)
		{
			return;
		}

		packet->SetSequenceNumber(*number);

		if (!consumers.empty())
		{
			this->routerTap->RouteTo(this->producer, packet.get(), consumers);

			return;
		}

		RoutePacket(packet.get());
	}

	/**
	 * As Producer::HandleNotification() does it.
	 */
	bool ProducerTap::Receive(uint8_t* buffer, size_t length, size_t bufferSize)
	{
		MS_TRACE();

		this->producer->listener->OnProducerReceiveData(this->producer, length);

		auto* packet = RTC::RTP::Packet::Parse(buffer, length, bufferSize);

		if (!packet)
		{
			return false;
		}

		this->producer->listener->OnProducerReceiveRtpPacket(
		  this->producer, packet, this->producer->shared->GetTimeUs());

		return true;
	}

	bool ProducerTap::RequestKeyFrame(uint32_t ssrc)
	{
		MS_TRACE();

		const auto& ssrcs = this->info->ssrcs;

		if (ssrc != 0 && std::ranges::find(ssrcs, ssrc) == ssrcs.end())
		{
			return false;
		}

		// Of those that the sender sends.
		for (const auto& kv : this->producer->GetRtpStreams())
		{
			if (ssrc == 0 || kv.second == ssrc)
			{
				this->producer->RequestKeyFrame(kv.second);
			}
		}

		return true;
	}
} // namespace PluginHost
