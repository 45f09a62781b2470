#ifndef MS_PLUGIN_HOST_KNOWN_PRODUCERS_HPP
#define MS_PLUGIN_HOST_KNOWN_PRODUCERS_HPP

#include "common.hpp"
#include "PluginHost/ProducerInfo.hpp"
#include <memory>
#include <vector>

namespace PluginHost
{
	/**
	 * The producers that a host must know of to understand the records of a ring from its cursor on: those that are open, and those
	 * whose close is unread. Part of an offer's state. [worker-loop]
	 */
	class KnownProducers
	{
	public:
		/**
		 * @return False if it is open already.
		 */
		bool Open(const std::shared_ptr<const ProducerInfo>& info)
		{
			if (IsOpen(info->number))
			{
				return false;
			}

			this->entries.push_back(Entry{ .info = info });

			return true;
		}

		bool IsOpen(uint32_t number) const
		{
			return std::ranges::any_of(
			  this->entries,
			  [number](const Entry& entry)
			  {
				  return entry.info->number == number && entry.closedAt == Never;
			  });
		}

		/**
		 * @param closedAt - Where the record of its close ends.
		 */
		void Close(uint32_t number, uint64_t closedAt)
		{
			for (auto& entry : this->entries)
			{
				if (entry.info->number == number && entry.closedAt == Never)
				{
					entry.closedAt = closedAt;
				}
			}
		}

		/**
		 * The host has read up to here.
		 */
		void Forget(uint64_t consumed)
		{
			std::erase_if(
			  this->entries,
			  [consumed](const Entry& entry)
			  {
				  return entry.closedAt <= consumed;
			  });
		}

		template<typename Visitor>
		void ForEach(Visitor visitor) const
		{
			for (const auto& entry : this->entries)
			{
				visitor(*entry.info);
			}
		}

	private:
		static constexpr uint64_t Never{ UINT64_MAX };

		struct Entry
		{
			std::shared_ptr<const ProducerInfo> info;
			uint64_t closedAt{ Never };
		};

	private:
		std::vector<Entry> entries;
	};
} // namespace PluginHost

#endif
