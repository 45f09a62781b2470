#define MS_CLASS "PluginHost::Registry"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Registry.hpp"
#include "Logger.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/PluginPlace.hpp"
#include "PluginHost/RequestError.hpp"
#include "PluginHost/RouterTap.hpp"
#include "PluginHost/Settlement.hpp"
#include "PluginHost/VerdictPump.hpp"

namespace PluginHost
{
	/* Static. */

	namespace Fbs = Mph::Control;

	// A worker without descriptors cannot open sockets for calls: each pair of rings keeps one.
	static constexpr size_t MaxRings{ 4096 };
	static constexpr uint64_t MaxRingBytes{ 16ull * 1024 * 1024 * 1024 };
	static constexpr uint32_t MaxDeadlineUs{ 10 * 1000 * 1000 };
	static constexpr uint64_t NsPerUs{ 1000 };
	// RFC 6464: silence.
	static constexpr uint8_t MaxAudioLevel{ 127 };

	static std::string stringOf(const flatbuffers::String* value)
	{
		return value ? value->str() : std::string();
	}

	static std::string requiredString(const flatbuffers::String* value, const char* field)
	{
		if (!value || value->size() == 0)
		{
			throw RequestError(Fbs::ErrorCode::Malformed, std::string(field) + " is missing");
		}

		return value->str();
	}

	static void checkPolicy(Fbs::Policy policy, const char* field)
	{
		if (policy != Fbs::Policy::Accept && policy != Fbs::Policy::Drop)
		{
			throw RequestError(
			  Fbs::ErrorCode::Malformed,
			  std::string(field) + " is " + std::to_string(static_cast<int>(policy)) +
			    ", must be accept or drop");
		}
	}

	static void checkRingSize(uint32_t size, const char* field)
	{
		static constexpr auto Min = static_cast<uint32_t>(Mph::Layout::Limit::MinRingSize);
		static constexpr auto Max = static_cast<uint32_t>(Mph::Layout::Limit::MaxRingSize);

		if (size != 0 && (size < Min || size > Max || (size & (size - 1)) != 0))
		{
			throw RequestError(
			  Fbs::ErrorCode::Malformed,
			  std::string(field) + " is " + std::to_string(size) + ", must be a power of two from " +
			    std::to_string(Min) + " to " + std::to_string(Max));
		}
	}

	static std::vector<std::string> stringsOf(
	  const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* values)
	{
		std::vector<std::string> strings;

		if (values)
		{
			for (const auto* value : *values)
			{
				strings.push_back(value->str());
			}
		}

		return strings;
	}

	static void assertHasProducer(const RouterTap& routerTap, const std::string& producerId)
	{
		if (!routerTap.HasProducer(producerId))
		{
			throw RequestError(
			  Fbs::ErrorCode::NotFound,
			  "there is no producer " + producerId + " in router " + routerTap.GetRouterId());
		}
	}

	static void assertHasDataProducer(const RouterTap& routerTap, const std::string& dataProducerId)
	{
		if (!routerTap.HasDataProducer(dataProducerId))
		{
			throw RequestError(
			  Fbs::ErrorCode::NotFound,
			  "there is no data producer " + dataProducerId + " in router " + routerTap.GetRouterId());
		}
	}

	/**
	 * All of what it would send goes to one plugin: there is nothing to select or to hold.
	 */
	static void setTransport(Attachment& attachment, const Fbs::Attach* message)
	{
		const auto id = message->transportId()->str();

		if (
		  !attachment.targeted || !stringsOf(message->producerIds()).empty() ||
		  !stringsOf(message->dataProducerIds()).empty() || attachment.keepWithoutTargets ||
		  attachment.mode != Fbs::Mode::Divert || !attachment.selection.IsAll())
		{
			throw RequestError(
			  Fbs::ErrorCode::Malformed,
			  "an attachment to transport " + id +
			    " must be targeted, in mode divert, name no producers and select nothing");
		}

		attachment.transport = attachment.routerTap->FindDirectTransport(id);

		if (attachment.transport == 0)
		{
			throw RequestError(
			  Fbs::ErrorCode::NotFound,
			  "there is no DirectTransport " + id + " in router " + attachment.routerTap->GetRouterId());
		}
	}

