// The one fence that shared memory needs beyond release and acquire.
#pragma once

#include <atomic>

namespace mph::shm {

// Orders an earlier store before a later load, which release and acquire do not, and x86 does not either. Two users: F1 and F2 in
// Link.hpp.
inline void StoreLoadFence() noexcept {
#ifdef MPH_WEAKEN_SLEEP_FENCE
  // Negative control for the stress test: what remains binds the compiler, not the processor.
  std::atomic_signal_fence(std::memory_order_seq_cst);
#else
// ThreadSanitizer does not model fences and says so. It need not here: this one orders two atomics and hands over no plain data; that is
// what the edges W1/R1 and W2/R2 do, which it does model.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wtsan"
  std::atomic_thread_fence(std::memory_order_seq_cst);
#pragma GCC diagnostic pop
#endif
}

}  // namespace mph::shm
