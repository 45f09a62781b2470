// Between two looks at a place that a peer is about to write.
#pragma once

namespace mph::shm {

// Leaves the core to its other thread for a moment, and the line to the peer.
inline void Pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace mph::shm
