#include "ServedRing.hpp"

#include "Clock.hpp"
#include "Error.hpp"
#include "InHand.hpp"
#include "Messages.hpp"
#include "RingCalls.hpp"

#include <algorithm>
#include <cstring>
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
                       uint32_t workerPid, Instances& instances, ServingStats& stats)
    : number_(offer.ring()),
      router_(router),
      instances_(instances),
      stats_(stats),
      packetSegment_(shm::Segment::Open(std::move(packetFd), SegmentKind::Packet, offer.packetRingSize(), shm::Access::ReadOnly)),
      packetProducerCursor_(shm::AtomicAt<uint64_t>(std::as_const(packetSegment_).Data(), PacketSegmentOffset::ProducerCursor)),
      packetRing_(packetSegment_.Data() + static_cast<size_t>(PacketSegmentOffset::Ring), offer.packetRingSize(), packetProducerCursor_),
      writer_(std::move(verdictFd), offer.verdictRingSize(),
              shm::AtomicAt<uint64_t>(std::as_const(packetSegment_).Data(), PacketSegmentOffset::VerdictConsumerCursor)),
      packetConsumerCursor_(writer_.PacketConsumerCursor()),
      nowServing_(writer_.NowServing()),
      plugins_(instances, router, ToString(offer.routerId()), workerPid) {
  // The mapping does not need it, and a host of many routers would run out.
  packetSegment_.CloseFd();
}

void ServedRing::AddInstance(Instance& instance) { plugins_.Add(instance, MonotonicNs()); }

void ServedRing::RemoveInstance(const Instance& instance) { plugins_.Remove(instance, MonotonicNs()); }

void ServedRing::Start(const Mph::Control::RingStart& start) {
  // Relaxed: it is only a bound, Peek() reads the cursor properly.
  const auto published = packetProducerCursor_->load(std::memory_order_relaxed);

  if (start.startPosition() % shm::RecordAlignment != 0 || published - start.startPosition() > packetRing_.Size()) {
    throw Error(Mph::Control::ErrorCode::Malformed, "ring " + std::to_string(number_) + " is to be read from position " +
                                                        std::to_string(start.startPosition()) + ", and its worker has published up to " +
                                                        std::to_string(published));
  }

  packetRing_ = shm::RingConsumer(packetSegment_.Data() + static_cast<size_t>(PacketSegmentOffset::Ring), packetRing_.Size(),
                                  packetProducerCursor_, start.startPosition());
  released_ = start.startPosition();
  oldestLiveTicket_ = start.oldestLiveTicket();
  carefulUntil_ = start.carefulUntil();
  pending_ = 0;
  phase_ = Phase::Serving;

  // From here on the cursor is one of this ring: a new segment begins with zeros, an old one with where this host had stopped.
  packetRing_.Release(packetConsumerCursor_);

  plugins_.Follow(start.state(), MonotonicNs());
}

void ServedRing::Stop(StopAt where) {
  phase_ = Phase::Stopping;
  // Relaxed: see Start().
  readUntil_ = where == StopAt::Batch ? packetRing_.Position() : packetProducerCursor_->load(std::memory_order_relaxed);
  stopDeadlineNs_ = 0;
}

bool ServedRing::TryFinishStop(uint64_t nowNs) {
  const bool isStalled = count_ > 0;

  if (stopDeadlineNs_ == 0 || (HasMoreToRead() && !isStalled)) {
    stopDeadlineNs_ = nowNs + StopPatienceNs;
  }
  if ((HasMoreToRead() || isStalled || pending_ > 0) && nowNs < stopDeadlineNs_) {
    return false;
  }

  Publish();
  // What has found no room stays in the packet ring, for whoever reads on there.
  count_ = 0;
  answered_ = 0;
  phase_ = Phase::Warm;

  return true;
}

