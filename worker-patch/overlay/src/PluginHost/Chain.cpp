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

	template<typename Visitor>
	static void forEachMember(const Run& run, uint16_t members, const Visitor& visit)
	{
		for (uint16_t left{ members }; left != 0; left &= left - 1)
		{
			visit(*run.members[std::countr_zero(left)]);
		}
	}

	static uint16_t bitOf(uint8_t member)
	{
		return member == Run::NoMember ? 0 : static_cast<uint16_t>(1u << member);
	}

	/**
	 * The earliest of the deadlines of those who filter.
	 */
	static uint64_t getDeadlineNs(const Run& run, uint16_t members)
	{
		uint64_t deadlineNs{ UINT64_MAX };

		forEachMember(
		  run,
		  members & run.filters,
		  [&deadlineNs](const Attachment& attachment)
		  {
			  deadlineNs = std::min(deadlineNs, attachment.deadlineNs);
		  });

		return deadlineNs;
	}

	/**
	 * As much as any of them wants.
	 */
	static Publication makePublication(const Run& run, uint16_t members)
	{
		auto copy = Mph::Control::Copy::Meta;

		forEachMember(
		  run,
		  members,
		  [&copy](const Attachment& attachment)
		  {
			  copy = std::min(copy, attachment.copy);
		  });

		return { .place = run.place, .attachment = run.number, .members = members, .copy = copy };
	}

	static void countHold(const Run& run, uint16_t members, uint64_t sinceNs)
	{
		const auto heldNs = uv_hrtime() - sinceNs;

		forEachMember(
		  run,
		  members & run.filters,
		  [heldNs](Attachment& attachment)
		  {
			  attachment.holdHistogram.Add(heldNs);
		  });
	}

	/**
	 * Who filters counts what waits for it.
	 */
	static void countHeld(const Held& held, int change)
	{
		forEachMember(
		  *held.run,
		  (held.members & held.run->filters) | bitOf(held.lostBy),
		  [change](Attachment& attachment)
		  {
			  attachment.held += change;
		  });
	}

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
		const bool mayDecide =
		  decider < held->run->members.size() && (held->published & held->run->filters & bitOf(decider)) != 0;

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
		  Outcome{ .cause = Outcome::Cause::VERDICT, .verdict = verdict, .decider = decider });

		return true;
	}

	void Chain::Settle(Held* held, Outcome outcome)
	{
		auto& stage = *held->stage;

		countHold(*held->run, held->members, held->heldAtNs);
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

		auto publication = makePublication(*held->run, held->members);

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

	void Chain::FreeAll()
	{
		MS_TRACE();

		for (const auto& stage : this->stages.Get())
		{
			for (auto* held : stage->queue)
			{
				if (held->state == Held::State::WAITING)
				{
					ForgetTicket(held);
				}

				if (held->run)
				{
					forEachMember(
					  *held->run,
					  held->members | bitOf(held->lostBy),
					  [](Attachment& attachment)
					  {
						  ++(attachment.mode == Mode::Filter ? attachment.counters.closedFreed
						                                     : attachment.counters.observed);
					  });
					LeaveRun(held);
				}

				Free(held);
			}

			stage->queue.clear();
		}
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
			const auto bit   = bitOf(index++);

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

		auto publication = makePublication(run, members);

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

		forEachMember(
		  run,
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
		auto publication  = makePublication(run, audience.members);

		publication.ticket       = HasRoom(stage, item) ? tickets.Claim() : 0;
		publication.receivedAtNs = nowNs;
		publication.deadlineNs   = nowNs + getDeadlineNs(run, audience.members);

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
				countHold(run, audience.members, nowNs);
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
				observers |= bitOf(member);
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
		const auto others = audience.lostBy == Run::NoMember ? run.filters : bitOf(audience.lostBy);
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

	Fate Chain::Conclude(
	  const Run& run, const Audience& audience, const Outcome& outcome, const Item& item)
	{
		auto lostBy = audience.lostBy;

		// Since it came.
		if (this->loses && (audience.members & run.wholeFrames) != 0)
		{
			const auto traits = GetTraits(item);

			for (uint16_t left = audience.members & run.wholeFrames; left != 0; left &= left - 1)
			{
				const auto member  = static_cast<uint8_t>(std::countr_zero(left));
				const auto* loser = this->stages.FindMember(run.members[member]);

				if (loser && loser->IsFrameLost(traits))
				{
					lostBy = member;

					break;
				}
			}
		}

		const auto [fate, dropper] = outcome.Conclude(run, audience.members | bitOf(lostBy), lostBy);

		if (dropper != Run::NoMember && fate == Fate::DROPPED)
		{
			LoseFrame(*run.members[dropper], item);
		}

		return fate;
	}

	void Chain::LoseFrame(const Attachment& attachment, const Item& item)
	{
		if (!attachment.wholeFrames)
		{
			return;
		}

		const auto traits = GetTraits(item);
		auto* member      = this->stages.FindMember(std::addressof(attachment));

		if (!traits.isVideo || !member || member->IsFrameLost(traits))
		{
			return;
		}

		this->loses = true;
		member->LoseFrame(traits);
		OnFrameLost(item);
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
			countHeld(*held, 1);
		}

		stage.queue.push_back(held);
	}

	/**
	 * Those at the front of the stage that are decided go on.
	 */
	void Chain::ReleaseDecided(Stage& stage)
	{
		while (!stage.queue.empty() && stage.queue.front()->state != Held::State::WAITING)
		{
			auto* held = stage.queue.front();

			stage.queue.pop_front();

			// An exception on the way costs this item only.
			try
			{
				Leave(held);

				if (!Pass(*held, this->stages.IndexOf(std::addressof(stage)) + 1))
				{
					Route(held);
				}
				else if (held->stage != std::addressof(stage))
				{
					// It waits in a later stage.
					held = nullptr;
				}
			}
			catch (const std::exception& error)
			{
				Control::CountApplyError(error.what());
			}

			if (held)
			{
				Free(held);
			}
		}

		this->untidy = this->untidy || (stage.queue.empty() && !this->stages.IsTidy());
	}

	/**
	 * What was decided comes true.
	 */
	void Chain::Leave(Held* held)
	{
		if (!held->run)
		{
			return;
		}

		const Audience audience{ .members = held->members, .lostBy = held->lostBy };

		held->fate = Conclude(*held->run, audience, held->outcome, *held);
		LeaveRun(held);
	}

	void Chain::LeaveRun(Held* held)
	{
		countHeld(*held, -1);
		held->run->place->GetRuns().Leave(held->run);

		held->run     = nullptr;
		held->members = 0;
		held->lostBy  = Run::NoMember;
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
		const auto bit    = bitOf(member);

		if (((held->members | bitOf(held->lostBy)) & bit) == 0)
		{
			return;
		}

		const bool isWaiting = held->state == Held::State::WAITING;

		if (isWaiting)
		{
			countHold(*held->run, bit, held->heldAtNs);
		}

		countHeld(*held, -1);
		held->members &= ~bit;
		held->lostBy = held->lostBy == member ? Run::NoMember : held->lostBy;
		countHeld(*held, 1);

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
		                                   getDeadlineNs(*held->run, held->members));

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

	void Chain::Tidy()
	{
		MS_TRACE();

		this->untidy = false;
		this->stages.Tidy();

		SetTapped(!this->stages.IsEmpty());
	}
} // namespace PluginHost
