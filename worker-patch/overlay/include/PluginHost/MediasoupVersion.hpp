#ifndef MS_PLUGIN_HOST_MEDIASOUP_VERSION_HPP
#define MS_PLUGIN_HOST_MEDIASOUP_VERSION_HPP

#ifndef MPH_MEDIASOUP_VERSION
#error "MPH_MEDIASOUP_VERSION must be defined by the build: the version of the sources that are compiled here"
#endif

namespace PluginHost
{
	/**
	 * Of these sources. The environment's MEDIASOUP_VERSION is what the library on the other side says of itself.
	 */
	static constexpr const char* MediasoupVersion{ MPH_MEDIASOUP_VERSION };
} // namespace PluginHost

#endif
