#ifndef MS_PLUGIN_HOST_PUBLICATION_HPP
#define MS_PLUGIN_HOST_PUBLICATION_HPP

#include "common.hpp"
#include "mph/fbs/control.h"

namespace PluginHost
{
	class PluginPlace;

	/**
	 * How an item is published: to whom, and what is awaited.
	 */
	struct Publication
	{
		PluginPlace* place{ nullptr };
		// Of an attachment or a run.
		uint32_t attachment{ 0 };
		// Bit i: it is meant for member i of the run.
		uint16_t members{ 1 };
		Mph::Control::Copy copy{ Mph::Control::Copy::Full };
		// 0: no verdict is awaited.
		uint64_t ticket{ 0 };
		uint64_t receivedAtNs{ 0 };
		uint64_t deadlineNs{ 0 };
		bool redelivered{ false };
		// Of a DirectTransport, or 0.
		uint32_t consumer{ 0 };
		// How many of that consumer's went by the channel before.
		uint32_t byChannel{ 0 };
	};
} // namespace PluginHost

#endif
