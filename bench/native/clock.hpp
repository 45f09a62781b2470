// Time, as all benchmarks here take it.
#pragma once

#include <time.h>

#include <cstdint>

// CLOCK_MONOTONIC by the vDSO: some 20 ns a call, the same in every figure here.
inline uint64_t nowNs() {
  struct timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}
