#define MS_CLASS "PluginHost::RouterTap"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/RouterTap.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/HostLink.hpp"
#include "PluginHost/Plugin.hpp"
#include "RTC/PipeTransport.hpp"

namespace PluginHost
{
	/* Static. */

	static constexpr uint32_t DefaultPacketRingSize{ 1024 * 1024 };
	static constexpr uint32_t DefaultVerdictRingSize{ 256 * 1024 };

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

		// Held packets are freed and every producer's story ends before the router's does.
		while (!this->producerTaps.empty())
		{
			OnProducerClosed(this->producerTaps.begin()->first);
		}

		for (auto& kv : this->places)
		{
			kv.second->OnRouterClosed();
		}

		// Detaches what is left, which takes the places with it.
		Control::GetRegistry().OnRouterClosed(this);
	}

	void RouterTap::OnNewProducer(RTC::Transport* transport, RTC::Producer* producer)
	{
		MS_TRACE();

		const bool pipe = dynamic_cast<RTC::PipeTransport*>(transport) != nullptr;
		auto& tap       = this->producerTaps[producer];

		tap = std::make_unique<ProducerTap>(this, producer, pipe);

		for (auto& kv : this->places)
		{
			auto* place = kv.second.get();

			for (auto* attachment : place->GetAttachments())
			{
				if (tap->IsMeantBy(*attachment))
				{
					place->OnProducer(tap->GetInfo());
					tap->AddStage(attachment);
				}
			}
		}
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

		this->producerTaps.erase(it);

		for (auto& kv : this->places)
		{
			kv.second->OnProducerClosed(info->number);
		}

		// Attachments that meant this producer alone end with it.
		Control::GetRegistry().OnProducerClosed(this, info->id);
	}

	void RouterTap::OnProducerPaused(RTC::Producer* producer, bool paused)
	{
		MS_TRACE();

		const auto it = this->producerTaps.find(producer);

		if (it == this->producerTaps.end())
		{
			return;
		}

		it->second->SetPaused(paused);

		for (auto& kv : this->places)
		{
			kv.second->OnProducerPaused(*it->second->GetInfo());
		}
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

	void RouterTap::Attach(Attachment* attachment)
	{
		MS_TRACE();

		// This may throw.
		auto* place = GetOrCreatePlace(attachment->plugin);

		place->OnAttachmentAdded(attachment);

		for (auto& kv : this->producerTaps)
		{
			auto& tap = kv.second;

			if (tap->IsMeantBy(*attachment))
			{
				place->OnProducer(tap->GetInfo());
				tap->AddStage(attachment);
			}
		}

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

		Chain::SettleAll(attachment, Chain::Cause::DETACHED);

		for (auto& kv : this->producerTaps)
		{
			auto& tap = kv.second;

			tap->RemoveStage(attachment);

			const bool isStillMeant = std::ranges::any_of(
			  place->GetAttachments(),
			  [&tap, attachment](const Attachment* other)
			  {
				  return other != attachment && tap->IsMeantBy(*other);
			  });

			if (!isStillMeant)
			{
				place->OnProducerClosed(tap->GetInfo()->number);
			}
		}

		place->OnAttachmentRemoved(attachment);

		if (place->GetAttachments().empty())
		{
			RemovePlace(attachment->plugin);
		}
	}

	void RouterTap::Route(RTC::Producer* producer, RTC::RTP::Packet* packet)
	{
		// The transport is not looked at there.
		this->router->OnTransportProducerRtpPacketReceived(nullptr, producer, packet);
	}

	void RouterTap::Drop(RTC::Producer* producer, const RTC::RTP::Packet* packet)
	{
		const auto it = this->router->mapProducerConsumers.find(producer);

		if (it == this->router->mapProducerConsumers.end())
		{
			return;
		}

#ifndef MPH_SABOTAGE_SKIP_DROP
		for (auto* consumer : it->second)
		{
			consumer->DropRtpPacket(packet);
		}
#endif
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
