#ifndef MS_PLUGIN_HOST_SETTLEMENT_HPP
#define MS_PLUGIN_HOST_SETTLEMENT_HPP

#include "common.hpp"
#include "PluginHost/Item.hpp"

/**
 * Decides about what awaits verdicts at a place, in whatever chains it waits, when none comes. [worker-loop]
 */
namespace PluginHost
{
	class Attachment;
	class PluginPlace;
} // namespace PluginHost

namespace PluginHost::Settlement
{
	/**
	 * By the policies of those that it waits for.
	 */
	void SettleOne(Held* held, Outcome::Cause cause);
	void SettleAll(PluginPlace* place, Outcome::Cause cause);
	/**
	 * What waits for the attachment is accepted, as far as it is concerned.
	 */
	void Detach(const Attachment* attachment);
	/**
	 * Decides about those that are past their deadline.
	 *
	 * @return The next deadline, 0 if none.
	 */
	uint64_t Expire(PluginPlace* place, uint64_t nowNs);
} // namespace PluginHost::Settlement

#endif
