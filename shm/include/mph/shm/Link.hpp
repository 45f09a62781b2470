// Who sleeps, and where something was published: the two link segments of a connection, one per direction.
//
// A sleeper must not miss what is published while it falls asleep. Either it sees the publication when it looks again, or the publisher
// sees its flag; for both to miss, each side's load would have to overtake its own store, which the two fences forbid.
//
//   sleeper                                     publisher
//   SetAsleep(true)      flag odd, then F1      RingProducer::Publish()   cursor (W1)
//   look again           publications (R3)      CountPublication()        publications (W3)
//   still nothing: block on the doorbell        TakeSleep()               F2, then flag
//   SetAsleep(false), reset the bell, drain     if so: RingDoorbell()
//
// The fences are inside SetAsleep() and TakeSleep(), so that they cannot be forgotten. The flag counts: a sleep is told from the next,
// so that it costs one ring, however much is published before the sleeper gets a CPU.
//
// Beside the flag stand the CPU that its writer runs on, and how long the turns of the worker's loop take (docs/placement.md): hints.
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

inline constexpr uint32_t RecentRings = 64;

static_assert(static_cast<uint32_t>(Layout::LinkSegmentOffset::RecentRings) + RecentRings * sizeof(uint32_t) <=
              static_cast<uint32_t>(Layout::LinkSegmentOffset::PublishCounters));
static_assert(static_cast<uint32_t>(Layout::LinkSegmentOffset::PublishCounters) + PublishCounters * sizeof(uint32_t) <=
              static_cast<uint32_t>(Layout::LinkSegmentOffset::End));

// A ring's counter.
constexpr uint32_t PublishGroupOf(uint32_t ring) noexcept { return ring / RingsPerPublishCounter; }

// The segment that this side writes.
class LinkWriter {
 public:
  explicit LinkWriter(uint8_t* segment) noexcept
      : asleep_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::Asleep)),
        cpu_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::Cpu)),
        turnNs_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::TurnNs)),
        publications_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::Publications)),
        recentRings_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::RecentRings)),
        counters_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::PublishCounters)) {}

  // All of the following: [owner's thread]. Relaxed loads: nobody else writes here.

  // After SetAsleep(true) look again before you block. Clear it as soon as you are awake, or the peer goes on ringing.
  void SetAsleep(bool asleep) noexcept {
    const uint32_t flag = asleep_->load(std::memory_order_relaxed);
    if ((flag % 2 != 0) == asleep) {
      return;
    }
    // Relaxed: F1 orders the falling asleep; a late waking up costs a needless ring and no more.
    asleep_->store(flag + 1, std::memory_order_relaxed);
    if (asleep) {
      // F1: the flag before the look at the counters. Pairs with F2.
      StoreLoadFence();
    }
  }

  // -1: unknown.
  void SetCpu(int cpu) noexcept { StoreHint(cpu_, static_cast<uint32_t>(cpu + 1)); }
  void SetTurnNs(uint32_t ns) noexcept { StoreHint(turnNs_, ns); }

  // After Publish() of a ring with this number on the connection, before the look at the peer's flag.
  void CountPublication(uint32_t ring) noexcept {
    auto& counter = counters_[PublishGroupOf(ring)];
    assert(PublishGroupOf(ring) < PublishCounters);
    const uint32_t publications = publications_->load(std::memory_order_relaxed);

    // W4: a reader that takes it for the entry of 64 publications ago, which stood here, will see the present count when it looks again.
    // Pairs with R4 in LinkReader::RecentRing().
    recentRings_[publications % RecentRings].store(ring, std::memory_order_release);
    // Relaxed: W3 orders it.
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    // W3: who sees the count sees entry, counter and cursor. Pairs with R3 in LinkReader::Publications().
    publications_->store(publications + 1, std::memory_order_release);
  }

 private:
  // Unchanged, it leaves the line with the reader.
  static void StoreHint(std::atomic<uint32_t>* hint, uint32_t value) noexcept {
    if (hint->load(std::memory_order_relaxed) != value) {
      hint->store(value, std::memory_order_relaxed);
    }
  }

  std::atomic<uint32_t>* asleep_;
  std::atomic<uint32_t>* cpu_;
  std::atomic<uint32_t>* turnNs_;
  std::atomic<uint32_t>* publications_;
  std::atomic<uint32_t>* recentRings_;
  std::atomic<uint32_t>* counters_;
};

