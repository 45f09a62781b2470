// One router's rings as a worker has them: publishes packets and events, reads verdicts.
#pragma once

#include "Messages.hpp"
#include "Wait.hpp"

#include <cstring>
#include <map>
#include <mph/shm/AtomicAt.hpp>
#include <mph/shm/RingConsumer.hpp>
#include <mph/shm/RingProducer.hpp>
#include <mph/shm/Segment.hpp>
#include <string>
#include <vector>

namespace mph::test {

using Mph::Layout::PacketSegmentOffset;
using Mph::Layout::SegmentKind;
using Mph::Layout::VerdictSegmentOffset;

struct Answer {
  uint64_t ticket;
  Mph::Layout::Verdict verdict;
};

// Any record of the verdict ring, as it stands there.
struct Record {
  Mph::Layout::RecordType type;
  host::Bytes bytes;

  template <typename Fixed>
  Fixed As() const {
    Fixed fixed;

    Require(bytes.size() >= sizeof fixed, "a record has its fixed part");
    std::memcpy(&fixed, bytes.data(), sizeof fixed);

    return fixed;
  }
};

// Whom a record is meant for.
struct MeantFor {
  uint32_t run{1};
  uint16_t members{1};
};

class FakeRing {
 public:
  using To = MeantFor;

  static constexpr uint32_t RingSize = static_cast<uint32_t>(Mph::Layout::Limit::MinRingSize);

  explicit FakeRing(uint32_t number, std::string routerId = "router-1")
      : number_(number),
        routerId_(std::move(routerId)),
        packets_(shm::Segment::CreateOwned(SegmentKind::Packet, RingSize, 1)),
        producer_(packets_.Data() + static_cast<size_t>(PacketSegmentOffset::Ring), RingSize,
                  shm::AtomicAt<uint64_t>(packets_.Data(), PacketSegmentOffset::ProducerCursor)) {
    BeginEpoch();
  }

  // A new verdict segment, for the next host. The packet segment stays.
  void BeginEpoch() {
    start_ = verdicts_.Data() == nullptr ? 0 : ConsumerCursor();
    verdicts_ = shm::Segment::CreateForPeer(SegmentKind::Verdict, RingSize, 1);
    consumer_.emplace(verdicts_.Data() + static_cast<size_t>(VerdictSegmentOffset::Ring), RingSize,
                      shm::AtomicAt<uint64_t>(verdicts_.Data(), VerdictSegmentOffset::ProducerCursor));
    consumer_->Release(VerdictCursor());
    ++epoch_;
  }

  uint32_t Number() const { return number_; }
  const std::string& RouterId() const { return routerId_; }
  uint64_t Epoch() const { return epoch_; }
  uint64_t Start() const { return start_; }
  int PacketFd() const { return packets_.Fd(); }
  int VerdictFd() const { return verdicts_.Fd(); }

  // Where the last published record begins.
  uint64_t LastPosition() const { return lastPosition_; }
  uint64_t Position() const { return producer_.Position(); }

  // Ticket 0: nobody waits for the verdict. False: no room. Seen by the host after Publish().
  bool WritePacket(uint64_t ticket, uint16_t sequenceNumber, uint32_t producer = 7, uint32_t payloadLength = 100, To to = {}) {
    using namespace Mph::Layout;

    const auto length = static_cast<uint32_t>(sizeof(PacketRecord)) + payloadLength;
    auto* const bytes = Claim(length);

    if (bytes == nullptr) {
      return false;
    }

    const PacketRecord record(RecordHeader(length, RecordType::Packet, 0, sizeof(PacketRecord)), ticket, host::MonotonicNs(), 0, producer,
                              to.run, 1234, 5678, payloadLength, payloadLength, sequenceNumber, 12, 0, 100, MediaKind::Audio, Codec::Opus, 0, 0,
                              255, 255, 30, 0, to.members, 0, 0);

    std::memcpy(bytes, &record, sizeof record);
    std::memset(bytes + sizeof record, 0xab, payloadLength);
    Commit();
    if (ticket != 0) {
      ends_[producer_.Position()] = ticket;
    }

    return true;
  }

  bool WriteData(uint64_t ticket, uint32_t ppid, const std::string& message, const std::vector<uint16_t>& subchannels = {}, To to = {}) {
    using namespace Mph::Layout;

    const auto offset = static_cast<uint32_t>(sizeof(DataRecord)) + shm::AlignedLength(static_cast<uint32_t>(subchannels.size() * 2));
    const auto length = offset + static_cast<uint32_t>(message.size());
    auto* const bytes = Claim(length);

    if (bytes == nullptr) {
      return false;
    }

    const auto size = static_cast<uint32_t>(message.size());
    const DataRecord record(RecordHeader(length, RecordType::Data, 0, static_cast<uint16_t>(offset)), ticket, host::MonotonicNs(), 0, 9,
                            to.run, ppid, size, size, static_cast<uint16_t>(subchannels.size()), to.members, -1, -1, 0, 0);

    std::memcpy(bytes, &record, sizeof record);
    std::copy(subchannels.begin(), subchannels.end(), reinterpret_cast<uint16_t*>(bytes + sizeof record));
    std::memcpy(bytes + offset, message.data(), message.size());
    Commit();

    return true;
  }

  // What a worker makes of a packet that hosts have died of, or a record of a type that this host does not know.
  void WriteOther(Mph::Layout::RecordType type) {
    constexpr uint32_t Length = 120;
    auto* const bytes = Claim(Length);
    const Mph::Layout::RecordHeader header(Length, type, 0, sizeof(header));

    Require(bytes != nullptr, "a record fits");
    std::memset(bytes, 0xff, Length);
    std::memcpy(bytes, &header, sizeof header);
    Commit();
  }

