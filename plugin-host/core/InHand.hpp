// What the plugin has in hand on the calling thread, for whoever ends the process because of it: the NowServing word in shared memory,
// which outlives us and tells the worker of what we died.
#pragma once

#include "mph/fbs/layout.h"

#include <atomic>
#include <cstdint>

namespace mph::host::InHand {

// nullptr: nothing is in hand. Initial-exec, so that a signal handler reads it without a call that could allocate.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local std::atomic<uint64_t>* nowServing;

static_assert(std::atomic<uint64_t>::is_always_lock_free, "signal handlers may not wait for a lock");

// Tells that this process dies of what is in hand; does nothing when nothing is. Async-signal-safe. [any]
inline void MarkCrashed() {
  if (auto* const word = nowServing) {
    // N2: before the sockets are shut down, which makes the worker look.
    word->fetch_or(uint64_t{1} << static_cast<uint8_t>(Mph::Layout::NowServingBit::Crashed), std::memory_order_release);
  }
}

}  // namespace mph::host::InHand
