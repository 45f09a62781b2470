#ifndef MS_TEST_COUNTER_SUM_HPP
#define MS_TEST_COUNTER_SUM_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"

/**
 * How many packets or messages have ended in a counter of the attachment: each selected one does so in exactly one.
 */
inline uint64_t sumOf(const PluginHost::Attachment& attachment)
{
	const auto& counters = attachment.counters;

	return counters.observed + counters.observeOverflow + counters.observeAbsent +
	       counters.accepted + counters.dropped + counters.timeoutAccepted +
	       counters.timeoutDropped + counters.absentAccepted + counters.absentDropped +
	       counters.overflowAccepted + counters.overflowDropped + counters.errorAccepted +
	       counters.errorDropped + counters.detachedAccepted + counters.closedFreed +
	       counters.taken + counters.replaced + counters.frameDropped + counters.diverted +
	       counters.bypassed;
}

#endif
