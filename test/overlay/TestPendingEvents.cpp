#include "common.hpp"
#include "PluginHost/PendingEvents.hpp"
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <random>
#include <vector>

using PluginHost::PendingEvents;
using Change = PluginHost::PendingEvents::Change;

namespace
{
	std::vector<uint8_t> popAll(PendingEvents& events)
	{
		std::vector<uint8_t> tables;

		while (!events.IsEmpty())
		{
			tables.push_back(events.GetFirst().front());
			events.PopFirst();
		}

		return tables;
	}
} // namespace

SCENARIO("PendingEvents", "[pluginhost][pendingevents]")
{
	PendingEvents events;

	SECTION("what waits comes out in order")
	{
		events.Push(Change::CREATED, 1, { 10 });
		events.Push(Change::OTHER, 0, { 11 });
		events.Push(Change::CREATED, 2, { 12 });

		REQUIRE(popAll(events) == std::vector<uint8_t>{ 10, 11, 12 });
		REQUIRE(events.IsEmpty());
	}

	SECTION("nobody hears of what came and went meanwhile")
	{
		events.Push(Change::CREATED, 1, { 10 });
		events.Push(Change::PAUSED_OR_RESUMED, 1, { 11 });
		events.Push(Change::CREATED, 2, { 12 });
		events.Push(Change::CLOSED, 1, { 13 });

		REQUIRE(popAll(events) == std::vector<uint8_t>{ 12 });
	}

	SECTION("whoever has heard of it hears that it is gone, and not whether it was paused")
	{
		events.Push(Change::PAUSED_OR_RESUMED, 1, { 10 });
		events.Push(Change::CLOSED, 1, { 11 });

		REQUIRE(popAll(events) == std::vector<uint8_t>{ 11 });
	}

	SECTION("of pauses and resumptions the last one counts, in its place")
	{
		events.Push(Change::PAUSED_OR_RESUMED, 1, { 10 });
		events.Push(Change::PAUSED_OR_RESUMED, 2, { 11 });
		events.Push(Change::PAUSED_OR_RESUMED, 1, { 12 });

		REQUIRE(popAll(events) == std::vector<uint8_t>{ 11, 12 });
	}

	SECTION("what is of no object is never left out, whatever number it bears")
	{
		events.Push(Change::OTHER, 1, { 10 });
		events.Push(Change::CREATED, 1, { 11 });
		events.Push(Change::CLOSED, 1, { 12 });

		REQUIRE(popAll(events) == std::vector<uint8_t>{ 10 });
	}

	SECTION("at random: who reads it all knows what lives, and it never outgrows what lives and is known")
	{
		std::mt19937_64 random(20261123);
		// Whether it is paused, by number.
		std::map<uint32_t, bool> alive;
		std::map<uint32_t, bool> known;
		uint32_t nextNumber{ 1 };

		const auto readOne = [&events, &known]()
		{
			const auto table     = events.GetFirst();
			const uint32_t number = table[1] | (table[2] << 8) | (table[3] << 16);

			switch (static_cast<Change>(table[0]))
			{
				case Change::CREATED:
				{
					REQUIRE(known.emplace(number, false).second);

					break;
				}

				case Change::PAUSED_OR_RESUMED:
				{
					known.at(number) = table[4] != 0;

					break;
				}

				default:
				{
					REQUIRE(known.erase(number) == 1);
				}
			}

			events.PopFirst();
		};
		const auto push = [&events](Change change, uint32_t number, bool paused)
		{
			events.Push(
			  change,
			  number,
			  { static_cast<uint8_t>(change), static_cast<uint8_t>(number), static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number >> 16), static_cast<uint8_t>(paused) });
		};

		for (int step{ 0 }; step < 20'000; ++step)
		{
			const auto what = random() % 10;

			if (what < 3 && alive.size() < 20)
			{
				alive.emplace(nextNumber, false);
				push(Change::CREATED, nextNumber++, false);
			}
			else if (what < 8 && !alive.empty())
			{
				const auto it = std::next(alive.begin(), static_cast<ptrdiff_t>(random() % alive.size()));

				if (what < 6)
				{
					it->second = !it->second;
					push(Change::PAUSED_OR_RESUMED, it->first, it->second);
				}
				else
				{
					push(Change::CLOSED, it->first, false);
					alive.erase(it);
				}
			}
			else if (!events.IsEmpty())
			{
				readOne();
			}

			if (step % 1000 == 999)
			{
				size_t waiting{ 0 };
				const size_t bound = 2 * (alive.size() + known.size());

				for (; !events.IsEmpty(); ++waiting)
				{
					readOne();
				}

				REQUIRE(waiting <= bound);
				REQUIRE(known == alive);
			}
		}
	}
}
