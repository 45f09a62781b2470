#define MS_CLASS "PluginHost::Settlement"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Settlement.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Chain.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/PluginPlace.hpp"

namespace PluginHost::Settlement
{
	/* Static. */

	/**
	 * An exception must not leave others behind.
	 */
	template<typename Action>
	static void guard(const Action& action)
	{
		try
		{
			action();
		}
		catch (const std::exception& error)
		{
			Control::CountApplyError(error.what());
		}
	}

	void SettleOne(Held* held, Outcome::Cause cause)
	{
		MS_TRACE();

		guard(
		  [held, cause]()
		  {
			  held->chain->Settle(held, Outcome{ .cause = cause });
		  });
	}

	void SettleAll(PluginPlace* place, Outcome::Cause cause)
	{
		MS_TRACE();

		for (const auto ticket : place->GetTickets().GetOutstanding())
		{
			if (auto* held = place->GetTickets().Find(ticket))
			{
				SettleOne(held, cause);
			}
		}
	}

	void Detach(const Attachment* attachment)
	{
		MS_TRACE();

		auto& tickets = attachment->place->GetTickets();

		for (const auto ticket : tickets.GetOutstanding())
		{
			if (auto* held = tickets.Find(ticket))
			{
				guard(
				  [held, attachment]()
				  {
					  held->chain->Detach(held, attachment);
				  });
			}
		}
	}

	uint64_t Expire(PluginPlace* place, uint64_t nowNs)
	{
		while (auto* held = place->GetDeadlines().GetFirst())
		{
			if (held->deadlineNs > nowNs)
			{
				return held->deadlineNs;
			}

			place->GetSuccession().OnMissedDeadline();
			SettleOne(held, Outcome::Cause::TIMEOUT);
		}

		return 0;
	}
} // namespace PluginHost::Settlement
