#include "common.hpp"
#include "MediaSoupErrors.hpp"
#include "PluginHost/RtpBuilder.hpp"
#include "mph/fbs/layout.h"
#include <catch2/catch_test_macros.hpp>
#include <cstring> // std::memcmp()
#include <random>
#include <string>
#include <vector>

using PluginHost::InjectedRtp;
using PluginHost::RtpBuilder::Build;
using PluginHost::RtpBuilder::Stream;

namespace
{
	constexpr auto NoLevel = static_cast<uint8_t>(Mph::Layout::AudioLevel::Unknown);

	RTC::RtpCodecMimeType mimeTypeOf(const std::string& name)
	{
		RTC::RtpCodecMimeType mimeType;

		mimeType.SetMimeType(name);

		return mimeType;
	}

	InjectedRtp makeRtp(const std::vector<uint8_t>& payload)
	{
		return {
			.ssrc          = 0xdeadbeef,
			.timestamp     = 0xfffffffe,
			.payloadType   = 101,
			.marker        = true,
			.audioLevel    = NoLevel,
			.payload       = payload.data(),
			.payloadLength = payload.size(),
		};
	}

	bool isParsable(const RTC::RTP::Packet& packet)
	{
		const std::unique_ptr<RTC::RTP::Packet> parsed(
		  RTC::RTP::Packet::Parse(packet.GetBuffer(), packet.GetLength(), packet.GetLength()));

		return parsed != nullptr;
	}
} // namespace

