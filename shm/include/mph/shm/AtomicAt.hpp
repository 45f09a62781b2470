// Atomics in shared memory, by their offset.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <type_traits>

namespace mph::shm {

// Between processes only lock-free atomics work, and the layout counts on their having the size of the plain type.
template <typename T>
inline constexpr bool IsSharedAtomic = std::atomic<T>::is_always_lock_free && sizeof(std::atomic<T>) == sizeof(T) &&
                                       alignof(std::atomic<T>) == sizeof(T);

static_assert(IsSharedAtomic<uint32_t> && IsSharedAtomic<uint64_t>);

// The offset is one of the layout's *Offset enums, or a number of bytes.
template <typename T, typename Offset>
std::atomic<T>* AtomicAt(uint8_t* base, Offset offset) noexcept {
  static_assert(IsSharedAtomic<T>);
  auto* address = base + static_cast<size_t>(offset);
  assert(reinterpret_cast<uintptr_t>(address) % sizeof(T) == 0);
  return reinterpret_cast<std::atomic<T>*>(address);
}

template <typename T, typename Offset>
const std::atomic<T>* AtomicAt(const uint8_t* base, Offset offset) noexcept {
  return AtomicAt<T>(const_cast<uint8_t*>(base), offset);
}

}  // namespace mph::shm
