#define MS_CLASS "PluginHost::RouterTap"
// #define MS_LOG_DEV_LEVEL 3

#include "Logger.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/RouterTap.hpp"
#include "RTC/DirectTransport.hpp"

// DirectTransports that attachments have as their targets, and what their hosts hear of. The rest of RouterTap is in RouterTap.cpp.
namespace PluginHost
{
	/* Instance methods. */

	uint32_t RouterTap::FindDirectTransport(const std::string& transportId) const
	{
		MS_TRACE();

		for (const auto& kv : this->directTaps)
		{
			if (kv.second->GetInfo()->id == transportId)
			{
				return kv.second->GetInfo()->number;
			}
		}

		return 0;
	}

	bool RouterTap::IsMeantAt(PluginPlace* place, uint32_t producer) const
	{
		return std::ranges::any_of(
		  place->GetAttachments(),
		  [this, producer](const Attachment* attachment)
		  {
			  return IsMeant(producer, *attachment);
		  });
	}

	void RouterTap::AddDirectTap(
	  RTC::Transport* transport, const std::shared_ptr<const ObjectInfo>& info)
	{
		MS_TRACE();

		if (auto* direct = dynamic_cast<RTC::DirectTransport*>(transport))
		{
			this->directTaps[transport] = std::make_unique<DirectTap>(direct, info);
		}
	}

	DirectTap* RouterTap::FindDirectTap(RTC::Transport* transport) const
	{
		const auto it = this->directTaps.find(transport);

		return it != this->directTaps.end() ? it->second.get() : nullptr;
	}

	DirectTap* RouterTap::FindDirectTap(const ObjectInfo& consumer) const
	{
		return FindDirectTap(this->objects.transports.FindByNumber(consumer.transport).first);
	}

	void RouterTap::AnnounceOnTransport(const std::shared_ptr<const ObjectInfo>& producer)
	{
		MS_TRACE();

		for (auto& kv : this->places)
		{
			if (kv.second->HasTarget(producer->transport))
			{
				kv.second->OnObject(producer);
			}
		}
	}

	void RouterTap::AnnounceConsumer(const std::shared_ptr<const ObjectInfo>& consumer)
	{
		MS_TRACE();

		for (auto& kv : this->places)
		{
			auto* place = kv.second.get();

			if (place->HasTarget(consumer->transport))
			{
				// What one refers to comes before it.
				place->OnObject(FindProducerInfo(consumer->producer));
				place->OnObject(consumer);
			}
			else if (IsMeantAt(place, consumer->producer))
			{
				place->OnObject(consumer);
			}
		}
	}

	void RouterTap::AddOfTargets(
	  PluginPlace* place,
	  const Attachment* except,
	  std::map<uint32_t, std::shared_ptr<const ObjectInfo>>& meant) const
	{
		MS_TRACE();

		for (const auto& kv : this->directTaps)
		{
			const auto& transport = kv.second->GetInfo();

			if (!place->HasTarget(transport->number, except))
			{
				continue;
			}

			const auto addProducer = [&meant, &transport](const auto& taps)
			{
				for (const auto& tapKv : taps)
				{
					if (tapKv.second->GetInfo()->transport == transport->number)
					{
						meant[tapKv.second->GetInfo()->number] = tapKv.second->GetInfo();
					}
				}
			};

			const auto addConsumer = [this, &meant, &transport](const auto& info)
			{
				if (info->transport == transport->number)
				{
					meant[info->producer] = FindProducerInfo(info->producer);
					meant[info->number]   = info;
				}
			};

			meant[transport->number] = transport;
			addProducer(this->producerTaps);
			addProducer(this->dataProducerTaps);
			this->objects.consumers.ForEach(addConsumer);
			this->objects.dataConsumers.ForEach(addConsumer);
		}
	}

	std::shared_ptr<const ObjectInfo> RouterTap::FindProducerInfo(uint32_t number) const
	{
		if (const auto* tap = FindProducerTap(number))
		{
			return tap->GetInfo();
		}

		return FindDataProducerTap(number)->GetInfo();
	}
} // namespace PluginHost
