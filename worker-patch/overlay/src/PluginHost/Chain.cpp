#define MS_CLASS "PluginHost::Chain"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Chain.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/VerdictPump.hpp"
#include <uv.h> // uv_hrtime()

namespace PluginHost
{
	/* Static. */

	using Mph::Control::Mode;
	using Mph::Control::Policy;

	static bool isAccept(Policy policy)
	{
		return policy == Policy::Accept;
	}

	/**
	 * The one counter that the item increments.
	 */
	static void count(Attachment& attachment, Chain::Cause cause, bool accept)
	{
		auto& counters = attachment.counters;

		switch (cause)
		{
			case Chain::Cause::VERDICT:
			{
				++(accept ? counters.accepted : counters.dropped);

				break;
			}
			case Chain::Cause::TIMEOUT:
			{
				++(accept ? counters.timeoutAccepted : counters.timeoutDropped);

				break;
			}
			case Chain::Cause::ABSENT:
			{
				++(accept ? counters.absentAccepted : counters.absentDropped);

				break;
			}
			case Chain::Cause::DETACHED:
			{
				++counters.detachedAccepted;

				break;
			}
		}
	}

	static bool policyOf(const Attachment& attachment, Chain::Cause cause)
	{
		switch (cause)
		{
			case Chain::Cause::TIMEOUT:
			{
				return isAccept(attachment.onTimeout);
			}
			case Chain::Cause::ABSENT:
			{
				return isAccept(attachment.onAbsent);
			}
			default:
			{
				return true;
			}
		}
	}

	/* Instance methods. */

	void Chain::AddStage(Attachment* attachment)
	{
		MS_TRACE();

		const auto it = std::ranges::find_if(
		  this->stages,
		  [attachment](const std::unique_ptr<Stage>& stage)
		  {
			  return attachment->ComesBefore(*stage->attachment);
		  });

		auto stage = std::make_unique<Stage>();

		stage->attachment = attachment;

		this->stages.insert(it, std::move(stage));

		SetTapped(true);
	}

	bool Chain::HasStage(const Attachment* attachment) const
	{
		MS_TRACE();

		return std::ranges::any_of(
		  this->stages,
		  [attachment](const std::unique_ptr<Stage>& stage)
		  {
			  return stage->attachment == attachment;
		  });
	}

	void Chain::RemoveStage(Attachment* attachment)
	{
		MS_TRACE();

		const auto it = std::ranges::find_if(
		  this->stages,
		  [attachment](const std::unique_ptr<Stage>& stage)
		  {
			  return stage->attachment == attachment;
		  });

		if (it == this->stages.end())
		{
			return;
		}

		auto& stage = **it;

		// As it goes everything that is decided leaves.
		while (!stage.queue.empty())
		{
			try
			{
				Settle(stage.queue.front(), Cause::DETACHED, /*accept*/ true);
			}
			catch (const std::exception& error)
			{
				Control::CountApplyError(error.what());
			}
		}

		this->stages.erase(it);

		if (this->stages.empty())
		{
			SetTapped(false);
		}
	}

	void Chain::Settle(Held* held, Cause cause, bool accept)
	{
		auto& stage      = *held->stage;
		auto& attachment = *stage.attachment;

		ForgetTicket(held);
		attachment.holdHistogram.Add(uv_hrtime() - held->heldAtNs);
		count(attachment, cause, accept);

		held->state = accept ? Held::State::ACCEPTED : Held::State::DROPPED;

		ReleaseDecided(stage);
	}

	void Chain::SettleAll(Attachment* attachment, Cause cause)
	{
		MS_TRACE();

		const bool accept = policyOf(*attachment, cause);

		while (auto* held = FirstWaiting(attachment))
		{
			attachment->deadlines.pop_front();

			// An exception must not leave others behind.
			try
			{
				held->chain->Settle(held, cause, accept);
			}
			catch (const std::exception& error)
			{
				Control::CountApplyError(error.what());
			}
		}
	}

	void Chain::SettleOne(Held* held, Cause cause)
	{
		MS_TRACE();

		held->chain->Settle(held, cause, policyOf(*held->stage->attachment, cause));
	}

	uint64_t Chain::Expire(Attachment* attachment, uint64_t nowNs)
	{
		const bool accept = policyOf(*attachment, Cause::TIMEOUT);

		while (auto* held = FirstWaiting(attachment))
		{
			if (held->deadlineNs > nowNs)
			{
				return held->deadlineNs;
			}

			attachment->deadlines.pop_front();
			attachment->place->GetSuccession().OnMissedDeadline();

			try
			{
				held->chain->Settle(held, Cause::TIMEOUT, accept);
			}
			catch (const std::exception& error)
			{
				Control::CountApplyError(error.what());
			}
		}

		return 0;
	}

	bool Chain::Pass(Item& item, size_t stageIndex)
	{
		const auto* held = item.GetHeld();
		bool dropped     = held && held->state == Held::State::DROPPED;

		for (; stageIndex < this->stages.size(); ++stageIndex)
		{
			auto& stage = *this->stages[stageIndex];

			if (stage.attachment->mode == Mode::Observe)
			{
				if (!dropped)
				{
					Observe(stage, item);
				}

				continue;
			}

			if (Filter(stage, item, dropped))
			{
				return true;
			}
		}

		return !Finish(item, dropped);
	}

