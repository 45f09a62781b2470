#define MS_CLASS "PluginHost::RouterTap"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/RouterTap.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/HostLink.hpp"
#include "PluginHost/Plugin.hpp"
#include "PluginHost/Settlement.hpp"

namespace PluginHost
{
	/* Static. */

	static constexpr uint32_t DefaultPacketRingSize{ 1024 * 1024 };
	static constexpr uint32_t DefaultVerdictRingSize{ 1024 * 1024 };

	/* Class methods. */

	RouterTap* RouterTap::Create(RTC::Router* router)
	{
		MS_TRACE();

		return Control::IsEnabled() ? new RouterTap(router) : nullptr;
	}

	/* Instance methods. */

	RouterTap::RouterTap(RTC::Router* router)
	  : router(router), packetRingSize(DefaultPacketRingSize), verdictRingSize(DefaultVerdictRingSize)
	{
		MS_TRACE();

		Control::GetRegistry().OnRouterCreated(this);
	}

	RouterTap::~RouterTap()
	{
		MS_TRACE();

		CloseObjects();

		for (auto& kv : this->places)
		{
			kv.second->OnRouterClosed();
		}

		// Detaches what is left, which takes the places with it.
		Control::GetRegistry().OnRouterClosed(this);
	}

	void RouterTap::SetRingSizes(uint32_t packetRingSize, uint32_t verdictRingSize)
	{
		MS_TRACE();

		this->packetRingSize  = packetRingSize != 0 ? packetRingSize : DefaultPacketRingSize;
		this->verdictRingSize = verdictRingSize != 0 ? verdictRingSize : DefaultVerdictRingSize;
	}

	bool RouterTap::HasProducer(const std::string& producerId) const
	{
		MS_TRACE();

		return this->router->mapProducers.contains(producerId);
	}

	bool RouterTap::HasDataProducer(const std::string& dataProducerId) const
	{
		MS_TRACE();

		return this->router->mapDataProducers.contains(dataProducerId);
	}

	void RouterTap::Attach(Attachment* attachment)
	{
		MS_TRACE();

		// This may throw.
		auto* place = GetOrCreatePlace(attachment->plugin);

		place->OnAttachmentAdded(attachment);
		Announce(place, /*except*/ nullptr);

		ForEachTap(
		  [attachment](auto& tap)
		  {
			  if (tap.IsMeantBy(*attachment))
			  {
				  tap.AddStage(attachment);
			  }
		  });

		if (place->GetAttachments().size() == 1)
		{
			try
			{
				attachment->plugin->OnNewPlace(place);
			}
			catch (const std::exception&)
			{
				Detach(attachment);

				throw;
			}
		}
	}

	void RouterTap::Detach(Attachment* attachment)
	{
		MS_TRACE();

		auto* place = attachment->place;

		if (!place)
		{
			return;
		}

		Settlement::Detach(attachment);

		ForEachTap(
		  [attachment](auto& tap)
		  {
			  tap.RemoveStage(attachment);
		  });

		Announce(place, /*except*/ attachment);
		place->OnAttachmentRemoved(attachment);

		if (place->GetAttachments().empty())
		{
			RemovePlace(attachment->plugin);
		}
	}

	void RouterTap::OnTargetsChanged(Attachment* attachment)
	{
		MS_TRACE();

		ForEachTap(
		  [attachment](auto& tap)
		  {
			  if (!tap.IsMeantBy(*attachment))
			  {
				  tap.RemoveStage(attachment);
			  }
		  });

		Announce(attachment->place, /*except*/ nullptr);

		ForEachTap(
		  [attachment](auto& tap)
		  {
			  if (tap.IsMeantBy(*attachment) && !tap.HasStage(attachment))
			  {
				  tap.AddStage(attachment);
			  }
		  });
	}

	void RouterTap::Route(RTC::Producer* producer, RTC::RTP::Packet* packet)
	{
		// The transport is not looked at there.
		this->router->OnTransportProducerRtpPacketReceived(nullptr, producer, packet);
	}

	void RouterTap::Drop(RTC::Producer* producer, const RTC::RTP::Packet* packet, bool withPicture)
	{
		const auto it = this->router->mapProducerConsumers.find(producer);

		if (it == this->router->mapProducerConsumers.end())
		{
			return;
		}

#ifndef MPH_SABOTAGE_SKIP_DROP
		for (auto* consumer : it->second)
		{
			consumer->DropRtpPacket(packet, withPicture);
		}
#endif
	}

	void RouterTap::Route(RTC::DataProducer* dataProducer, const DataMessage& data)
	{
		// The transport is not looked at there.
		this->router->OnTransportDataProducerMessageReceived(
		  nullptr,
		  dataProducer,
		  std::move(data.message),
		  data.subchannels,
		  data.requiredSubchannel,
		  data.ignoredSubchannel);
	}

	template<typename Visitor>
	void RouterTap::ForEachTap(Visitor visitor)
	{
		for (auto& kv : this->producerTaps)
		{
			visitor(*kv.second);
		}

		for (auto& kv : this->dataProducerTaps)
		{
			visitor(*kv.second);
		}

		for (auto& kv : this->directTaps)
		{
			visitor(*kv.second);
		}
	}

	PluginPlace* RouterTap::GetOrCreatePlace(Plugin* plugin)
	{
		MS_TRACE();

		const auto it = this->places.find(plugin);

		if (it != this->places.end())
		{
			return it->second.get();
		}

		// This may throw.
		Control::GetRegistry().CheckRingBudget(this->packetRingSize, this->verdictRingSize);

		auto place =
		  std::make_unique<PluginPlace>(plugin, this, this->packetRingSize, this->verdictRingSize);
		auto* created = place.get();

		this->places[plugin] = std::move(place);
		plugin->GetPlaces().push_back(created);

		return created;
	}

	void RouterTap::RemovePlace(Plugin* plugin)
	{
		MS_TRACE();

		const auto it = this->places.find(plugin);

		if (it == this->places.end())
		{
			return;
		}

		it->second->GetSuccession().Withdraw();
		std::erase(plugin->GetPlaces(), it->second.get());
		this->places.erase(it);
	}
} // namespace PluginHost
