// How long a process was ready to run and had no CPU: what a busy machine makes it wait is none of its own doing.
#pragma once

#include <atomic>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <map>
#include <mutex>
#include <string>

namespace mph::fuzz {

class CpuDelay {
 public:
  // Its main thread's.
  explicit CpuDelay(const std::string& pid) : path_("/proc/" + pid + "/schedstat") {}

  // Every few milliseconds, and before Between(). [any]
  void Sample(uint64_t nowNs) {
    uint64_t ran = 0;
    uint64_t waited = 0;
    FILE* file = std::fopen(path_.c_str(), "r");

    if (file == nullptr) {
      return;
    }
    if (std::fscanf(file, "%" SCNu64 " %" SCNu64, &ran, &waited) == 2) {
      const std::lock_guard lock(mutex_);

      samples_[nowNs] = waited;
      if (samples_.size() > MaxSamples) {
        samples_.erase(samples_.begin());
      }
    }
    std::fclose(file);
  }

  // Of that time. What happened shortly before it may count, too: samples are a few milliseconds apart. [any]
  uint64_t Between(uint64_t fromNs, uint64_t toNs) {
    const std::lock_guard lock(mutex_);
    auto from = samples_.lower_bound(fromNs);
    auto to = samples_.lower_bound(toNs);

    if (from != samples_.begin() && (from == samples_.end() || fromNs - std::prev(from)->first < SlackNs)) {
      --from;
    }
    if (to == samples_.end() || to->first - toNs > SlackNs) {
      if (to == samples_.begin()) {
        return 0;
      }
      --to;
    }
    return from == samples_.end() || to->first <= from->first ? 0 : to->second - from->second;
  }

 private:
  static constexpr uint64_t SlackNs = 10'000'000;
  // Of a minute.
  static constexpr size_t MaxSamples = 20'000;

  const std::string path_;
  std::mutex mutex_;
  std::map<uint64_t, uint64_t> samples_;
};

}  // namespace mph::fuzz
