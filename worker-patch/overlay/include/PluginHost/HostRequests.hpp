#ifndef MS_PLUGIN_HOST_HOST_REQUESTS_HPP
#define MS_PLUGIN_HOST_HOST_REQUESTS_HPP

#include "common.hpp"
#include "PluginHost/ResultOutlet.hpp"
#include "mph/fbs/layout.h"

namespace PluginHost
{
	class Attachment;
	class PluginPlace;

	/**
	 * What a host asks for in its ring that sends nothing by itself: key frames, and the producers that it wants to hear. [worker-loop]
	 */
	class HostRequests
	{
	public:
		HostRequests(PluginPlace* place, ResultOutlet* results) : place(place), results(results)
		{
		}

	public:
		void OnKeyFrame(const Mph::Layout::KeyFrameRecord& record);
		void OnSubscribe(const Mph::Layout::SubscribeRecord& record);
		/**
		 * @return False if it makes no sense.
		 */
		bool OnBypass(const Mph::Layout::BypassRecord& record);

	private:
		Mph::Layout::ResultCode RequestKeyFrame(const Mph::Layout::KeyFrameRecord& record);
		Mph::Layout::ResultCode Subscribe(const Mph::Layout::SubscribeRecord& record);

		/**
		 * nullptr if the place has none with that number.
		 */
		Attachment* FindAttachment(uint32_t number) const;

	private:
		// Passed by argument.
		PluginPlace* place{ nullptr };
		ResultOutlet* results{ nullptr };
	};
} // namespace PluginHost

#endif
