#ifndef MS_PLUGIN_HOST_TICKET_TABLE_HPP
#define MS_PLUGIN_HOST_TICKET_TABLE_HPP

#include "common.hpp"
#include <algorithm>
#include <vector>

namespace PluginHost
{
	class Held;

	/**
	 * The tickets that are outstanding at one plugin's place, in the worker's own memory: a verdict counts only if its ticket is in
	 * here. A ticket is `sequence << 16 | slot`: it grows with each packet, is found without a search, and is never used again.
	 */
	class TicketTable
	{
	public:
		static constexpr size_t Capacity{ 8192 };

	public:
		// 0: full. Outstanding once it is bound.
		uint64_t Claim()
		{
			if (this->freeSlots.empty() && !Grow())
			{
				return 0;
			}

			const auto slot = this->freeSlots.back();

			this->freeSlots.pop_back();

			const uint64_t ticket = (this->nextSequence++ << 16) | slot;

			this->slots[slot] = Slot{ .ticket = ticket };

			return ticket;
		}

		void Bind(uint64_t ticket, Held* held)
		{
			this->slots[ticket & 0xffff].held = held;
		}

		// nullptr: not outstanding.
		Held* Find(uint64_t ticket) const
		{
			const size_t slot = ticket & 0xffff;

			if (ticket == 0 || slot >= this->slots.size() || this->slots[slot].ticket != ticket)
			{
				return nullptr;
			}

			return this->slots[slot].held;
		}

		// Only for a ticket that was claimed and not released.
		void Release(uint64_t ticket)
		{
			const auto slot = static_cast<uint16_t>(ticket & 0xffff);

			this->slots[slot] = Slot{};
			this->freeSlots.push_back(slot);
		}

		size_t GetSize() const
		{
			return this->slots.size() - this->freeSlots.size();
		}

		// Lower than every ticket that is yet to come; the lowest of those that are outstanding if there are any.
		uint64_t GetOldestLive() const
		{
			uint64_t oldest{ this->nextSequence << 16 };

			for (const auto& slot : this->slots)
			{
				if (slot.held && slot.ticket < oldest)
				{
					oldest = slot.ticket;
				}
			}

			return oldest;
		}

		// In the order in which they were given out. For rare occasions.
		std::vector<uint64_t> GetOutstanding() const
		{
			std::vector<uint64_t> outstanding;

			for (const auto& slot : this->slots)
			{
				if (slot.held)
				{
					outstanding.push_back(slot.ticket);
				}
			}

			std::ranges::sort(outstanding);

			return outstanding;
		}

	private:
		struct Slot
		{
			uint64_t ticket{ 0 };
			Held* held{ nullptr };
		};

	private:
		// An idle router costs nothing; a busy one has what it needs after a moment.
		bool Grow()
		{
			const size_t before = this->slots.size();

			if (before == Capacity)
			{
				return false;
			}

			this->slots.resize(std::max(InitialCapacity, before * 2));

			for (size_t slot{ this->slots.size() }; slot > before; --slot)
			{
				this->freeSlots.push_back(static_cast<uint16_t>(slot - 1));
			}

			return true;
		}

	private:
		static constexpr size_t InitialCapacity{ 64 };

	private:
		uint64_t nextSequence{ 1 };
		std::vector<Slot> slots;
		std::vector<uint16_t> freeSlots;
	};
} // namespace PluginHost

#endif
