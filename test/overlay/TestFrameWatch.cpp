#include "common.hpp"
#include "PluginHost/FrameWatch.hpp"
#include "PluginHost/RtpBuilder.hpp"
#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <uv.h> // uv_hrtime()
#include <vector>

using PluginHost::FrameWatch;

namespace
{
	constexpr uint64_t SecondNs{ 1'000'000'000 };

	/**
	 * Of VP8. Valid until the next one.
	 */
	std::unique_ptr<RTC::RTP::Packet> makePacket(
	  uint32_t timestamp, uint8_t temporalLayer, bool isKeyFrame = false, uint32_t ssrc = 1111)
	{
		const std::vector<uint8_t> payload{ 0x90, 0xe0, 0x80, 0x01, 0x01, static_cast<uint8_t>(temporalLayer << 6), static_cast<uint8_t>(isKeyFrame ? 0x10 : 0x11), 0x00 };
		RTC::RtpCodecMimeType vp8;

		vp8.SetMimeType("video/VP8");

		return PluginHost::RtpBuilder::Build(
		  { .ssrc          = ssrc,
		    .timestamp     = timestamp,
		    .payloadType   = 101,
		    .payload       = payload.data(),
		    .payloadLength = payload.size() },
		  { .kind = RTC::Media::Kind::VIDEO, .mimeType = vp8 });
	}
} // namespace

SCENARIO("FrameWatch", "[pluginhost][framewatch]")
{
	FrameWatch watch;
	// The watch compares with the clock as well.
	const auto nowNs = uv_hrtime();

	SECTION("of a stream with one layer no frame can be done without")
	{
		REQUIRE(!watch.OnReceived(*makePacket(1000, 0)));
		REQUIRE(!watch.IsDispensable(*makePacket(1000, 0)));
		REQUIRE(watch.WantsKeyFrame(*makePacket(1000, 0), nowNs));
	}

	SECTION("of a stream with layers those of the highest one can be done without")
	{
		watch.OnReceived(*makePacket(1000, 0));
		watch.OnReceived(*makePacket(2000, 2));

		REQUIRE(watch.IsDispensable(*makePacket(2000, 2)));
		REQUIRE(!watch.WantsKeyFrame(*makePacket(2000, 2), nowNs));
		REQUIRE(!watch.IsDispensable(*makePacket(3000, 1)));
		REQUIRE(watch.WantsKeyFrame(*makePacket(3000, 1), nowNs));
	}

	SECTION("a frame of which a part has gone out cannot be done without")
	{
		watch.OnReceived(*makePacket(2000, 2));
		watch.OnRouted(*makePacket(2000, 2));

		REQUIRE(!watch.IsDispensable(*makePacket(2000, 2)));
		REQUIRE(watch.IsDispensable(*makePacket(3000, 2)));
	}

	SECTION("one key frame is asked for, and another one only after a while")
	{
		REQUIRE(watch.WantsKeyFrame(*makePacket(1000, 0), nowNs));
		REQUIRE(!watch.WantsKeyFrame(*makePacket(2000, 0), nowNs + 1));
		REQUIRE(!watch.WantsKeyFrame(*makePacket(2000, 0), nowNs + (SecondNs / 2) - 1));
		REQUIRE(watch.WantsKeyFrame(*makePacket(3000, 0), nowNs + (SecondNs / 2)));
	}

	SECTION("what may not be asked for yet is owed, and asked for with a later packet")
	{
		// Long ago, so that by the clock it is time again.
		REQUIRE(watch.WantsKeyFrame(*makePacket(1000, 0), nowNs - SecondNs));
		REQUIRE(!watch.OnReceived(*makePacket(2000, 0)));
		REQUIRE(!watch.WantsKeyFrame(*makePacket(2000, 0), nowNs - SecondNs + 1));
		REQUIRE(watch.OnReceived(*makePacket(3000, 0)));
		REQUIRE(!watch.OnReceived(*makePacket(4000, 0)));
	}

	SECTION("nothing is owed any more once a key frame has gone out")
	{
		REQUIRE(watch.WantsKeyFrame(*makePacket(1000, 0), nowNs - SecondNs));
		REQUIRE(!watch.WantsKeyFrame(*makePacket(2000, 0), nowNs - SecondNs + 1));

		watch.OnRouted(*makePacket(3000, 0, /*isKeyFrame*/ true));

		REQUIRE(!watch.OnReceived(*makePacket(4000, 0)));
	}

	SECTION("streams do not mix, and are forgotten before they become too many")
	{
		watch.OnReceived(*makePacket(1000, 2, false, 1111));

		REQUIRE(watch.IsDispensable(*makePacket(2000, 2, false, 1111)));
		REQUIRE(!watch.IsDispensable(*makePacket(2000, 2, false, 2222)));

		for (uint32_t ssrc{ 10'000 }; ssrc < 11'000; ++ssrc)
		{
			watch.OnReceived(*makePacket(1000, 1, false, ssrc));
		}

		REQUIRE(!watch.IsDispensable(*makePacket(2000, 2, false, 1111)));
		REQUIRE(watch.IsDispensable(*makePacket(2000, 1, false, 10'999)));
	}
}
