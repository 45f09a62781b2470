// The worker's end, which sends records and checks the verdicts, and the host's, which checks records and answers each.
#pragma once

#include <algorithm>
#include <deque>
#include <stdexcept>
#include <string>

#include "ends.hpp"
#include "mph/shm/RecordWalk.hpp"
#include "mph/shm/RingConsumer.hpp"
#include "mph/shm/RingProducer.hpp"
#include "pace.hpp"
#include "records.hpp"

using Claim = shm::RingProducer::TryClaimResult;
using Peek = shm::RingConsumer::PeekResult;

[[noreturn]] inline void failAt(uint64_t number, const std::string& what) {
  throw std::runtime_error("record " + std::to_string(number) + ": " + what);
}

class Worker {
 public:
  Worker(const Options& options, const End& end)
      : options_(options),
        end_(end),
        random_(options.seed + 1),
        waking(options, end.workerLink, end.hostLink, end.bellIn, end.bellOut),
        packets_(end.packet + static_cast<size_t>(Layout::PacketSegmentOffset::Ring), options.packetRingSize,
                 end.At(Layout::PacketSegmentOffset::ProducerCursor)),
        walk_(options.packetRingSize),
        verdicts_(end.verdict + static_cast<size_t>(Layout::VerdictSegmentOffset::Ring), options.verdictRingSize,
                  end.At(Layout::VerdictSegmentOffset::ProducerCursor)) {}

  void Run() {
    if (options_.pingPong) {
      pinTo(0);
    }
    while (verified_ < options_.records) {
      waking.BeginTurn();

      const bool sent = Send();
      // Mostly late, so that the verdict ring fills up, too.
      const bool received = (!sent || random_.below(options_.verdictEvery) == 0) && Receive();
      if (sent || received) {
        waking.Tell();
        pause(options_, random_);
      } else if (!waking.Wait(random_, IsPatient()) && !Receive() && verified_ < options_.records) {
        failAt(verified_, "the host went away");
      }
    }
  }

  uint64_t bytes{0};
  uint64_t ringFull{0};
  uint64_t mostVerdictBytes{0};

 private:
  // In a ping-pong the ends take turns at falling asleep while the other one, wide awake, answers.
  bool IsPatient() const { return options_.pingPong && verified_ / 256 % 2 == 0; }

  bool Send() {
    const uint64_t batch = 1 + random_.below(options_.maxBatch);
    uint64_t done = 0;

    while (done < batch && sent_ < options_.records && sent_ - verified_ < options_.window && SendOne()) {
      ++done;
    }
    if (done != 0) {
      packets_.Publish();
    }
    return done != 0;
  }

  bool SendOne() {
    const Plan plan = planFor(options_, sent_);
    const uint32_t length = static_cast<uint32_t>(sizeof(Layout::PacketRecord)) + plan.payload;
    uint8_t* record = nullptr;

    if (!ClaimOne(length, record)) {
      return false;
    }
    if (random_.below(64) == 0) {
      // Of this nothing may ever be seen.
      std::memset(record, 0xff, length);
      packets_.Abort();
      if (!ClaimOne(length, record)) {
        failAt(sent_, "no room for a record that was aborted just now");
      }
    }

    const Layout::RecordHeader header(length, Layout::RecordType::Packet, 0, sizeof(Layout::PacketRecord));
    const Layout::PacketRecord packet(header, sent_ + 1, plan.key, 0, 1, 2, 3, static_cast<uint32_t>(sent_), plan.payload, plan.payload,
                                      static_cast<uint16_t>(sent_), 12, 0, 100, Layout::MediaKind::Video, Layout::Codec::Vp8, 0, 0, 255,
                                      255, 255, 0, 0, 0, 0);
    std::memcpy(record, &packet, sizeof(packet));
    checksums_.push_back(fill(record + sizeof(packet), plan));
    packets_.Commit();
    walk_.Push(packets_.Position());
    bytes += length;
    ++sent_;
    return true;
  }

  bool ClaimOne(uint32_t length, uint8_t*& record) {
    auto result = packets_.TryClaim(length, record);
    if (result == Claim::Full) {
      const uint64_t cursor = shm::RingProducer::ReadConsumerCursor(end_.At(Layout::VerdictSegmentOffset::PacketConsumerCursor));
      if (!walk_.Accept(cursor)) {
        failAt(sent_, "the host's cursor " + std::to_string(cursor) + " is on no record's end");
      }
      packets_.SetConsumed(cursor);
      result = packets_.TryClaim(length, record);
      ringFull += result == Claim::Full;
    }
    if (result == Claim::TooLarge) {
      failAt(sent_, "too large for its ring");
    }
    return result == Claim::Ok;
  }

