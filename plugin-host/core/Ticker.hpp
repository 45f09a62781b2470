// Calls on_tick about every tick_interval_ms.
#pragma once

#include "Clock.hpp"
#include "Instance.hpp"

#include <cstdint>

namespace mph::host {

// [instance thread]
class Ticker {
 public:
  explicit Ticker(Instance& instance) : instance_(instance) {}

  void TickIfDue() {
    if (!IsTicking()) {
      return;
    }

    const auto now = MonotonicNs();

    if (now >= dueNs_) {
      // Ticks that were missed are not made up for.
      dueNs_ = now + IntervalNs();
      instance_.OnTick(now);
    }
  }

  // A timeout for poll(): -1 when no tick will ever be due.
  int MsUntilDue() {
    if (!IsTicking()) {
      return -1;
    }

    const auto now = MonotonicNs();

    // Rounded up: a tick early would be a wake-up for nothing.
    return now >= dueNs_ ? 0 : static_cast<int>((dueNs_ - now + NsPerMs - 1) / NsPerMs);
  }

 private:
  static constexpr uint64_t NsPerMs = 1'000'000;

  uint64_t IntervalNs() const { return uint64_t{instance_.TickIntervalMs()} * NsPerMs; }

  // Its time runs from when it is first asked.
  bool IsTicking() {
    const auto intervalNs = IntervalNs();

    if (intervalNs != 0 && dueNs_ == 0) {
      dueNs_ = MonotonicNs() + intervalNs;
    }

    return intervalNs != 0;
  }

  Instance& instance_;
  uint64_t dueNs_{0};
};

}  // namespace mph::host
