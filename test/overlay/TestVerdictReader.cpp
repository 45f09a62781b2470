#include "common.hpp"
#include "ChainStub.hpp"
#include "PluginHost/Settlement.hpp"
#include "ServedPlace.hpp"
#include <catch2/catch_test_macros.hpp>
#include <cstring> // std::memcpy()
#include <random>
#include <vector>

using Mph::Control::Mode;
using Mph::Layout::RecordHeader;
using Mph::Layout::RecordType;
using Mph::Layout::Verdict;
using Mph::Layout::VerdictRecord;
using PluginHost::Attachment;
using PluginHost::Fate;
using PluginHost::Outcome;
using Left = ChainStub::Left;

namespace
{
	// More than a host may make before it is cut off, which is the business of who drains.
	constexpr uint32_t ManyRecords{ 20'000 };

	RecordType randomType(std::mt19937_64& random)
	{
		// Most of them are known, the rest is not.
		return static_cast<RecordType>(random() % 4 == 0 ? random() : 16 + (random() % 7));
	}
} // namespace

SCENARIO("VerdictReader", "[pluginhost][verdictreader]")
{
	RouterStand stand;
	Attachment filter;
	Attachment observer;

	filter.number       = 1;
	filter.mode         = Mode::Filter;
	filter.deadlineNs   = 60'000'000'000;
	observer.number     = 2;
	observer.order      = 1;
	observer.mode       = Mode::Observe;
	observer.deadlineNs = filter.deadlineNs;

	ServedPlace served(stand, "plugin", { std::addressof(filter), std::addressof(observer) });
	ChainStub chain;

	chain.AddStage(std::addressof(filter));
	chain.AddStage(std::addressof(observer));
	chain.Pass();

	const auto ticket = chain.published[0].ticket;

	REQUIRE(ticket != 0);

	const auto isUntouched = [&chain, &served, ticket]()
	{
		return chain.left.empty() && served.place.GetTickets().Find(ticket) != nullptr;
	};
	const auto isStruck = [&served, &isUntouched]()
	{
		const auto before = served.GetStrikes();

		return served.Drain() == 1 && served.GetStrikes() == before + 1 && isUntouched();
	};

	SECTION("a verdict is taken once")
	{
		served.WriteVerdict(ticket, Verdict::Accept);
		served.WriteVerdict(ticket, Verdict::Drop);

		REQUIRE(served.Drain() == 2);
		REQUIRE(chain.left == std::vector<Left>{ { 0, Fate::ROUTED } });
		REQUIRE(served.GetVerdicts() == 1);
		REQUIRE(served.GetSpurious() == 1);
		REQUIRE(served.GetStrikes() == 0);
	}

	SECTION("tickets that are not outstanding are spurious, and no offence")
	{
		for (const uint64_t other : { uint64_t{ 0 }, ticket + 1, ticket + 0x10000, ticket & 0xffff, UINT64_MAX })
		{
			served.WriteVerdict(other, Verdict::Drop);
		}

		REQUIRE(served.Drain() == 5);
		REQUIRE(served.GetSpurious() == 5);
		REQUIRE(served.GetStrikes() == 0);
		REQUIRE(isUntouched());
	}

	SECTION("only who filters may decide, and only one who is there")
	{
		for (const auto verdict : { Verdict::Drop, Verdict::Take, Verdict::Error })
		{
			for (const uint8_t decider : { 1, 2, 15, 16, 255 })
			{
				served.WriteVerdict(ticket, verdict, decider);

				REQUIRE(isStruck());
			}
		}
	}

	SECTION("only who was asked can have failed at it, and not the one that decided")
	{
		for (const uint16_t errors : { 0b10, 0b11, 0x8000, 0xffff })
		{
			served.WriteVerdict(ticket, Verdict::Accept, 0, errors);

			REQUIRE(isStruck());
		}

		served.WriteVerdict(ticket, Verdict::Drop, 0, 0b01);

		REQUIRE(isStruck());

		served.WriteVerdict(ticket, Verdict::Extend, 0, 0b01, 1000);

		REQUIRE(isStruck());
	}

	SECTION("verdicts that there are none of are refused")
	{
		served.WriteVerdict(ticket, Verdict::None);

		REQUIRE(isStruck());

		for (const int verdict : { 7, 100, 255 })
		{
			served.WriteVerdict(ticket, static_cast<Verdict>(verdict));

			REQUIRE(isStruck());
		}
	}

	SECTION("a payload is as long as is said, and stands nowhere else")
	{
		served.WriteVerdict(ticket, Verdict::Replace, 0, 0, 4, { 1, 2, 3 });

		REQUIRE(isStruck());

		served.WriteVerdict(ticket, Verdict::Replace, 0, 0, UINT32_MAX, { 1, 2, 3 });

		REQUIRE(isStruck());

		served.WriteVerdict(ticket, Verdict::Accept, 0, 0, 0, { 1 });

		REQUIRE(isStruck());

		const std::vector<uint8_t> tooLong(ChainStub::MaxPayload + 1);

		served.WriteVerdict(
		  ticket, Verdict::Replace, 0, 0, static_cast<uint32_t>(tooLong.size()), tooLong);

		REQUIRE(isStruck());
		REQUIRE(chain.replaced.empty());

		served.WriteVerdict(ticket, Verdict::Replace, 0, 0, 3, { 1, 2, 3 });
		served.Drain();

		REQUIRE(chain.replaced == std::vector<uint32_t>{ 0 });
		REQUIRE(chain.left == std::vector<Left>{ { 0, Fate::ROUTED } });
	}

	SECTION("a record that is shorter than its type is refused")
	{
		for (int type{ 16 }; type <= 22; ++type)
		{
			for (uint32_t length{ sizeof(RecordHeader) }; length < 24; ++length)
			{
				std::vector<uint8_t> record(length, 0xff);
				const RecordHeader header(length, static_cast<RecordType>(type), 0, 0);

				std::memcpy(record.data(), std::addressof(header), sizeof(header));
				served.Write(record);

				REQUIRE(isStruck());
			}
		}
	}

	SECTION("an extension moves the deadline once, and never beyond the attachment's own")
	{
		const auto* held = served.place.GetTickets().Find(ticket);

		// It has come a moment ago.
		served.WriteVerdict(ticket, Verdict::Extend, 0, 0, UINT32_MAX);
		served.Drain();

		const auto extended = held->deadlineNs;

		REQUIRE(extended <= uv_hrtime() + filter.deadlineNs);

		served.WriteVerdict(ticket, Verdict::Extend, 0, 0, 1);
		served.Drain();

		REQUIRE(held->deadlineNs == extended);
		REQUIRE(isUntouched());
		REQUIRE(served.GetStrikes() == 0);
	}

	SECTION("whatever the records are filled with, what waits stays, and a verdict counts afterwards")
	{
		std::mt19937_64 random(20261123);

		for (uint32_t i{ 0 }; i < ManyRecords; ++i)
		{
			std::vector<uint8_t> record(sizeof(RecordHeader) + (random() % 120));

			for (auto& byte : record)
			{
				// Small numbers are those that mean something.
				byte = static_cast<uint8_t>(random() % 3 == 0 ? random() : random() % 3);
			}

			auto type = randomType(random);

			// These two are not records but the ring's own.
			type = type == RecordType::Padding || type == RecordType::None ? RecordType::Packet : type;

			const RecordHeader header(
			  static_cast<uint32_t>(record.size()), type, static_cast<uint8_t>(random()), static_cast<uint16_t>(random()));

			std::memcpy(record.data(), std::addressof(header), sizeof(header));

			// By chance it would be ours.
			if (type == RecordType::Verdict && record.size() >= sizeof(VerdictRecord))
			{
				record[sizeof(RecordHeader) + 7] = 0xee;
			}

			served.Write(record);

			REQUIRE(served.Drain() == 1);
			REQUIRE(isUntouched());

			// Results fill it.
			served.SkipPackets();
		}

		REQUIRE(served.GetStrikes() > ManyRecords / 4);
		REQUIRE(served.plugin.GetServing()->IsCondemned());

		served.WriteVerdict(ticket, Verdict::Drop);
		served.Drain();

		REQUIRE(chain.left == std::vector<Left>{ { 0, Fate::DROPPED } });
	}

	SECTION("a ring that cannot be read any more is left alone, and what waits follows its deadline")
	{
		const auto position = served.GetCursor()->load();
		const RecordHeader header(0, RecordType::Verdict, 0, 0);

		std::memcpy(served.GetRing() + position, std::addressof(header), sizeof(header));
		served.GetCursor()->store(position + 64);

		REQUIRE(served.Drain() == 0);
		REQUIRE(served.GetStrikes() == 1);

		served.Drain();

		REQUIRE(served.GetStrikes() == 2);
		REQUIRE(isUntouched());

		PluginHost::Settlement::SettleOne(
		  served.place.GetTickets().Find(ticket), Outcome::Cause::TIMEOUT);

		REQUIRE(chain.left == std::vector<Left>{ { 0, Fate::ROUTED } });
	}

	SECTION("a cursor that a ring cannot have is not followed")
	{
		const auto position = served.GetCursor()->load();

		SECTION("backwards")
		{
			served.WriteVerdict(ticket + 1, Verdict::Drop);
			served.Drain();
			served.GetCursor()->store(position);
		}

		SECTION("beyond what the ring holds")
		{
			served.GetCursor()->store(position + ServedPlace::RingSize + 8);
		}

		SECTION("inside a word")
		{
			served.GetCursor()->store(position + 3);
		}

		SECTION("as far as there is")
		{
			served.GetCursor()->store(UINT64_MAX);
		}

		const auto before = served.GetStrikes();

		REQUIRE(served.Drain() == 0);
		REQUIRE(served.GetStrikes() == before + 1);
		REQUIRE(isUntouched());
	}
}
