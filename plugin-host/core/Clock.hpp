// The clock that worker and host share: received_at_ns and deadline_ns of a packet are in its terms.
#pragma once

#include <cstdint>
#include <ctime>

namespace mph::host {

inline uint64_t MonotonicNs() {
  timespec now{};

  clock_gettime(CLOCK_MONOTONIC, &now);

  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace mph::host
