#ifndef MS_PLUGIN_HOST_PENDING_EVENTS_HPP
#define MS_PLUGIN_HOST_PENDING_EVENTS_HPP

#include "common.hpp"
#include <deque>
#include <vector>

namespace PluginHost
{
	/**
	 * Lifecycle events for which a ring has no room yet, in order. None that matters is lost; what no host needs to hear any more is left out,
	 * so that there are never more of them than things that live or that hosts know of. [worker-loop]
	 */
	class PendingEvents
	{
	public:
		enum class Change : uint8_t
		{
			CREATED,
			PAUSED_OR_RESUMED,
			CLOSED,
			OTHER
		};

	public:
		bool IsEmpty() const
		{
			return this->events.empty();
		}
		/**
		 * @param object - Number of what changed; with OTHER it means nothing.
		 */
		void Push(Change change, uint32_t object, std::vector<uint8_t> table)
		{
			if (change == Change::CLOSED && DropAllOf(object))
			{
				// Nobody has heard of it, so nobody needs to hear that it is gone.
				return;
			}

			if (change == Change::PAUSED_OR_RESUMED)
			{
				// The last one counts.
				Drop(object, Change::PAUSED_OR_RESUMED);
			}

			this->events.push_back(
			  Event{ .change = change, .object = object, .table = std::move(table) });
		}
		const std::vector<uint8_t>& GetFirst() const
		{
			return this->events.front().table;
		}
		void PopFirst()
		{
			this->events.pop_front();
		}

	private:
		struct Event
		{
			Change change{ Change::OTHER };
			uint32_t object{ 0 };
			std::vector<uint8_t> table;
		};

	private:
		bool Drop(uint32_t object, Change change)
		{
			return std::erase_if(
			         this->events,
			         [object, change](const Event& event)
			         {
				         return event.object == object && event.change == change;
			         }) > 0;
		}
		/**
		 * @return Whether its creation was among them, and no close: then it was never heard of.
		 */
		bool DropAllOf(uint32_t object)
		{
			Drop(object, Change::PAUSED_OR_RESUMED);

			return Drop(object, Change::CREATED);
		}

	private:
		std::deque<Event> events;
	};
} // namespace PluginHost

#endif
