// Who sleeps, and where something was published: the two link segments of a connection, one per direction.
//
// A sleeper must not miss what is published while it falls asleep. Either it sees the publication when it looks again, or the publisher
// sees its flag; for both to miss, each side's load would have to overtake its own store, which the two fences forbid.
//
//   sleeper                                     publisher
//   SetAsleep(true)      flag = 1, then F1      RingProducer::Publish()   cursor (W1)
//   look again           counters (R3)          CountPublication()        counter (W3)
//   still nothing: block on the doorbell        IsAsleep()                F2, then flag
//   SetAsleep(false), reset the bell, drain     if so: RingDoorbell()
//
// The fences are inside SetAsleep() and IsAsleep(), so that they cannot be forgotten.
#pragma once

#include <array>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <utility>

#include "mph/shm/AtomicAt.hpp"
#include "mph/shm/Layout.hpp"
#include "mph/shm/StoreLoadFence.hpp"

namespace mph::shm {

inline constexpr uint32_t RingsPerPublishCounter = static_cast<uint32_t>(Layout::Limit::RingsPerPublishCounter);
inline constexpr uint32_t PublishCounters = static_cast<uint32_t>(Layout::Limit::MaxRingsPerConnection) / RingsPerPublishCounter;

static_assert(PublishCounters == 64, "PublicationWatch::TakeChanged() returns a bit for each");
static_assert(static_cast<uint32_t>(Layout::LinkSegmentOffset::PublishCounters) + PublishCounters * sizeof(uint32_t) <=
              static_cast<uint32_t>(Layout::LinkSegmentOffset::End));

// A ring's counter.
constexpr uint32_t PublishGroupOf(uint32_t ring) noexcept { return ring / RingsPerPublishCounter; }

// The segment that this side writes.
class LinkWriter {
 public:
  explicit LinkWriter(uint8_t* segment) noexcept
      : asleep_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::Asleep)),
        counters_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::PublishCounters)) {}

  // All of the following: [owner's thread].

  // After SetAsleep(true) look again before you block. Clear it as soon as you are awake, or the peer goes on ringing.
  void SetAsleep(bool asleep) noexcept {
    // Relaxed: F1 orders the 1; a late 0 costs a needless ring and no more.
    asleep_->store(asleep ? 1 : 0, std::memory_order_relaxed);
    if (asleep) {
      // F1: the flag before the look at the counters. Pairs with F2.
      StoreLoadFence();
    }
  }

  // After Publish() of a ring with this number on the connection, before the look at the peer's flag.
  void CountPublication(uint32_t ring) noexcept {
    auto& counter = counters_[PublishGroupOf(ring)];
    assert(PublishGroupOf(ring) < PublishCounters);
    // Relaxed: nobody else writes it.
    const uint32_t count = counter.load(std::memory_order_relaxed);
    // W3: who sees the count sees the cursor. Pairs with R3 in LinkReader::PublishCount().
    counter.store(count + 1, std::memory_order_release);
  }

 private:
  std::atomic<uint32_t>* asleep_;
  std::atomic<uint32_t>* counters_;
};

// The segment that the peer writes. It may say anything: then its owner sleeps too long or is rung needlessly, or we look at rings in vain.
class LinkReader {
 public:
  explicit LinkReader(const uint8_t* segment) noexcept
      : asleep_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::Asleep)),
        counters_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::PublishCounters)) {}

  // Whether the peer wants its doorbell rung for what was counted before. Once per batch: it is a fence.
  [[nodiscard]] bool IsAsleep() const noexcept {
    // F2: cursor and counter before the look at the flag. Pairs with F1.
    StoreLoadFence();
    // Relaxed: F2 orders it, and nothing is read on its account.
    return asleep_->load(std::memory_order_relaxed) == 1;
  }

  [[nodiscard]] uint32_t PublishCount(uint32_t group) const noexcept {
    assert(group < PublishCounters);
    // R3: pairs with W3 in LinkWriter::CountPublication().
    return counters_[group].load(std::memory_order_acquire);
  }

 private:
  const std::atomic<uint32_t>* asleep_;
  const std::atomic<uint32_t>* counters_;
};

// The reader's own copy of the counters: says which groups of rings to drain, and whether one may sleep. Counts wrap; only their being
// different means something.
class PublicationWatch {
 public:
  // `groups`: how many counters are in use, PublishGroupOf(highest ring number) + 1.
  explicit PublicationWatch(LinkReader link, uint32_t groups = PublishCounters) noexcept : link_(link) { SetGroups(groups); }

  void SetGroups(uint32_t groups) noexcept {
    assert(groups <= PublishCounters);
    groups_ = groups;
  }

  // The look before going to sleep. Changes nothing.
  [[nodiscard]] bool HasChanged() const noexcept {
    for (uint32_t group = 0; group < groups_; ++group) {
      if (link_.PublishCount(group) != seen_[group]) {
        return true;
      }
    }
    return false;
  }

  // Bit i: something was published in a ring of group i since the last call. Drain those rings until they are empty, *after* this call:
  // what is published in the meantime then counts as changed once more. Who stops earlier must not sleep.
  [[nodiscard]] uint64_t TakeChanged() noexcept {
    uint64_t changed = 0;

    for (uint32_t group = 0; group < groups_; ++group) {
      const uint32_t count = link_.PublishCount(group);
      if (std::exchange(seen_[group], count) != count) {
        changed |= uint64_t{1} << group;
      }
    }
    return changed;
  }

 private:
  LinkReader link_;
  uint32_t groups_{0};
  std::array<uint32_t, PublishCounters> seen_{};
};

// For a thread with nothing but rings to wait for: arms, looks again, blocks, disarms. `somethingThere()` must look at every counter (or
// cursor) that may bring work; `block()` returns when the doorbell rings, or for reasons of its own. True if it blocked. The worker, whose
// loop blocks by itself, calls SetAsleep() from its handles instead.
template <typename SomethingThere, typename Block>
bool SleepUnless(LinkWriter& own, SomethingThere&& somethingThere, Block&& block) {
  own.SetAsleep(true);

  const bool sleep = !somethingThere();
  if (sleep) {
    block();
  }
  own.SetAsleep(false);
  return sleep;
}

}  // namespace mph::shm
