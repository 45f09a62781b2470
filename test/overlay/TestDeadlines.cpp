#include "common.hpp"
#include "HeldStub.hpp"
#include "PluginHost/Deadlines.hpp"
#include <catch2/catch_test_macros.hpp>
#include <list>
#include <random>

using PluginHost::Deadlines;
using PluginHost::TicketTable;

namespace
{
	class Stand
	{
	public:
		HeldStub* Hold(uint64_t atNs)
		{
			auto& held = this->helds.emplace_back();

			held.ticket     = this->tickets.Claim();
			held.deadlineNs = atNs;
			this->tickets.Bind(held.ticket, std::addressof(held));
			this->deadlines.Add(held.ticket, atNs);

			return std::addressof(held);
		}

		void Extend(HeldStub* held, uint64_t atNs)
		{
			held->deadlineNs = atNs;
			this->deadlines.Add(held->ticket, atNs);
		}

		void Settle(const HeldStub* held)
		{
			this->tickets.Release(held->ticket);
			std::erase_if(
			  this->helds,
			  [held](const HeldStub& other)
			  {
				  return std::addressof(other) == held;
			  });
		}

	public:
		TicketTable tickets;
		Deadlines deadlines{ std::addressof(this->tickets) };
		// Their addresses stay.
		std::list<HeldStub> helds;
	};
} // namespace

SCENARIO("Deadlines", "[pluginhost][deadlines]")
{
	Stand stand;

	SECTION("nothing outstanding, nothing to expire")
	{
		REQUIRE(stand.deadlines.GetFirst() == nullptr);

		stand.Settle(stand.Hold(100));

		REQUIRE(stand.deadlines.GetFirst() == nullptr);
	}

	SECTION("the earliest one comes first, in whatever order they were added")
	{
		auto* late   = stand.Hold(300);
		auto* early  = stand.Hold(100);
		auto* middle = stand.Hold(200);

		REQUIRE(stand.deadlines.GetFirst() == early);

		stand.Settle(early);

		REQUIRE(stand.deadlines.GetFirst() == middle);

		stand.Settle(middle);

		REQUIRE(stand.deadlines.GetFirst() == late);
	}

	SECTION("one that was extended does not expire by its old deadline")
	{
		auto* extended = stand.Hold(100);
		auto* other    = stand.Hold(150);

		stand.Extend(extended, 200);

		REQUIRE(stand.deadlines.GetFirst() == other);

		stand.Settle(other);

		REQUIRE(stand.deadlines.GetFirst() == extended);
	}

	SECTION("one that is given less time now expires by its new deadline")
	{
		auto* first  = stand.Hold(100);
		auto* hasted = stand.Hold(150);

		stand.Extend(hasted, 50);

		REQUIRE(stand.deadlines.GetFirst() == hasted);

		stand.Settle(hasted);

		REQUIRE(stand.deadlines.GetFirst() == first);
	}

	SECTION("a slot that is taken again does not inherit a deadline")
	{
		auto* front = stand.Hold(10);

		stand.Settle(stand.Hold(20));

		// Same slot, other ticket.
		auto* second = stand.Hold(30);

		stand.Settle(front);

		REQUIRE(stand.deadlines.GetFirst() == second);
	}

	SECTION("at random: always the minimum, however many were extended or settled meanwhile")
	{
		std::mt19937_64 random(20261123);
		uint64_t nowNs{ 1'000'000 };

		for (int step{ 0 }; step < 20'000; ++step)
		{
			const auto pick = [&stand, &random]()
			{
				return std::addressof(
				  *std::next(stand.helds.begin(), static_cast<ptrdiff_t>(random() % stand.helds.size())));
			};

			nowNs += random() % 50;

			switch (stand.helds.size() > 100 ? 3 : random() % 4)
			{
				case 0:
				case 1:
				{
					// Two attachments that differ.
					stand.Hold(nowNs + (random() % 2 == 0 ? 1'000 : 5'000));

					break;
				}

				case 2:
				{
					if (!stand.helds.empty())
					{
						stand.Extend(pick(), nowNs + (random() % 3'000));
					}

					break;
				}

				default:
				{
					for (int i{ 0 }; i < 2 && !stand.helds.empty(); ++i)
					{
						stand.Settle(pick());
					}
				}
			}

			uint64_t earliest{ UINT64_MAX };

			for (const auto& held : stand.helds)
			{
				earliest = std::min(earliest, held.deadlineNs);
			}

			const auto* first = stand.deadlines.GetFirst();

			REQUIRE((first ? first->deadlineNs : UINT64_MAX) == earliest);
		}
	}
}
