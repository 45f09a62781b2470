#define MS_CLASS "PluginHost::RouterTap"
// #define MS_LOG_DEV_LEVEL 3

#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/RouterTap.hpp"
#include "RTC/PipeTransport.hpp"

// What comes, goes and pauses in a router, and which places hear of it. The rest of RouterTap is in RouterTap.cpp.
namespace PluginHost
{
	/* Static. */

	static bool isPipe(RTC::Transport* transport)
	{
		return dynamic_cast<RTC::PipeTransport*>(transport) != nullptr;
	}

	/**
	 * Hosts of a place hear of all transports if an attachment means the router.
	 */
	static bool hearsOfTransports(PluginPlace* place, const Attachment* except)
	{
		return std::ranges::any_of(
		  place->GetAttachments(),
		  [except](const Attachment* attachment)
		  {
			  return attachment != except && !attachment->targeted;
		  });
	}

	/* Class methods. */

	void RouterTap::OnConsumerPaused(RTC::Consumer* consumer, bool paused)
	{
		MS_TRACE();

		if (!Control::IsEnabled())
		{
			return;
		}

		Control::GetRegistry().ForEachRouterTap(
		  [consumer, paused](RouterTap* routerTap)
		  {
			  routerTap->AnnouncePaused(routerTap->objects.consumers.Find(consumer), paused);
		  });
	}

	void RouterTap::OnDataConsumerPaused(RTC::DataConsumer* dataConsumer, bool paused)
	{
		MS_TRACE();

		if (!Control::IsEnabled())
		{
			return;
		}

		Control::GetRegistry().ForEachRouterTap(
		  [dataConsumer, paused](RouterTap* routerTap)
		  {
			  routerTap->AnnouncePaused(routerTap->objects.dataConsumers.Find(dataConsumer), paused);
		  });
	}

	/* Instance methods. */

	void RouterTap::OnNewTransport(RTC::Transport* transport)
	{
		MS_TRACE();

		const auto info = ObjectInfos::MakeTransport(transport);

		this->objects.transports.Add(transport, info);
		AddDirectTap(transport, info);

		for (auto& kv : this->places)
		{
			if (hearsOfTransports(kv.second.get(), /*except*/ nullptr))
			{
				kv.second->OnObject(info);
			}
		}
	}

	void RouterTap::OnTransportClosed(RTC::Transport* transport)
	{
		MS_TRACE();

		const auto info = this->objects.transports.Take(transport);

		this->directTaps.erase(transport);
		AnnounceClosed(info);

		if (info)
		{
			Control::GetRegistry().OnTransportClosed(this, info->number);
		}
	}

	void RouterTap::OnNewProducer(RTC::Transport* transport, RTC::Producer* producer)
	{
		MS_TRACE();

		auto& tap = this->producerTaps[producer];

		tap = std::make_unique<ProducerTap>(
		  this, producer, this->objects.transports.FindOrNone(transport), isPipe(transport));
		this->numberedTaps[tap->GetInfo()->number] = tap.get();

		AddStages(*tap);
		AnnounceOnTransport(tap->GetInfo());
	}

	void RouterTap::OnProducerClosed(RTC::Producer* producer)
	{
		MS_TRACE();

		const auto it = this->producerTaps.find(producer);

		if (it == this->producerTaps.end())
		{
			return;
		}

		const auto info = it->second->GetInfo();

		this->numberedTaps.erase(info->number);
		this->producerTaps.erase(it);

		if (
		  const auto consumersIt = this->router->mapProducerConsumers.find(producer);
		  consumersIt != this->router->mapProducerConsumers.end())
		{
			for (auto* consumer : consumersIt->second)
			{
				OnConsumerClosed(consumer);
			}
		}

		AnnounceClosed(info);

		Control::GetRegistry().OnProducerClosed(this, info->id);
	}

	void RouterTap::OnProducerPaused(RTC::Producer* producer, bool paused)
	{
		MS_TRACE();

		const auto it = this->producerTaps.find(producer);

		if (it != this->producerTaps.end())
		{
			AnnouncePaused(it->second->GetInfo(), paused);
		}
	}

	void RouterTap::OnNewDataProducer(RTC::Transport* transport, RTC::DataProducer* dataProducer)
	{
		MS_TRACE();

		auto& tap = this->dataProducerTaps[dataProducer];

		tap = std::make_unique<DataProducerTap>(
		  this, dataProducer, this->objects.transports.FindOrNone(transport), isPipe(transport));
		this->numberedDataTaps[tap->GetInfo()->number] = tap.get();

		AddStages(*tap);
		AnnounceOnTransport(tap->GetInfo());
	}

	void RouterTap::OnDataProducerClosed(RTC::DataProducer* dataProducer)
	{
		MS_TRACE();

		const auto it = this->dataProducerTaps.find(dataProducer);

		if (it == this->dataProducerTaps.end())
		{
			return;
		}

		const auto info = it->second->GetInfo();

		this->numberedDataTaps.erase(info->number);
		this->dataProducerTaps.erase(it);

		if (
		  const auto consumersIt = this->router->mapDataProducerDataConsumers.find(dataProducer);
		  consumersIt != this->router->mapDataProducerDataConsumers.end())
		{
			for (auto* dataConsumer : consumersIt->second)
			{
				OnDataConsumerClosed(dataConsumer);
			}
		}

		AnnounceClosed(info);

		Control::GetRegistry().OnDataProducerClosed(this, info->id);
	}

	void RouterTap::OnDataProducerPaused(RTC::DataProducer* dataProducer, bool paused)
	{
		MS_TRACE();

		const auto it = this->dataProducerTaps.find(dataProducer);

		if (it != this->dataProducerTaps.end())
		{
			AnnouncePaused(it->second->GetInfo(), paused);
		}
	}

