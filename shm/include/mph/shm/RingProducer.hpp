// The writing end of a ring: claim, fill, commit, and publish a batch. The worker's tap writes packets with it, the host's verdict sink
// verdicts. One thread owns it; of the peer it knows only the consumer cursor that its owner hands in, so it needs no trust.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <cstring>

#include "mph/shm/Layout.hpp"
#include "mph/shm/Prefetch.hpp"

namespace mph::shm {

// The life of a record: FREE → CLAIMED → COMMITTED → PUBLISHED → CONSUMED (= FREE). Abort() leads from CLAIMED back to FREE.
class RingProducer {
 public:
  enum class TryClaimResult : uint8_t {
    Ok,
    // Read the peer's cursor, SetConsumed(), try again; if it is still full, the peer is slow.
    Full,
    // Longer than half the ring: will never fit.
    TooLarge,
  };

  // [set-up] `start` is the position at which the ring is taken over; 0 for a new one. Ring and cursor outlive the producer.
  RingProducer(uint8_t* ring, uint32_t ringSize, std::atomic<uint64_t>* producerCursor, uint64_t start = 0) noexcept
      : ring_(ring), cursor_(producerCursor), size_(ringSize), position_(start), claimEnd_(start), consumed_(start) {
    assert(IsPowerOfTwo(ringSize) && ringSize >= 2 * RecordHeaderSize && start % RecordAlignment == 0);
  }

  // All of the following: [owner's thread].

  // `recordLength` includes the RecordHeader. On Ok `record` points to that many contiguous bytes, aligned to 8, which the caller fills,
  // header included, before Commit(). One claim at a time.
  [[nodiscard]] TryClaimResult TryClaim(uint32_t recordLength, uint8_t*& record) noexcept {
    assert(recordLength >= RecordHeaderSize);
    assert(claimEnd_ == position_ && "the last claim was neither committed nor aborted");

    if (recordLength > MaxRecordLength(size_)) {
      return TryClaimResult::TooLarge;
    }

    const uint32_t length = AlignedLength(recordLength);
    const uint32_t offset = OffsetOf(position_);
    const uint32_t toEnd = size_ - offset;
    const uint32_t padding = length > toEnd ? toEnd : 0;

    if (padding + length > size_ - Used()) {
      return TryClaimResult::Full;
    }
    if (padding != 0) {
      // Unpublished, hence invisible, and overwritten by the next claim if this one is aborted.
      const Layout::RecordHeader header(padding, Layout::RecordType::Padding, 0, 0);
      std::memcpy(ring_ + offset, &header, sizeof(header));
    }

    record = ring_ + OffsetOf(position_ + padding);
    TakeLines(record, recordLength);
    claimEnd_ = position_ + padding + length;
    return TryClaimResult::Ok;
  }

  // The record is part of the next Publish().
  void Commit() noexcept { position_ = claimEnd_; }

  // The claim has never been.
  void Abort() noexcept { claimEnd_ = position_; }

  // Shows the peer everything that was committed. Once per batch: it costs the transfer of a cache line.
  void Publish() noexcept {
#ifdef MPH_WEAKEN_PUBLISH_ORDER
    // Negative control: the stress test under ThreadSanitizer must fail with it.
    cursor_->store(position_, std::memory_order_relaxed);
#else
    // W1: publishes the records. Pairs with R1 in RingConsumer::Peek().
    cursor_->store(position_, std::memory_order_release);
#endif
  }

  // How far the peer has read. R2: what it has read may be overwritten from here on. Pairs with W2 in RingConsumer::Release().
  // The worker must have RecordWalk accept the value before it believes it.
  static uint64_t ReadConsumerCursor(const std::atomic<uint64_t>* consumerCursor) noexcept {
    return consumerCursor->load(std::memory_order_acquire);
  }

  // Frees what the peer has read. `consumed` is a value that was validated, or comes from a peer that is trusted.
  void SetConsumed(uint64_t consumed) noexcept {
    assert(consumed % RecordAlignment == 0 && consumed - consumed_ <= Used());
    consumed_ = consumed;
  }

  // As of the last SetConsumed().
  uint64_t Consumed() const noexcept { return consumed_; }
  // End of the last committed record.
  uint64_t Position() const noexcept { return position_; }
  // Bytes that were committed and not yet consumed.
  uint32_t Used() const noexcept { return static_cast<uint32_t>(position_ - consumed_); }
  uint32_t Size() const noexcept { return size_; }

 private:
  // The peer has had these lines since the ring last came round. The caller's stores would fetch them back one after the other, and
  // Publish() would wait for all; asked for together they come together. Last line first: going up, the processor would fetch ahead of the
  // next record, too, while the peer's does the same to read there, and they would take those lines from one another.
  static void TakeLines(uint8_t* record, uint32_t length) noexcept {
    if (length <= CacheLineSize) {
      return;
    }
    for (uint32_t offset = length < PrefetchLimit ? length - 1 : PrefetchLimit - 1; offset >= CacheLineSize; offset -= CacheLineSize) {
      PrefetchForWrite(record + offset);
    }
    PrefetchForWrite(record);
  }

  uint32_t OffsetOf(uint64_t position) const noexcept { return static_cast<uint32_t>(position) & (size_ - 1); }

  uint8_t* ring_;
  std::atomic<uint64_t>* cursor_;
  uint32_t size_;
  uint64_t position_;
  // Equal to position_ while nothing is claimed.
  uint64_t claimEnd_;
  uint64_t consumed_;
};

}  // namespace mph::shm
