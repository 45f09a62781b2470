#define MS_CLASS "PluginHost::PluginPlace"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/PluginPlace.hpp"
#include "DepLibUV.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Chain.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/EventBuilder.hpp"
#include "PluginHost/HostLink.hpp"
#include "PluginHost/Plugin.hpp"
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

	static constexpr uint64_t Alignment{ static_cast<uint64_t>(Layout::Limit::RecordAlignment) };
	// Of those before a poisoned record, for whoever wants to know why.
	static constexpr size_t ContextRecords{ 64 };
	static constexpr size_t MaxContextBytes{ 512 * 1024 };

	static uint64_t alignedLength(const Layout::RecordHeader& header)
	{
		return (header.length() + Alignment - 1) & ~(Alignment - 1);
	}

	/* Instance methods. */

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

		// A host that has not been started yet will find it in the state that it is started with.
		if (!this->startedOnce)
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

		if (!this->producers.IsOpen(producer.number) || !this->startedOnce)
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

		if (this->startedOnce)
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

		if (!this->startedOnce)
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

		if (!this->startedOnce)
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

		if (!this->startedOnce)
		{
			return;
		}

		flatbuffers::FlatBufferBuilder builder;

		builder.Finish(EventBuilder::BuildRouterClosed(builder));
		PublishEvent(builder);
	}

	bool PluginPlace::IsWarm(const HostLink* link) const
	{
		MS_TRACE();

		const auto* epoch = FindEpoch(link);

		return epoch && epoch->phase != Epoch::Phase::OFFERED;
	}

	void PluginPlace::Offer(HostLink* link, uint32_t ring)
	{
		MS_TRACE();

		auto segment = mph::shm::Segment::CreateForPeer(
		  Layout::SegmentKind::Verdict, this->verdictRingSize, Logger::Pid);
		const int verdictFd = segment.Fd();

		flatbuffers::FlatBufferBuilder builder;

		const auto offer = Mph::Control::CreateRingOfferDirect(
		  builder,
		  ring,
		  this->plugin->GetId().c_str(),
		  this->routerTap->GetRouterId().c_str(),
		  this->epochNumber,
		  this->packetRingSize,
		  this->verdictRingSize);

		link->Send(
		  builder, Mph::Control::Body::RingOffer, offer.Union(), { this->packetSegment.Fd(), verdictFd });

		// The mapping stays. The packet segment's descriptor is kept for later hosts.
		segment.CloseFd();

		this->epochs.push_back(
		  std::make_unique<Epoch>(link, ring, std::move(segment), this->verdictRingSize));
	}

	void PluginPlace::OnReady(HostLink* link)
	{
		MS_TRACE();

		auto* epoch = FindEpoch(link);

		if (epoch && epoch->phase == Epoch::Phase::OFFERED)
		{
			epoch->phase = Epoch::Phase::WARM;
		}
	}

	void PluginPlace::Start(HostLink* link)
	{
		MS_TRACE();

		auto* epoch = FindEpoch(link);

		if (!epoch || epoch->phase != Epoch::Phase::WARM || this->serving)
		{
			return;
		}

		const bool wasServed = this->state == State::SERVED;

		epoch->phase         = Epoch::Phase::SERVING;
		epoch->lastProgress  = epoch->ReadProgress();
		epoch->cursorAtStart = epoch->lastProgress.packetCursor;
		this->serving        = epoch;
		this->state          = State::SERVED;
		this->startedOnce    = true;
		++this->epochNumber;

		// Of a host that serves again its verdict ring goes on.
		CursorAt(this->packetSegment, Layout::PacketSegmentOffset::VerdictConsumerCursor)
		  ->store(epoch->verdicts.Position(), std::memory_order_release);

		RepublishPending();

		flatbuffers::FlatBufferBuilder builder;

		const auto states = FillBufferState(builder);
		const auto start  = Mph::Control::CreateRingStartDirect(
      builder,
      epoch->ring,
      this->walk.Position(),
      this->tickets.GetOldestLive(),
      this->suspectUntil,
      std::addressof(states));

		link->Send(builder, Mph::Control::Body::RingStart, start.Union());

		if (wasServed)
		{
			return;
		}

		for (auto* attachment : this->attachments)
		{
			attachment->active = true;

			Control::NotifyAttachmentState(*attachment, Mph::Control::AttachmentState::Active);
		}
	}

	void PluginPlace::Stop()
	{
		MS_TRACE();

		if (!this->serving || this->serving->phase != Epoch::Phase::SERVING)
		{
			return;
		}

		this->serving->phase = Epoch::Phase::STOPPING;

		flatbuffers::FlatBufferBuilder builder;

		const auto stop = Mph::Control::CreateRingStop(builder, this->serving->ring);

		this->serving->link->Send(builder, Mph::Control::Body::RingStop, stop.Union());
	}

	void PluginPlace::OnStopped(HostLink* link)
	{
		MS_TRACE();

		if (!IsServedBy(link) || !IsStopping())
		{
			return;
		}

		DrainVerdicts(link, this->verdictRingSize / sizeof(Layout::VerdictRecord));
		RefreshConsumed();

		this->serving->phase = Epoch::Phase::WARM;
		this->serving        = nullptr;
	}

	void PluginPlace::OnLinkGone(HostLink* link, bool hung)
	{
		MS_TRACE();

		const auto* gone = FindEpoch(link);

		if (!gone)
		{
			return;
		}

		if (gone == this->serving)
		{
			// What it had published counts: verdicts first, since the cursor that it published after them says that it answered.
			// Bounded by what a ring can hold, for a host that hung up may still be writing.
#ifndef MPH_SABOTAGE_SKIP_LAST_VERDICTS
			DrainVerdicts(link, this->verdictRingSize / sizeof(Layout::VerdictRecord));
#endif
			RefreshConsumed();
			NoteSuspects(*this->serving, hung);
			MarkRedelivered();

			this->serving = nullptr;
		}

		std::erase_if(
		  this->epochs,
		  [gone](const std::unique_ptr<Epoch>& epoch)
		  {
			  return epoch.get() == gone;
		  });
	}

	void PluginPlace::OnAbsent()
	{
		MS_TRACE();

		if (this->state != State::SERVED)
		{
			return;
		}

		this->state = State::ABSENT;

		for (auto* attachment : this->attachments)
		{
			if (attachment->active)
			{
				Control::NotifyAttachmentState(*attachment, Mph::Control::AttachmentState::Absent);
			}

			Chain::SettleAll(attachment, Chain::Cause::ABSENT);
		}
	}

	void PluginPlace::OnMissedDeadline()
	{
		if (this->serving)
		{
			this->serving->link->OnMissedDeadline();
		}
	}

	void PluginPlace::Withdraw()
	{
		MS_TRACE();

		for (auto& epoch : this->epochs)
		{
			epoch->link->WithdrawRing(this);
		}

		this->state   = State::EMPTY;
		this->serving = nullptr;
		this->epochs.clear();
	}

	bool PluginPlace::HasWork() const
	{
		MS_TRACE();

		return this->serving && (this->serving->ReadPacketCursor() != this->packets.Position() ||
		                         this->serving->ReadNowServing() != 0);
	}

	bool PluginPlace::HasMoved()
	{
		MS_TRACE();

		if (!this->serving)
		{
			return false;
		}

		const auto progress = this->serving->ReadProgress();

		return std::exchange(this->serving->lastProgress, progress) != progress;
	}

	std::optional<bool> PluginPlace::AwaitVerdict(uint64_t ticket)
	{
		// About what it costs to hold a packet and to release it later.
		static constexpr uint64_t MaxWaitNs{ 2000 };
		static constexpr size_t LooksPerClock{ 8 };

		// With others outstanding the next verdict may be one of theirs.
		if (!this->serving || this->tickets.GetSize() != 1 || !this->serving->link->IsPrompt())
		{
			return std::nullopt;
		}

		auto& verdicts     = this->serving->verdicts;
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
				this->serving->link->OnVerdict();
			}

			break;
		} while (uv_hrtime() < untilNs);

		this->serving->link->OnPromptWait(accept.has_value());

		return accept;
	}

	size_t PluginPlace::DrainVerdicts(const HostLink* link, size_t max)
	{
		MS_TRACE();

#ifdef MPH_SABOTAGE_IGNORE_EPOCH
		auto* epoch = FindEpoch(link);
#else
		auto* epoch = IsServedBy(link) ? this->serving : nullptr;
#endif

		if (!epoch)
		{
			return 0;
		}

		auto& verdicts = epoch->verdicts;
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
				this->plugin->AddStrike(PluginStrike::CORRUPT_RING, epoch->link);

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
				this->plugin->AddStrike(PluginStrike::BAD_RECORD, epoch->link);

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
					held->chain->Settle(held, Chain::Cause::VERDICT, true);

					break;
				}

				case Layout::Verdict::Drop:
				{
					this->plugin->CountVerdict();
					held->chain->Settle(held, Chain::Cause::VERDICT, false);

					break;
				}

				default:
				{
					this->plugin->AddStrike(PluginStrike::BAD_RECORD, epoch->link);
				}
			}
		}

		if (count > 0)
		{
			epoch->link->OnVerdict();

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

			Commit(/*awaitsVerdict*/ false);

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

	void PluginPlace::Commit(bool awaitsVerdict)
	{
		this->packets.Commit();
		this->packets.Publish();

		if (this->serving)
		{
			this->serving->link->NotePublished(this->serving->ring, awaitsVerdict);
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
		if (!this->serving)
		{
			return;
		}

		const auto cursor = this->serving->ReadPacketCursor();

		// A host that has not moved yet.
		if (cursor == this->serving->cursorAtStart)
		{
			return;
		}

#ifdef MPH_SABOTAGE_TRUST_CURSOR
		if (cursor > this->packets.Position())
#else
		if (!this->walk.Accept(cursor))
#endif
		{
			this->plugin->AddStrike(PluginStrike::BAD_CURSOR, this->serving->link);

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

#ifdef MPH_SABOTAGE_SKIP_REDELIVERED
		return;
#endif

		const auto end = this->packets.Position();

		// The worker reads here what it alone can write.
		for (auto position = this->walk.Position(); position < end;)
		{
			auto* header = reinterpret_cast<Layout::RecordHeader*>(RecordAt(position));

			if (header->type() != Layout::RecordType::Padding)
			{
				*header = Layout::RecordHeader(
				  header->length(),
				  header->type(),
				  header->flags() | static_cast<uint8_t>(Layout::RecordFlag::Redelivered),
				  header->payloadOffset());
			}

			position += alignedLength(*header);
		}
	}

	/**
	 * Packets that the host before gave back without an answer: it meant to answer later. Whoever follows cannot read them any more.
	 */
	void PluginPlace::RepublishPending()
	{
		MS_TRACE();

#ifdef MPH_SABOTAGE_SKIP_REPUBLISH
		return;
#endif

		const auto read = this->walk.Position();

		for (auto* attachment : this->attachments)
		{
			for (const auto ticket : attachment->deadlines)
			{
				auto* held = this->tickets.Find(ticket);

				if (!held || held->recordEnd > read)
				{
					continue;
				}

				const auto result = held->chain->Publish(
				  *held, *attachment, ticket, held->heldAtNs, held->deadlineNs, /*redelivered*/ true);

				// A ring that is full leaves it to its deadline.
				if (result == PublishResult::OK)
				{
					held->recordEnd = this->packets.Position();
				}
			}
		}
	}

	/**
	 * Of the word NowServing nothing is believed but that it may name a record that is outstanding.
	 */
	void PluginPlace::NoteSuspects(const Epoch& epoch, bool hung)
	{
		MS_TRACE();

		static constexpr uint64_t Crashed{ uint64_t{ 1 } << static_cast<uint8_t>(
			                                   Layout::NowServingBit::Crashed) };

		const auto nowServing = epoch.ReadNowServing();
		const auto position   = (nowServing & ~Crashed) - 1;

		if (
		  (nowServing & ~Crashed) == 0 || ((nowServing & Crashed) == 0 && !hung) ||
		  position >= this->packets.Position() || !this->walk.IsOutstanding(position))
		{
			return;
		}

		if (position >= this->suspectFrom && position < this->suspectUntil)
		{
			Skip(position, epoch);
			this->suspectFrom = position;

			return;
		}

		this->suspectFrom  = position;
		this->suspectUntil = this->packets.Position();
	}

	/**
	 * Two hosts died of it: hosts read over it from now on.
	 */
	void PluginPlace::Skip(uint64_t position, const Epoch& epoch)
	{
		MS_TRACE();

		// The lap may end here; then the record stands at the beginning of the next one.
		const auto* before = reinterpret_cast<const Layout::RecordHeader*>(RecordAt(position));

		if (before->type() == Layout::RecordType::Padding)
		{
			position += alignedLength(*before);
		}

		auto* header = reinterpret_cast<Layout::RecordHeader*>(RecordAt(position));

		// What an event says must reach the plugin; one that dies of events ends in quarantine.
		if (header->type() != Layout::RecordType::Packet)
		{
			return;
		}

		const auto ticket = reinterpret_cast<const Layout::PacketRecord*>(header)->ticket();

		Control::NotifyPoison(
		  this->plugin->GetId(), this->routerTap->GetRouterId(), epoch.link->GetPid(), CopyRecords(position));

		*header = Layout::RecordHeader(
		  header->length(), Layout::RecordType::Skipped, header->flags(), header->payloadOffset());

		this->plugin->CountPoisoned();

		if (auto* held = this->tickets.Find(ticket))
		{
			Chain::SettleOne(held, Chain::Cause::ABSENT);
		}
	}

	/**
	 * The record and some before it, as they stand in the ring.
	 */
	std::vector<uint8_t> PluginPlace::CopyRecords(uint64_t last) const
	{
		MS_TRACE();

		std::vector<uint64_t> positions{ last };
		size_t bytes{ 0 };

		while (positions.size() <= ContextRecords && bytes < MaxContextBytes)
		{
			const auto previous = this->walk.Previous(positions.back());

			if (!previous)
			{
				break;
			}

			bytes += positions.back() - *previous;
			positions.push_back(*previous);
		}

		std::vector<uint8_t> records;

		for (auto it = positions.rbegin(); it != positions.rend(); ++it)
		{
			const auto* record = RecordAt(*it);
			const auto& header = *reinterpret_cast<const Layout::RecordHeader*>(record);

			if (header.type() != Layout::RecordType::Padding)
			{
				records.insert(records.end(), record, record + alignedLength(header));
			}
		}

		return records;
	}

	Epoch* PluginPlace::FindEpoch(const HostLink* link) const
	{
		MS_TRACE();

		const auto it = std::ranges::find_if(
		  this->epochs,
		  [link](const std::unique_ptr<Epoch>& epoch)
		  {
			  return epoch->link == link;
		  });

		return it != this->epochs.end() ? it->get() : nullptr;
	}

	uint8_t* PluginPlace::RecordAt(uint64_t position) const
	{
		return this->packetSegment.Data() + static_cast<size_t>(Layout::PacketSegmentOffset::Ring) +
		       (position & (static_cast<uint64_t>(this->packetRingSize) - 1));
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
