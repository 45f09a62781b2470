#ifndef MS_PLUGIN_HOST_CODECS_HPP
#define MS_PLUGIN_HOST_CODECS_HPP

#include "common.hpp"
#include "RTC/RtpDictionaries.hpp"
#include "mph/fbs/layout.h"

/**
 * mediasoup's media codecs as the shared-memory layout names them.
 */
namespace PluginHost::Codecs
{
	Mph::Layout::Codec GetCodec(const RTC::RtpCodecMimeType& mimeType);
} // namespace PluginHost::Codecs

#endif
