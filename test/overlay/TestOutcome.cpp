#include "common.hpp"
#include "CounterSum.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/Outcome.hpp"
#include "PluginHost/Run.hpp"
#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <vector>

using Mph::Control::Mode;
using Mph::Control::Policy;
using Mph::Layout::Verdict;
using PluginHost::Attachment;
using PluginHost::Fate;
using PluginHost::Outcome;
using PluginHost::Run;

namespace
{
	class Stand
	{
	public:
		explicit Stand(const std::vector<Mode>& modes, Policy policy = Policy::Accept)
		{
			for (size_t i{ 0 }; i < modes.size(); ++i)
			{
				auto& attachment = *this->attachments.emplace_back(std::make_unique<Attachment>());
				const auto bit   = Run::BitOf(static_cast<uint8_t>(i));

				attachment.mode       = modes[i];
				attachment.onTimeout  = policy;
				attachment.onAbsent   = policy;
				attachment.onOverflow = policy;
				attachment.onError    = policy;
				this->run.members.push_back(std::addressof(attachment));
				this->run.filters |= modes[i] == Mode::Filter ? bit : 0;
				this->run.dropsErrors |= policy == Policy::Drop ? bit : 0;
			}
		}

		Attachment::Counters& Counters(size_t member)
		{
			return this->attachments[member]->counters;
		}

		uint64_t Sum(size_t member)
		{
			return sumOf(*this->attachments[member]);
		}

	public:
		Run run;

	private:
		std::vector<std::unique_ptr<Attachment>> attachments;
	};

	Outcome verdict(Verdict verdict, uint8_t decider = 0, uint16_t errors = 0)
	{
		return { .cause = Outcome::Cause::VERDICT, .verdict = verdict, .decider = decider, .errors = errors };
	}
} // namespace

