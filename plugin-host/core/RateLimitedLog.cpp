#include "RateLimitedLog.hpp"

#include <algorithm>

namespace mph::host {

void RateLimitedLog::Write(Mph::Control::LogLevel level, std::string_view message, uint64_t nowNs) {
  uint64_t suppressed = 0;

  {
    const std::lock_guard lock(mutex_);

    if (nowNs > filledAtNs_) {
      tokens_ = std::min(Burst, tokens_ + static_cast<double>(nowNs - filledAtNs_) * 1e-9 * PerSecond);
      filledAtNs_ = nowNs;
    }
    if (tokens_ < 1) {
      ++suppressed_;

      return;
    }
    tokens_ -= 1;
    std::swap(suppressed, suppressed_);
  }

  std::string text(message.substr(0, MaxMessageLength));

  if (suppressed > 0) {
    text += " (" + std::to_string(suppressed) + " messages before it were suppressed: at most " +
            std::to_string(static_cast<int>(PerSecond)) + " per second reach the app)";
  }
  sink_(level, text);
}

}  // namespace mph::host
