#define MS_CLASS "PluginHost::PluginPlace"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/PluginPlace.hpp"
#include "DepLibUV.hpp"
#include "Logger.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/EventBuilder.hpp"
#include "PluginHost/HostLink.hpp"
#include "PluginHost/PacketRecord.hpp"
#include "PluginHost/Plugin.hpp"
#include "PluginHost/ProducerTap.hpp"
#include "PluginHost/RouterTap.hpp"
#include <mph/shm/AtomicAt.hpp>
#include <mph/shm/Pause.hpp>
#include <cstring> // std::memcpy()

namespace PluginHost
{
	/* Static. */

	namespace Layout = Mph::Layout;

	static std::atomic<uint64_t>* CursorAt(const mph::shm::Segment& segment, Layout::PacketSegmentOffset offset)
	{
		return mph::shm::AtomicAt<uint64_t>(segment.Data(), offset);
	}

	// Mapped read-only here.
	static const std::atomic<uint64_t>* CursorAt(
	  const mph::shm::Segment& segment, Layout::VerdictSegmentOffset offset)
	{
		return mph::shm::AtomicAt<uint64_t>(segment.Data(), offset);
	}

	/* Instance methods. */

	PluginPlace::Epoch::Epoch(mph::shm::Segment segment, uint32_t ringSize)
	  : segment(std::move(segment)),
	    verdicts(
	      this->segment.Data() + static_cast<size_t>(Layout::VerdictSegmentOffset::Ring),
	      ringSize,
	      CursorAt(this->segment, Layout::VerdictSegmentOffset::ProducerCursor))
	{
	}

	PluginPlace::PluginPlace(
	  Plugin* plugin, RouterTap* routerTap, uint32_t packetRingSize, uint32_t verdictRingSize)
	  : plugin(plugin),
	    routerTap(routerTap),
	    packetRingSize(packetRingSize),
	    verdictRingSize(verdictRingSize),
	    packetSegment(
	      mph::shm::Segment::CreateOwned(Layout::SegmentKind::Packet, packetRingSize, Logger::Pid)),
	    packets(
	      this->packetSegment.Data() + static_cast<size_t>(Layout::PacketSegmentOffset::Ring),
	      packetRingSize,
	      CursorAt(this->packetSegment, Layout::PacketSegmentOffset::ProducerCursor)),
	    walk(packetRingSize)
	{
		MS_TRACE();
	}

