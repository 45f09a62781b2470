#ifndef MS_PLUGIN_HOST_VERDICT_PUMP_HPP
#define MS_PLUGIN_HOST_VERDICT_PUMP_HPP

#include "common.hpp"

namespace PluginHost
{
	class HostLink;

	/**
	 * When verdicts are drained and doorbells rung: once per turn of the loop, right before it blocks (uv_prepare). And the timer of
	 * the deadlines, armed only while packets are held. Everything is idle while no host is connected. [worker-loop]
	 */
	namespace VerdictPump
	{
		void ClassInit();
		void ClassDestroy();
		void AddLink(HostLink* link);
		void RemoveLink(HostLink* link);
		/**
		 * To be called first thing in whatever the loop wakes up for and publishes or drains: from here on hosts need not ring.
		 */
		void Awake();
		/**
		 * A packet is held until then.
		 */
		void ArmDeadline(uint64_t deadlineNs);
		/**
		 * A host has something to do: it is looked after from here on.
		 */
		void ArmWatch();
	} // namespace VerdictPump
} // namespace PluginHost

#endif
