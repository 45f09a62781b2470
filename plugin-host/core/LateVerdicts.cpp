#include "LateVerdicts.hpp"

namespace mph::host {

mph_result LateVerdicts::Push(const LateVerdict& verdict) {
  if (verdict.ticket == 0 || (verdict.verdict != MPH_ACCEPT && verdict.verdict != MPH_DROP)) {
    return MPH_INVALID;
  }

  {
    const std::lock_guard lock(mutex_);

    if (!routers_.contains(verdict.router)) {
      return MPH_UNKNOWN;
    }
    if (waiting_.size() >= Capacity) {
      return MPH_FULL;
    }
    waiting_.push_back(verdict);
    // Relaxed: see IsEmpty().
    isEmpty_.store(false, std::memory_order_relaxed);

    // Whoever put the first one has rung, and the thread takes all that is there when it comes.
    if (waiting_.size() > 1) {
      return MPH_OK;
    }
  }
  wakeup_.Ring();

  return MPH_OK;
}

void LateVerdicts::TakeInto(std::vector<LateVerdict>& to) {
  const std::lock_guard lock(mutex_);

  to.insert(to.end(), waiting_.begin(), waiting_.end());
  waiting_.clear();
  // Relaxed: see IsEmpty().
  isEmpty_.store(true, std::memory_order_relaxed);
}

void LateVerdicts::OpenRouter(uint32_t router) {
  const std::lock_guard lock(mutex_);

  routers_.insert(router);
}

void LateVerdicts::CloseRouter(uint32_t router) {
  const std::lock_guard lock(mutex_);

  routers_.erase(router);
}

}  // namespace mph::host
