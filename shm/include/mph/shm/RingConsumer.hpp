// The reading end of a ring. The host reads packets with it, the worker verdicts. For the worker the peer is hostile: every shared field is
// read once, checked, then used, and whatever stands in the ring, Peek() ends after a bounded number of steps with a record that lies
// within what was published, with Empty, or with Corrupt.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstdint>
#include <type_traits>

#include "mph/shm/Layout.hpp"
#include "mph/shm/Prefetch.hpp"

namespace mph::shm {

class RingConsumer {
 public:
  enum class PeekResult : uint8_t {
    Ok,
    Empty,
    // Cursor or header cannot come from a RingProducer. Stays so: behind such a place no record can be found.
    Corrupt,
  };

  // A record in the ring, valid until the position behind it is released.
  struct RecordView {
    // A copy. The header in the ring may have changed since, if the peer is hostile.
    Layout::RecordHeader header;
    // The record's first byte, its header.
    const uint8_t* data{nullptr};
    uint64_t position{0};
  };

  // [set-up] `start` is a record boundary at or before the producer's cursor. Ring and cursor outlive the consumer.
  RingConsumer(const uint8_t* ring, uint32_t ringSize, const std::atomic<uint64_t>* producerCursor, uint64_t start = 0) noexcept
      : ring_(ring), cursor_(producerCursor), size_(ringSize), position_(start), published_(start) {
    assert(IsPowerOfTwo(ringSize) && ringSize >= 2 * RecordHeaderSize && start % RecordAlignment == 0);
  }

  // All of the following: [owner's thread].

  // The next record, which stays the next until Consume(). Reads the peer's cursor only when all that it knows of is consumed.
  [[nodiscard]] PeekResult Peek(RecordView& view) noexcept {
    if (corrupt_) {
      return PeekResult::Corrupt;
    }

    // Runs at most twice: a padding record ends at the ring's end, and at the ring's beginning none is valid, since it is at most as long
    // as the record that it makes room for.
    for (;;) {
      if (position_ == published_ && !ReadProducerCursor()) {
        return corrupt_ ? PeekResult::Corrupt : PeekResult::Empty;
      }

      const uint32_t offset = static_cast<uint32_t>(position_) & (size_ - 1);
      const auto header = ReadHeader(offset);

      if (!IsPlausible(header, offset)) {
        return Refuse();
      }
      if (header.type() != Layout::RecordType::Padding) {
        view = {header, ring_ + offset, position_};
        return PeekResult::Ok;
      }
      if (header.length() != size_ - offset) {
        return Refuse();
      }
      position_ += header.length();
    }
  }

  // Goes on behind the record. The view stays readable until the next Release(), so that a batch can be in hand at once.
  void Consume(const RecordView& view) noexcept {
    assert(view.position == position_);
    position_ = view.position + AlignedLength(view.header.length());
  }

  // Gives everything before Position() back to the producer. Once per batch: it costs the transfer of a cache line.
  void Release(std::atomic<uint64_t>* consumerCursor) const noexcept {
#ifdef MPH_WEAKEN_RELEASE_ORDER
    // Negative control: the stress test under ThreadSanitizer must fail with it.
    consumerCursor->store(position_, std::memory_order_relaxed);
#else
    // W2: no read of a consumed record can come later than this. Pairs with R2 in RingProducer::ReadConsumerCursor().
    consumerCursor->store(position_, std::memory_order_release);
#endif
  }

  // End of the last record (or padding) that was consumed.
  uint64_t Position() const noexcept { return position_; }
  uint32_t Size() const noexcept { return size_; }

 private:
  // False when there is nothing new, or nothing that can be true.
  bool ReadProducerCursor() noexcept {
    // R1: what was written before this value is visible from here on. Pairs with W1 in RingProducer::Publish().
    const uint64_t cursor = cursor_->load(std::memory_order_acquire);
    // A cursor that went back gives a difference beyond any ring's size.
    const uint64_t ahead = cursor - position_;

    if (ahead > size_ || cursor % RecordAlignment != 0) {
      corrupt_ = true;
      return false;
    }
    published_ = cursor;
    FetchLines(static_cast<uint32_t>(ahead));
    return ahead != 0;
  }

  // The first record behind the position, wherever it ends: all its lines together, while its header is still on the way. What comes behind
  // it, the processor fetches by itself.
  void FetchLines(uint32_t ahead) const noexcept {
    const uint32_t offset = static_cast<uint32_t>(position_) & (size_ - 1);
    const uint32_t toEnd = size_ - offset;
    const uint32_t length = ahead < toEnd ? ahead : toEnd;

    for (uint32_t done = 0; done < length && done < PrefetchLimit; done += CacheLineSize) {
      PrefetchForRead(ring_ + offset + done);
    }
  }

  // Relaxed, since R1 has ordered it. Atomic, so that it is one read however hostile the writer and however clever the compiler.
  Layout::RecordHeader ReadHeader(uint32_t offset) const noexcept {
    const auto* word = reinterpret_cast<const std::atomic<uint64_t>*>(ring_ + offset);
    return std::bit_cast<Layout::RecordHeader>(word->load(std::memory_order_relaxed));
  }

  // For records and padding alike: no length that runs beyond the published bytes, the ring's end, or half the ring.
  bool IsPlausible(const Layout::RecordHeader& header, uint32_t offset) const noexcept {
    const uint32_t length = header.length();

    // The limit comes first: it keeps AlignedLength() from wrapping around.
    return length >= RecordHeaderSize && length <= MaxRecordLength(size_) && AlignedLength(length) <= size_ - offset &&
           AlignedLength(length) <= published_ - position_ && header.type() != Layout::RecordType::None;
  }

  PeekResult Refuse() noexcept {
    corrupt_ = true;
    return PeekResult::Corrupt;
  }

  const uint8_t* ring_;
  const std::atomic<uint64_t>* cursor_;
  uint32_t size_;
  bool corrupt_{false};
  uint64_t position_;
  // The peer's cursor as last read.
  uint64_t published_;
};

// Copies a record's fixed part out of the ring, once: each byte is read a single time and the header is the one that Peek() checked. False
// when the record is shorter than a T. The worker takes verdicts so; a host may read in place.
template <typename T>
[[nodiscard]] bool CopyRecord(const RingConsumer::RecordView& view, T& record) noexcept {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(uint64_t) == 0 && alignof(T) <= RecordAlignment);

  if (view.header.length() < sizeof(T)) {
    return false;
  }

  const auto* words = reinterpret_cast<const std::atomic<uint64_t>*>(view.data);
  std::array<uint64_t, sizeof(T) / sizeof(uint64_t)> copy;

  copy[0] = std::bit_cast<uint64_t>(view.header);
  for (size_t i = 1; i < copy.size(); ++i) {
    // Relaxed, since R1 has ordered it; atomic, so that no compiler reads it again after a check.
    copy[i] = words[i].load(std::memory_order_relaxed);
  }
  record = std::bit_cast<T>(copy);
  return true;
}

}  // namespace mph::shm
