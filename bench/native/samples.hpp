// Round trips one after the other, and their percentiles.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "clock.hpp"
#include "options.hpp"

class Samples {
 public:
  explicit Samples(size_t capacity) { nanoseconds_.reserve(capacity); }

  void Add(uint64_t nanoseconds) { nanoseconds_.push_back(static_cast<uint32_t>(std::min<uint64_t>(nanoseconds, UINT32_MAX))); }
  bool IsEmpty() const { return nanoseconds_.empty(); }
  bool IsFull() const { return nanoseconds_.size() == nanoseconds_.capacity(); }

  // The smallest sample that is not exceeded by this share of all, in microseconds.
  double Percentile(double share) {
    const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(nanoseconds_.size())));
    const auto nth = nanoseconds_.begin() + static_cast<ptrdiff_t>(std::max<size_t>(rank, 1) - 1);
    std::nth_element(nanoseconds_.begin(), nth, nanoseconds_.end());
    return *nth / 1e3;
  }

  Result ToResult() { return {.p50 = Percentile(0.5), .p99 = Percentile(0.99)}; }

 private:
  std::vector<uint32_t> nanoseconds_;
};

// Calls `roundTrip` again and again: each takes from the end of the one before to its own end, so one look at the clock is enough. A fifth
// of the time goes before, to warm up.
template <typename RoundTrip>
Result measureRoundTrips(const Options& options, RoundTrip&& roundTrip) {
  // More than fit into the time: an F0 takes 50 ns at the least.
  Samples samples(std::max<size_t>(options.milliseconds * 20'000, 1000));
  const uint64_t begin = nowNs();
  const uint64_t warm = begin + options.milliseconds * 200'000;
  const uint64_t end = warm + options.milliseconds * 1'000'000;
  uint64_t last = begin;

  while ((last < end || samples.IsEmpty()) && !samples.IsFull()) {
    roundTrip();
    const uint64_t now = nowNs();
    if (last >= warm) {
      samples.Add(now - last);
    }
    last = now;
  }
  return samples.ToResult();
}

// The same, but one begins each millisecond, when both sides have long been asleep.
template <typename RoundTrip>
Result measurePaced(const Options& options, RoundTrip&& roundTrip) {
  constexpr uint64_t period = 1'000'000;
  Samples samples(options.milliseconds + 1);
  uint64_t due = nowNs();

  for (uint64_t i = 0; i < options.milliseconds; ++i) {
    due = std::max(due + period, nowNs());
    const struct timespec wake { static_cast<time_t>(due / 1'000'000'000), static_cast<long>(due % 1'000'000'000) };
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, nullptr);

    const uint64_t begin = nowNs();
    roundTrip();
    samples.Add(nowNs() - begin);
  }
  return samples.ToResult();
}

// A stream: `send` hands over some records of `size` bytes and says how many; it waits where there is no room, so that over a time that is
// long against what a ring holds, what is sent is what is received. The median over slices, since a slice in which either side was not
// running says nothing. MB/s counts payload alone.
template <typename Send>
Result measureStream(const Options& options, uint32_t size, Send&& send) {
  constexpr uint64_t slice = 5'000'000;
  const uint64_t slices = std::max<uint64_t>(options.milliseconds * 1'000'000 / slice, 1);
  std::vector<double> rates;

  // A fifth of the time goes before, to warm up.
  for (uint64_t i = 0; i < slices + slices / 5; ++i) {
    const uint64_t begin = nowNs();
    uint64_t now = begin;
    uint64_t sent = 0;

    while (now - begin < slice) {
      // Looking at the clock costs as much as a small record.
      for (int burst = 0; burst < 16; ++burst) {
        sent += send();
      }
      now = nowNs();
    }
    if (i >= slices / 5) {
      rates.push_back(static_cast<double>(sent) * 1e9 / static_cast<double>(now - begin));
    }
  }

  const auto middle = rates.begin() + static_cast<ptrdiff_t>(rates.size() / 2);
  std::nth_element(rates.begin(), middle, rates.end());
  return {.value = *middle * size / 1e6, .perSecond = *middle};
}
