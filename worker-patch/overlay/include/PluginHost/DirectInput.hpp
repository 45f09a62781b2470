#ifndef MS_PLUGIN_HOST_DIRECT_INPUT_HPP
#define MS_PLUGIN_HOST_DIRECT_INPUT_HPP

#include "common.hpp"
#include "PluginHost/UnreadBytes.hpp"
#include "mph/fbs/layout.h"

namespace PluginHost
{
	class PluginPlace;

	/**
	 * What a host sends as a producer or data producer of a DirectTransport: the transport receives it, as if the app had sent it by the channel.
	 * Only for transports that are targets of the place's attachments. [worker-loop]
	 */
	namespace DirectInput
	{
		/**
		 * May throw.
		 */
		Mph::Layout::ResultCode ReceiveRtp(
		  PluginPlace* place, const Mph::Layout::ReceiveRtpRecord& record, const UnreadBytes& packet);
		/**
		 * As ReceiveRtp().
		 */
		Mph::Layout::ResultCode ReceiveData(
		  PluginPlace* place,
		  const Mph::Layout::InjectDataRecord& record,
		  const UnreadBytes& subchannels,
		  const UnreadBytes& message);
	} // namespace DirectInput
} // namespace PluginHost

#endif
