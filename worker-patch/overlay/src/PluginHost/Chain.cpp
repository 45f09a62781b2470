#define MS_CLASS "PluginHost::Chain"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Chain.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/VerdictPump.hpp"
#include <uv.h> // uv_hrtime()
#include <bit>  // std::countr_zero()

namespace PluginHost
{
	/* Static. */

	using Mph::Control::Mode;
	using Mph::Control::Policy;
	using Mph::Layout::Verdict;

	static Fate followPolicy(Policy policy, uint64_t& accepted, uint64_t& dropped)
	{
		++(policy == Policy::Accept ? accepted : dropped);

		return policy == Policy::Accept ? Fate::ROUTED : Fate::DROPPED;
	}

	/* Instance methods. */

	void Chain::AddStage(Attachment* attachment)
	{
		MS_TRACE();

		this->stages.Add(attachment);

		SetTapped(true);
	}

	bool Chain::Pass(Item& item, size_t stageIndex)
	{
		// What came before it has left since.
		if (this->untidy && stageIndex == 0)
		{
			Tidy();
		}

		const auto* held = item.GetHeld();
		auto fate        = held ? held->fate : Fate::ROUTED;

		for (; stageIndex < this->stages.GetSize(); ++stageIndex)
		{
			if (Enter(*this->stages.Get()[stageIndex], item, fate))
			{
				return true;
			}
		}

		return !Finish(item, fate);
	}

	/**
	 * @return True if it now waits in this stage, false if it goes on with the fate that it has then.
	 */
	bool Chain::Enter(Stage& stage, Item& item, Fate& fate)
	{
		auto* held = item.GetHeld();
		Audience audience;
		Outcome outcome;

		if (fate == Fate::ROUTED && stage.HasMembers())
		{
			audience = Select(stage, item);

			if ((audience.members & stage.GetRun().filters) != 0)
			{
				if (Ask(stage, item, audience, outcome))
				{
					return true;
				}
			}
			else if (audience.members != 0)
			{
				fate             = Show(stage, item, audience.members);
				audience.members = 0;
			}
		}

		// Decided, or not asked at all. It still must not overtake those that wait here.
		const bool waits = !stage.queue.empty() && HasRoom(stage, item);

		if (waits)
		{
			if (!held)
			{
				held = Hold(item);
			}

			held->fate    = fate;
			held->outcome = outcome;
			Enqueue(stage, held, Held::State::DECIDED, audience);

			return true;
		}

		if (!stage.queue.empty())
		{
			// Keeping order behind a full queue would hold without bound: it is dropped at once.
			fate = fate == Fate::ROUTED ? Refuse(stage, item, audience) : fate;
		}
		else if (!audience.IsEmpty())
		{
			fate = Conclude(stage.GetRun(), audience, outcome, item);
		}

		if (held)
		{
			held->fate = fate;
		}

		return false;
	}

	Chain::Audience Chain::Select(Stage& stage, Item& item)
	{
		const auto* held = item.GetHeld();
		Audience audience;
		std::optional<Traits> traits;
		uint8_t index{ 0 };

		for (const auto& member : stage.GetMembers())
		{
			auto& attachment = *member->GetAttachment();
			const auto bit   = Run::BitOf(index++);

			if (!attachment.IsInForce() || (held && !held->behind.IsBefore(attachment)))
			{
				continue;
			}

			if (!member->IsPlain())
			{
				if (!traits)
				{
					traits = GetTraits(item);
				}

				switch (member->Choose(*traits))
				{
					case Member::Choice::NOT_SELECTED:
					{
						++attachment.counters.notSelected;

						continue;
					}

					case Member::Choice::BYPASSED:
					{
						++attachment.counters.bypassed;

						continue;
					}

					case Member::Choice::LOST:
					{
						audience.lostBy = index - 1;

						return audience;
					}

					case Member::Choice::SELECTED:
					{
						break;
					}
				}
			}

			audience.members |= bit;
		}

		return audience;
	}

	/**
	 * To those who have no say: who observes, or who diverts.
	 */
	Fate Chain::Show(Stage& stage, const Item& item, uint16_t members)
	{
		auto& run = stage.GetRun();

		auto publication = run.GetPublication(members);

		publication.receivedAtNs = uv_hrtime();

		auto& first         = *run.members[std::countr_zero(members)];
		const bool isServed = run.place->IsServed();

		// It goes nowhere else, so it must not wait for a host that may not come.
		if (first.mode == Mode::Divert && !isServed)
		{
			return followPolicy(
			  first.onAbsent, first.counters.absentAccepted, first.counters.absentDropped);
		}

		const auto result = Publish(item, publication);

		if (first.mode == Mode::Divert)
		{
			if (result != PluginPlace::PublishResult::OK)
			{
				return followPolicy(
				  first.onOverflow, first.counters.overflowAccepted, first.counters.overflowDropped);
			}

			++first.counters.diverted;

			return Fate::TAKEN;
		}

		run.ForEach(
		  members,
		  [result, isServed](Attachment& attachment)
		  {
			  auto& counters = attachment.counters;

			  ++(result == PluginPlace::PublishResult::OK ? counters.observed
			     : isServed                               ? counters.observeOverflow
			                                              : counters.observeAbsent);
		  });

		return Fate::ROUTED;
	}

