#include "common.hpp"
#include "ChainStub.hpp"
#include "CounterSum.hpp"
#include "PluginHost/Settlement.hpp"
#include "ServedPlace.hpp"
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <vector>

using Mph::Control::Mode;
using Mph::Control::Policy;
using Mph::Layout::Verdict;
using PluginHost::Attachment;
using PluginHost::Fate;
using PluginHost::Outcome;
using Left = ChainStub::Left;

namespace
{
	constexpr uint64_t LongNs{ 60'000'000'000 };

	Attachment makeAttachment(uint32_t number, int32_t order, Mode mode = Mode::Filter)
	{
		Attachment attachment;

		attachment.id         = "attachment" + std::to_string(number);
		attachment.number     = number;
		attachment.order      = order;
		attachment.mode       = mode;
		attachment.deadlineNs = LongNs;

		return attachment;
	}
} // namespace

SCENARIO("Chain", "[pluginhost][chain]")
{
	RouterStand stand;

	SECTION("what was decided last and came first goes first")
	{
		auto filter = makeAttachment(1, 0);
		ServedPlace served(stand, "plugin", { std::addressof(filter) });
		ChainStub chain;

		chain.AddStage(std::addressof(filter));

		for (int i{ 0 }; i < 4; ++i)
		{
			chain.Pass();
		}

		REQUIRE(chain.left.empty());
		REQUIRE(filter.held == 4);

		const Verdict verdicts[]{ Verdict::Accept, Verdict::Drop, Verdict::Take, Verdict::Accept };

		for (int i{ 3 }; i > 0; --i)
		{
			served.WriteVerdict(chain.published[i].ticket, verdicts[i]);
			served.Drain();

			REQUIRE(chain.left.empty());
		}

		served.WriteVerdict(chain.published[0].ticket, verdicts[0]);
		served.Drain();

		REQUIRE(chain.left == std::vector<Left>{ { 0, Fate::ROUTED }, { 1, Fate::DROPPED }, { 2, Fate::TAKEN }, { 3, Fate::ROUTED } });
		REQUIRE(chain.routedLater == 2);
		REQUIRE(filter.held == 0);
		REQUIRE(chain.held.empty());
		REQUIRE(served.place.GetTickets().GetSize() == 0);
	}

	SECTION("stages stand by their order, then by age, whenever they were added")
	{
		auto late    = makeAttachment(1, 10, Mode::Observe);
		auto early   = makeAttachment(2, -10, Mode::Observe);
		auto younger = makeAttachment(3, -10, Mode::Observe);
		ServedPlace one(stand, "one", { std::addressof(late), std::addressof(younger) });
		ServedPlace other(stand, "other", { std::addressof(early) });
		ChainStub chain;

		for (auto* attachment : { std::addressof(late), std::addressof(younger), std::addressof(early) })
		{
			chain.AddStage(attachment);
		}

		REQUIRE(chain.tapped);

		chain.Pass();

		// The two of one plugin are neighbours, and get it as one.
		REQUIRE(chain.published.size() == 2);
		REQUIRE(chain.published[0].place == std::addressof(other.place));
		REQUIRE(chain.published[1].place == std::addressof(one.place));
		REQUIRE(late.counters.observed == 1);
		REQUIRE(early.counters.observed == 1);
		REQUIRE(younger.counters.observed == 1);

		chain.RemoveStage(std::addressof(early));
		chain.RemoveStage(std::addressof(younger));
		chain.RemoveStage(std::addressof(late));

		REQUIRE(!chain.tapped);
	}

	SECTION("without a host each attachment's own policy decides, and nothing waits")
	{
		auto strict = makeAttachment(1, 0);
		auto kind   = makeAttachment(2, 1);

		strict.onAbsent = Policy::Drop;

		ServedPlace served(stand, "plugin", { std::addressof(strict), std::addressof(kind) });
		ChainStub chain;

		served.place.GetSuccession().OnLinkGone(served.plugin.GetServing(), /*hung*/ false);
		served.place.GetSuccession().OnAbsent();
		chain.AddStage(std::addressof(kind));
		chain.Pass();

		REQUIRE(kind.counters.absentAccepted == 1);

		chain.AddStage(std::addressof(strict));
		chain.Pass();

		REQUIRE(strict.counters.absentDropped == 1);
		REQUIRE(kind.counters.absentAccepted == 1);
		REQUIRE(chain.left == std::vector<Left>{ { 0, Fate::ROUTED }, { 1, Fate::DROPPED } });
	}

	SECTION("what an attachment holds as it goes is accepted, and the order stays")
	{
		auto first  = makeAttachment(1, 0);
		auto second = makeAttachment(2, 1);
		ServedPlace one(stand, "one", { std::addressof(first) });
		ServedPlace other(stand, "other", { std::addressof(second) });
		ChainStub chain;

		chain.AddStage(std::addressof(first));
		chain.AddStage(std::addressof(second));
		chain.Pass();
		chain.Pass();
		one.WriteVerdict(chain.published[0].ticket, Verdict::Accept);
		one.Drain();

		// 0 waits in the second stage, 1 in the first.
		REQUIRE(chain.published.back().place == std::addressof(other.place));

		chain.RemoveStage(std::addressof(first));

		REQUIRE(first.counters.detachedAccepted == 1);
		REQUIRE(chain.left.empty());

		// 1 is in the second stage now.
		REQUIRE(chain.published.size() == 4);
		other.WriteVerdict(chain.published[3].ticket, Verdict::Accept);
		other.Drain();

		REQUIRE(chain.left.empty());

		other.WriteVerdict(chain.published[2].ticket, Verdict::Drop);
		other.Drain();

		REQUIRE(chain.left == std::vector<Left>{ { 0, Fate::DROPPED }, { 1, Fate::ROUTED } });
	}

	SECTION("a ring that is full is an overflow, and holds nobody up")
	{
		auto filter = makeAttachment(1, 0);

		filter.onOverflow = Policy::Drop;

		ServedPlace served(stand, "plugin", { std::addressof(filter) });
		ChainStub chain;

		chain.AddStage(std::addressof(filter));

		while (filter.counters.overflowDropped == 0 && chain.nextId < 2 * ServedPlace::RingSize / 64)
		{
			chain.Pass();

			// Those that wait keep it waiting, for the order's sake.
			if (chain.published.size() < chain.nextId)
			{
				break;
			}
		}

		REQUIRE(chain.published.size() == chain.nextId - 1);

		PluginHost::Settlement::SettleAll(std::addressof(served.place), Outcome::Cause::TIMEOUT);

		REQUIRE(filter.counters.overflowDropped == 1);
		REQUIRE(filter.counters.timeoutAccepted == chain.nextId - 1);
		REQUIRE(chain.left.size() == chain.nextId);
		REQUIRE(chain.left.back() == Left{ chain.nextId - 1, Fate::DROPPED });
	}

	SECTION("what is freed with its chain is counted, and its tickets are worth nothing")
	{
		auto filter = makeAttachment(1, 0);
		ServedPlace served(stand, "plugin", { std::addressof(filter) });
		uint64_t ticket{ 0 };

		{
			ChainStub chain;

			chain.AddStage(std::addressof(filter));
			chain.Pass();
			ticket = chain.published[0].ticket;
		}

		REQUIRE(filter.counters.closedFreed == 1);
		REQUIRE(filter.held == 0);

		served.WriteVerdict(ticket, Verdict::Accept);

		REQUIRE(served.Drain() == 1);
		REQUIRE(served.GetSpurious() == 1);
		REQUIRE(served.GetStrikes() == 0);
	}

	SECTION("at random, through two hosts and an observer: all leave in order, with the fate that was decided, counted once by each who saw it")
	{
		static constexpr uint32_t Items{ 4'000 };

		std::mt19937_64 random(20261123);
		auto first    = makeAttachment(1, 0);
		auto observer = makeAttachment(2, 5, Mode::Observe);
		auto second   = makeAttachment(3, 10);

		second.onTimeout = Policy::Drop;

		ServedPlace one(stand, "one", { std::addressof(first), std::addressof(observer) });
		ServedPlace other(stand, "other", { std::addressof(second) });
		ChainStub chain;
		std::vector<Fate> expected(Items, Fate::ROUTED);
		uint32_t routedByFirst{ 0 };
		size_t seen{ 0 };
		std::vector<ChainStub::Published> open;

		for (auto* attachment : { std::addressof(second), std::addressof(observer), std::addressof(first) })
		{
			chain.AddStage(attachment);
		}

		while (chain.left.size() < Items)
		{
			if (chain.nextId < Items && (open.size() < 50 || random() % 4 == 0))
			{
				chain.Pass();
			}

			for (; seen < chain.published.size(); ++seen)
			{
				if (chain.published[seen].ticket != 0)
				{
					open.push_back(chain.published[seen]);
				}
			}

			if (open.empty())
			{
				continue;
			}

			const size_t index = random() % open.size();
			const auto asked   = open[index];
			auto& served       = asked.place == std::addressof(one.place) ? one : other;
			auto& fate         = expected[asked.id];

			open[index] = open.back();
			open.pop_back();

			switch (random() % 6)
			{
				case 0:
				{
					served.WriteVerdict(asked.ticket, Verdict::Drop);
					fate = Fate::DROPPED;

					break;
				}

				case 1:
				{
					served.WriteVerdict(asked.ticket, Verdict::Take);
					fate = Fate::TAKEN;

					break;
				}

				case 2:
				{
					served.WriteVerdict(asked.ticket, Verdict::Replace, 0, 0, 3, { 1, 2, 3 });

					break;
				}

				case 3:
				{
					PluginHost::Settlement::SettleOne(
					  served.place.GetTickets().Find(asked.ticket), Outcome::Cause::TIMEOUT);
					fate = std::addressof(served) == std::addressof(other) ? Fate::DROPPED : fate;

					break;
				}

				default:
				{
					served.WriteVerdict(asked.ticket, Verdict::Accept);
				}
			}

			routedByFirst += std::addressof(served) == std::addressof(one) && fate == Fate::ROUTED ? 1 : 0;
			served.Drain();
			// The host has read all that there is.
			one.SkipPackets();
			other.SkipPackets();
		}

		for (uint32_t id{ 0 }; id < Items; ++id)
		{
			REQUIRE(chain.left[id] == Left{ id, expected[id] });
		}

		REQUIRE(chain.left.size() == Items);
		REQUIRE(sumOf(first) == Items);
		REQUIRE(sumOf(observer) == routedByFirst);
		REQUIRE(sumOf(second) == routedByFirst);
		REQUIRE(one.GetStrikes() == 0);
		REQUIRE(other.GetStrikes() == 0);
		REQUIRE(chain.held.empty());
		REQUIRE(first.held + second.held == 0);
	}
}
