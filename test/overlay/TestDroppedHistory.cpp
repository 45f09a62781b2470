#include "common.hpp"
#include "PluginHost/DroppedHistory.hpp"
#include <catch2/catch_test_macros.hpp>

using PluginHost::DroppedHistory;

SCENARIO("DroppedHistory", "[pluginhost][droppedhistory]")
{
	DroppedHistory history(1234);

	SECTION("nothing is in it at first, whatever the number")
	{
		REQUIRE(history.GetSsrc() == 1234);

		for (const uint16_t seq : { 0, 1, 2047, 2048, 32767, 32768, 65535 })
		{
			DroppedHistory fresh(1);

			REQUIRE(!fresh.Contains(seq));
		}
	}

	SECTION("what was added is in it, its neighbours are not")
	{
		history.Add(100);

		REQUIRE(history.Contains(100));
		REQUIRE(!history.Contains(99));
		REQUIRE(!history.Contains(101));
		REQUIRE(history.Contains(100));
	}

	SECTION("a number is known across the wrap, in either direction")
	{
		history.Add(65535);
		history.Add(0);

		REQUIRE(history.Contains(65535));
		REQUIRE(history.Contains(0));
		REQUIRE(!history.Contains(65534));
		REQUIRE(!history.Contains(1));
	}

	SECTION("a number below the very first one is known as well")
	{
		history.Add(5);
		history.Add(65530);

		REQUIRE(history.Contains(65530));
		REQUIRE(history.Contains(5));
	}

	SECTION("the same number one cycle later is another packet")
	{
		history.Add(100);

		// As the stream goes on: each look moves it forward.
		for (uint32_t seq{ 101 }; seq < 65536 + 100; ++seq)
		{
			REQUIRE(!history.Contains(static_cast<uint16_t>(seq)));
		}

		REQUIRE(!history.Contains(100));
	}

	SECTION("what falls out of the window is forgotten, and stands for nothing else")
	{
		history.Add(10);
		history.Add(10 + 2048);

		REQUIRE(history.Contains(10 + 2048));
		REQUIRE(!history.Contains(10));
		REQUIRE(!history.Contains(10 + 4096));
	}

	SECTION("a stream in which each other packet is dropped, three times around")
	{
		for (uint32_t i{ 0 }; i < 3 * 65536; ++i)
		{
			const auto seq = static_cast<uint16_t>(i);

			REQUIRE(!history.Contains(seq));

			if (i % 2 == 0)
			{
				history.Add(seq);
			}

			// Copies that come late.
			if (i > 1000)
			{
				REQUIRE(history.Contains(static_cast<uint16_t>(i - 1000)) == (i % 2 == 0));
			}
		}
	}
}