SCENARIO("Outcome", "[pluginhost][outcome]")
{
	SECTION("a verdict is counted as what it is")
	{
		const std::tuple<Verdict, uint64_t Attachment::Counters::*, Fate> expected[]{
			{ Verdict::Accept, &Attachment::Counters::accepted, Fate::ROUTED },
			{ Verdict::Drop, &Attachment::Counters::dropped, Fate::DROPPED },
			{ Verdict::Take, &Attachment::Counters::taken, Fate::TAKEN },
			{ Verdict::Replace, &Attachment::Counters::replaced, Fate::ROUTED },
		};

		for (const auto& [which, counter, fate] : expected)
		{
			Stand stand({ Mode::Filter });
			const auto conclusion = verdict(which).Conclude(stand.run, 1, Run::NoMember);

			REQUIRE(conclusion.fate == fate);
			REQUIRE(conclusion.dropper == (fate == Fate::ROUTED ? Run::NoMember : 0));
			REQUIRE(stand.Counters(0).*counter == 1);
			REQUIRE(stand.Sum(0) == 1);
		}
	}

	SECTION("who comes before the decider has accepted, who comes behind has not seen it")
	{
		Stand stand({ Mode::Filter, Mode::Observe, Mode::Filter, Mode::Filter, Mode::Observe });
		const auto conclusion = verdict(Verdict::Drop, 2).Conclude(stand.run, 0b11111, Run::NoMember);

		REQUIRE(conclusion.fate == Fate::DROPPED);
		REQUIRE(conclusion.dropper == 2);
		REQUIRE(stand.Counters(0).accepted == 1);
		REQUIRE(stand.Counters(1).observed == 1);
		REQUIRE(stand.Counters(2).dropped == 1);
		REQUIRE(stand.Sum(3) == 0);
		REQUIRE(stand.Sum(4) == 0);
	}

	SECTION("a replaced payload goes on to those behind, who accept it")
	{
		Stand stand({ Mode::Filter, Mode::Filter });

		REQUIRE(verdict(Verdict::Replace, 0).Conclude(stand.run, 0b11, Run::NoMember).fate == Fate::ROUTED);
		REQUIRE(stand.Counters(0).replaced == 1);
		REQUIRE(stand.Counters(1).accepted == 1);
	}

	SECTION("what a decider that is detached by now has dropped stays dropped")
	{
		Stand stand({ Mode::Filter, Mode::Filter });
		const auto conclusion = verdict(Verdict::Drop, 0).Conclude(stand.run, 0b10, Run::NoMember);

		REQUIRE(conclusion.fate == Fate::DROPPED);
		REQUIRE(conclusion.dropper == Run::NoMember);
		REQUIRE(stand.Sum(1) == 0);
	}

	SECTION("without a verdict each one's own policy decides")
	{
		using Counters = Attachment::Counters;

		const std::tuple<Outcome::Cause, uint64_t Counters::*, uint64_t Counters::*> causes[]{
			{ Outcome::Cause::TIMEOUT, &Counters::timeoutAccepted, &Counters::timeoutDropped },
			{ Outcome::Cause::ABSENT, &Counters::absentAccepted, &Counters::absentDropped },
			{ Outcome::Cause::FULL, &Counters::overflowAccepted, &Counters::overflowDropped },
		};

		for (const auto& [cause, accepted, dropped] : causes)
		{
			Stand kind({ Mode::Filter, Mode::Filter });
			Stand strict({ Mode::Filter, Mode::Filter }, Policy::Drop);

			REQUIRE(Outcome{ .cause = cause }.Conclude(kind.run, 0b11, Run::NoMember).fate == Fate::ROUTED);
			REQUIRE(kind.Counters(0).*accepted == 1);
			REQUIRE(kind.Counters(1).*accepted == 1);

			const auto conclusion = Outcome{ .cause = cause }.Conclude(strict.run, 0b11, Run::NoMember);

			REQUIRE(conclusion.fate == Fate::DROPPED);
			REQUIRE(conclusion.dropper == 0);
			REQUIRE(strict.Counters(0).*dropped == 1);
			REQUIRE(strict.Sum(1) == 0);
		}
	}

	SECTION("who failed follows onError, although others decided")
	{
		Stand kind({ Mode::Filter, Mode::Filter });
		Stand strict({ Mode::Filter, Mode::Filter }, Policy::Drop);

		REQUIRE(
		  verdict(Verdict::Accept, 0, 0b01).Conclude(kind.run, 0b11, Run::NoMember).fate == Fate::ROUTED);
		REQUIRE(kind.Counters(0).errorAccepted == 1);
		REQUIRE(kind.Counters(1).accepted == 1);
		REQUIRE(
		  verdict(Verdict::Error, 0, 0b01).Conclude(strict.run, 0b11, Run::NoMember).fate ==
		  Fate::DROPPED);
		REQUIRE(strict.Counters(0).errorDropped == 1);
		REQUIRE(strict.Sum(1) == 0);
	}

	SECTION("a frame that a member has lost ends there")
	{
		Stand stand({ Mode::Filter, Mode::Filter, Mode::Observe });
		const auto conclusion = verdict(Verdict::Accept).Conclude(stand.run, 0b111, 1);

		REQUIRE(conclusion.fate == Fate::DROPPED);
		REQUIRE(conclusion.dropper == Run::NoMember);
		REQUIRE(stand.Counters(0).accepted == 1);
		REQUIRE(stand.Counters(1).frameDropped == 1);
		REQUIRE(stand.Sum(2) == 0);
	}

	SECTION("whatever comes together, nobody counts it twice, and whom it was not meant for not at all")
	{
		const std::vector<std::vector<Mode>> runs{
			{ Mode::Filter },
			{ Mode::Filter, Mode::Observe, Mode::Filter },
			{ Mode::Observe, Mode::Filter, Mode::Filter },
		};

		for (const auto& modes : runs)
		{
			for (const auto policy : { Policy::Accept, Policy::Drop })
			{
				for (const auto cause : { Outcome::Cause::NONE, Outcome::Cause::VERDICT, Outcome::Cause::TIMEOUT, Outcome::Cause::ABSENT, Outcome::Cause::FULL, Outcome::Cause::DETACHED })
				{
					for (const auto which : Mph::Layout::EnumValuesVerdict())
					{
						for (uint32_t mix{ 0 }; mix < 8 * 8 * 4; ++mix)
						{
							Stand stand(modes, policy);
							const auto all     = static_cast<uint16_t>((1u << modes.size()) - 1);
							const auto members = static_cast<uint16_t>(mix & 7 & all);
							const auto errors  = static_cast<uint16_t>((mix >> 3) & members & stand.run.filters);
							const auto decider = static_cast<uint8_t>((mix >> 6) % modes.size());
							const Outcome outcome{ .cause = cause, .verdict = which, .decider = decider, .errors = errors };
							const auto conclusion = outcome.Conclude(stand.run, members, Run::NoMember);
							bool isOver{ false };

							for (uint8_t member{ 0 }; member < modes.size(); ++member)
							{
								const bool isMeant = (members & Run::BitOf(member)) != 0;

								REQUIRE(stand.Sum(member) <= (isMeant ? 1 : 0));

								// Where it ends it ends for all.
								isOver = isOver || (isMeant && stand.Sum(member) == 0);
								REQUIRE((!isOver || stand.Sum(member) == 0));
							}

							if (conclusion.fate == Fate::ROUTED)
							{
								REQUIRE(!isOver);
								REQUIRE(conclusion.dropper == Run::NoMember);
							}
						}
					}
				}
			}
		}
	}
}