	void Chain::FreeAll()
	{
		MS_TRACE();

		for (auto& stage : this->stages)
		{
			for (auto* held : stage->queue)
			{
				if (held->state == Held::State::WAITING)
				{
					ForgetTicket(held);
					++stage->attachment->counters.closedFreed;
				}

				Free(held);
			}
		}
	}

	void Chain::Observe(Stage& stage, const Item& item)
	{
		auto& attachment = *stage.attachment;

		if (!attachment.IsInForce())
		{
			return;
		}

		const auto result = Publish(
		  item, attachment, /*ticket*/ 0, uv_hrtime(), /*deadlineNs*/ 0, /*redelivered*/ false);

		if (result == PluginPlace::PublishResult::OK)
		{
			++attachment.counters.observed;
		}
		else if (attachment.place->IsServed())
		{
			++attachment.counters.observeOverflow;
		}
		else
		{
			++attachment.counters.observeAbsent;
		}
	}

	/**
	 * @return True if it now waits in this stage, false if it goes on. `dropped` becomes true if a policy drops it.
	 */
	bool Chain::Filter(Stage& stage, Item& item, bool& dropped)
	{
		auto& attachment = *stage.attachment;
		auto* held       = item.GetHeld();

		if (!dropped && attachment.IsInForce())
		{
			auto* place = attachment.place;

			if (!place->IsServed())
			{
				const bool accept = isAccept(attachment.onAbsent);

				count(attachment, Cause::ABSENT, accept);
				dropped = !accept;
			}
			else
			{
				auto& tickets         = place->GetTickets();
				const auto ticket     = HasRoom(stage, item) ? tickets.Claim() : 0;
				const auto nowNs      = uv_hrtime();
				const auto deadlineNs = nowNs + attachment.deadlineNs;

				if (
				  ticket == 0 ||
				  Publish(item, attachment, ticket, nowNs, deadlineNs, /*redelivered*/ false) !=
				    PluginPlace::PublishResult::OK)
				{
					// Ring or table is full.
					if (ticket != 0)
					{
						tickets.Release(ticket);
					}

					// Keeping order behind a full queue would hold without bound.
					const bool accept = isAccept(attachment.onOverflow) && (stage.queue.empty() || HasRoom(stage, item));

					++(accept ? attachment.counters.overflowAccepted : attachment.counters.overflowDropped);
					dropped = !accept;
				}
				else if (const auto accept = stage.queue.empty() ? place->AwaitVerdict(ticket) : std::nullopt)
				{
					tickets.Release(ticket);
					attachment.holdHistogram.Add(uv_hrtime() - nowNs);
					count(attachment, Cause::VERDICT, *accept);
					dropped = !*accept;
				}
				else
				{
					// Copied only now: there is no way back.
					if (!held)
					{
						held = Hold(item);
					}

					tickets.Bind(ticket, held);

					held->ticket     = ticket;
					held->heldAtNs   = nowNs;
					held->deadlineNs = deadlineNs;
					held->recordEnd  = place->GetPosition();
					++attachment.held;

					// Settled tickets are taken off here, so that the queue does not outgrow what is held.
					FirstWaiting(std::addressof(attachment));
					attachment.deadlines.push_back(ticket);

					VerdictPump::ArmDeadline(deadlineNs);
					Enqueue(stage, held, Held::State::WAITING);

					return true;
				}
			}
		}

		// Decided, or not asked at all. It still must not overtake those that wait here.
		if (stage.queue.empty())
		{
			if (held)
			{
				held->state = dropped ? Held::State::DROPPED : Held::State::ACCEPTED;
			}

			return false;
		}

		// One that is dropped while the queue is full is not remembered in order; it is dropped at once.
		if (!held && dropped && !HasRoom(stage, item))
		{
			return false;
		}

		if (!held)
		{
			held = Hold(item);
		}

		Enqueue(stage, held, dropped ? Held::State::DROPPED : Held::State::ACCEPTED);

		return true;
	}

	bool Chain::HasRoom(const Stage& stage, const Item& item) const
	{
		return stage.queue.size() < MaxQueue && (item.IsHeld() || CanHold(item));
	}

	void Chain::Enqueue(Stage& stage, Held* held, Held::State state)
	{
		held->chain = this;
		held->stage = std::addressof(stage);
		held->state = state;

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
				if (!Pass(*held, IndexOf(stage) + 1))
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
	}

	size_t Chain::IndexOf(const Stage& stage) const
	{
		const auto it = std::ranges::find_if(
		  this->stages,
		  [&stage](const std::unique_ptr<Stage>& other)
		  {
			  return other.get() == std::addressof(stage);
		  });

		return it - this->stages.begin();
	}

	/**
	 * It does not await a verdict any more.
	 */
	void Chain::ForgetTicket(Held* held)
	{
		auto& attachment = *held->stage->attachment;

#ifndef MPH_SABOTAGE_KEEP_TICKETS
		attachment.place->GetTickets().Release(held->ticket);
#endif
		held->ticket = 0;
		--attachment.held;
	}

	Held* Chain::FirstWaiting(Attachment* attachment)
	{
		while (!attachment->deadlines.empty())
		{
			if (auto* held = attachment->place->GetTickets().Find(attachment->deadlines.front()))
			{
				return held;
			}

			attachment->deadlines.pop_front();
		}

		return nullptr;
	}
} // namespace PluginHost
