#define MS_CLASS "PluginHost::RtpBuilder"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/RtpBuilder.hpp"
#include "Logger.hpp"
#include "MediaSoupErrors.hpp"
#include "RTC/Consts.hpp"
#include "RTC/RTP/Codecs/Tools.hpp"
#include "Utils.hpp"
#include "mph/fbs/layout.h"
#include <array>
#include <vector>

namespace PluginHost::RtpBuilder
{
	/* Static. */

	using ExtensionType = RTC::RtpHeaderExtensionUri::Type;

	// Fixed header and the extension block.
	static constexpr size_t MaxHeaderLength{ 64 };
	// As RTC::RTP::SharedPacket has: consumers write into it.
	static constexpr size_t Slack{ 100 };

	/**
	 * The block that Producer::MangleRtpPacket() writes, without what it takes over from the sender's. Transports and consumers fill it in.
	 */
	static void WriteExtensions(RTC::RTP::Packet* packet, const InjectedRtp& rtp, const Stream& stream)
	{
		static thread_local std::vector<RTC::RTP::Packet::Extension> extensions;
		std::array<uint8_t, MaxHeaderLength> values{};
		auto* value = values.data();

		extensions.clear();

		const auto add = [&value](ExtensionType type, uint8_t length)
		{
			extensions.emplace_back(type, static_cast<uint8_t>(type), length, value);
			value += length;
		};

		add(ExtensionType::MID, RTC::Consts::MidRtpExtensionMaxLength);

		if (stream.kind == RTC::Media::Kind::VIDEO)
		{
			add(ExtensionType::ABS_SEND_TIME, 3u);
			add(ExtensionType::TRANSPORT_WIDE_CC_01, 2u);
		}
		else if (rtp.audioLevel != static_cast<uint8_t>(Mph::Layout::AudioLevel::Unknown))
		{
			*value = (rtp.voice ? 0x80 : 0) | (rtp.audioLevel & 0x7f);
			add(ExtensionType::SSRC_AUDIO_LEVEL, 1u);
		}

		if (stream.hasPacketIds)
		{
			Utils::Byte::Set4Bytes(value, 0, RTC::RTP::Packet::GetNextMediasoupPacketId());
			add(ExtensionType::MEDIASOUP_PACKET_ID, 4u);
		}

		packet->SetExtensions(RTC::RTP::Packet::ExtensionsType::Auto, extensions);
	}

	std::unique_ptr<RTC::RTP::Packet> Build(const InjectedRtp& rtp, const Stream& stream)
	{
		MS_TRACE();

		alignas(8) static thread_local std::array<uint8_t, MaxHeaderLength + MaxPayloadLength + Slack> buffer;

		if (rtp.payloadLength > MaxPayloadLength)
		{
			MS_THROW_TYPE_ERROR("payload of %zu bytes", rtp.payloadLength);
		}

		std::unique_ptr<RTC::RTP::Packet> packet(
		  RTC::RTP::Packet::Factory(buffer.data(), buffer.size()));

		packet->SetPayloadType(rtp.payloadType);
		packet->SetMarker(rtp.marker);
		packet->SetTimestamp(rtp.timestamp);
		packet->SetSsrc(rtp.ssrc);

		WriteExtensions(packet.get(), rtp, stream);
		packet->SetPayload(rtp.payload, rtp.payloadLength);

		// What the sender said of its layers does not hold for what a plugin made.
		std::unique_ptr<RTC::RTP::Codecs::DependencyDescriptor::TemplateDependencyStructure> noStructure;

		RTC::RTP::Codecs::Tools::ProcessRtpPacket(packet.get(), stream.mimeType, noStructure);

		return packet;
	}
} // namespace PluginHost::RtpBuilder