ServedRing::ServeResult ServedRing::Serve() {
  if (IsWarm()) {
    return ServeResult::Idle;
  }
  // What is left of the last batch comes first: it stays in the ring until it is answered.
  if (!FinishBatch()) {
    return ServeResult::Stalled;
  }
  if (!HasMoreToRead()) {
    return ServeResult::Idle;
  }

  const auto result = ReadBatch();

  if (count_ > 0) {
    HandToPlugin();
  }
  if (!FinishBatch()) {
    stats_.verdictRingFull.Add(1);

    return ServeResult::Stalled;
  }

  return result;
}

// Up to a batch of records; events in front of its first packet are delivered, one behind it ends the batch. What a host has died of is a
// batch by itself.
ServedRing::ServeResult ServedRing::ReadBatch() {
  shm::RingConsumer::RecordView view;

  for (uint32_t i = 0; i < BatchSize; ++i) {
    switch (packetRing_.Peek(view)) {
      case PeekResult::Ok:
        break;
      case PeekResult::Empty:
        return ServeResult::Idle;
      case PeekResult::Corrupt:
        return ServeResult::Corrupt;
    }

    if (count_ > 0 && IsToBeAlone(batchPosition_)) {
      return ServeResult::More;
    }
    if (view.header.type() == RecordType::Packet) {
      if (!AddPacket(view)) {
        stats_.skipped.Add(1);
      }
    } else if (view.header.type() == RecordType::Event || view.header.type() == RecordType::Result) {
      if (count_ > 0) {
        return ServeResult::More;
      }
      if (view.header.type() == RecordType::Event) {
        DeliverEvent(view);
      } else {
        DeliverResult(view);
      }
      if (IsToBeAlone(view.position)) {
        packetRing_.Consume(view);

        return ServeResult::More;
      }
    }
    // Skipped, since hosts have died of it, or of a type that only a newer host knows: nothing in it concerns the plugin.
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

// False: nobody waits for its verdict any more.
bool ServedRing::AddPacket(const shm::RingConsumer::RecordView& view) {
  // Same bytes (LayoutChecks.cpp).
  const auto* packet = reinterpret_cast<const mph_packet*>(view.data);

  if (view.header.length() < sizeof(mph_packet)) {
    return false;
  }
#ifndef MPH_SABOTAGE_IGNORE_OLDEST_TICKET
  if (packet->ticket != 0 && packet->ticket < oldestLiveTicket_) {
    return false;
  }
#endif
  if (count_ == 0) {
    batchPosition_ = view.position;
  }
  packets_[count_] = packet;
  verdicts_[count_] = MPH_ACCEPT;
  ++count_;

  return true;
}

void ServedRing::DeliverEvent(const shm::RingConsumer::RecordView& view) {
  Mph::Layout::EventRecord record;

  if (!shm::CopyRecord(view, record) || view.header.payloadOffset() > view.header.length()) {
    return;
  }

  const auto* table = view.data + view.header.payloadOffset();
  flatbuffers::Verifier verifier(table, view.header.length() - view.header.payloadOffset());

  if (!verifier.VerifyBuffer<Mph::Control::Event>(nullptr)) {
    instances_.ForEach([](Instance& instance) { instance.Log(MPH_LOG_ERROR, "an event in a packet ring is malformed and was left out"); });

    return;
  }

  SetNowServing(view.position + 1);
  plugins_.Deliver(*flatbuffers::GetRoot<Mph::Control::Event>(table), record.atNs());
  SetNowServing(0);
}

void ServedRing::DeliverResult(const shm::RingConsumer::RecordView& view) {
  Mph::Layout::ResultRecord record;

  if (!shm::CopyRecord(view, record)) {
    return;
  }
  SetNowServing(view.position + 1);
  instances_.ForEach([&](Instance& instance) { instance.OnAnswer(router_, record.call(), ToResult(record.code()), nullptr); });
  SetNowServing(0);
}

void ServedRing::HandToPlugin() {
  const mph_batch batch{
      .size = sizeof(mph_batch),
      .router = router_,
      .count = count_,
      .reserved = 0,
      .packets = packets_.data(),
      .verdicts = verdicts_.data(),
  };

  stats_.records.Add(count_);

  auto* const only = instances_.Only();

  if (only == nullptr || !only->WantsPackets()) {
    return;
  }
  only->Tallies().packets.Add(count_);
  only->Tallies().batches.Add(1);
  SetNowServing(batchPosition_ + 1);
  only->OnPackets(batch);
  SetNowServing(0);
  for (uint32_t i = 0; i < count_; ++i) {
    pending_ += verdicts_[i] == MPH_PENDING && packets_[i]->ticket != 0 ? 1 : 0;
  }
}

// True when nothing of the batch is left: its verdicts are published, then its bytes given back.
bool ServedRing::FinishBatch() {
#ifdef MPH_SABOTAGE_CURSOR_BEFORE_VERDICTS
  packetRing_.Release(packetConsumerCursor_);
#endif
  const bool isAnswered = WriteVerdicts();

  Publish();
  if (!isAnswered) {
    return false;
  }
  count_ = 0;
  answered_ = 0;
  // A look into an idle ring writes nothing into shared memory.
  if (packetRing_.Position() != released_) {
    packetRing_.Release(packetConsumerCursor_);
    released_ = packetRing_.Position();
  }

  return true;
}

// False: the verdict ring is full; the next call goes on where this one stopped.
bool ServedRing::WriteVerdicts() {
  for (; answered_ < count_; ++answered_) {
    const auto ticket = packets_[answered_]->ticket;
    auto& verdict = verdicts_[answered_];

    if (ticket == 0 || verdict == MPH_PENDING) {
      continue;
    }
    if (verdict != MPH_ACCEPT && verdict != MPH_DROP) {
      instances_.ForEach([&](Instance& instance) {
        instance.Log(MPH_LOG_ERROR, "on_packets wrote " + std::to_string(verdict) + " as a verdict, which is none; the packet was accepted");
        instance.Tallies().invalidVerdicts.Add(1);
      });
      verdict = MPH_ACCEPT;
    }
    if (!WriteVerdict(ticket, verdict)) {
      return false;
    }
  }

  return true;
}

bool ServedRing::WriteVerdict(uint64_t ticket, uint8_t verdict) {
  if (!writer_.WriteVerdict(ticket, static_cast<Mph::Layout::Verdict>(verdict), 0)) {
    return false;
  }
  instances_.ForEach([](Instance& instance) { instance.Tallies().verdicts.Add(1); });

  return true;
}

ServedRing::AnswerResult ServedRing::AnswerLate(uint64_t ticket, mph_verdict verdict) {
  if (IsWarm()) {
    return AnswerResult::NotServing;
  }
  if (!WriteVerdict(ticket, static_cast<uint8_t>(verdict))) {
    return AnswerResult::Full;
  }
  // A plugin may answer twice, or something that it had been asked before the start.
  pending_ -= pending_ > 0 ? 1 : 0;

  return AnswerResult::Ok;
}

void ServedRing::Close() {
  if (!IsWarm()) {
    oldestLiveTicket_ = std::numeric_limits<uint64_t>::max();
    answered_ = count_;
    phase_ = Phase::Serving;

    // A worker that goes on publishing must not keep this host here. Relaxed: see Start().
    const auto end = packetProducerCursor_->load(std::memory_order_relaxed);

    while (packetRing_.Position() < end && Serve() == ServeResult::More) {
    }
    phase_ = Phase::Warm;
  }
  plugins_.Close(MonotonicNs());
}

// What the worker finds here after this process has died was in the plugin's hands.
void ServedRing::SetNowServing([[maybe_unused]] uint64_t value) {
#ifndef MPH_SABOTAGE_NO_NOW_SERVING
  // N1: what was answered and released before is visible to whoever sees the value. Read by the worker after the host's death, or when it
  // looks for progress.
  nowServing_->store(value, std::memory_order_release);
  InHand::nowServing = value != 0 ? nowServing_ : nullptr;
#endif
}

}  // namespace mph::host
