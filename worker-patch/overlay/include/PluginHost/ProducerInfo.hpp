#ifndef MS_PLUGIN_HOST_PRODUCER_INFO_HPP
#define MS_PLUGIN_HOST_PRODUCER_INFO_HPP

#include "common.hpp"
#include "mph/fbs/control.h"
#include <array>
#include <string>
#include <vector>

namespace PluginHost
{
	/**
	 * What hosts are told about a producer. Outlives the producer while records that name it are unread.
	 */
	struct ProducerInfo
	{
		// The number in the records; never reused in this worker's life.
		uint32_t number{ 0 };
		std::string id;
		Mph::Layout::MediaKind kind{ Mph::Layout::MediaKind::None };
		bool pipe{ false };
		bool paused{ false };
		// Of the first media codec.
		std::string mimeType;
		uint32_t clockRate{ 0 };
		// Mapped SSRCs, one per encoding.
		std::vector<uint32_t> ssrcs;
		// By mapped payload type.
		std::array<Mph::Layout::Codec, 128> codecs{};
	};
} // namespace PluginHost

#endif
