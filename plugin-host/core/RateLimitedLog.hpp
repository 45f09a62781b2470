// What one instance says, on its way to the app. A plugin that logs per packet must not drown the channel, so a token bucket
// lets a burst through and then a trickle, and says how much it kept back.
#pragma once

#include "mph/fbs/control.h"

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace mph::host {

class RateLimitedLog {
 public:
  static constexpr double Burst = 100;
  static constexpr double PerSecond = 20;
  static constexpr size_t MaxMessageLength = 4096;

  // Must be callable from any thread.
  using Sink = std::function<void(Mph::Control::LogLevel, const std::string&)>;

  explicit RateLimitedLog(Sink sink) : sink_(std::move(sink)) {}

  // [any]
  void Write(Mph::Control::LogLevel level, std::string_view message, uint64_t nowNs);

 private:
  const Sink sink_;
  std::mutex mutex_;
  double tokens_{Burst};
  uint64_t filledAtNs_{0};
  uint64_t suppressed_{0};
};

}  // namespace mph::host
