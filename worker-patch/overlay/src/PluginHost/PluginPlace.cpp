#define MS_CLASS "PluginHost::PluginPlace"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/PluginPlace.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/EventBuilder.hpp"
#include "PluginHost/HostLink.hpp"
#include "PluginHost/Plugin.hpp"
#include "PluginHost/RouterTap.hpp"
#include <uv.h>    // uv_hrtime()
#include <cstring> // std::memcpy()

namespace PluginHost
{
	/* Static. */

	namespace Layout = Mph::Layout;

	/* Instance methods. */

	PluginPlace::PluginPlace(
	  Plugin* plugin, RouterTap* routerTap, uint32_t packetRingSize, uint32_t verdictRingSize)
	  : plugin(plugin),
	    routerTap(routerTap),
	    verdictRingSize(verdictRingSize),
	    packets(packetRingSize),
	    deadlines(std::addressof(this->tickets)),
	    runs(this),
	    results(this),
	    injector(this, std::addressof(this->results)),
	    requests(this, std::addressof(this->results)),
	    verdictReader(
	      plugin,
	      std::addressof(this->tickets),
	      this->packets.GetVerdictCursor(),
	      std::addressof(this->injector),
	      std::addressof(this->requests)),
	    succession(this, verdictRingSize)
	{
		MS_TRACE();
	}

	PluginPlace::~PluginPlace()
	{
		MS_TRACE();
	}

	bool PluginPlace::HasTarget(uint32_t transport, const Attachment* except) const
	{
		return transport != 0 && std::ranges::any_of(
		                           this->attachments,
		                           [transport, except](const Attachment* attachment)
		                           {
			                           return attachment != except && attachment->transport == transport;
		                           });
	}

	flatbuffers::Offset<Mph::Control::RingStats> PluginPlace::FillBufferStats(
	  flatbuffers::FlatBufferBuilder& builder)
	{
		MS_TRACE();

		RefreshConsumed();

		return Mph::Control::CreateRingStatsDirect(
		  builder,
		  this->plugin->GetId().c_str(),
		  this->routerTap->GetRouterId().c_str(),
		  this->succession.GetEpochNumber(),
		  this->packets.GetSize(),
		  this->packets.GetUsed(),
		  this->verdictRingSize,
		  this->published,
		  static_cast<uint32_t>(this->tickets.GetSize()));
	}

	void PluginPlace::PublishEvent(
	  flatbuffers::FlatBufferBuilder& builder, PendingEvents::Change change, uint32_t objectNumber)
	{
		MS_TRACE();

		const auto* table = builder.GetBufferPointer();

		this->pendingEvents.Push(
		  change, objectNumber, std::vector<uint8_t>(table, table + builder.GetSize()));

		PublishPendingEvents();
	}

	void PluginPlace::OnObject(const std::shared_ptr<const ObjectInfo>& object)
	{
		MS_TRACE();

		if (!this->objects.Open(object))
		{
			return;
		}

		// A host that has not been started yet will find it in the state that it is started with.
		if (!this->succession.HasStarted())
		{
			return;
		}

		flatbuffers::FlatBufferBuilder builder;

		builder.Finish(EventBuilder::BuildCreated(builder, *object));
		PublishEvent(builder, PendingEvents::Change::CREATED, object->number);
	}

	void PluginPlace::OnObjectPausedOrResumed(const ObjectInfo& object)
	{
		MS_TRACE();

		if (!Knows(object.number) || !this->succession.HasStarted())
		{
			return;
		}

		flatbuffers::FlatBufferBuilder builder;

		builder.Finish(EventBuilder::BuildPausedOrResumed(builder, object));
		PublishEvent(builder, PendingEvents::Change::PAUSED_OR_RESUMED, object.number);
	}

	void PluginPlace::OnObjectClosed(const ObjectInfo& object)
	{
		MS_TRACE();

		if (!Knows(object.number))
		{
			return;
		}

		if (this->succession.HasStarted())
		{
			flatbuffers::FlatBufferBuilder builder;

			builder.Finish(EventBuilder::BuildClosed(builder, object));
			PublishEvent(builder, PendingEvents::Change::CLOSED, object.number);
		}

		for (auto* attachment : this->attachments)
		{
			attachment->subscribed.erase(object.number);
		}

		this->objects.Close(object.number, this->packets.GetPosition());
		this->objects.Forget(this->packets.GetConsumed());
	}

	void PluginPlace::OnAttachmentAdded(Attachment* attachment)
	{
		MS_TRACE();

		attachment->place = this;
		this->attachments.push_back(attachment);

		if (!this->succession.HasStarted())
		{
			return;
		}

		flatbuffers::FlatBufferBuilder builder;

		builder.Finish(
		  EventBuilder::BuildAttachment(builder, Mph::Control::EventType::AttachmentAdded, *attachment));
		PublishEvent(builder);

		if (IsServed())
		{
			attachment->active = true;
		}
	}

