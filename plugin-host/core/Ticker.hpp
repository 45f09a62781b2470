// Calls on_tick about every tick_interval_ms.
#pragma once

#include "Clock.hpp"
#include "Instance.hpp"

#include <cstdint>

namespace mph::host {

// [instance thread]
class Ticker {
 public:
  explicit Ticker(Instance& instance)
      : instance_(instance), intervalNs_(uint64_t{instance.TickIntervalMs()} * NsPerMs), dueNs_(MonotonicNs() + intervalNs_) {}

  void TickIfDue() {
    if (intervalNs_ == 0) {
      return;
    }

    const auto now = MonotonicNs();

    if (now >= dueNs_) {
      // Ticks that were missed are not made up for.
      dueNs_ = now + intervalNs_;
      instance_.OnTick(now);
    }
  }

  // A timeout for poll(): -1 when no tick will ever be due.
  int MsUntilDue() const {
    if (intervalNs_ == 0) {
      return -1;
    }

    const auto now = MonotonicNs();

    // Rounded up: a tick early would be a wake-up for nothing.
    return now >= dueNs_ ? 0 : static_cast<int>((dueNs_ - now + NsPerMs - 1) / NsPerMs);
  }

 private:
  static constexpr uint64_t NsPerMs = 1'000'000;

  Instance& instance_;
  const uint64_t intervalNs_;
  uint64_t dueNs_;
};

}  // namespace mph::host
