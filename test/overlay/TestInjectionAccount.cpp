#include "common.hpp"
#include "PluginHost/InjectionAccount.hpp"
#include <catch2/catch_test_macros.hpp>

using Mph::Layout::ResultCode;
using PluginHost::InjectionAccount;

namespace
{
	constexpr uint64_t SecondNs{ 1'000'000'000 };

	uint32_t takeAll(InjectionAccount& account, uint32_t length, uint64_t nowNs)
	{
		uint32_t taken{ 0 };

		while (account.Take(length, nowNs))
		{
			++taken;
		}

		return taken;
	}
} // namespace

SCENARIO("InjectionAccount", "[pluginhost][injectionaccount]")
{
	InjectionAccount account;

	SECTION("without limits of its own a plugin has the default ones")
	{
		REQUIRE(takeAll(account, 1, SecondNs) == 2'000);

		account.SetLimits(0, 0);

		REQUIRE(takeAll(account, 1, 2 * SecondNs) == 2'000);
	}

	SECTION("either limit alone is enough to refuse")
	{
		account.SetLimits(100, 1'000'000);

		REQUIRE(takeAll(account, 1, SecondNs) == 10);

		account.SetLimits(1'000'000, 10'000);

		REQUIRE(takeAll(account, 100, 2 * SecondNs) == 10);
	}

	SECTION("what one limit refuses costs nothing of the other")
	{
		account.SetLimits(100, 10'000);

		// All bytes of the burst, one of ten packets.
		REQUIRE(account.Take(1'000, SecondNs));

		for (int i{ 0 }; i < 1'000; ++i)
		{
			REQUIRE(!account.Take(1, SecondNs));
		}

		// A millisecond is worth ten bytes, and the nine packets are still there.
		REQUIRE(takeAll(account, 1, SecondNs + (SecondNs / 1'000)) == 9);
	}

	SECTION("each result is counted as what it is, and as nothing else")
	{
		using Counters = InjectionAccount::Counters;

		const std::pair<ResultCode, uint64_t Counters::*> counted[]{
			{ ResultCode::Ok, &Counters::injected },         { ResultCode::Full, &Counters::full },
			{ ResultCode::Unknown, &Counters::unknown },     { ResultCode::Malformed, &Counters::malformed },
			{ ResultCode::Limited, &Counters::limited },
		};

		REQUIRE(std::size(counted) == std::size(Mph::Layout::EnumValuesResultCode()));

		for (const auto& [code, counter] : counted)
		{
			InjectionAccount fresh;

			fresh.Count(code);

			for (const auto& [otherCode, otherCounter] : counted)
			{
				REQUIRE(fresh.counters.*otherCounter == (otherCode == code ? 1 : 0));
			}
		}
	}
}
