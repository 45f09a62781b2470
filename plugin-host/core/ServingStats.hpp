// What one instance has done, for HostStats.
#pragma once

#include <atomic>
#include <cstdint>

namespace mph::host {

// A number with one writer, the instance's thread, and readers on any.
class Tally {
 public:
  // Relaxed, both: nobody else writes, and nothing is read on its account.
  void Add(uint64_t count) { value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed); }
  uint64_t Read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct ServingStats {
  Tally packets;
  Tally batches;
  Tally verdicts;
  Tally events;
  Tally doorbellsRung;
  // How often the thread went to sleep, and how often it found something while it spun instead.
  Tally sleeps;
  Tally spins;

  // Packets that the plugin did not get, since the worker had resolved them by policy already.
  Tally skipped;
  // Verdicts that are none; the packets were accepted.
  Tally invalidVerdicts;
  // Late verdicts whose router was gone when their turn came.
  Tally lateForNobody;
  // How often reading stopped because the worker had not drained the verdict ring.
  Tally verdictRingFull;
};

}  // namespace mph::host
