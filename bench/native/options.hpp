// What a measurement is told, and what it says.
#pragma once

#include <cstdint>
#include <string>

struct Options {
  // How long to measure, after a warm-up.
  uint64_t milliseconds{300};
  uint32_t packetRingSize{1 << 20};
  uint32_t verdictRingSize{1 << 18};
  // Records published at once, where a stream is measured.
  uint32_t batch{1};
  // Of floor/bulk.
  uint32_t blockSize{16384};
};

// One repetition. What does not apply is NaN and is not printed.
struct Result {
  double p50{__builtin_nan("")};
  double p99{__builtin_nan("")};
  double value{__builtin_nan("")};
  // Records per second, in a stream.
  double perSecond{__builtin_nan("")};
};

struct Benchmark {
  const char* name;
  // Of p50, p99 and value.
  const char* unit;
  Result (*run)(const Options&);
};
