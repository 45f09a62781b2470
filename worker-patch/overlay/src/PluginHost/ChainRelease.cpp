#define MS_CLASS "PluginHost::Chain"
// #define MS_LOG_DEV_LEVEL 3

#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Chain.hpp"
#include "PluginHost/Control.hpp"
#include <bit> // std::countr_zero()

// How items leave a stage, and what is counted then. The rest of Chain is in Chain.cpp and ChainVerdicts.cpp.
namespace PluginHost
{
	/* Static. */

	using Mph::Control::Mode;

	/* Instance methods. */

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
					held->run->ForEach(
					  held->members | Run::BitOf(held->lostBy),
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
		CountHeld(held, -1);
		held->run->place->GetRuns().Leave(held->run);

		held->run     = nullptr;
		held->members = 0;
		held->lostBy  = Run::NoMember;
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

		const auto [fate, dropper] = outcome.Conclude(run, audience.members | Run::BitOf(lostBy), lostBy);

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

	/**
	 * Who filters counts what waits for it.
	 */
	void Chain::CountHeld(const Held* held, int change)
	{
		held->run->ForEach(
		  (held->members & held->run->filters) | Run::BitOf(held->lostBy),
		  [change](Attachment& attachment)
		  {
			  attachment.held += change;
		  });
	}
} // namespace PluginHost
