// Asks for cache lines before they are needed. Never faults and changes no bytes; only time tells whether it was of use.
#pragma once

#include <cstdint>

namespace mph::shm {

inline constexpr uint32_t CacheLineSize = 64;

// Of a record: the largest packet that a network carries, with its header. More lines than a core can wait for at once would stall it.
inline constexpr uint32_t PrefetchLimit = 1600;

// The line is going to be read.
inline void PrefetchForRead(const uint8_t* address) noexcept { __builtin_prefetch(address, 0, 3); }

// The line is going to be written, so take it away from the peer as well. (The builtin would only do so with -mprfchw.)
inline void PrefetchForWrite(uint8_t* address) noexcept {
#ifdef __x86_64__
  asm volatile("prefetchw %0" : : "m"(*address));
#else
  __builtin_prefetch(address, 1, 3);
#endif
}

}  // namespace mph::shm
