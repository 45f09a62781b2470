#define MS_CLASS "RTC::Consumer"
// #define MS_LOG_DEV_LEVEL 3

#include "Logger.hpp"
#include "PluginHost/Vp8Picture.hpp"
#include "RTC/Consumer.hpp"
#include "RTC/RTP/Codecs/VP8.hpp"

namespace RTC
{
	/* Static. */

	/**
	 * As VP8's handler does with frames of temporal layers that the consumer does not want.
	 */
	static void dropPicture(RTC::RTP::Codecs::EncodingContext* context, const RTC::RTP::Packet* packet)
	{
		auto* vp8Context = dynamic_cast<RTC::RTP::Codecs::VP8::EncodingContext*>(context);

		if (!vp8Context)
		{
			return;
		}

		const auto pictureId =
		  PluginHost::Vp8Picture::GetId(packet->GetPayload(), packet->GetPayloadLength());

		if (pictureId)
		{
			vp8Context->pictureIdManager.Drop(*pictureId);
		}
	}

	/* Instance methods. */

	/**
	 * Leaves a packet that a verdict dropped out of this consumer's numbering, exactly as SendRtpPacket() does for packets that
	 * it leaves out itself, so that the receiver sees no gap. Nothing here may throw: the SSRC is looked up, never assumed.
	 *
	 * @param withPicture - The picture is left out, too, for the next ones do not refer to it. A decoder waits for one that is missing.
	 */
	void Consumer::DropRtpPacket(const RTC::RTP::Packet* packet, bool withPicture)
	{
		MS_TRACE();

		if (!this->producerStreamManager->IsPacketForCurrentStream(packet))
		{
			return;
		}

		auto streamIt = this->mapSsrcRtpStream.begin();

		if (this->pipe)
		{
			const auto ssrcIt = this->mapMappedSsrcSsrc.find(packet->GetSsrc());

			if (ssrcIt == this->mapMappedSsrcSsrc.end())
			{
				return;
			}

			streamIt = this->mapSsrcRtpStream.find(ssrcIt->second);
		}

		if (streamIt == this->mapSsrcRtpStream.end())
		{
			return;
		}

		const auto seqManagerIt = this->mapRtpStreamRtpSeqManager.find(streamIt->second);

		if (seqManagerIt != this->mapRtpStreamRtpSeqManager.end())
		{
			seqManagerIt->second.Drop(packet->GetSequenceNumber());
		}

		if (withPicture)
		{
			dropPicture(this->producerStreamManager->GetEncodingContext(), packet);
		}
	}
} // namespace RTC
