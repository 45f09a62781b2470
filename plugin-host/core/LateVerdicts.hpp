// Verdicts that a plugin gives after on_packets() returned, from whatever thread: handed over to the instance's own thread, which
// alone writes to the verdict rings. Off the path of an immediate verdict, so a mutex does.
#pragma once

#include "Wakeup.hpp"
#include "mph_plugin.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_set>
#include <vector>

namespace mph::host {

struct LateVerdict {
  uint32_t router;
  uint64_t ticket;
  mph_verdict verdict;
};

class LateVerdicts {
 public:
  // As many as wait here at most; a plugin that answers faster than its thread writes is told MPH_FULL.
  static constexpr size_t Capacity = 65536;

  explicit LateVerdicts(Wakeup& wakeup) : wakeup_(wakeup) {}

  // What mph_host.verdict() does. [any]
  mph_result Push(const LateVerdict& verdict);

  // Whether TakeInto() would find some. [instance thread]
  bool IsEmpty() const {
    // Relaxed: a verdict that is missed here rings the wakeup, and the mutex orders what TakeInto() reads.
    return isEmpty_.load(std::memory_order_relaxed);
  }

  // Appends all that wait to `to`. [instance thread]
  void TakeInto(std::vector<LateVerdict>& to);

  // Verdicts for a router count from here on. [instance thread]
  void OpenRouter(uint32_t router);

  // [instance thread]
  void CloseRouter(uint32_t router);

 private:
  Wakeup& wakeup_;
  std::mutex mutex_;
  std::vector<LateVerdict> waiting_;
  std::atomic<bool> isEmpty_{true};
  std::unordered_set<uint32_t> routers_;
};

}  // namespace mph::host
