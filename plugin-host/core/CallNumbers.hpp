// Numbers of what one instance asks of its worker. They stand in records that outlive a host: the next one reads the results of what a dead
// one has asked, too, and must know them as not its own.
#pragma once

#include "Clock.hpp"

#include <atomic>
#include <cstdint>

namespace mph::host {

// [any]
class CallNumbers {
 public:
  // Two hosts begin nanoseconds apart, and none makes a call per nanosecond. `slot` tells the instances of one worker apart.
  explicit CallNumbers(uint8_t slot, uint64_t nowNs = MonotonicNs()) : slot_(slot), first_(nowNs), next_(nowNs) {}

  // Never 0 for a slot that is not.
  uint64_t Next() {
    // Relaxed: only the number counts.
    return (next_.fetch_add(1, std::memory_order_relaxed) << SlotBits) | slot_;
  }

  // Whether Next() has given it.
  bool Has(uint64_t call) const {
    // Relaxed: who asks has the number from Next() by way of the worker.
    const auto given = next_.load(std::memory_order_relaxed) - first_;

    return static_cast<uint8_t>(call) == slot_ && IndexOf(call) < given;
  }

  // How many Next() had given before it.
  uint64_t IndexOf(uint64_t call) const { return ((call >> SlotBits) - first_) & NumberMask; }

 private:
  static constexpr int SlotBits = 8;
  static constexpr uint64_t NumberMask = ~uint64_t{0} >> SlotBits;

  const uint8_t slot_;
  const uint64_t first_;
  std::atomic<uint64_t> next_;
};

}  // namespace mph::host
