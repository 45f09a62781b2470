#include "common.hpp"
#include "HeldStub.hpp"
#include "PluginHost/TicketTable.hpp"
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <random>
#include <set>

using PluginHost::TicketTable;

SCENARIO("TicketTable", "[pluginhost][tickettable]")
{
	TicketTable tickets;
	HeldStub held;

	SECTION("nothing that a host can name is outstanding in an empty table")
	{
		for (const uint64_t ticket : { uint64_t{ 0 }, uint64_t{ 1 }, uint64_t{ 0xffff }, uint64_t{ 1 } << 16, UINT64_MAX })
		{
			REQUIRE(tickets.Find(ticket) == nullptr);
		}

		REQUIRE(tickets.GetSize() == 0);
		REQUIRE(tickets.GetOutstanding().empty());
	}

	SECTION("a ticket is outstanding from when it is bound until it is released")
	{
		const auto ticket = tickets.Claim();

		REQUIRE(ticket != 0);
		REQUIRE(tickets.Find(ticket) == nullptr);

		tickets.Bind(ticket, std::addressof(held));

		REQUIRE(tickets.Find(ticket) == std::addressof(held));
		REQUIRE(tickets.GetOldestLive() == ticket);

		tickets.Release(ticket);

		REQUIRE(tickets.Find(ticket) == nullptr);
		REQUIRE(tickets.GetOldestLive() > ticket);
	}

	SECTION("a ticket of the same slot that is settled, or that is guessed, finds nothing")
	{
		const auto first = tickets.Claim();

		tickets.Bind(first, std::addressof(held));
		tickets.Release(first);

		const auto second = tickets.Claim();

		tickets.Bind(second, std::addressof(held));

		REQUIRE((second & 0xffff) == (first & 0xffff));
		REQUIRE(tickets.Find(first) == nullptr);
		REQUIRE(tickets.Find(second + (uint64_t{ 1 } << 16)) == nullptr);
		REQUIRE(tickets.Find(second & 0xffff) == nullptr);

		// Slots that there are none of.
		for (uint64_t slot{ 64 }; slot <= 0xffff; slot += 577)
		{
			REQUIRE(tickets.Find((second & ~uint64_t{ 0xffff }) | slot) == nullptr);
		}
	}

	SECTION("a full table gives no ticket, and one again for each that is released")
	{
		std::vector<uint64_t> claimed;

		while (const auto ticket = tickets.Claim())
		{
			tickets.Bind(ticket, std::addressof(held));
			claimed.push_back(ticket);
		}

		REQUIRE(claimed.size() == TicketTable::Capacity);
		REQUIRE(tickets.GetSize() == TicketTable::Capacity);
		REQUIRE(tickets.GetOutstanding() == claimed);

		tickets.Release(claimed[4711]);

		REQUIRE(tickets.Claim() > claimed.back());
		REQUIRE(tickets.Claim() == 0);
	}

	SECTION("at random: it knows what a map knows")
	{
		std::mt19937_64 random(20261123);
		std::map<uint64_t, HeldStub*> model;
		std::vector<HeldStub> helds(4);
		uint64_t highest{ 0 };

		for (int step{ 0 }; step < 20'000; ++step)
		{
			if (random() % 2 == 0 && model.size() < 300)
			{
				const auto ticket = tickets.Claim();
				auto* bound       = std::addressof(helds[random() % helds.size()]);

				REQUIRE(ticket > highest);

				highest = ticket;
				tickets.Bind(ticket, bound);
				model[ticket] = bound;
			}
			else if (!model.empty())
			{
				const auto it = std::next(model.begin(), static_cast<ptrdiff_t>(random() % model.size()));

				REQUIRE(tickets.Find(it->first) == it->second);

				tickets.Release(it->first);

				REQUIRE(tickets.Find(it->first) == nullptr);

				model.erase(it);
			}

			REQUIRE(tickets.GetSize() == model.size());

			if (step % 100 == 0)
			{
				REQUIRE((model.empty() ? tickets.GetOldestLive() > highest : tickets.GetOldestLive() == model.begin()->first));
			}
		}
	}
}
