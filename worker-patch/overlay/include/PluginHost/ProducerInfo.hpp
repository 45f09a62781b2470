#ifndef MS_PLUGIN_HOST_PRODUCER_INFO_HPP
#define MS_PLUGIN_HOST_PRODUCER_INFO_HPP

#include "common.hpp"
#include "PluginHost/ObjectInfo.hpp"
#include "mph/fbs/control.h"
#include <array>

namespace PluginHost
{
	/**
	 * What the worker itself needs to know of a producer of RTP besides.
	 */
	struct ProducerInfo : public ObjectInfo
	{
		bool pipe{ false };
		// By mapped payload type.
		std::array<Mph::Layout::Codec, 128> codecs{};
	};
} // namespace PluginHost

#endif
