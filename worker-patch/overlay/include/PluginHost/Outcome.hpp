#ifndef MS_PLUGIN_HOST_OUTCOME_HPP
#define MS_PLUGIN_HOST_OUTCOME_HPP

#include "common.hpp"
#include "mph/fbs/layout.h"

namespace PluginHost
{
	struct Run;

	/**
	 * What becomes of an item, as far as it has come. One that is not ROUTED passes the rest of the chain unseen, in order.
	 */
	enum class Fate : uint8_t
	{
		ROUTED,
		// Receivers see no gap: each consumer leaves it out.
		DROPPED,
		// As if it had never been there.
		TAKEN
	};

	/**
	 * What was decided about an item in a stage. What comes of it is said as it leaves the stage, since the rest of a frame goes with what
	 * left before it.
	 */
	struct Outcome
	{
		enum class Cause : uint8_t
		{
			// It was not asked about, or it was only let pass.
			NONE,
			VERDICT,
			TIMEOUT,
			ABSENT,
			FULL,
			DETACHED
		};

		struct Conclusion
		{
			Fate fate{ Fate::ROUTED };
			// The member that dropped it; Run::NoMember if nobody did.
			uint8_t dropper{ UINT8_MAX };
		};

		/**
		 * Increments one counter of each member that the item came to.
		 *
		 * @param members - Bit i: it is meant for member i.
		 * @param lostBy - The first one that has lost its frame, if any.
		 */
		Conclusion Conclude(const Run& run, uint16_t members, uint8_t lostBy) const;

		Cause cause{ Cause::NONE };
		// With VERDICT.
		Mph::Layout::Verdict verdict{ Mph::Layout::Verdict::None };
		uint8_t decider{ 0 };
		// Bit i: member i failed at it.
		uint16_t errors{ 0 };

	private:
		/**
		 * Whether those behind the decider never saw it.
		 */
		bool IsEnded(const Run& run) const;
	};
} // namespace PluginHost

#endif
