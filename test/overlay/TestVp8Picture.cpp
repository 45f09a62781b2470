#include "common.hpp"
#include "PluginHost/Vp8Picture.hpp"
#include "RTC/RTP/Codecs/VP8.hpp"
#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <random>
#include <vector>

using RTC::RTP::Codecs::VP8;

namespace
{
	/**
	 * In memory of its own, so that AddressSanitizer sees what is read behind it.
	 */
	std::optional<uint16_t> getId(const std::vector<uint8_t>& payload)
	{
		const auto exact = std::make_unique<uint8_t[]>(payload.size());

		std::ranges::copy(payload, exact.get());

		return PluginHost::Vp8Picture::GetId(exact.get(), payload.size());
	}
} // namespace

SCENARIO("Vp8Picture", "[pluginhost][vp8picture]")
{
	SECTION("an id of seven bits and one of fifteen")
	{
		REQUIRE(getId({ 0x90, 0x80, 0x7f, 0x00 }) == 0x7f);
		REQUIRE(getId({ 0x90, 0x80, 0xff, 0xfe, 0x00 }) == 0x7ffe);
	}

	SECTION("a payload without an id, or cut off before its end, has none")
	{
		REQUIRE(!getId({}));
		REQUIRE(!getId({ 0x90 }));
		REQUIRE(!getId({ 0x90, 0x80 }));
		REQUIRE(!getId({ 0x90, 0x80, 0x81 }));
		REQUIRE(!getId({ 0x10, 0x80, 0x01, 0x00 }));
		REQUIRE(!getId({ 0x90, 0x40, 0x01, 0x00 }));
	}

	SECTION("whatever mediasoup's parser understands, it understands in the same way")
	{
		std::mt19937_64 random(20261123);
		size_t withId{ 0 };

		for (int i{ 0 }; i < 100'000; ++i)
		{
			std::vector<uint8_t> payload(1 + (random() % 8));

			for (auto& byte : payload)
			{
				byte = static_cast<uint8_t>(random());
			}

			const std::unique_ptr<VP8::PayloadDescriptor> descriptor(
			  VP8::Parse(payload.data(), payload.size()));

			if (!descriptor)
			{
				continue;
			}

			const auto id = getId(payload);

			REQUIRE(id.has_value() == descriptor->hasPictureId);

			if (id)
			{
				REQUIRE(*id == descriptor->pictureId);

				++withId;
			}
		}

		REQUIRE(withId > 10'000);
	}
}