	void PluginPlace::OnAttachmentRemoved(Attachment* attachment)
	{
		MS_TRACE();

		std::erase(this->attachments, attachment);
		attachment->place  = nullptr;
		attachment->active = false;

		if (!this->succession.HasStarted())
		{
			return;
		}

		flatbuffers::FlatBufferBuilder builder;

		builder.Finish(
		  EventBuilder::BuildAttachment(builder, Mph::Control::EventType::AttachmentRemoved, *attachment));
		PublishEvent(builder);
	}

	void PluginPlace::OnRouterClosed()
	{
		MS_TRACE();

		if (!this->succession.HasStarted())
		{
			return;
		}

		flatbuffers::FlatBufferBuilder builder;

		builder.Finish(EventBuilder::BuildRouterClosed(builder));
		PublishEvent(builder);
	}

	std::vector<flatbuffers::Offset<Mph::Control::Event>> PluginPlace::FillBufferState(
	  flatbuffers::FlatBufferBuilder& builder, size_t maxParameters) const
	{
		MS_TRACE();

		std::vector<flatbuffers::Offset<Mph::Control::Event>> state;
		size_t bytes{ 0 };

		for (const auto* attachment : this->attachments)
		{
			state.push_back(
			  EventBuilder::BuildAttachment(
			    builder, Mph::Control::EventType::AttachmentAdded, *attachment));
		}

		this->objects.ForEach(
		  [&builder, &state, &bytes, maxParameters](const ObjectInfo& object)
		  {
			  bytes += object.parameters.size();

			  state.push_back(
			    EventBuilder::BuildCreated(
			      builder, object, /*withParameters*/ bytes <= maxParameters));
		  });

		this->runs.FillBufferState(builder, state);

		return state;
	}

	size_t PluginPlace::DrainVerdicts(const HostLink* link, size_t max)
	{
		MS_TRACE();

#ifdef MPH_SABOTAGE_IGNORE_EPOCH
		auto* epoch = this->succession.Find(link);
#else
		auto* epoch = this->succession.IsServedBy(link) ? this->succession.GetServing() : nullptr;
#endif

		if (!epoch)
		{
			return 0;
		}

		const auto count = this->verdictReader.Drain(*epoch, max);

		this->injector.ForgetCauses();
		this->results.Flush();

		return count;
	}

	void PluginPlace::PublishWaiting()
	{
		MS_TRACE();

		if (PublishPendingEvents())
		{
			this->results.Flush();
		}
	}

	void PluginPlace::OnNextHost(bool isAnother)
	{
		MS_TRACE();

		this->injector.OnNextHost();

		if (isAnother)
		{
			this->results.Clear();
			this->packets.SkipResults();
		}
	}

	void PluginPlace::RefreshConsumed()
	{
		const auto* epoch = this->succession.GetServing();

		if (!epoch)
		{
			return;
		}

		const auto cursor = epoch->ReadPacketCursor();

		// A host that has not moved yet.
		if (cursor == epoch->cursorAtStart)
		{
			return;
		}

		if (!this->packets.Accept(cursor))
		{
			this->plugin->AddStrike(PluginStrike::BAD_CURSOR, epoch->link);

			return;
		}

		this->objects.Forget(cursor);
		this->runs.Forget(cursor);
	}

	bool PluginPlace::PublishPendingEvents()
	{
		MS_TRACE();

		while (!this->pendingEvents.IsEmpty())
		{
			const auto& table = this->pendingEvents.GetFirst();
			const auto length = static_cast<uint32_t>(sizeof(Layout::EventRecord) + table.size());
			uint8_t* record{ nullptr };

			if (Claim(length, record) != PublishResult::OK)
			{
				return false;
			}

			const Layout::EventRecord header(
			  Layout::RecordHeader(
			    length, Layout::RecordType::Event, 0, static_cast<uint16_t>(sizeof(Layout::EventRecord))),
			  uv_hrtime());

			std::memcpy(record, std::addressof(header), sizeof(header));
			std::memcpy(record + sizeof(header), table.data(), table.size());

			Commit(/*awaitsVerdict*/ false);

			this->pendingEvents.PopFirst();
		}

		return true;
	}

	PluginPlace::PublishResult PluginPlace::Claim(uint32_t recordLength, uint8_t*& record)
	{
		using mph::shm::RingProducer;

		auto result = this->packets.TryClaim(recordLength, record);

		if (result == RingProducer::TryClaimResult::Full)
		{
			// Only now is the host's cursor looked at.
			RefreshConsumed();

			result = this->packets.TryClaim(recordLength, record);
		}

		switch (result)
		{
			case RingProducer::TryClaimResult::Ok:
			{
				return PublishResult::OK;
			}

			case RingProducer::TryClaimResult::Full:
			{
				return PublishResult::FULL;
			}

			case RingProducer::TryClaimResult::TooLarge:
			{
				return PublishResult::TOO_LARGE;
			}
		}

		return PublishResult::FULL;
	}

	void PluginPlace::Commit(bool awaitsVerdict)
	{
		this->packets.Publish();

		if (const auto* epoch = this->succession.GetServing())
		{
			epoch->link->NotePublished(epoch->ring, awaitsVerdict);
		}

		// The host is at work already.
		this->packets.NoteEnd();

		++this->published;
	}
} // namespace PluginHost
