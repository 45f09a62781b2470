#define MS_CLASS "PluginHost::Deadlines"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Deadlines.hpp"
#include "Logger.hpp"
#include "PluginHost/Item.hpp"

namespace PluginHost
{
	/* Instance methods. */

	Deadlines::Deadlines(const TicketTable* tickets) : tickets(tickets)
	{
		MS_TRACE();
	}

	void Deadlines::Add(uint64_t ticket, uint64_t atNs)
	{
		// So that the queue does not outgrow what is held.
		while (!this->queue.empty() && !FindLive(this->queue.front()))
		{
			this->queue.pop_front();
		}

		if (this->queue.size() + this->heap.size() > MinToThrowOut + (2 * this->tickets->GetSize()))
		{
			ThrowOutSettled();
		}

		const Deadline deadline{ .ticket = ticket, .atNs = atNs };

		if (this->queue.empty() || this->queue.back().atNs <= atNs)
		{
			this->queue.push_back(deadline);

			return;
		}

		this->heap.push_back(deadline);
		std::ranges::push_heap(this->heap, IsLater);
	}

	Held* Deadlines::GetFirst()
	{
		Held* first{ nullptr };

		while (!this->queue.empty() && !(first = FindLive(this->queue.front())))
		{
			this->queue.pop_front();
		}

		while (!this->heap.empty())
		{
			if (auto* held = FindLive(this->heap.front()))
			{
				return !first || held->deadlineNs < first->deadlineNs ? held : first;
			}

			std::ranges::pop_heap(this->heap, IsLater);
			this->heap.pop_back();
		}

		return first;
	}

	/**
	 * nullptr if it was settled, or has another deadline now.
	 */
	Held* Deadlines::FindLive(const Deadline& deadline) const
	{
		auto* held = this->tickets->Find(deadline.ticket);

		return held && held->deadlineNs == deadline.atNs ? held : nullptr;
	}

	void Deadlines::ThrowOutSettled()
	{
		MS_TRACE();

		const auto isSettled = [this](const Deadline& deadline)
		{
			return !FindLive(deadline);
		};

		std::erase_if(this->queue, isSettled);
		std::erase_if(this->heap, isSettled);
		std::ranges::make_heap(this->heap, IsLater);
	}
} // namespace PluginHost
