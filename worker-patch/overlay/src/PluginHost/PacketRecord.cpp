#define MS_CLASS "PluginHost::PacketRecord"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/PacketRecord.hpp"
#include "Logger.hpp"
#include "mph/fbs/layout.h"
#include <cstring> // std::memcpy()

namespace PluginHost::PacketRecord
{
	/* Static. */

	namespace Layout = Mph::Layout;

	static constexpr uint32_t HeaderLength{ sizeof(Layout::PacketRecord) };

	static uint32_t rtpHeaderLength(const RTC::RTP::Packet* packet)
	{
		return static_cast<uint32_t>(
		  packet->GetLength() - packet->GetPayloadLength() - packet->GetPaddingLength());
	}

	static uint32_t copiedLength(const RTC::RTP::Packet* packet, Mph::Control::Copy copy)
	{
		switch (copy)
		{
			case Mph::Control::Copy::Full:
			{
				return static_cast<uint32_t>(packet->GetLength());
			}
			case Mph::Control::Copy::Headers:
			{
				return rtpHeaderLength(packet);
			}
			default:
			{
				return 0;
			}
		}
	}

	uint32_t GetLength(const RTC::RTP::Packet* packet, Mph::Control::Copy copy)
	{
		return HeaderLength + copiedLength(packet, copy);
	}

	void Write(
	  uint8_t* record,
	  const RTC::RTP::Packet* packet,
	  const ProducerInfo& producer,
	  const Publication& publication)
	{
		MS_TRACE();

		const auto copied  = copiedLength(packet, publication.copy);
		const auto ssrc    = packet->GetSsrc();
		const auto ssrcIt  = std::ranges::find(producer.ssrcs, ssrc);
		const bool isVideo = producer.kind == Layout::MediaKind::Video;

		uint8_t packetFlags{ 0 };
		uint8_t audioLevel{ static_cast<uint8_t>(Layout::AudioLevel::Unknown) };

		if (packet->HasMarker())
		{
			packetFlags |= static_cast<uint8_t>(Layout::PacketFlag::Marker);
		}

		if (isVideo)
		{
			if (packet->IsKeyFrame())
			{
				packetFlags |= static_cast<uint8_t>(Layout::PacketFlag::KeyFrame);
			}
		}
		else
		{
			uint8_t volume{ 0 };
			bool voice{ false };

			if (packet->ReadSsrcAudioLevel(volume, voice))
			{
				audioLevel = volume;

				if (voice)
				{
					packetFlags |= static_cast<uint8_t>(Layout::PacketFlag::Voice);
				}
			}
		}

		static constexpr auto UnknownLayer = static_cast<uint8_t>(Layout::Limit::UnknownLayer);

		const Layout::PacketRecord header(
		  Layout::RecordHeader(
		    HeaderLength + copied,
		    Layout::RecordType::Packet,
		    publication.redelivered ? static_cast<uint8_t>(Layout::RecordFlag::Redelivered) : 0,
		    HeaderLength),
		  publication.ticket,
		  publication.receivedAtNs,
		  publication.deadlineNs,
		  producer.number,
		  publication.attachment,
		  ssrc,
		  packet->GetTimestamp(),
		  static_cast<uint32_t>(packet->GetLength()),
		  copied,
		  packet->GetSequenceNumber(),
		  static_cast<uint16_t>(rtpHeaderLength(packet)),
		  packet->GetPaddingLength(),
		  packet->GetPayloadType(),
		  producer.kind,
		  producer.codecs[packet->GetPayloadType() & 0x7f],
		  packetFlags,
		  ssrcIt != producer.ssrcs.end() ? static_cast<uint8_t>(ssrcIt - producer.ssrcs.begin())
		                                 : UnknownLayer,
		  isVideo ? packet->GetSpatialLayer() : UnknownLayer,
		  isVideo ? packet->GetTemporalLayer() : UnknownLayer,
		  audioLevel,
		  0,
		  publication.members,
		  publication.consumer,
		  publication.byChannel);

		std::memcpy(record, std::addressof(header), sizeof(header));
		std::memcpy(record + HeaderLength, packet->GetBuffer(), copied);
	}
} // namespace PluginHost::PacketRecord
