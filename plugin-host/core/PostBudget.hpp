// How much of what plugins post may wait for an app that does not read, over all instances of the process.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace mph::host {

// [any]
class PostBudget {
 public:
  static constexpr size_t MaxBytes = 4 << 20;

  // Holds its bytes until it is let go. nullptr: there is no room now.
  std::shared_ptr<const void> Take(size_t bytes) {
    // Relaxed, all: it is only a sum.
    if (used_->fetch_add(bytes, std::memory_order_relaxed) + bytes > MaxBytes) {
      used_->fetch_sub(bytes, std::memory_order_relaxed);

      return nullptr;
    }

    return {used_.get(), [used = used_, bytes](const void*) { used->fetch_sub(bytes, std::memory_order_relaxed); }};
  }

 private:
  // Whatever waits may outlive the budget.
  const std::shared_ptr<std::atomic<size_t>> used_{std::make_shared<std::atomic<size_t>>(0)};
};

}  // namespace mph::host
