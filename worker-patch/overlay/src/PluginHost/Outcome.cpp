#define MS_CLASS "PluginHost::Outcome"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Outcome.hpp"
#include "Logger.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/Run.hpp"
#include <bit> // std::countr_zero()

namespace PluginHost
{
	/* Static. */

	using Mph::Control::Mode;
	using Mph::Control::Policy;
	using Mph::Layout::Verdict;

	static bool count(bool accept, uint64_t& accepted, uint64_t& dropped)
	{
		++(accept ? accepted : dropped);

		return accept;
	}

	static void countObserved(Attachment::Counters& counters, Outcome::Cause cause)
	{
		switch (cause)
		{
			case Outcome::Cause::ABSENT:
			{
				++counters.observeAbsent;

				break;
			}
			case Outcome::Cause::FULL:
			{
				++counters.observeOverflow;

				break;
			}
			default:
			{
				++counters.observed;
			}
		}
	}

	/**
	 * By the policy of the member, if it was no verdict of its own.
	 *
	 * @return Whether it goes on to the next member.
	 */
	static bool countFiltered(Attachment& attachment, const Outcome& outcome, uint8_t member)
	{
		auto& counters = attachment.counters;

		switch (outcome.cause)
		{
			case Outcome::Cause::TIMEOUT:
			{
				return count(
				  attachment.onTimeout == Policy::Accept, counters.timeoutAccepted, counters.timeoutDropped);
			}
			case Outcome::Cause::ABSENT:
			{
				return count(
				  attachment.onAbsent == Policy::Accept, counters.absentAccepted, counters.absentDropped);
			}
			case Outcome::Cause::FULL:
			{
				return count(
				  attachment.onOverflow == Policy::Accept,
				  counters.overflowAccepted,
				  counters.overflowDropped);
			}
			default:
			{
				break;
			}
		}

		if ((outcome.errors & Run::BitOf(member)) != 0)
		{
			return count(
			  attachment.onError == Policy::Accept, counters.errorAccepted, counters.errorDropped);
		}

		if (member != outcome.decider)
		{
			++counters.accepted;

			return true;
		}

		switch (outcome.verdict)
		{
			case Verdict::Drop:
			{
				++counters.dropped;

				return false;
			}
			case Verdict::Take:
			{
				++counters.taken;

				return false;
			}
			case Verdict::Replace:
			{
				++counters.replaced;

				return true;
			}
			default:
			{
				++counters.accepted;

				return true;
			}
		}
	}

	/* Instance methods. */

	Outcome::Conclusion Outcome::Conclude(const Run& run, uint16_t members, uint8_t lostBy) const
	{
		const bool isEnded = IsEnded(run);
		const auto endedAs = this->verdict == Verdict::Take ? Fate::TAKEN : Fate::DROPPED;

		for (uint16_t left{ members }; left != 0; left &= left - 1)
		{
			const auto member = static_cast<uint8_t>(std::countr_zero(left));
			auto& attachment  = *run.members[member];

			if (member == lostBy)
			{
				++attachment.counters.frameDropped;

				return { .fate = Fate::DROPPED };
			}

			// Those behind the decider never saw it. That one may be detached by now.
			if (isEnded && member > this->decider)
			{
				break;
			}

			if (attachment.mode == Mode::Observe)
			{
				countObserved(attachment.counters, this->cause);
			}
			else if (!countFiltered(attachment, *this, member))
			{
				const bool hasEnded = isEnded && member == this->decider;

				return { .fate = hasEnded ? endedAs : Fate::DROPPED, .dropper = member };
			}
		}

		return { .fate = isEnded ? endedAs : Fate::ROUTED };
	}

	bool Outcome::IsEnded(const Run& run) const
	{
		if (this->cause != Cause::VERDICT)
		{
			return false;
		}

		switch (this->verdict)
		{
			case Verdict::Drop:
			case Verdict::Take:
			{
				return true;
			}
			case Verdict::Error:
			{
				return (run.dropsErrors & Run::BitOf(this->decider)) != 0;
			}
			default:
			{
				return false;
			}
		}
	}
} // namespace PluginHost
