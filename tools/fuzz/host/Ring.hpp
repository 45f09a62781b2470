// One ring as a host has it, with nothing in the way of writing into it: the packet segment to read, the verdict segment to write.
#pragma once

#include "Known.hpp"

#include "mph/shm/AtomicAt.hpp"
#include "mph/shm/RingConsumer.hpp"
#include "mph/shm/Segment.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace mph::fuzz {

class Ring {
 public:
  // Both as they came with RingOffer.
  Ring(uint32_t number, shm::Segment packets, uint32_t packetSize, shm::Segment verdicts, uint32_t verdictSize)
      : number_(number), packets_(std::move(packets)), verdicts_(std::move(verdicts)), packetSize_(packetSize), size_(verdictSize) {}

  uint32_t Number() const { return number_; }
  uint32_t Size() const { return size_; }
  bool IsStarted() const { return reader_ != nullptr; }

  void Start(uint64_t position) {
    reader_ = std::make_unique<shm::RingConsumer>(packets_.Data() + static_cast<size_t>(Mph::Layout::PacketSegmentOffset::Ring), packetSize_,
                                                  shm::AtomicAt<uint64_t>(packets_.Data(), Mph::Layout::PacketSegmentOffset::ProducerCursor),
                                                  position);
  }
  void Stop() { reader_.reset(); }

  // What the worker has published so far, at most `max` records. Nothing is given back before Release().
  void Read(Known& known, uint32_t max) {
    shm::RingConsumer::RecordView view{};

    for (uint32_t i = 0; reader_ && i < max && reader_->Peek(view) == shm::RingConsumer::PeekResult::Ok; i++) {
      Learn(known, view);
      reader_->Consume(view);
    }
  }

  // How far a sound host would say that it has read.
  uint64_t ReadPosition() const { return reader_ ? reader_->Position() : 0; }

  // Copies a record into the ring, behind padding if it would wrap. False when there is no room. Visible after Publish().
  bool Append(const uint8_t* record, uint32_t length) {
    const uint32_t aligned = shm::AlignedLength(length);
    const uint32_t toEnd = size_ - OffsetOf(position_);
    const uint32_t padding = aligned > toEnd ? toEnd : 0;

    const uint64_t used = position_ - Consumed();

    // Another host that serves by now has its own count in there.
    if (used > size_ || padding + aligned > size_ - used) {
      return false;
    }
    if (padding != 0) {
      const Mph::Layout::RecordHeader header(padding, Mph::Layout::RecordType::Padding, 0, 0);

      std::memcpy(At(position_), &header, sizeof header);
      position_ += padding;
    }
    std::memcpy(At(position_), record, length);
    position_ += aligned;
    ends_.push_back(position_);
    return true;
  }

  void Publish() { ProducerCursor()->store(position_, std::memory_order_release); }

  uint64_t Position() const { return position_; }
  uint8_t* At(uint64_t position) const { return Bytes() + OffsetOf(position); }
  // How far the worker has read.
  uint64_t Consumed() const {
    return shm::AtomicAt<uint64_t>(packets_.Data(), Mph::Layout::PacketSegmentOffset::VerdictConsumerCursor)->load(std::memory_order_acquire);
  }

  // Of those that were appended, how many the worker has read since the last call.
  uint64_t TakeLookedAt() {
    const uint64_t consumed = Consumed();
    uint64_t count = 0;

    if (consumed > position_) {
      return 0;
    }
    while (!ends_.empty() && ends_.front() <= consumed) {
      ends_.pop_front();
      count++;
    }
    return count;
  }

  // The words of the verdict segment that are this side's to write.
  std::atomic<uint64_t>* ProducerCursor() const { return Word(Mph::Layout::VerdictSegmentOffset::ProducerCursor); }
  std::atomic<uint64_t>* PacketCursor() const { return Word(Mph::Layout::VerdictSegmentOffset::PacketConsumerCursor); }
  std::atomic<uint64_t>* NowServing() const { return Word(Mph::Layout::VerdictSegmentOffset::NowServing); }

 private:
  uint32_t OffsetOf(uint64_t position) const { return static_cast<uint32_t>(position) & (size_ - 1); }
  uint8_t* Bytes() const { return verdicts_.Data() + static_cast<size_t>(Mph::Layout::VerdictSegmentOffset::Ring); }
  std::atomic<uint64_t>* Word(Mph::Layout::VerdictSegmentOffset offset) const { return shm::AtomicAt<uint64_t>(verdicts_.Data(), offset); }

  static void Learn(Known& known, const shm::RingConsumer::RecordView& view) {
    using Mph::Layout::RecordType;

    // The worker is trusted, but whoever scribbles on the packet cursor lets it write over what is being read.
    std::vector<uint8_t> copy(view.data, view.data + view.header.length());

    if (view.header.type() == RecordType::Packet && copy.size() >= sizeof(Mph::Layout::PacketRecord)) {
      known.OnPacket(*reinterpret_cast<const Mph::Layout::PacketRecord*>(copy.data()), view.position);
    } else if (view.header.type() == RecordType::Data && copy.size() >= sizeof(Mph::Layout::DataRecord)) {
      known.OnData(*reinterpret_cast<const Mph::Layout::DataRecord*>(copy.data()), view.position);
    } else if (view.header.type() == RecordType::Event && copy.size() > sizeof(Mph::Layout::EventRecord)) {
      const auto* bytes = copy.data() + sizeof(Mph::Layout::EventRecord);

      if (flatbuffers::Verifier(bytes, copy.size() - sizeof(Mph::Layout::EventRecord)).VerifyBuffer<Mph::Control::Event>(nullptr)) {
        known.OnEvent(*flatbuffers::GetRoot<Mph::Control::Event>(bytes));
      }
    }
  }

  uint32_t number_;
  shm::Segment packets_;
  shm::Segment verdicts_;
  uint32_t packetSize_;
  uint32_t size_;
  std::unique_ptr<shm::RingConsumer> reader_;
  uint64_t position_{0};
  // Of records that the worker has not read yet.
  std::deque<uint64_t> ends_;
};

}  // namespace mph::fuzz
