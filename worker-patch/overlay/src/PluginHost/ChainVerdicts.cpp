#define MS_CLASS "PluginHost::Chain"
// #define MS_LOG_DEV_LEVEL 3

#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Chain.hpp"
#include "PluginHost/VerdictPump.hpp"
#include <uv.h> // uv_hrtime()

// What is decided about items that wait. How they come to wait is in Chain.cpp, how they leave in ChainRelease.cpp.
namespace PluginHost
{
	/* Static. */

	using Mph::Control::Mode;
	using Mph::Layout::Verdict;

	/* Instance methods. */

	void Chain::RemoveStage(Attachment* attachment)
	{
		MS_TRACE();

		if (!HasStage(attachment))
		{
			return;
		}

		for (const auto& stage : this->stages.Get())
		{
			for (auto* held : stage->queue)
			{
				LetGo(held, attachment);
			}
		}

		// What is released now must not come to it.
		this->stages.Remove(attachment);

		for (size_t index{ 0 }; index < this->stages.GetSize(); ++index)
		{
			ReleaseDecided(*this->stages.Get()[index]);
		}

		Tidy();
	}

	bool Chain::OnVerdict(
	  Held* held, const Mph::Layout::VerdictRecord& record, const UnreadBytes& payload)
	{
		const auto verdict = record.verdict();
		const auto decider = record.decider();
		const auto asked   = static_cast<uint16_t>(held->published & held->run->filters);
		auto errors        = record.errors();
		const bool mayDecide =
		  decider < held->run->members.size() && (asked & ~errors & Run::BitOf(decider)) != 0;

		if ((errors & ~asked) != 0 || (errors != 0 && verdict == Verdict::Extend))
		{
			return false;
		}

		if (verdict == Verdict::Replace)
		{
			if (!mayDecide || record.argument() != payload.GetLength() || !SetPayload(held, payload))
			{
				return false;
			}
		}
		else if (payload.GetLength() != 0)
		{
			return false;
		}

		switch (verdict)
		{
			case Verdict::Extend:
			{
				Extend(held, record.argument());

				return true;
			}

			case Verdict::Drop:
			case Verdict::Take:
			{
				if (!mayDecide)
				{
					return false;
				}

				break;
			}

			case Verdict::Error:
			{
				if (!mayDecide)
				{
					return false;
				}

				errors |= Run::BitOf(decider);

				break;
			}

			case Verdict::Accept:
			case Verdict::Replace:
			{
				break;
			}

			default:
			{
				return false;
			}
		}

		Settle(
		  held,
		  Outcome{
		    .cause   = Outcome::Cause::VERDICT,
		    .verdict = verdict,
		    .decider = decider,
		    .errors  = errors });

		return true;
	}

	void Chain::Settle(Held* held, Outcome outcome)
	{
		auto& stage = *held->stage;

		held->run->CountHold(held->members, uv_hrtime() - held->heldAtNs);
		ForgetTicket(held);

		held->outcome = outcome;
		held->state   = Held::State::DECIDED;

		ReleaseDecided(stage);
	}

	void Chain::Detach(Held* held, const Attachment* attachment)
	{
		MS_TRACE();

		auto& stage = *held->stage;

		LetGo(held, attachment);
		ReleaseDecided(stage);
	}

	void Chain::Republish(Held* held)
	{
		MS_TRACE();

		auto publication = held->run->GetPublication(held->members);

		publication.ticket       = held->ticket;
		publication.receivedAtNs = held->heldAtNs;
		publication.deadlineNs   = held->deadlineNs;
		publication.redelivered  = true;

		// A ring that is full leaves it to its deadline.
		if (Publish(*held, publication) == PluginPlace::PublishResult::OK)
		{
			held->recordEnd = held->run->place->GetPosition();
		}
	}

	bool Chain::Bypass(
	  const Attachment* attachment, uint32_t ssrc, Mph::Layout::BypassUnit unit, uint32_t amount)
	{
		MS_TRACE();

		auto* member = this->stages.FindMember(attachment);

		if (!member || (ssrc != 0 && !HasStream(ssrc)))
		{
			return false;
		}

		member->Bypass(ssrc, unit, amount);

		return true;
	}

	/**
	 * The attachment has no say any more. If nobody else has, it is decided.
	 */
	void Chain::LetGo(Held* held, const Attachment* attachment)
	{
		MS_TRACE();

		if (!held->run)
		{
			return;
		}

		const auto it = std::ranges::find(held->run->members, attachment);

		if (it == held->run->members.end())
		{
			return;
		}

		const auto member = static_cast<uint8_t>(it - held->run->members.begin());
		const auto bit    = Run::BitOf(member);

		if (((held->members | Run::BitOf(held->lostBy)) & bit) == 0)
		{
			return;
		}

		const bool isWaiting = held->state == Held::State::WAITING;

		if (isWaiting)
		{
			held->run->CountHold(bit, uv_hrtime() - held->heldAtNs);
		}

		CountHeld(held, -1);
		held->members &= ~bit;
		held->lostBy = held->lostBy == member ? Run::NoMember : held->lostBy;
		CountHeld(held, 1);

		auto& counters = (*it)->counters;

		++((*it)->mode == Mode::Filter ? counters.detachedAccepted : counters.observed);

		if (isWaiting && (held->members & held->run->filters) == 0)
		{
			ForgetTicket(held);
			held->outcome = Outcome{ .cause = Outcome::Cause::DETACHED };
			held->state   = Held::State::DECIDED;
		}

		// The run may go with its place.
		if (held->state == Held::State::DECIDED && held->members == 0 && held->lostBy == Run::NoMember)
		{
			Leave(held);
		}
	}

	void Chain::Extend(Held* held, uint32_t extensionUs)
	{
		static constexpr uint64_t NsPerUs{ 1000 };

		if (held->extended)
		{
			return;
		}

		held->extended   = true;
		held->deadlineNs = uv_hrtime() + std::min(
		                                   extensionUs * NsPerUs,
		                                   held->run->GetDeadlineNs(held->members));

		held->run->place->GetDeadlines().Add(held->ticket, held->deadlineNs);
		VerdictPump::ArmDeadline(held->deadlineNs);
	}

	/**
	 * It does not await a verdict any more.
	 */
	void Chain::ForgetTicket(Held* held)
	{
#ifndef MPH_SABOTAGE_KEEP_TICKETS
		held->run->place->GetTickets().Release(held->ticket);
#endif
		held->ticket = 0;
	}
} // namespace PluginHost
