// What one dispatch thread and its instances have done, for HostStats.
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

// Of a thread, whatever plugins it calls.
struct ServingStats {
  // Packets and messages that were read.
  Tally records;
  Tally doorbellsRung;
  // How often the thread went to sleep, and how often it found something while it spun instead.
  Tally sleeps;
  Tally spins;

  // Records that no plugin got, since the worker had resolved them by policy already.
  Tally skipped;
  // How often reading stopped because the worker had not drained the verdict ring.
  Tally verdictRingFull;
};

// Of one instance.
struct InstanceTallies {
  Tally packets;
  Tally messages;
  Tally batches;
  Tally verdicts;
  Tally events;

  // Packets and messages that it failed at.
  Tally errors;
  // Verdicts that are none; the packets were accepted.
  Tally invalidVerdicts;
  // Late verdicts that nobody waited for when their turn came.
  Tally lateForNobody;
};

}  // namespace mph::host