	PluginPlace::~PluginPlace()
	{
		MS_TRACE();
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
		  this->epochNumber,
		  this->packetRingSize,
		  static_cast<uint32_t>(this->packets.Used()),
		  this->verdictRingSize,
		  this->published,
		  static_cast<uint32_t>(this->tickets.GetSize()));
	}

	PluginPlace::PublishResult PluginPlace::PublishPacket(
	  const RTC::RTP::Packet* packet,
	  const ProducerInfo& producer,
	  const Attachment& attachment,
	  uint64_t ticket,
	  uint64_t nowNs,
	  uint64_t deadlineNs)
	{
		MS_TRACE();

		if (!PublishPendingEvents())
		{
			return PublishResult::FULL;
		}

		uint8_t* record{ nullptr };

		if (const auto result = Claim(PacketRecord::GetLength(packet), record); result != PublishResult::OK)
		{
			return result;
		}

		PacketRecord::Write(record, packet, producer, attachment.number, ticket, nowNs, deadlineNs);

		Publish(/*awaitsVerdict*/ ticket != 0);

		return PublishResult::OK;
	}

	void PluginPlace::PublishEvent(flatbuffers::FlatBufferBuilder& builder)
	{
		MS_TRACE();

		const auto* table = builder.GetBufferPointer();

		this->pendingEvents.emplace_back(table, table + builder.GetSize());

		PublishPendingEvents();
	}

	void PluginPlace::OnProducer(const std::shared_ptr<const ProducerInfo>& producer)
	{
		MS_TRACE();

		if (!this->producers.Open(producer))
		{
			return;
		}

		// A host that has been offered nothing yet will find it in the offer's state.
		if (!this->offeredOnce)
		{
			return;
		}

		flatbuffers::FlatBufferBuilder builder;

		builder.Finish(
		  EventBuilder::BuildProducer(builder, Mph::Control::EventType::ProducerCreated, *producer));
		PublishEvent(builder);
	}

	void PluginPlace::OnProducerPaused(const ProducerInfo& producer)
	{
		MS_TRACE();

		if (!this->producers.IsOpen(producer.number) || !this->offeredOnce)
		{
			return;
		}

		flatbuffers::FlatBufferBuilder builder;

		builder.Finish(
		  EventBuilder::BuildProducer(
		    builder,
		    producer.paused ? Mph::Control::EventType::ProducerPaused
		                    : Mph::Control::EventType::ProducerResumed,
		    producer));
		PublishEvent(builder);
	}

	void PluginPlace::OnProducerClosed(uint32_t producerNumber)
	{
		MS_TRACE();

		if (!this->producers.IsOpen(producerNumber))
		{
			return;
		}

		if (this->offeredOnce)
		{
			flatbuffers::FlatBufferBuilder builder;

			builder.Finish(EventBuilder::BuildProducerClosed(builder, producerNumber));
			PublishEvent(builder);
		}

		this->producers.Close(producerNumber, this->packets.Position());
		this->producers.Forget(this->walk.Position());
	}

	void PluginPlace::OnAttachmentAdded(Attachment* attachment)
	{
		MS_TRACE();

		attachment->place = this;
		this->attachments.push_back(attachment);

		if (!this->offeredOnce)
		{
			return;
		}

		flatbuffers::FlatBufferBuilder builder;

		builder.Finish(
		  EventBuilder::BuildAttachment(builder, Mph::Control::EventType::AttachmentAdded, *attachment));
		PublishEvent(builder);

		if (this->state == State::SERVED)
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

		if (!this->offeredOnce)
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

		if (!this->offeredOnce)
		{
			return;
		}

		flatbuffers::FlatBufferBuilder builder;

		builder.Finish(EventBuilder::BuildRouterClosed(builder));
		PublishEvent(builder);
	}

	void PluginPlace::Offer(HostLink* link, uint32_t ring)
	{
		MS_TRACE();

		auto segment = mph::shm::Segment::CreateForPeer(
		  Layout::SegmentKind::Verdict, this->verdictRingSize, Logger::Pid);
		const int verdictFd = segment.Fd();

		this->epoch = std::make_unique<Epoch>(std::move(segment), this->verdictRingSize);
		this->link  = link;
		this->ring  = ring;
		this->state = State::OFFERED;
		// What happens from here on is not in the offer's state.
		this->offeredOnce = true;
		++this->epochNumber;

		// The new epoch reads its verdict ring from the beginning.
		CursorAt(this->packetSegment, Layout::PacketSegmentOffset::VerdictConsumerCursor)
		  ->store(0, std::memory_order_relaxed);

		flatbuffers::FlatBufferBuilder builder;

		const auto states = FillBufferState(builder);
		const auto offer  = Mph::Control::CreateRingOfferDirect(
      builder,
      ring,
      this->plugin->GetId().c_str(),
      this->routerTap->GetRouterId().c_str(),
      this->epochNumber,
      this->packetRingSize,
      this->verdictRingSize,
      this->walk.Position(),
      this->tickets.GetNext(),
      std::addressof(states));

		link->Send(
		  builder, Mph::Control::Body::RingOffer, offer.Union(), { this->packetSegment.Fd(), verdictFd });

		// The mapping stays. The packet segment's descriptor is kept for later epochs.
		this->epoch->segment.CloseFd();
	}

	void PluginPlace::OnReady()
	{
		MS_TRACE();

		if (this->state != State::OFFERED)
		{
			return;
		}

		this->state      = State::SERVED;
		this->servedOnce = true;

		for (auto* attachment : this->attachments)
		{
			attachment->active = true;

			Control::NotifyAttachmentState(*attachment, Mph::Control::AttachmentState::Active);
		}
	}

	void PluginPlace::OnHostGone()
	{
		MS_TRACE();

		if (this->state != State::OFFERED && this->state != State::SERVED)
		{
			return;
		}

		// What it had published counts: verdicts first, since the cursor that it published after them says that it answered.
		// Bounded by what a ring can hold, for a host that hung up may still be writing.
		DrainVerdicts(this->verdictRingSize / sizeof(Layout::VerdictRecord));
		RefreshConsumed();
		MarkRedelivered();

		this->state = this->servedOnce ? State::ABSENT : State::EMPTY;
		this->epoch.reset();
		this->link = nullptr;

		for (auto* attachment : this->attachments)
		{
			if (attachment->active)
			{
				Control::NotifyAttachmentState(*attachment, Mph::Control::AttachmentState::Absent);
			}

			ProducerTap::SettleAll(attachment, ProducerTap::Cause::ABSENT);
		}
	}

	void PluginPlace::Withdraw()
	{
		MS_TRACE();

		if (this->link)
		{
			this->link->WithdrawRing(this);
			this->link = nullptr;
		}

		this->state = State::EMPTY;
		this->epoch.reset();
	}

	std::optional<bool> PluginPlace::AwaitVerdict(uint64_t ticket)
	{
		// About what it costs to hold a packet and to release it later.
		static constexpr uint64_t MaxWaitNs{ 2000 };
		static constexpr size_t LooksPerClock{ 8 };

		// With others outstanding the next verdict may be one of theirs.
		if (!this->epoch || !this->link || this->tickets.GetSize() != 1 || !this->link->IsPrompt())
		{
			return std::nullopt;
		}

		auto& verdicts     = this->epoch->verdicts;
		const auto untilNs = uv_hrtime() + MaxWaitNs;
		mph::shm::RingConsumer::RecordView view{};
		std::optional<bool> accept;

		do
		{
			auto result = verdicts.Peek(view);

			for (size_t look{ 1 }; result == mph::shm::RingConsumer::PeekResult::Empty && look < LooksPerClock;
			     ++look)
			{
				mph::shm::Pause();
				result = verdicts.Peek(view);
			}

			if (result == mph::shm::RingConsumer::PeekResult::Empty)
			{
				continue;
			}

			// Whatever is not the verdict waits for DrainVerdicts(), which knows what to make of it.
			Layout::VerdictRecord record;

			if (
			  result == mph::shm::RingConsumer::PeekResult::Ok &&
			  view.header.type() == Layout::RecordType::Verdict && view.header.length() == sizeof(record) &&
			  mph::shm::CopyRecord(view, record) && record.ticket() == ticket &&
			  (record.verdict() == Layout::Verdict::Accept || record.verdict() == Layout::Verdict::Drop))
			{
				accept = record.verdict() == Layout::Verdict::Accept;

				verdicts.Consume(view);
				verdicts.Release(
				  CursorAt(this->packetSegment, Layout::PacketSegmentOffset::VerdictConsumerCursor));
				this->plugin->CountPromptVerdict();
			}

			break;
		} while (uv_hrtime() < untilNs);

		this->link->OnPromptWait(accept.has_value());

		return accept;
	}

	size_t PluginPlace::DrainVerdicts(size_t max)
	{
		MS_TRACE();

		if (!this->epoch)
		{
			return 0;
		}

		auto& verdicts = this->epoch->verdicts;
		size_t count{ 0 };
		mph::shm::RingConsumer::RecordView view{};

		while (count < max)
		{
			const auto result = verdicts.Peek(view);

			if (result == mph::shm::RingConsumer::PeekResult::Empty)
			{
				break;
			}

			if (result == mph::shm::RingConsumer::PeekResult::Corrupt)
			{
				// Sticky: nothing in this ring can be believed any more.
				this->plugin->AddStrike(PluginStrike::CORRUPT_RING);

				break;
			}

			++count;

			// The peer may change the bytes while they are looked at: one copy, then only the copy.
			Layout::VerdictRecord record;
			const bool isVerdict = view.header.type() == Layout::RecordType::Verdict &&
			                       view.header.length() == sizeof(record) &&
			                       mph::shm::CopyRecord(view, record);

			verdicts.Consume(view);

			if (!isVerdict)
			{
				this->plugin->AddStrike(PluginStrike::BAD_RECORD);

				continue;
			}

			auto* held = this->tickets.Find(record.ticket());

			if (!held)
			{
				this->plugin->CountSpuriousVerdict();

				continue;
			}

			switch (record.verdict())
			{
				case Layout::Verdict::Accept:
				{
					this->plugin->CountVerdict();
					held->producerTap->Settle(held, ProducerTap::Cause::VERDICT, true);

					break;
				}

				case Layout::Verdict::Drop:
				{
					this->plugin->CountVerdict();
					held->producerTap->Settle(held, ProducerTap::Cause::VERDICT, false);

					break;
				}

				default:
				{
					this->plugin->AddStrike(PluginStrike::BAD_RECORD);
				}
			}
		}

		if (count > 0)
		{
			// No bell for the room that this makes: a host whose verdict ring was full looks by itself.
			verdicts.Release(
			  CursorAt(this->packetSegment, Layout::PacketSegmentOffset::VerdictConsumerCursor));
		}

		return count;
	}

	bool PluginPlace::PublishPendingEvents()
	{
		MS_TRACE();

		while (!this->pendingEvents.empty())
		{
			const auto& table = this->pendingEvents.front();
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

			Publish(/*awaitsVerdict*/ false);

			this->pendingEvents.pop_front();
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

	void PluginPlace::Publish(bool awaitsVerdict)
	{
		this->packets.Commit();
		this->packets.Publish();

		if (this->link)
		{
			this->link->NotePublished(this->ring, awaitsVerdict);
		}

		// The host is at work already.
		this->walk.Push(this->packets.Position());

		++this->published;
	}

	/**
	 * Takes over the host's cursor if it lies on a boundary of a record that the worker published.
	 */
	void PluginPlace::RefreshConsumed()
	{
		if (!this->epoch)
		{
			return;
		}

		const auto cursor =
		  CursorAt(this->epoch->segment, Layout::VerdictSegmentOffset::PacketConsumerCursor)
		    ->load(std::memory_order_acquire);

		// A host that has not moved yet.
		if (cursor == 0)
		{
			return;
		}

		if (!this->walk.Accept(cursor))
		{
			this->plugin->AddStrike(PluginStrike::BAD_CURSOR);

			return;
		}

		this->packets.SetConsumed(cursor);

		this->producers.Forget(cursor);
	}

	/**
	 * What lies between the cursor of the host that went and the end may have been seen by it.
	 */
	void PluginPlace::MarkRedelivered()
	{
		MS_TRACE();

		auto* ring = this->packetSegment.Data() + static_cast<size_t>(Layout::PacketSegmentOffset::Ring);
		const auto end = this->packets.Position();

		// The worker reads here what it alone can write.
		for (auto position = this->walk.Position(); position < end;)
		{
			auto* header = reinterpret_cast<Layout::RecordHeader*>(
			  ring + (position & (static_cast<uint64_t>(this->packetRingSize) - 1)));
			static constexpr uint64_t Alignment{ static_cast<uint64_t>(Layout::Limit::RecordAlignment) };

			if (header->type() != Layout::RecordType::Padding)
			{
				*header = Layout::RecordHeader(
				  header->length(),
				  header->type(),
				  header->flags() | static_cast<uint8_t>(Layout::RecordFlag::Redelivered),
				  header->payloadOffset());
			}

			position += (header->length() + Alignment - 1) & ~(Alignment - 1);
		}
	}

	std::vector<flatbuffers::Offset<Mph::Control::Event>> PluginPlace::FillBufferState(
	  flatbuffers::FlatBufferBuilder& builder) const
	{
		MS_TRACE();

		std::vector<flatbuffers::Offset<Mph::Control::Event>> state;

		for (const auto* attachment : this->attachments)
		{
			state.push_back(
			  EventBuilder::BuildAttachment(
			    builder, Mph::Control::EventType::AttachmentAdded, *attachment));
		}

		this->producers.ForEach(
		  [&builder, &state](const ProducerInfo& producer)
		  {
			  state.push_back(
			    EventBuilder::BuildProducer(
			      builder, Mph::Control::EventType::ProducerCreated, producer));
		  });

		return state;
	}
} // namespace PluginHost