	static void setTargets(Attachment& attachment, const Fbs::Attach* message)
	{
		attachment.targeted           = message->targeted();
		attachment.keepWithoutTargets = message->keepWithoutTargets();

		if (!stringOf(message->transportId()).empty())
		{
			setTransport(attachment, message);

			return;
		}

		if (!attachment.targeted)
		{
			return;
		}

		for (const auto& id : stringsOf(message->producerIds()))
		{
			assertHasProducer(*attachment.routerTap, id);
			attachment.producerIds.insert(id);
		}

		for (const auto& id : stringsOf(message->dataProducerIds()))
		{
			assertHasDataProducer(*attachment.routerTap, id);
			attachment.dataProducerIds.insert(id);
		}

		if (attachment.HasNoTarget() && !attachment.keepWithoutTargets)
		{
			throw RequestError(
			  Fbs::ErrorCode::Malformed, "a targeted attachment without targets ends at once");
		}
	}

	/* Instance methods. */

	void Registry::OnRouterCreated(RouterTap* routerTap)
	{
		MS_TRACE();

		this->routerTaps[routerTap->GetRouterId()] = routerTap;
	}

	void Registry::OnRouterClosed(RouterTap* routerTap)
	{
		MS_TRACE();

		this->routerTaps.erase(routerTap->GetRouterId());

		EndAttachments(
		  FindAttachments(
		    [routerTap](const Attachment& attachment)
		    {
			    return attachment.routerTap == routerTap;
		    }),
		  Fbs::AttachmentState::RouterClosed);
	}

	void Registry::OnProducerClosed(RouterTap* routerTap, const std::string& producerId)
	{
		MS_TRACE();

		OnTargetClosed(routerTap, &Attachment::producerIds, producerId);
	}

	void Registry::OnDataProducerClosed(RouterTap* routerTap, const std::string& dataProducerId)
	{
		MS_TRACE();

		OnTargetClosed(routerTap, &Attachment::dataProducerIds, dataProducerId);
	}

	void Registry::OnTransportClosed(RouterTap* routerTap, uint32_t transport)
	{
		MS_TRACE();

		EndAttachments(
		  FindAttachments(
		    [routerTap, transport](const Attachment& attachment)
		    {
			    return attachment.routerTap == routerTap && attachment.transport == transport;
		    }),
		  Fbs::AttachmentState::TransportClosed);
	}

	void Registry::CheckRingBudget(uint32_t packetRingSize, uint32_t verdictRingSize) const
	{
		MS_TRACE();

		size_t rings{ 1 };

		for (const auto& kv : this->plugins)
		{
			rings += kv.second->GetPlaces().size();
		}

		const uint64_t bytes = rings * (static_cast<uint64_t>(packetRingSize) + verdictRingSize);

		if (rings > MaxRings || bytes > MaxRingBytes)
		{
			throw RequestError(
			  Fbs::ErrorCode::Budget,
			  "this worker has " + std::to_string(rings - 1) + " pairs of rings; one more of " +
			    std::to_string(packetRingSize) + " and " + std::to_string(verdictRingSize) +
			    " bytes exceeds its budget of " + std::to_string(MaxRings) + " pairs and " +
			    std::to_string(MaxRingBytes) + " bytes");
		}
	}

	uint32_t Registry::GetNextObjectNumber()
	{
		MS_TRACE();

		return this->nextObjectNumber++;
	}

	uint32_t Registry::GetNextAttachmentNumber()
	{
		MS_TRACE();

		return this->nextAttachmentNumber++;
	}

	void Registry::IssueHostToken(const Fbs::IssueHostToken* message)
	{
		MS_TRACE();

		const auto pluginId = requiredString(message->pluginId(), "plugin_id");
		const auto token    = requiredString(message->token(), "token");
		auto& plugin        = this->plugins[pluginId];

		if (!plugin)
		{
			plugin = std::make_unique<Plugin>(pluginId);
		}

		if (message->hangMs() != 0)
		{
			plugin->SetHangMs(message->hangMs());
		}

		plugin->AddToken(token);
	}

	void Registry::RemovePlugin(const std::string& pluginId)
	{
		MS_TRACE();

		const auto it = this->plugins.find(pluginId);

		if (it == this->plugins.end())
		{
			throw RequestError(Fbs::ErrorCode::NotFound, "there is no plugin " + pluginId);
		}

		auto* plugin = it->second.get();

		for (auto* attachment : FindAttachments(
		       [plugin](const Attachment& candidate)
		       {
			       return candidate.plugin == plugin;
		       }))
		{
			RemoveAttachment(attachment);
		}

		while (!plugin->GetLinks().empty())
		{
			plugin->GetLinks().back()->GetConnection()->Close("its plugin was removed");
		}

		this->plugins.erase(pluginId);
	}

	void Registry::RemovePlugin(const Fbs::RemovePlugin* message)
	{
		MS_TRACE();

		RemovePlugin(requiredString(message->pluginId(), "plugin_id"));
	}

