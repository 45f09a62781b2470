#ifndef MS_PLUGIN_HOST_REQUEST_ERROR_HPP
#define MS_PLUGIN_HOST_REQUEST_ERROR_HPP

#include "common.hpp"
#include "mph/fbs/control.h"
#include <stdexcept>
#include <string>

namespace PluginHost
{
	/**
	 * A request that cannot be granted: answered by Failure, the connection goes on.
	 */
	class RequestError : public std::runtime_error
	{
	public:
		RequestError(Mph::Control::ErrorCode code, const std::string& message)
		  : std::runtime_error(message), code(code)
		{
		}

	public:
		Mph::Control::ErrorCode code;
	};
} // namespace PluginHost

#endif
