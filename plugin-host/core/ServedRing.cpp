#include "ServedRing.hpp"

#include "Clock.hpp"
#include "Error.hpp"
#include "Messages.hpp"
#include "RingCalls.hpp"

#include <limits>
#include <mph/shm/AtomicAt.hpp>
#include <string>
#include <utility>

namespace mph::host {

using Mph::Layout::PacketSegmentOffset;
using Mph::Layout::RecordType;
using Mph::Layout::SegmentKind;
using PeekResult = shm::RingConsumer::PeekResult;

ServedRing::ServedRing(const Mph::Control::RingOffer& offer, shm::UniqueFd packetFd, shm::UniqueFd verdictFd, uint32_t router,
                       Serving& serving)
    : number_(offer.ring()),
      router_(router),
      serving_(serving),
      packetSegment_(std::make_shared<shm::Segment>(
          shm::Segment::Open(std::move(packetFd), SegmentKind::Packet, offer.packetRingSize(), shm::Access::ReadOnly))),
      packetProducerCursor_(shm::AtomicAt<uint64_t>(std::as_const(*packetSegment_).Data(), PacketSegmentOffset::ProducerCursor)),
      packetRing_(packetSegment_->Data() + static_cast<size_t>(PacketSegmentOffset::Ring), offer.packetRingSize(), packetProducerCursor_),
      writer_(std::move(verdictFd), offer.verdictRingSize(),
              shm::AtomicAt<uint64_t>(std::as_const(*packetSegment_).Data(), PacketSegmentOffset::VerdictConsumerCursor)),
      packetConsumerCursor_(writer_.PacketConsumerCursor()),
      nowServing_(writer_.NowServing()),
      plugins_(serving.instances, router, ToString(offer.routerId()), serving.workerPid),
      runs_(serving.instances),
      outbox_(writer_),
      ring_{router, runs_, pending_, outbox_},
      decisions_(ring_, serving.resumed, nowServing_) {
  // The mapping does not need it, and a host of many routers would run out.
  packetSegment_->CloseFd();
}

void ServedRing::AddInstance(Instance& instance) {
  runs_.Add();
  plugins_.Add(instance, MonotonicNs());
}

void ServedRing::RemoveInstance(const Instance& instance) {
  decisions_.Remove(instance);
  plugins_.Remove(instance, MonotonicNs());
}

void ServedRing::Start(const Mph::Control::RingStart& start) {
  // Relaxed: it is only a bound, Peek() reads the cursor properly.
  const auto published = packetProducerCursor_->load(std::memory_order_relaxed);

  if (start.startPosition() % shm::RecordAlignment != 0 || published - start.startPosition() > packetRing_.Size()) {
    throw Error(Mph::Control::ErrorCode::Malformed, "ring " + std::to_string(number_) + " is to be read from position " +
                                                        std::to_string(start.startPosition()) + ", and its worker has published up to " +
                                                        std::to_string(published));
  }

  packetRing_ = shm::RingConsumer(packetSegment_->Data() + static_cast<size_t>(PacketSegmentOffset::Ring), packetRing_.Size(),
                                  packetProducerCursor_, start.startPosition());
  released_ = start.startPosition();
  oldestLiveTicket_ = start.oldestLiveTicket();
  carefulUntil_ = start.carefulUntil();
  pending_.Clear();
  phase_ = Phase::Serving;

  // From here on the cursor is one of this ring: a new segment begins with zeros, an old one with where this host had stopped.
  packetRing_.Release(packetConsumerCursor_);

  runs_.Follow(start.state());
  plugins_.Follow(start.state(), MonotonicNs());
}

void ServedRing::Stop(StopAt where) {
  phase_ = Phase::Stopping;
  // Relaxed: see Start().
  readUntil_ = where == StopAt::Batch ? packetRing_.Position() : packetProducerCursor_->load(std::memory_order_relaxed);
  stopDeadlineNs_ = 0;
}

bool ServedRing::TryFinishStop(uint64_t nowNs) {
  const bool isStalled = !outbox_.IsEmpty();

  if (stopDeadlineNs_ == 0 || (HasMoreToRead() && !isStalled)) {
    stopDeadlineNs_ = nowNs + StopPatienceNs;
  }
  pending_.Expire(nowNs);
  if ((HasMoreToRead() || isStalled || !pending_.IsEmpty()) && nowNs < stopDeadlineNs_) {
    return false;
  }

  Publish();
  // What has found no room stays in the packet ring, for whoever reads on there.
  outbox_.Clear();
  decisions_.Forget();
  phase_ = Phase::Warm;

  return true;
}

ServedRing::ServeResult ServedRing::Serve() {
  if (IsWarm()) {
    return ServeResult::Idle;
  }
  // What is left of the last batch comes first: it stays in the ring until it is answered.
  if (!decisions_.Follow() || !FinishBatch()) {
    return ServeResult::Stalled;
  }
  if (!HasMoreToRead()) {
    return ServeResult::Idle;
  }

  const auto result = ReadBatch();

  if (!serving_.batch.IsEmpty()) {
    HandToPlugins();
  }
  if (!FinishBatch()) {
    serving_.stats.verdictRingFull.Add(1);

    return ServeResult::Stalled;
  }

  return !decisions_.IsEmpty() ? ServeResult::More : result;
}

// Up to a batch of records of one kind; events in front of its first one are delivered, one behind it ends the batch. What a host has died of
// is a batch by itself.
ServedRing::ServeResult ServedRing::ReadBatch() {
  auto& batch = serving_.batch;
  shm::RingConsumer::RecordView view;

  for (uint32_t i = 0; i < RecordBatch::Size; ++i) {
    switch (packetRing_.Peek(view)) {
      case PeekResult::Ok:
        break;
      case PeekResult::Empty:
        return ServeResult::Idle;
      case PeekResult::Corrupt:
        return ServeResult::Corrupt;
    }

    const auto type = view.header.type();
    const bool isData = type == RecordType::Data;

    if (!batch.IsEmpty() && IsToBeAlone(batch.FirstPosition())) {
      return ServeResult::More;
    }
    if (type == RecordType::Packet || isData) {
      if (!batch.IsEmpty() && (batch.Kind() == RecordKind::Data) != isData) {
        return ServeResult::More;
      }
      if (!(isData ? AddData(view) : AddPacket(view))) {
        serving_.stats.skipped.Add(1);
      }
    } else if (type == RecordType::Event || type == RecordType::Result) {
      if (!batch.IsEmpty()) {
        return ServeResult::More;
      }
      if (type == RecordType::Event) {
        DeliverEvent(view);
      } else {
        DeliverResult(view);
      }
      if (IsToBeAlone(view.position)) {
        packetRing_.Consume(view);

        return ServeResult::More;
      }
    }
    // Skipped, since hosts have died of it, or of a type that only a newer host knows: nothing in it concerns the plugins.
    packetRing_.Consume(view);
  }

  return ServeResult::More;
}

bool ServedRing::IsToBeAlone([[maybe_unused]] uint64_t position) const {
#ifdef MPH_SABOTAGE_IGNORE_CAREFUL
  return false;
#else
  return position < carefulUntil_;
#endif
}

// False: nobody waits for its verdict any more, or it says more than there is.
bool ServedRing::AddPacket(const shm::RingConsumer::RecordView& view) {
  // Same bytes (LayoutChecks.cpp).
  const auto* const packet = reinterpret_cast<const mph_packet*>(view.data);

  if (view.header.length() < sizeof(mph_packet) || packet->bytes_offset < sizeof(mph_packet) ||
      uint64_t{packet->bytes_offset} + packet->copied_length > view.header.length() || !IsLive(packet->ticket)) {
    return false;
  }

  auto& next = serving_.batch.Next();

  next.kind = RecordKind::Packet;
  next.run = packet->run;
  next.producer = packet->producer;
  next.ssrc = packet->ssrc;
  next.deadlineNs = packet->deadline_ns;
  next.left = packet->members;
  AddToBatch(view, packet->ticket);

  return true;
}

bool ServedRing::AddData(const shm::RingConsumer::RecordView& view) {
  // Same bytes (LayoutChecks.cpp).
  const auto* const data = reinterpret_cast<const mph_data*>(view.data);

  if (view.header.length() < sizeof(mph_data) ||
      data->bytes_offset < sizeof(mph_data) + data->subchannel_count * sizeof(uint16_t) ||
      uint64_t{data->bytes_offset} + data->copied_length > view.header.length() || !IsLive(data->ticket)) {
    return false;
  }

  auto& next = serving_.batch.Next();

  next.kind = RecordKind::Data;
  next.run = data->run;
  next.producer = data->data_producer;
  next.ssrc = 0;
  next.deadlineNs = data->deadline_ns;
  next.left = data->members;
  AddToBatch(view, data->ticket);

  return true;
}

bool ServedRing::IsLive([[maybe_unused]] uint64_t ticket) const {
#ifdef MPH_SABOTAGE_IGNORE_OLDEST_TICKET
  return true;
#else
  return ticket == 0 || ticket >= oldestLiveTicket_;
#endif
}

void ServedRing::AddToBatch(const shm::RingConsumer::RecordView& view, uint64_t ticket) {
  auto& next = serving_.batch.Next();

  next.record = view.data;
  next.position = view.position;
  next.ticket = ticket;
  next.verdict = Mph::Layout::Verdict::Accept;
  next.decider = 0;
  next.errors = 0;
  serving_.batch.Add(ring_);
}

void ServedRing::DeliverEvent(const shm::RingConsumer::RecordView& view) {
  Mph::Layout::EventRecord record;

  if (!shm::CopyRecord(view, record) || view.header.payloadOffset() > view.header.length()) {
    return;
  }

  const auto* table = view.data + view.header.payloadOffset();
  flatbuffers::Verifier verifier(table, view.header.length() - view.header.payloadOffset());

  if (!verifier.VerifyBuffer<Mph::Control::Event>(nullptr)) {
    serving_.instances.ForEach([](Instance& instance) { instance.Log(MPH_LOG_ERROR, "an event in a packet ring is malformed and was left out"); });

    return;
  }

  const auto& event = *flatbuffers::GetRoot<Mph::Control::Event>(table);

  nowServing_.Begin(view.position);
  runs_.Deliver(event);
  plugins_.Deliver(event, record.atNs());
  nowServing_.End();
}

void ServedRing::DeliverResult(const shm::RingConsumer::RecordView& view) {
  Mph::Layout::ResultRecord record;

  if (!shm::CopyRecord(view, record)) {
    return;
  }
  nowServing_.Begin(view.position);
  serving_.instances.ForEach([&](Instance& instance) { instance.OnAnswer(router_, record.call(), ToResult(record.code()), nullptr); });
  nowServing_.End();
}

// What plugins say about these packets by a function is followed at once, while the packets are still in the ring.
void ServedRing::HandToPlugins() {
  serving_.stats.records.Add(serving_.batch.Count());
  decisions_.Walk(serving_.batch);
  for (size_t turn = 0; turn < Run::MaxMembers && serving_.sortLateVerdicts(); ++turn) {
    if (!decisions_.Follow()) {
      break;
    }
  }
  serving_.batch.KeepPended(ring_);
}

void ServedRing::Deliver(LateVerdict&& late) { decisions_.Add(std::move(late)); }

// True when nothing of the batch is left: its verdicts are published, then its bytes given back.
bool ServedRing::FinishBatch() {
#ifdef MPH_SABOTAGE_CURSOR_BEFORE_VERDICTS
  packetRing_.Release(packetConsumerCursor_);
#endif
  const bool isAnswered = outbox_.Flush();

  Publish();
  if (!isAnswered) {
    return false;
  }
  // A look into an idle ring writes nothing into shared memory.
  if (packetRing_.Position() != released_) {
    packetRing_.Release(packetConsumerCursor_);
    released_ = packetRing_.Position();
  }

  return true;
}

void ServedRing::Close() {
  if (!IsWarm()) {
    oldestLiveTicket_ = std::numeric_limits<uint64_t>::max();
    outbox_.Clear();
    decisions_.Forget();
    phase_ = Phase::Serving;

    // A worker that goes on publishing must not keep this host here. Relaxed: see Start().
    const auto end = packetProducerCursor_->load(std::memory_order_relaxed);

    while (packetRing_.Position() < end && Serve() == ServeResult::More) {
      // The worker does not read them any more.
      outbox_.Clear();
    }
    decisions_.Forget();
    phase_ = Phase::Warm;
  }
  plugins_.Close(MonotonicNs());
}

}  // namespace mph::host
