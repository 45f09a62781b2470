// The worker's own knowledge of where records end in a packet ring. A host's consumer cursor counts only if it stands on such a boundary
// and goes forward; this says whether it does, without reading a byte that the host could have changed.
//
// One bit per 8 bytes of ring, set where a record ends: a question costs one look, whatever the peer says, and the memory is 1/64 of the
// ring (calloc gives it untouched, so an idle ring costs none of a large one). Bits outside of what is outstanding may be stale; they are
// never asked, and cleared as the ring comes round.
#pragma once

#include <cassert>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>

#include "mph/shm/Layout.hpp"

namespace mph::shm {

class RecordWalk {
 public:
  // [set-up] Throws std::bad_alloc.
  explicit RecordWalk(uint32_t ringSize, uint64_t start = 0) : size_(ringSize), position_(start), end_(start) {
    assert(IsPowerOfTwo(ringSize) && ringSize >= RecordAlignment * 64 && start % RecordAlignment == 0);
    bits_.reset(static_cast<uint64_t*>(std::calloc(ringSize / RecordAlignment / 64, sizeof(uint64_t))));
    if (!bits_) {
      throw std::bad_alloc();
    }
  }

  // All of the following: [owner's thread].

  // A record was committed and ends here (RingProducer::Position() after Commit()). Costs a write per 512 bytes of record.
  void Push(uint64_t recordEnd) noexcept {
    assert(recordEnd % RecordAlignment == 0 && recordEnd > end_ && recordEnd - position_ <= size_);

    ClearBetween(end_, recordEnd);
    // Records do not cross the ring's end, so if this one seems to, padding precedes it: a consumer may have skipped that and stand behind
    // it.
    const uint64_t lap = recordEnd & ~static_cast<uint64_t>(size_ - 1);
    if (lap > end_) {
      Set(lap);
    }
    Set(recordEnd);
    end_ = recordEnd;
  }

  // True if the peer can have read up to here: the position it had, or the end of a record that was pushed after that. Then this is its
  // position. Otherwise nothing changes. One look, for any value.
  [[nodiscard]] bool Accept(uint64_t peerCursor) noexcept {
    if (peerCursor == position_) {
      return true;
    }
    // A cursor that went back gives a difference beyond any ring's size.
    if (peerCursor - position_ > end_ - position_ || peerCursor % RecordAlignment != 0 || !IsSet(peerCursor)) {
      return false;
    }
    position_ = peerCursor;
    return true;
  }

  // Whether Accept() would.
  [[nodiscard]] bool IsOutstanding(uint64_t position) const noexcept {
    return position == position_ || (position - position_ <= end_ - position_ && position % RecordAlignment == 0 && IsSet(position));
  }

  // The record end (or beginning of a lap) before `position`, which lies at most at the end of what was pushed; of what the ring still holds.
  // Nothing when there is none. Looks at every bit in between: for rare occasions.
  [[nodiscard]] std::optional<uint64_t> Previous(uint64_t position) const noexcept {
    const uint64_t oldest = end_ > size_ ? end_ - size_ : 0;

    for (uint64_t end = position; end > oldest;) {
      end -= RecordAlignment;
      // The first record has nothing in front of it that was pushed.
      if (end == 0 || (end > oldest && IsSet(end))) {
        return end;
      }
    }
    return std::nullopt;
  }

  // The last accepted cursor.
  uint64_t Position() const noexcept { return position_; }

 private:
  struct Free {
    void operator()(uint64_t* bits) const noexcept { std::free(bits); }
  };

  uint32_t IndexOf(uint64_t position) const noexcept { return (static_cast<uint32_t>(position) & (size_ - 1)) / RecordAlignment; }
  static uint64_t MaskOf(uint32_t index) noexcept { return uint64_t{1} << (index % 64); }
  bool IsSet(uint64_t position) const noexcept { return (bits_[IndexOf(position) / 64] & MaskOf(IndexOf(position))) != 0; }
  void Set(uint64_t position) noexcept { bits_[IndexOf(position) / 64] |= MaskOf(IndexOf(position)); }

  // Clears the bits of all positions after `from` and before `to`; the ring may come round in between.
  void ClearBetween(uint64_t from, uint64_t to) noexcept {
    uint64_t position = from + RecordAlignment;

    while (position < to) {
      const uint32_t index = IndexOf(position);
      const uint64_t left = (to - position) / RecordAlignment;
      const uint32_t inWord = 64 - index % 64;
      const uint64_t upward = ~uint64_t{0} << (index % 64);

      if (left >= inWord) {
        bits_[index / 64] &= ~upward;
        position += uint64_t{inWord} * RecordAlignment;
      } else {
        bits_[index / 64] &= ~(upward & (MaskOf(static_cast<uint32_t>(index + left)) - 1));
        return;
      }
    }
  }

  uint32_t size_;
  uint64_t position_;
  // End of the last record pushed.
  uint64_t end_;
  std::unique_ptr<uint64_t[], Free> bits_;
};

}  // namespace mph::shm
