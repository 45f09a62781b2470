#include "common.hpp"
#include "PluginHost/BackOff.hpp"
#include <catch2/catch_test_macros.hpp>

using PluginHost::BackOff;

namespace
{
	uint32_t skipsBeforeNextWait(BackOff& backOff)
	{
		uint32_t skips{ 0 };

		while (!backOff.MayWait())
		{
			++skips;
		}

		return skips;
	}
} // namespace

SCENARIO("BackOff", "[pluginhost][backoff]")
{
	BackOff backOff;

	SECTION("a host that never pays is waited for ever less often, and not never")
	{
		uint32_t waits{ 0 };
		uint32_t occasions{ 0 };
		uint32_t expected{ 16 };

		REQUIRE(backOff.MayWait());

		for (; waits < 20; ++waits)
		{
			backOff.OnWaited(/*paid*/ false);

			const auto skips = skipsBeforeNextWait(backOff);

			REQUIRE(skips == expected);

			occasions += skips;
			expected = std::min<uint32_t>(expected * 2, 65536);
		}

		REQUIRE(waits * 1000 < occasions);
	}

	SECTION("credit outlasts a few waits in vain, each of which costs what two have earned")
	{
		for (int i{ 0 }; i < 100; ++i)
		{
			backOff.OnWaited(/*paid*/ true);
		}

		// Sixteen, whatever was earned beyond.
		for (int i{ 0 }; i < 7; ++i)
		{
			backOff.OnWaited(/*paid*/ false);

			REQUIRE(backOff.MayWait());
		}

		backOff.OnWaited(/*paid*/ false);

		REQUIRE(skipsBeforeNextWait(backOff) == 16);
	}

	SECTION("a host that is quick again for a while begins anew")
	{
		for (int i{ 0 }; i < 5; ++i)
		{
			backOff.OnWaited(/*paid*/ false);
			skipsBeforeNextWait(backOff);
		}

		for (int i{ 0 }; i < 16; ++i)
		{
			backOff.OnWaited(/*paid*/ true);
		}

		for (int i{ 0 }; i < 8; ++i)
		{
			backOff.OnWaited(/*paid*/ false);
		}

		REQUIRE(skipsBeforeNextWait(backOff) == 16);
	}
}