// The segment that the peer writes. It may say anything: then its owner sleeps too long or is rung needlessly, or we look at rings in vain.
class LinkReader {
 public:
  explicit LinkReader(const uint8_t* segment) noexcept
      : asleep_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::Asleep)),
        cpu_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::Cpu)),
        turnNs_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::TurnNs)),
        publications_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::Publications)),
        recentRings_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::RecentRings)),
        counters_(AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::PublishCounters)) {}

  // Whether the peer sleeps and wants its doorbell rung for what was counted before; once per sleep. To be asked once per batch: it is a
  // fence.
  [[nodiscard]] bool TakeSleep() noexcept {
    // F2: cursor and counter before the look at the flag. Pairs with F1.
    StoreLoadFence();
    // Relaxed: F2 orders it, and nothing is read on its account.
    const uint32_t flag = asleep_->load(std::memory_order_relaxed);
    return flag % 2 != 0 && std::exchange(rung_, flag) != flag;
  }

  // Hints: old by the time they are read.
  [[nodiscard]] bool IsAsleep() const noexcept { return asleep_->load(std::memory_order_relaxed) % 2 != 0; }
  // -1: unknown.
  [[nodiscard]] int Cpu() const noexcept { return static_cast<int>(cpu_->load(std::memory_order_relaxed)) - 1; }
  [[nodiscard]] uint32_t TurnNs() const noexcept { return turnNs_->load(std::memory_order_relaxed); }

  [[nodiscard]] uint32_t Publications() const noexcept {
    // R3: pairs with W3 in LinkWriter::CountPublication().
    return publications_->load(std::memory_order_acquire);
  }

  // R4: the entry before another look at Publications(). Pairs with W4 in LinkWriter::CountPublication().
  [[nodiscard]] uint32_t RecentRing(uint32_t publication) const noexcept {
    return recentRings_[publication % RecentRings].load(std::memory_order_acquire);
  }
  [[nodiscard]] uint32_t PublishCount(uint32_t group) const noexcept {
    assert(group < PublishCounters);
    // Relaxed: R3 has ordered it.
    return counters_[group].load(std::memory_order_relaxed);
  }

 private:
  const std::atomic<uint32_t>* asleep_;
  const std::atomic<uint32_t>* cpu_;
  const std::atomic<uint32_t>* turnNs_;
  const std::atomic<uint32_t>* publications_;
  const std::atomic<uint32_t>* recentRings_;
  const std::atomic<uint32_t>* counters_;
  // The sleep that was rung last; even: none.
  uint32_t rung_{0};
};

// The reader's own copy of the counts: says which rings to drain, and whether one may sleep. Cost follows what was published since the last
// look, and not the number of rings. Counts wrap; only their being different means something.
class PublicationWatch {
 public:
  explicit PublicationWatch(LinkReader link) noexcept : link_(link) {}

  // The look before going to sleep. Changes nothing.
  [[nodiscard]] bool HasChanged() const noexcept { return link_.Publications() != seen_; }

  // Calls `visit(first, end)` for ranges of ring numbers in which something was published since the last call: single rings, or, when
  // that was longer ago, groups of 64. Numbers may be any below 4,096, and come more than once. Drain those rings until they are empty,
  // *after* this call: what is published in the meantime then counts as changed once more. Who stops earlier must not sleep.
  template <typename Visit>
  void TakeChanged(Visit&& visit) noexcept {
    const uint32_t publications = link_.Publications();
    const uint32_t count = publications - std::exchange(seen_, publications);

    if (count == 0) {
      return;
    }
    if (count < RecentRings) {
      std::array<uint32_t, RecentRings> rings;

      for (uint32_t i = 0; i < count; ++i) {
        rings[i] = link_.RecentRing(publications - count + i);
      }
      // An entry is written before it is counted, so one more than was counted may have been lost.
      if (link_.Publications() - publications + count < RecentRings) {
        for (uint32_t i = 0; i < count; ++i) {
          VisitRing(rings[i], visit);
        }
        return;
      }
    }
    VisitGroups(visit);
  }

 private:
  template <typename Visit>
  void VisitRing(uint32_t ring, Visit& visit) noexcept {
    // Otherwise it is a number that no writer of ours writes.
    if (PublishGroupOf(ring) < PublishCounters) {
      visit(ring, ring + 1);
    }
  }

  template <typename Visit>
  void VisitGroups(Visit& visit) noexcept {
    for (uint32_t group = 0; group < PublishCounters; ++group) {
      const uint32_t count = link_.PublishCount(group);

      if (std::exchange(seenInGroup_[group], count) != count) {
        visit(group * RingsPerPublishCounter, (group + 1) * RingsPerPublishCounter);
      }
    }
  }

  LinkReader link_;
  uint32_t seen_{0};
  // As of the last visit to groups: only values that were read may be kept, or a publication could be taken for one that was seen.
  std::array<uint32_t, PublishCounters> seenInGroup_{};
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
