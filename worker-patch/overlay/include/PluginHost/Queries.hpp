#ifndef MS_PLUGIN_HOST_QUERIES_HPP
#define MS_PLUGIN_HOST_QUERIES_HPP

#include "common.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "mph/fbs/control.h"
#include <string>

/**
 * What a host may ask about what it knows of a router, by JSON text (`QueryWhat` in control.fbs). Looks, and changes nothing.
 */
namespace PluginHost::Queries
{
	struct Answer
	{
		Mph::Control::ErrorCode code{ Mph::Control::ErrorCode::None };
		// JSON text, or what is wrong.
		std::string body;
	};

	Answer Ask(const PluginPlace& place, Mph::Control::QueryWhat what, uint32_t object);
} // namespace PluginHost::Queries

#endif