SCENARIO("RtpBuilder", "[pluginhost][rtpbuilder]")
{
	const auto opus = mimeTypeOf("audio/opus");
	const auto vp8  = mimeTypeOf("video/VP8");

	SECTION("what was asked for is in the packet, and it can be parsed")
	{
		const std::vector<uint8_t> payload{ 0xf8, 0xff, 0xfe };
		const auto packet =
		  Build(makeRtp(payload), { .kind = RTC::Media::Kind::AUDIO, .mimeType = opus });

		REQUIRE(isParsable(*packet));
		REQUIRE(packet->GetSsrc() == 0xdeadbeef);
		REQUIRE(packet->GetTimestamp() == 0xfffffffe);
		REQUIRE(packet->GetPayloadType() == 101);
		REQUIRE(packet->HasMarker());
		REQUIRE(packet->GetPayloadLength() == payload.size());
		REQUIRE(std::memcmp(packet->GetPayload(), payload.data(), payload.size()) == 0);
	}

	SECTION("there is room for what transports and consumers write")
	{
		const std::vector<uint8_t> payload(10, 0);
		std::string mid;
		uint16_t wideSeqNumber{ 0 };
		uint32_t absSendTime{ 0 };
		uint8_t level{ 0 };
		bool voice{ false };
		const auto video = Build(makeRtp(payload), { .kind = RTC::Media::Kind::VIDEO, .mimeType = vp8 });

		REQUIRE(video->UpdateMid("12345678"));
		REQUIRE(video->ReadMid(mid));
		REQUIRE(mid == "12345678");
		REQUIRE(video->UpdateTransportWideCc01(4711));
		REQUIRE(video->ReadTransportWideCc01(wideSeqNumber));
		REQUIRE(wideSeqNumber == 4711);
		REQUIRE(video->ReadAbsSendTime(absSendTime));
		REQUIRE(!video->ReadSsrcAudioLevel(level, voice));
		REQUIRE(isParsable(*video));
	}

	SECTION("an audio level is there if one was given, and never in video")
	{
		const std::vector<uint8_t> payload(10, 0);
		auto rtp = makeRtp(payload);
		uint8_t level{ 0 };
		bool voice{ false };

		rtp.audioLevel = 42;
		rtp.voice      = true;

		auto packet = Build(rtp, { .kind = RTC::Media::Kind::AUDIO, .mimeType = opus });

		REQUIRE(packet->ReadSsrcAudioLevel(level, voice));
		REQUIRE(level == 42);
		REQUIRE(voice);

		packet = Build(rtp, { .kind = RTC::Media::Kind::VIDEO, .mimeType = vp8 });

		REQUIRE(!packet->ReadSsrcAudioLevel(level, voice));

		rtp.audioLevel = NoLevel;
		packet         = Build(rtp, { .kind = RTC::Media::Kind::AUDIO, .mimeType = opus });

		REQUIRE(!packet->ReadSsrcAudioLevel(level, voice));
	}

	SECTION("packet ids, where the stream has them, are all different")
	{
		const std::vector<uint8_t> payload(10, 0);
		uint32_t first{ 0 };
		uint32_t second{ 0 };
		const Stream stream{ .kind = RTC::Media::Kind::VIDEO, .mimeType = vp8, .hasPacketIds = true };

		REQUIRE(Build(makeRtp(payload), stream)->ReadMediasoupPacketId(first));
		REQUIRE(Build(makeRtp(payload), stream)->ReadMediasoupPacketId(second));
		REQUIRE(first != second);
		REQUIRE(!Build(makeRtp(payload), { .kind = RTC::Media::Kind::VIDEO, .mimeType = vp8 })
		           ->ReadMediasoupPacketId(first));
	}

	SECTION("nothing of one packet is in the next one")
	{
		const std::vector<uint8_t> longer(1000, 0xaa);
		const std::vector<uint8_t> shorter{ 1, 2 };
		auto rtp = makeRtp(longer);

		rtp.audioLevel = 1;
		Build(rtp, { .kind = RTC::Media::Kind::AUDIO, .mimeType = opus, .hasPacketIds = true })
		  ->UpdateMid("abc");

		auto next      = makeRtp(shorter);
		next.marker    = false;
		next.timestamp = 1;

		const auto packet = Build(next, { .kind = RTC::Media::Kind::AUDIO, .mimeType = opus });
		std::string mid;

		REQUIRE(!packet->HasMarker());
		REQUIRE(!packet->HasPadding());
		REQUIRE(packet->GetSequenceNumber() == 0);
		REQUIRE(packet->GetPayloadLength() == 2);
		REQUIRE((!packet->ReadMid(mid) || mid.find('a') == std::string::npos));
		REQUIRE(isParsable(*packet));
	}

	SECTION("layers and key frames are those of the payload")
	{
		// Picture id, temporal index and layer 2; then a key frame of VP8.
		const std::vector<uint8_t> keyFrame{ 0x90, 0xe0, 0x81, 0x02, 0x03, 0x80, 0x10, 0x02, 0x00 };
		const std::vector<uint8_t> interFrame{ 0x90, 0xe0, 0x81, 0x02, 0x03, 0x80, 0x11, 0x02, 0x00 };
		const Stream stream{ .kind = RTC::Media::Kind::VIDEO, .mimeType = vp8 };

		REQUIRE(Build(makeRtp(keyFrame), stream)->IsKeyFrame());
		REQUIRE(!Build(makeRtp(interFrame), stream)->IsKeyFrame());
		REQUIRE(Build(makeRtp(interFrame), stream)->GetTemporalLayer() == 2);
	}

	SECTION("a payload that is too long is refused, the longest one is not")
	{
		const std::vector<uint8_t> longest(PluginHost::RtpBuilder::MaxPayloadLength, 0x90);
		const std::vector<uint8_t> tooLong(PluginHost::RtpBuilder::MaxPayloadLength + 1, 0x90);
		const Stream stream{ .kind = RTC::Media::Kind::VIDEO, .mimeType = vp8, .hasPacketIds = true };

		REQUIRE(isParsable(*Build(makeRtp(longest), stream)));
		REQUIRE_THROWS_AS(Build(makeRtp(tooLong), stream), MediaSoupTypeError);
	}

	SECTION("whatever the bytes are, for every codec that mediasoup parses, the packet can be parsed")
	{
		std::mt19937_64 random(20261123);

		for (const char* name :
		     { "audio/opus", "audio/PCMU", "video/VP8", "video/VP9", "video/H264", "video/AV1" })
		{
			const auto mimeType = mimeTypeOf(name);
			const auto kind     = mimeType.type == RTC::RtpCodecMimeType::Type::AUDIO
			                        ? RTC::Media::Kind::AUDIO
			                        : RTC::Media::Kind::VIDEO;

			for (int i{ 0 }; i < 2'000; ++i)
			{
				const auto longest = i % 10 == 0 ? PluginHost::RtpBuilder::MaxPayloadLength : 24;
				std::vector<uint8_t> payload(random() % (longest + 1));

				for (auto& byte : payload)
				{
					byte = static_cast<uint8_t>(random());
				}

				auto rtp = makeRtp(payload);

				rtp.audioLevel  = static_cast<uint8_t>(random());
				rtp.payloadType = static_cast<uint8_t>(random() & 0x7f);

				const auto packet =
				  Build(rtp, { .kind = kind, .mimeType = mimeType, .hasPacketIds = random() % 2 == 0 });

				REQUIRE(isParsable(*packet));
				REQUIRE(packet->UpdateMid("m"));
				// One byte more if VP8's picture id was widened.
				REQUIRE(packet->GetPayloadLength() - payload.size() <= 1);
			}
		}
	}
}