	void Registry::PromoteHost(const Fbs::PromoteHost* message, uint32_t requestId)
	{
		MS_TRACE();

		const auto pluginId = requiredString(message->pluginId(), "plugin_id");
		const auto it       = this->plugins.find(pluginId);

		if (it == this->plugins.end())
		{
			throw RequestError(Fbs::ErrorCode::NotFound, "there is no plugin " + pluginId);
		}

		it->second->Promote(message->hostPid(), requestId);
	}

	void Registry::ConfigureRouter(const Fbs::ConfigureRouter* message)
	{
		MS_TRACE();

		checkRingSize(message->packetRingSize(), "packet_ring_size");
		checkRingSize(message->verdictRingSize(), "verdict_ring_size");

		AssertAndGetRouterTap(requiredString(message->routerId(), "router_id"))
		  ->SetRingSizes(message->packetRingSize(), message->verdictRingSize());
	}

	const Attachment& Registry::Attach(const Fbs::Attach* message)
	{
		MS_TRACE();

		const auto id       = requiredString(message->attachmentId(), "attachment_id");
		const auto pluginId = requiredString(message->pluginId(), "plugin_id");
		const auto pluginIt = this->plugins.find(pluginId);

		if (this->attachments.contains(id))
		{
			throw RequestError(Fbs::ErrorCode::Exists, "there is an attachment " + id + " already");
		}

		if (pluginIt == this->plugins.end())
		{
			throw RequestError(Fbs::ErrorCode::NotFound, "there is no plugin " + pluginId);
		}

		auto* routerTap = AssertAndGetRouterTap(requiredString(message->routerId(), "router_id"));

		if (
		  message->mode() != Fbs::Mode::Observe && message->mode() != Fbs::Mode::Filter &&
		  message->mode() != Fbs::Mode::Divert)
		{
			throw RequestError(
			  Fbs::ErrorCode::Malformed,
			  "mode is " + std::to_string(static_cast<int>(message->mode())) +
			    ", must be observe, filter or divert");
		}

		if (message->copy() > Fbs::Copy::Meta || message->audioLevel() > MaxAudioLevel)
		{
			throw RequestError(
			  Fbs::ErrorCode::Malformed,
			  message->copy() > Fbs::Copy::Meta ? "copy must be full, headers or meta"
			                                   : "audio_level must be from 0 to 127");
		}

		if (
		  message->mode() == Fbs::Mode::Filter &&
		  (message->deadlineUs() == 0 || message->deadlineUs() > MaxDeadlineUs))
		{
			throw RequestError(
			  Fbs::ErrorCode::Malformed,
			  "deadline_us is " + std::to_string(message->deadlineUs()) + ", must be from 1 to " +
			    std::to_string(MaxDeadlineUs));
		}

		checkPolicy(message->onTimeout(), "on_timeout");
		checkPolicy(message->onAbsent(), "on_absent");
		checkPolicy(message->onOverflow(), "on_overflow");
		checkPolicy(message->onError(), "on_error");

		auto attachment = std::make_unique<Attachment>();

		attachment->id         = id;
		attachment->number     = GetNextAttachmentNumber();
		attachment->plugin     = pluginIt->second.get();
		attachment->routerTap  = routerTap;
		attachment->audio      = message->audio();
		attachment->video      = message->video();
		attachment->data       = message->data();
		attachment->pipe       = message->pipe();
		attachment->copy       = message->copy();
		attachment->mode       = message->mode();
		attachment->order      = message->order();
		attachment->deadlineNs = message->deadlineUs() * NsPerUs;
		attachment->onTimeout  = message->onTimeout();
		attachment->onAbsent   = message->onAbsent();
		attachment->onOverflow = message->onOverflow();
		attachment->onError    = message->onError();
		attachment->member     = stringOf(message->member());
		attachment->context    = stringOf(message->context());

		attachment->selection = Attachment::Selection{ .subscribe      = message->subscribe(),
			                                             .keyFramesOnly  = message->keyFramesOnly(),
			                                             .spatialLayers  = message->spatialLayers(),
			                                             .temporalLayers = message->temporalLayers(),
			                                             .audioLevel     = message->audioLevel(),
			                                             .everyNth       = message->everyNth() };
		attachment->wholeFrames =
		  message->wholeFrames() && message->mode() == Fbs::Mode::Filter;

		setTargets(*attachment, message);

		auto* attached = attachment.get();

		this->attachments[id] = std::move(attachment);

		try
		{
			routerTap->Attach(attached);
		}
		catch (const std::exception&)
		{
			this->attachments.erase(id);

			throw;
		}

		return *attached;
	}