  template <typename Build>
  bool WriteEvent(Build&& build) {
    using namespace Mph::Layout;

    flatbuffers::FlatBufferBuilder builder;

    builder.Finish(build(builder));

    const auto length = static_cast<uint32_t>(sizeof(EventRecord) + builder.GetSize());
    auto* const bytes = Claim(length);

    if (bytes == nullptr) {
      return false;
    }

    const EventRecord record(RecordHeader(length, RecordType::Event, 0, sizeof(EventRecord)), host::MonotonicNs());

    std::memcpy(bytes, &record, sizeof record);
    std::memcpy(bytes + sizeof record, builder.GetBufferPointer(), builder.GetSize());
    Commit();

    return true;
  }

  // A record without anything behind its fixed part.
  template <typename Fixed>
  bool WriteFixed(const Fixed& record) {
    auto* const bytes = Claim(sizeof record);

    if (bytes == nullptr) {
      return false;
    }
    std::memcpy(bytes, &record, sizeof record);
    Commit();

    return true;
  }

  void Publish() { producer_.Publish(); }

  // As a ring looks that has come round: nothing of what was given back is there any more.
  void Overwrite() { std::memset(packets_.Data() + static_cast<size_t>(PacketSegmentOffset::Ring), 0xee, RingSize); }

  // All verdicts that are there; gives their room back.
  std::vector<Answer> TakeVerdicts() {
    std::vector<Answer> answers;
    shm::RingConsumer::RecordView view;

    while (consumer_->Peek(view) == shm::RingConsumer::PeekResult::Ok) {
      Mph::Layout::VerdictRecord record;

      Require(view.header.type() == Mph::Layout::RecordType::Verdict && shm::CopyRecord(view, record), "the verdict ring holds verdicts");
      answers.push_back({record.ticket(), record.verdict()});
      consumer_->Consume(view);
    }
    consumer_->Release(VerdictCursor());

    return answers;
  }

  // All records that are there, of whatever type; gives their room back.
  std::vector<Record> TakeRecords() {
    std::vector<Record> records;
    shm::RingConsumer::RecordView view;

    while (consumer_->Peek(view) == shm::RingConsumer::PeekResult::Ok) {
      records.push_back({view.header.type(), {view.data, view.data + view.header.length()}});
      consumer_->Consume(view);
    }
    consumer_->Release(VerdictCursor());

    return records;
  }

  // What the host says that it has consumed.
  uint64_t ConsumerCursor() const {
    return shm::RingProducer::ReadConsumerCursor(shm::AtomicAt<uint64_t>(verdicts_.Data(), VerdictSegmentOffset::PacketConsumerCursor));
  }

  uint64_t NowServing() const {
    return shm::AtomicAt<uint64_t>(verdicts_.Data(), VerdictSegmentOffset::NowServing)->load(std::memory_order_acquire);
  }

  // Whether the host has died of what it had in hand, and of its own fault.
  bool IsMarkedCrashed() const { return (NowServing() & CrashedBit) != 0; }

  // Position of the record in hand, after a crash or before.
  uint64_t InHand() const { return (NowServing() & ~CrashedBit) - 1; }

  // How many packets with a ticket end at or before the position.
  size_t TicketsUpTo(uint64_t position) const { return static_cast<size_t>(std::distance(ends_.begin(), ends_.upper_bound(position))); }

 private:
  static constexpr auto CrashedBit = uint64_t{1} << static_cast<uint8_t>(Mph::Layout::NowServingBit::Crashed);

  std::atomic<uint64_t>* VerdictCursor() { return shm::AtomicAt<uint64_t>(packets_.Data(), PacketSegmentOffset::VerdictConsumerCursor); }

  uint8_t* Claim(uint32_t length) {
    uint8_t* bytes = nullptr;

    producer_.SetConsumed(std::max(ConsumerCursor(), producer_.Consumed()));

    return producer_.TryClaim(length, bytes) == shm::RingProducer::TryClaimResult::Ok ? bytes : nullptr;
  }

  void Commit() {
    producer_.Commit();
    lastPosition_ = lastEnd_;
    lastEnd_ = producer_.Position();
  }

  const uint32_t number_;
  const std::string routerId_;
  shm::Segment packets_;
  shm::Segment verdicts_;
  shm::RingProducer producer_;
  std::optional<shm::RingConsumer> consumer_;
  uint64_t epoch_{0};
  uint64_t start_{0};
  uint64_t lastPosition_{0};
  uint64_t lastEnd_{0};
  // Where records with a ticket end.
  std::map<uint64_t, uint64_t> ends_;
};

// Waits until as many verdicts came.
inline std::vector<Answer> AwaitVerdicts(FakeRing& ring, size_t count) {
  std::vector<Answer> all;

  Require(Until([&] {
            for (const auto& answer : ring.TakeVerdicts()) {
              all.push_back(answer);
            }

            return all.size() >= count;
          }),
          "the verdicts come");

  return all;
}

// Waits until as many records came.
inline std::vector<Record> AwaitRecords(FakeRing& ring, size_t count) {
  std::vector<Record> all;

  Require(Until([&] {
            for (auto& record : ring.TakeRecords()) {
              all.push_back(std::move(record));
            }

            return all.size() >= count;
          }),
          "the records come");

  return all;
}

// Waits until the host has given back all that was published.
inline bool AwaitConsumed(const FakeRing& ring) {
  return Until([&] { return ring.ConsumerCursor() == ring.Position(); });
}

}  // namespace mph::test
