#ifndef MS_PLUGIN_HOST_RESULT_OUTLET_HPP
#define MS_PLUGIN_HOST_RESULT_OUTLET_HPP

#include "common.hpp"
#include "mph/fbs/layout.h"
#include <deque>

namespace PluginHost
{
	class PluginPlace;

	/**
	 * Tells the host what became of its calls, in the packet ring. A ring that is full makes results wait, up to a number; nothing waits for
	 * them. [worker-loop]
	 */
	class ResultOutlet
	{
	public:
		explicit ResultOutlet(PluginPlace* place) : place(place)
		{
		}

	public:
		/**
		 * @param call - 0: nobody wants to know.
		 */
		void Tell(uint64_t call, Mph::Layout::ResultCode code);
		/**
		 * What waits goes into the ring as far as there is room.
		 */
		void Flush()
		{
			if (!this->waiting.empty())
			{
				PublishWaiting();
			}
		}
		/**
		 * The host that called is gone.
		 */
		void Clear()
		{
			this->waiting.clear();
		}

	private:
		struct Result
		{
			uint64_t call{ 0 };
			Mph::Layout::ResultCode code{ Mph::Layout::ResultCode::Ok };
		};

	private:
		static constexpr size_t MaxWaiting{ 4096 };

	private:
		bool Publish(const Result& result);
		void PublishWaiting();

	private:
		// Passed by argument.
		PluginPlace* place{ nullptr };
		// Others.
		std::deque<Result> waiting;
	};
} // namespace PluginHost

#endif