	/**
	 * @return True if it waits for its verdict. Else there is an outcome.
	 */
	bool Chain::Ask(Stage& stage, Item& item, Audience& audience, Outcome& outcome)
	{
		auto& run   = stage.GetRun();
		auto* place = run.place;

		if (!place->IsServed())
		{
			outcome.cause = Outcome::Cause::ABSENT;
			ShowAbsent(stage, item, audience);

			return false;
		}

		auto& tickets     = place->GetTickets();
		const auto before = place->GetPosition();
		const auto nowNs  = uv_hrtime();
		auto publication  = run.GetPublication(audience.members);

		publication.ticket       = HasRoom(stage, item) ? tickets.Claim() : 0;
		publication.receivedAtNs = nowNs;
		publication.deadlineNs   = nowNs + run.GetDeadlineNs(audience.members);

		if (publication.ticket == 0 || Publish(item, publication) != PluginPlace::PublishResult::OK)
		{
			// Ring or table is full.
			if (publication.ticket != 0)
			{
				tickets.Release(publication.ticket);
			}

			outcome.cause = Outcome::Cause::FULL;

			return false;
		}

		if (stage.queue.empty())
		{
			if (
			  const auto prompt =
			    place->AwaitVerdict(publication.ticket, audience.members & run.filters, before))
			{
				tickets.Release(publication.ticket);
				run.CountHold(audience.members, uv_hrtime() - nowNs);
				outcome = *prompt;

				return false;
			}
		}

		// Copied only now: there is no way back.
		auto* held = item.IsHeld() ? item.GetHeld() : Hold(item);

		tickets.Bind(publication.ticket, held);

		held->ticket     = publication.ticket;
		held->heldAtNs   = nowNs;
		held->deadlineNs = publication.deadlineNs;
		held->recordEnd  = place->GetPosition();
		held->published  = audience.members;
		held->extended   = false;

		place->GetDeadlines().Add(held->ticket, held->deadlineNs);
		VerdictPump::ArmDeadline(held->deadlineNs);
		Enqueue(stage, held, Held::State::WAITING, audience);

		return true;
	}

	/**
	 * Who observes has a ring that fills, as far as nobody before drops it.
	 */
	void Chain::ShowAbsent(Stage& stage, const Item& item, Audience& audience)
	{
		const auto& run = stage.GetRun();
		uint16_t observers{ 0 };

		for (uint16_t left{ audience.members }; left != 0; left &= left - 1)
		{
			const auto member      = static_cast<uint8_t>(std::countr_zero(left));
			const auto& attachment = *run.members[member];

			if (attachment.mode == Mode::Observe)
			{
				observers |= Run::BitOf(member);
			}
			else if (attachment.onAbsent != Policy::Accept)
			{
				break;
			}
		}

		if (observers != 0)
		{
			Show(stage, item, observers);
		}

		audience.members &= run.filters;
	}

	Fate Chain::Refuse(Stage& stage, const Item& item, const Audience& audience)
	{
		if (!stage.HasMembers())
		{
			return Fate::DROPPED;
		}

		const auto& run   = stage.GetRun();
		const auto asked  = static_cast<uint16_t>(audience.members & run.filters);
		const auto others = audience.lostBy == Run::NoMember ? run.filters : Run::BitOf(audience.lostBy);
		const auto whose  = asked != 0 ? asked : others;

		if (whose != 0)
		{
			auto& attachment = *run.members[std::countr_zero(whose)];

			++(asked == 0 && audience.lostBy != Run::NoMember ? attachment.counters.frameDropped
			                                                  : attachment.counters.overflowDropped);
			LoseFrame(attachment, item);
		}

		return Fate::DROPPED;
	}

	bool Chain::HasRoom(const Stage& stage, const Item& item) const
	{
		return stage.queue.size() < MaxQueue && (item.IsHeld() || CanHold(item));
	}

	void Chain::Enqueue(Stage& stage, Held* held, Held::State state, const Audience& audience)
	{
		held->chain = this;
		held->stage = std::addressof(stage);
		held->state = state;

		if (stage.HasMembers())
		{
			const auto& last = *stage.GetMembers().back()->GetAttachment();

			held->behind = Held::Position{ .order = last.order, .number = last.number };
		}

		if (!audience.IsEmpty())
		{
			held->run     = std::addressof(stage.GetRun());
			held->members = audience.members;
			held->lostBy  = audience.lostBy;
			++held->run->users;
			CountHeld(held, 1);
		}

		stage.queue.push_back(held);
	}

	void Chain::Tidy()
	{
		MS_TRACE();

		this->untidy = false;
		this->stages.Tidy();

		SetTapped(!this->stages.IsEmpty());
	}
} // namespace PluginHost
