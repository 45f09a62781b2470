#ifndef MS_PLUGIN_HOST_DEADLINES_HPP
#define MS_PLUGIN_HOST_DEADLINES_HPP

#include "common.hpp"
#include "PluginHost/TicketTable.hpp"
#include <deque>
#include <vector>

namespace PluginHost
{
	/**
	 * By when the tickets that are outstanding at one place want their verdicts. [worker-loop]
	 *
	 * As a rule each one's deadline is later than that of the one before it: a queue. What comes out of order, because attachments differ or
	 * because it was extended, goes into a heap beside it. Both may name tickets that were settled meanwhile; those are passed over, and
	 * thrown out once they are the most.
	 */
	class Deadlines
	{
	public:
		explicit Deadlines(const TicketTable* tickets);

	public:
		/**
		 * Of a ticket that is bound to what has this deadline. A later one takes the place of the one before.
		 */
		void Add(uint64_t ticket, uint64_t atNs);
		/**
		 * What has the earliest deadline; nullptr if nothing is outstanding.
		 */
		Held* GetFirst();

	private:
		struct Deadline
		{
			uint64_t ticket{ 0 };
			uint64_t atNs{ 0 };
		};

	private:
		Held* FindLive(const Deadline& deadline) const;
		void ThrowOutSettled();
		// The earliest one is the first of the heap.
		static bool IsLater(const Deadline& one, const Deadline& other)
		{
			return one.atNs > other.atNs;
		}

	private:
		// So few that throwing out is not worth it.
		static constexpr size_t MinToThrowOut{ 64 };

	private:
		// Passed by argument.
		const TicketTable* tickets{ nullptr };
		// Others.
		std::deque<Deadline> queue;
		std::vector<Deadline> heap;
	};
} // namespace PluginHost

#endif