  bool Receive() {
    shm::RingConsumer::RecordView view;
    Peek result;
    const uint64_t before = verified_;
    const uint64_t start = verdicts_.Position();

    while ((result = verdicts_.Peek(view)) == Peek::Ok) {
      Layout::VerdictRecord verdict;
      if (!CopyRecord(view, verdict) || verdict.ticket() != verified_ + 1 || checksums_.empty() ||
          verdict.argument() != checksums_.front()) {
        failAt(verified_,
               "its verdict has ticket " + std::to_string(verdict.ticket()) + " and checksum " + std::to_string(verdict.argument()));
      }
      checksums_.pop_front();
      verdicts_.Consume(view);
      ++verified_;
    }
    if (result == Peek::Corrupt) {
      failAt(verified_, "the verdict ring is corrupt");
    }
    mostVerdictBytes = std::max(mostVerdictBytes, verdicts_.Position() - start);
    if (verified_ != before) {
      verdicts_.Release(end_.At(Layout::PacketSegmentOffset::VerdictConsumerCursor));
    }
    return verified_ != before;
  }

  const Options& options_;
  const End& end_;
  Random random_;

 public:
  Waking waking;

 private:
  shm::RingProducer packets_;
  shm::RecordWalk walk_;
  shm::RingConsumer verdicts_;
  std::deque<uint32_t> checksums_;
  uint64_t sent_{0};
  uint64_t verified_{0};
};

class Host {
 public:
  Host(const Options& options, const End& end)
      : options_(options),
        end_(end),
        random_(options.seed + 2),
        waking(options, end.hostLink, end.workerLink, end.bellIn, end.bellOut),
        packets_(end.packet + static_cast<size_t>(Layout::PacketSegmentOffset::Ring), options.packetRingSize,
                 end.At(Layout::PacketSegmentOffset::ProducerCursor)),
        verdicts_(end.verdict + static_cast<size_t>(Layout::VerdictSegmentOffset::Ring), options.verdictRingSize,
                  end.At(Layout::VerdictSegmentOffset::ProducerCursor)) {}

  void Run() {
    if (options_.pingPong) {
      pinTo(1);
    }
    while (handled_ < options_.records) {
      waking.BeginTurn();
      if (Handle()) {
        waking.Tell();
        pause(options_, random_);
      } else if (!waking.Wait(random_, IsPatient())) {
        failAt(handled_, "the worker went away");
      }
    }
  }

 private:
  bool IsPatient() const { return options_.pingPong && handled_ / 256 % 2 == 1; }

  bool Handle() {
    const uint64_t batch = 1 + random_.below(2 * options_.maxBatch);
    shm::RingConsumer::RecordView view;
    uint64_t done = 0;

    while (done < batch) {
      const auto result = packets_.Peek(view);
      if (result == Peek::Corrupt) {
        failAt(handled_, "the packet ring is corrupt");
      }
      if (result == Peek::Empty || !Answer(view)) {
        break;
      }
      packets_.Consume(view);
      ++handled_;
      ++done;
    }
    if (done != 0) {
      // Verdicts first: a cursor that is ahead of them would lose them if this process died in between.
      verdicts_.Publish();
      packets_.Release(end_.At(Layout::VerdictSegmentOffset::PacketConsumerCursor));
    }
    return done != 0;
  }

  // False when there is no room for the verdict yet.
  bool Answer(const shm::RingConsumer::RecordView& view) {
    uint8_t* record = nullptr;
    if (verdicts_.TryClaim(sizeof(Layout::VerdictRecord), record) == Claim::Full) {
      verdicts_.SetConsumed(shm::RingProducer::ReadConsumerCursor(end_.At(Layout::PacketSegmentOffset::VerdictConsumerCursor)));
      if (verdicts_.TryClaim(sizeof(Layout::VerdictRecord), record) != Claim::Ok) {
        return false;
      }
    }

    const Plan plan = planFor(options_, handled_);
    const auto& packet = *reinterpret_cast<const Layout::PacketRecord*>(view.data);
    uint32_t checksum = 0;
    if (view.header.length() != sizeof(packet) + plan.payload || view.header.type() != Layout::RecordType::Packet ||
        packet.ticket() != handled_ + 1 || packet.receivedAtNs() != plan.key || packet.copiedLength() != plan.payload ||
        packet.sequenceNumber() != static_cast<uint16_t>(handled_)) {
      failAt(handled_, "it has ticket " + std::to_string(packet.ticket()) + " and length " + std::to_string(view.header.length()));
    }
    if (!check(view.data + view.header.payloadOffset(), plan, checksum)) {
      failAt(handled_, "a byte of it is wrong");
    }

    const Layout::RecordHeader header(sizeof(Layout::VerdictRecord), Layout::RecordType::Verdict, 0, 0);
    const Layout::VerdictRecord verdict(header, packet.ticket(), Layout::Verdict::Accept, 0, 0, checksum);
    std::memcpy(record, &verdict, sizeof(verdict));
    verdicts_.Commit();
    return true;
  }

  const Options& options_;
  const End& end_;
  Random random_;

 public:
  Waking waking;

 private:
  shm::RingConsumer packets_;
  shm::RingProducer verdicts_;
  uint64_t handled_{0};
};