	void Registry::Detach(const Fbs::Detach* message)
	{
		MS_TRACE();

		RemoveAttachment(
		  AssertAndGetAttachment(requiredString(message->attachmentId(), "attachment_id")));
	}

	void Registry::AddTarget(const Fbs::AddTarget* message)
	{
		MS_TRACE();

		auto* attachment          = AssertAndGetTargeted(message);
		const auto producerId     = stringOf(message->producerId());
		const auto dataProducerId = stringOf(message->dataProducerId());

		if (!producerId.empty())
		{
			assertHasProducer(*attachment->routerTap, producerId);
			attachment->producerIds.insert(producerId);
		}
		else
		{
			assertHasDataProducer(*attachment->routerTap, dataProducerId);
			attachment->dataProducerIds.insert(dataProducerId);
		}

		attachment->routerTap->OnTargetsChanged(attachment);
	}

	void Registry::RemoveTarget(const Fbs::RemoveTarget* message)
	{
		MS_TRACE();

		auto* attachment  = AssertAndGetTargeted(message);
		const auto erased = attachment->producerIds.erase(stringOf(message->producerId())) +
		                    attachment->dataProducerIds.erase(stringOf(message->dataProducerId()));

		if (erased == 0)
		{
			throw RequestError(
			  Fbs::ErrorCode::NotFound, "attachment " + attachment->id + " has no such target");
		}

		if (attachment->HasNoTarget() && !attachment->keepWithoutTargets)
		{
			EndAttachments({ attachment }, Fbs::AttachmentState::ProducerClosed);

			return;
		}

		attachment->routerTap->OnTargetsChanged(attachment);
	}

	void Registry::SetLimits(const Fbs::SetLimits* message)
	{
		MS_TRACE();

		const auto pluginId = requiredString(message->pluginId(), "plugin_id");
		const auto it       = this->plugins.find(pluginId);

		if (it == this->plugins.end())
		{
			throw RequestError(Fbs::ErrorCode::NotFound, "there is no plugin " + pluginId);
		}

		it->second->GetInjections().SetLimits(message->packetsPerSecond(), message->bytesPerSecond());
	}

	void Registry::PauseAttachment(const Fbs::PauseAttachment* message)
	{
		MS_TRACE();

		auto* attachment =
		  AssertAndGetAttachment(requiredString(message->attachmentId(), "attachment_id"));

		attachment->paused = message->paused();

		if (attachment->paused)
		{
			Settlement::Detach(attachment);
		}
	}

	void Registry::RemoveAttachment(Attachment* attachment)
	{
		MS_TRACE();

		const auto id = attachment->id;

		attachment->routerTap->Detach(attachment);

		this->attachments.erase(id);
	}

	void Registry::OnTargetClosed(
	  RouterTap* routerTap,
	  ankerl::unordered_dense::set<std::string> Attachment::* targets,
	  const std::string& id)
	{
		MS_TRACE();

		std::vector<Attachment*> ended;

		for (auto& kv : this->attachments)
		{
			auto* attachment = kv.second.get();

			if (
			  attachment->routerTap == routerTap && (attachment->*targets).erase(id) != 0 &&
			  attachment->HasNoTarget() && !attachment->keepWithoutTargets)
			{
				ended.push_back(attachment);
			}
		}

		EndAttachments(ended, Fbs::AttachmentState::ProducerClosed);
	}

	void Registry::RemoveAllPlugins()
	{
		MS_TRACE();

		while (!this->plugins.empty())
		{
			const auto id = this->plugins.begin()->first;

			RemovePlugin(id);
		}
	}

	void Registry::Expire(uint64_t nowNs)
	{
		MS_TRACE();

		uint64_t next{ UINT64_MAX };

		for (const auto& kv : this->plugins)
		{
			for (auto* place : kv.second->GetPlaces())
			{
				const auto deadline = Settlement::Expire(place, nowNs);

				if (deadline != 0)
				{
					next = std::min(next, deadline);
				}
			}
		}

		if (next != UINT64_MAX)
		{
			VerdictPump::ArmDeadline(next);
		}
	}

