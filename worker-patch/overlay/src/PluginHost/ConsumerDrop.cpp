#define MS_CLASS "RTC::Consumer"
// #define MS_LOG_DEV_LEVEL 3

#include "Logger.hpp"
#include "RTC/Consumer.hpp"

namespace RTC
{
	/**
	 * Leaves a packet that a verdict dropped out of this consumer's numbering, exactly as SendRtpPacket() does for packets that
	 * it leaves out itself, so that the receiver sees no gap. Nothing here may throw: the SSRC is looked up, never assumed.
	 */
	void Consumer::DropRtpPacket(const RTC::RTP::Packet* packet)
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
	}
} // namespace RTC
