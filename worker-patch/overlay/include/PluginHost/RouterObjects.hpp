#ifndef MS_PLUGIN_HOST_ROUTER_OBJECTS_HPP
#define MS_PLUGIN_HOST_ROUTER_OBJECTS_HPP

#include "common.hpp"
#include "PluginHost/ObjectInfo.hpp"
#include "RTC/Consumer.hpp"
#include "RTC/DataConsumer.hpp"
#include "RTC/Transport.hpp"
#include <ankerl/unordered_dense.h>
#include <memory>

namespace PluginHost
{
	/**
	 * What is told about the objects of one type in a router, while they live. [worker-loop]
	 */
	template<typename Object>
	class ObjectTable
	{
	public:
		void Add(Object* object, std::shared_ptr<ObjectInfo> info)
		{
			this->numbers[info->number] = object;
			this->infos[object]         = std::move(info);
		}
		/**
		 * nullptr if it is not there.
		 */
		std::shared_ptr<ObjectInfo> Find(Object* object) const
		{
			const auto it = this->infos.find(object);

			return it != this->infos.end() ? it->second : nullptr;
		}
		/**
		 * One without a number if it is not there.
		 */
		ObjectInfo FindOrNone(Object* object) const
		{
			const auto info = Find(object);

			return info ? *info : ObjectInfo();
		}
		/**
		 * As Find(), by its number.
		 */
		std::pair<Object*, const ObjectInfo*> FindByNumber(uint32_t number) const
		{
			const auto it = this->numbers.find(number);

			if (it == this->numbers.end())
			{
				return { nullptr, nullptr };
			}

			return { it->second, this->infos.find(it->second)->second.get() };
		}
		size_t GetSize() const
		{
			return this->infos.size();
		}
		/**
		 * As Find(), and it is not there any more.
		 */
		std::shared_ptr<ObjectInfo> Take(Object* object)
		{
			auto info = Find(object);

			if (info)
			{
				this->numbers.erase(info->number);
				this->infos.erase(object);
			}

			return info;
		}
		template<typename Visitor>
		void ForEach(Visitor visitor) const
		{
			for (const auto& kv : this->infos)
			{
				visitor(kv.second);
			}
		}

	private:
		ankerl::unordered_dense::map<Object*, std::shared_ptr<ObjectInfo>> infos;
		ankerl::unordered_dense::map<uint32_t, Object*> numbers;
	};

	/**
	 * What lives in a router besides producers and data producers, which have taps.
	 */
	struct RouterObjects
	{
		ObjectTable<RTC::Transport> transports;
		ObjectTable<RTC::Consumer> consumers;
		ObjectTable<RTC::DataConsumer> dataConsumers;
	};
} // namespace PluginHost

#endif
