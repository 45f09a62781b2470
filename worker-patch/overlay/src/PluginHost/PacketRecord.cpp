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

	uint32_t GetLength(const RTC::RTP::Packet* packet)
	{
		return HeaderLength + static_cast<uint32_t>(packet->GetLength());
	}

	void Write(
	  uint8_t* record,
	  const RTC::RTP::Packet* packet,
	  const ProducerInfo& producer,
	  uint32_t attachmentNumber,
	  uint64_t ticket,
	  uint64_t receivedAtNs,
	  uint64_t deadlineNs,
	  bool redelivered)
	{
		MS_TRACE();

		const auto length        = static_cast<uint32_t>(packet->GetLength());
		const auto payloadLength = static_cast<uint32_t>(packet->GetPayloadLength());
		const auto paddingLength = packet->GetPaddingLength();
		const auto ssrc          = packet->GetSsrc();
		const auto ssrcIt        = std::ranges::find(producer.ssrcs, ssrc);
		const bool isVideo       = producer.kind == Layout::MediaKind::Video;

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
		    HeaderLength + length,
		    Layout::RecordType::Packet,
		    redelivered ? static_cast<uint8_t>(Layout::RecordFlag::Redelivered) : 0,
		    HeaderLength),
		  ticket,
		  receivedAtNs,
		  deadlineNs,
		  producer.number,
		  attachmentNumber,
		  ssrc,
		  packet->GetTimestamp(),
		  length,
		  length,
		  packet->GetSequenceNumber(),
		  static_cast<uint16_t>(length - payloadLength - paddingLength),
		  paddingLength,
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
		  /*members*/ 1);

		std::memcpy(record, std::addressof(header), sizeof(header));
		std::memcpy(record + HeaderLength, packet->GetBuffer(), length);
	}
} // namespace PluginHost::PacketRecord
