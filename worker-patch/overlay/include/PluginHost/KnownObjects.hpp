#ifndef MS_PLUGIN_HOST_KNOWN_OBJECTS_HPP
#define MS_PLUGIN_HOST_KNOWN_OBJECTS_HPP

#include "common.hpp"
#include "PluginHost/ObjectInfo.hpp"
#include <deque>
#include <map>
#include <memory>
#include <vector>

namespace PluginHost
{
	/**
	 * What a host must know of to understand the records of a ring from its cursor on: what is open, and what closed while the record of
	 * that is unread. Part of the state that a host starts with. [worker-loop]
	 */
	class KnownObjects
	{
	public:
		/**
		 * @return False if it is open already.
		 */
		bool Open(const std::shared_ptr<const ObjectInfo>& info)
		{
			auto& entry = this->entries[info->number];

			if (entry.isOpen)
			{
				return false;
			}

			entry.info   = info;
			entry.isOpen = true;

			return true;
		}

		bool IsOpen(uint32_t number) const
		{
			const auto it = this->entries.find(number);

			return it != this->entries.end() && it->second.isOpen;
		}

		/**
		 * @param closedAt - Where the record of its close ends.
		 */
		void Close(uint32_t number, uint64_t closedAt)
		{
			const auto it = this->entries.find(number);

			if (it == this->entries.end() || !it->second.isOpen)
			{
				return;
			}

			it->second.isOpen   = false;
			it->second.closedAt = closedAt;
			this->closed.push_back(Closed{ .number = number, .closedAt = closedAt });
		}

		/**
		 * The host has read up to here.
		 */
		void Forget(uint64_t consumed)
		{
			while (!this->closed.empty() && this->closed.front().closedAt <= consumed)
			{
				const auto it = this->entries.find(this->closed.front().number);

				// It may have been opened again, and closed again, since.
				if (
				  it != this->entries.end() && !it->second.isOpen &&
				  it->second.closedAt == this->closed.front().closedAt)
				{
					this->entries.erase(it);
				}

				this->closed.pop_front();
			}
		}

		/**
		 * The open ones, the youngest first: nothing comes after what it refers to.
		 */
		std::vector<std::shared_ptr<const ObjectInfo>> GetOpenYoungestFirst() const
		{
			std::vector<std::shared_ptr<const ObjectInfo>> open;

			for (auto it = this->entries.rbegin(); it != this->entries.rend(); ++it)
			{
				if (it->second.isOpen)
				{
					open.push_back(it->second.info);
				}
			}

			return open;
		}

		/**
		 * In the order of their numbers: what one refers to comes before it.
		 */
		template<typename Visitor>
		void ForEach(Visitor visitor) const
		{
			for (const auto& kv : this->entries)
			{
				visitor(*kv.second.info);
			}
		}

	private:
		struct Entry
		{
			std::shared_ptr<const ObjectInfo> info;
			bool isOpen{ false };
			uint64_t closedAt{ 0 };
		};

		struct Closed
		{
			uint32_t number{ 0 };
			uint64_t closedAt{ 0 };
		};

	private:
		std::map<uint32_t, Entry> entries;
		// In the order of the ring.
		std::deque<Closed> closed;
	};
} // namespace PluginHost

#endif
