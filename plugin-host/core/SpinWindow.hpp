// Whether spinning until the next packet is worth it: only if it is likely to come before the window ends.
#pragma once

#include <algorithm>
#include <cstdint>

namespace mph::host {

// [instance thread]
class SpinWindow {
 public:
  static constexpr uint64_t MaxNs = 100'000;

  // From the end of one batch to the sight of the next.
  void OnGap(uint64_t ns) {
    // A pause in the stream counts as just too long: it must not be remembered for many packets.
    const auto gap = std::min(ns, 2 * MaxNs);

    averageGapNs_ += (static_cast<int64_t>(gap) - averageGapNs_) / 8;
  }

  // Somebody else got this CPU while the thread spun.
  void OnPreempted(uint64_t nowNs) { contendedUntilNs_ = nowNs + ContendedNs; }

  // How long to spin; 0: sleep at once.
  uint64_t NsToSpin(uint64_t nowNs) const {
    if (averageGapNs_ >= static_cast<int64_t>(MaxNs) || nowNs < contendedUntilNs_) {
      return 0;
    }

    return MaxNs;
  }

 private:
  static constexpr uint64_t ContendedNs = 20'000'000;

  int64_t averageGapNs_{2 * static_cast<int64_t>(MaxNs)};
  uint64_t contendedUntilNs_{0};
};

}  // namespace mph::host