	uint64_t Registry::Watch(uint64_t nowNs, uint64_t elapsedNs)
	{
		MS_TRACE();

		// A hang is found within a quarter of what is allowed.
		static constexpr uint64_t LooksPerHang{ 4 };
		static constexpr uint64_t MinLookMs{ 25 };
		static constexpr uint64_t MaxLookMs{ 250 };

		uint64_t nextMs{ 0 };
		std::vector<Plugin*> watched;

		for (const auto& kv : this->plugins)
		{
			watched.push_back(kv.second.get());
		}

		for (auto* plugin : watched)
		{
			if (plugin->Watch(nowNs, elapsedNs))
			{
				const auto lookMs = std::clamp(plugin->GetHangMs() / LooksPerHang, MinLookMs, MaxLookMs);

				nextMs = nextMs == 0 ? lookMs : std::min(nextMs, lookMs);
			}
		}

		return nextMs;
	}

	std::vector<flatbuffers::Offset<Fbs::AttachmentStats>> Registry::FillBufferAttachmentStats(
	  flatbuffers::FlatBufferBuilder& builder) const
	{
		MS_TRACE();

		std::vector<flatbuffers::Offset<Fbs::AttachmentStats>> stats;

		for (const auto& kv : this->attachments)
		{
			stats.push_back(kv.second->FillBufferStats(builder));
		}

		return stats;
	}

	std::vector<flatbuffers::Offset<Fbs::RingStats>> Registry::FillBufferRingStats(
	  flatbuffers::FlatBufferBuilder& builder)
	{
		MS_TRACE();

		std::vector<flatbuffers::Offset<Fbs::RingStats>> stats;

		for (const auto& kv : this->plugins)
		{
			for (auto* place : kv.second->GetPlaces())
			{
				stats.push_back(place->FillBufferStats(builder));
			}
		}

		return stats;
	}

	std::vector<flatbuffers::Offset<Fbs::PluginStats>> Registry::FillBufferPluginStats(
	  flatbuffers::FlatBufferBuilder& builder) const
	{
		MS_TRACE();

		std::vector<flatbuffers::Offset<Fbs::PluginStats>> stats;

		for (const auto& kv : this->plugins)
		{
			stats.push_back(kv.second->FillBufferStats(builder));
		}

		return stats;
	}

	Plugin* Registry::TakeHostToken(const std::string& token)
	{
		MS_TRACE();

		for (auto& kv : this->plugins)
		{
			if (kv.second->TakeToken(token))
			{
				return kv.second.get();
			}
		}

		return nullptr;
	}

	uint32_t Registry::CountHeld(Plugin* plugin) const
	{
		MS_TRACE();

		uint32_t held{ 0 };

		for (auto* place : plugin->GetPlaces())
		{
			held += static_cast<uint32_t>(place->GetTickets().GetSize());
		}

		return held;
	}

	void Registry::EndAttachments(const std::vector<Attachment*>& ended, Fbs::AttachmentState reason)
	{
		MS_TRACE();

		for (auto* attachment : ended)
		{
			Control::NotifyAttachmentState(*attachment, reason);
			RemoveAttachment(attachment);
		}
	}

	template<typename Predicate>
	std::vector<Attachment*> Registry::FindAttachments(Predicate predicate) const
	{
		MS_TRACE();

		std::vector<Attachment*> found;

		for (const auto& kv : this->attachments)
		{
			if (predicate(*kv.second))
			{
				found.push_back(kv.second.get());
			}
		}

		return found;
	}

	RouterTap* Registry::AssertAndGetRouterTap(const std::string& routerId) const
	{
		MS_TRACE();

		const auto it = this->routerTaps.find(routerId);

		if (it == this->routerTaps.end())
		{
			throw RequestError(Fbs::ErrorCode::NotFound, "there is no router " + routerId);
		}

		return it->second;
	}

	template<typename Message>
	Attachment* Registry::AssertAndGetTargeted(const Message* message) const
	{
		MS_TRACE();

		auto* attachment =
		  AssertAndGetAttachment(requiredString(message->attachmentId(), "attachment_id"));

		if (stringOf(message->producerId()).empty() == stringOf(message->dataProducerId()).empty())
		{
			throw RequestError(
			  Fbs::ErrorCode::Malformed, "one of producer_id and data_producer_id must be there");
		}

		if (!attachment->targeted || attachment->transport != 0)
		{
			throw RequestError(
			  Fbs::ErrorCode::Malformed,
			  "attachment " + attachment->id + " means " +
			    (attachment->targeted ? "a transport" : "the router") + ", it has no targets");
		}

		return attachment;
	}

	Attachment* Registry::AssertAndGetAttachment(const std::string& attachmentId) const
	{
		MS_TRACE();

		const auto it = this->attachments.find(attachmentId);

		if (it == this->attachments.end())
		{
			throw RequestError(Fbs::ErrorCode::NotFound, "there is no attachment " + attachmentId);
		}

		return it->second.get();
	}
} // namespace PluginHost