	void RouterTap::OnNewConsumer(RTC::Transport* transport, RTC::Consumer* consumer)
	{
		MS_TRACE();

		const auto producerIt = this->router->mapConsumerProducer.find(consumer);
		const auto tapIt      = producerIt != this->router->mapConsumerProducer.end()
		                          ? this->producerTaps.find(producerIt->second)
		                          : this->producerTaps.end();

		if (tapIt == this->producerTaps.end())
		{
			return;
		}

		const auto info = ObjectInfos::MakeConsumer(
		  consumer, this->objects.transports.FindOrNone(transport), *tapIt->second->GetInfo());

		this->objects.consumers.Add(consumer, info);

		if (auto* directTap = FindDirectTap(transport))
		{
			directTap->OnNewConsumer(consumer, *info);
		}

		AnnounceConsumer(info);
	}

	void RouterTap::OnConsumerClosed(RTC::Consumer* consumer)
	{
		MS_TRACE();

		const auto info = this->objects.consumers.Take(consumer);

		if (auto* directTap = info ? FindDirectTap(*info) : nullptr)
		{
			directTap->OnConsumerClosed(consumer);
		}

		AnnounceClosed(info);
	}

	void RouterTap::OnNewDataConsumer(RTC::Transport* transport, RTC::DataConsumer* dataConsumer)
	{
		MS_TRACE();

		const auto producerIt = this->router->mapDataConsumerDataProducer.find(dataConsumer);
		const auto tapIt      = producerIt != this->router->mapDataConsumerDataProducer.end()
		                          ? this->dataProducerTaps.find(producerIt->second)
		                          : this->dataProducerTaps.end();

		if (tapIt == this->dataProducerTaps.end())
		{
			return;
		}

		const auto info = ObjectInfos::MakeDataConsumer(
		  dataConsumer, this->objects.transports.FindOrNone(transport), *tapIt->second->GetInfo());

		this->objects.dataConsumers.Add(dataConsumer, info);

		if (auto* directTap = FindDirectTap(transport))
		{
			directTap->OnNewDataConsumer(dataConsumer, *info);
		}

		AnnounceConsumer(info);
	}

	void RouterTap::OnDataConsumerClosed(RTC::DataConsumer* dataConsumer)
	{
		MS_TRACE();

		const auto info = this->objects.dataConsumers.Take(dataConsumer);

		if (auto* directTap = info ? FindDirectTap(*info) : nullptr)
		{
			directTap->OnDataConsumerClosed(dataConsumer);
		}

		AnnounceClosed(info);
	}

	void RouterTap::AnnounceClosed(const std::shared_ptr<const ObjectInfo>& object)
	{
		MS_TRACE();

		if (!object)
		{
			return;
		}

		for (auto& kv : this->places)
		{
			kv.second->OnObjectClosed(*object);
		}
	}

	void RouterTap::AnnouncePaused(const std::shared_ptr<ObjectInfo>& object, bool paused)
	{
		MS_TRACE();

		if (!object)
		{
			return;
		}

		object->paused = paused;

		for (auto& kv : this->places)
		{
			kv.second->OnObjectPausedOrResumed(*object);
		}
	}

	void RouterTap::Announce(PluginPlace* place, const Attachment* except)
	{
		MS_TRACE();

		// By number: what one refers to comes before it.
		std::map<uint32_t, std::shared_ptr<const ObjectInfo>> meant;

		const auto add = [&meant](const auto& info)
		{
			meant[info->number] = info;
		};

		if (hearsOfTransports(place, except))
		{
			this->objects.transports.ForEach(add);
		}

		const auto addMeant = [place, except, &add](const auto& taps)
		{
			for (const auto& kv : taps)
			{
				const bool isMeant = std::ranges::any_of(
				  place->GetAttachments(),
				  [&kv, except](const Attachment* attachment)
				  {
					  return attachment != except && kv.second->IsMeantBy(*attachment);
				  });

				if (isMeant)
				{
					add(kv.second->GetInfo());
				}
			}
		};

		addMeant(this->producerTaps);
		addMeant(this->dataProducerTaps);

		const auto addConsumer = [&meant, &add](const auto& info)
		{
			if (meant.contains(info->producer))
			{
				add(info);
			}
		};

		this->objects.consumers.ForEach(addConsumer);
		this->objects.dataConsumers.ForEach(addConsumer);
		AddOfTargets(place, except, meant);

		for (const auto& known : place->GetObjects().GetOpenYoungestFirst())
		{
			if (!meant.contains(known->number))
			{
				place->OnObjectClosed(*known);
			}
		}

		for (const auto& kv : meant)
		{
			place->OnObject(kv.second);
		}
	}

	void RouterTap::CloseObjects()
	{
		MS_TRACE();

		while (!this->producerTaps.empty())
		{
			OnProducerClosed(this->producerTaps.begin()->first);
		}

		while (!this->dataProducerTaps.empty())
		{
			OnDataProducerClosed(this->dataProducerTaps.begin()->first);
		}

		for (auto& kv : this->places)
		{
			for (const auto& transport : kv.second->GetObjects().GetOpenYoungestFirst())
			{
				kv.second->OnObjectClosed(*transport);
			}
		}
	}

	template<typename Tap>
	void RouterTap::AddStages(Tap& tap)
	{
		MS_TRACE();

		for (auto& kv : this->places)
		{
			auto* place = kv.second.get();

			for (auto* attachment : place->GetAttachments())
			{
				if (tap.IsMeantBy(*attachment))
				{
					place->OnObject(tap.GetInfo());
					tap.AddStage(attachment);
				}
			}
		}
	}
} // namespace PluginHost
