// Where the code that is checked meets the explorer. It is the code of the release, compiled with -fsanitize=thread and linked with this
// instead of ThreadSanitizer's runtime: each atomic operation is a call with its address and order, and each other access is announced.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "Explorer.hpp"

namespace mph::model {

void OnFence();
void OnFence() { Explorer::Instance().Fence(); }

}  // namespace mph::model

namespace {

using mph::model::Explorer;
using mph::model::Memory;

std::memory_order OrderOf(int order) { return static_cast<std::memory_order>(order); }

template <typename T>
T Load(const volatile T* address, int order) {
  return static_cast<T>(Explorer::Instance().Load(address, *address, OrderOf(order)));
}

template <typename T>
void Store(volatile T* address, T value, int order) {
  if (!Explorer::Instance().Store(address, value, OrderOf(order))) {
    *address = value;
  }
}

void Read(const volatile void* address, size_t size) {
  if (Memory::Contains(address)) {
    Explorer::Instance().ReadPlain(address, size);
  }
}

void Write(const volatile void* address, size_t size) {
  if (Memory::Contains(address)) {
    Explorer::Instance().WritePlain(address, size);
  }
}

}  // namespace

extern "C" {

void __tsan_init();
void __tsan_init() {}

#define MPH_MODEL_ACCESS(size)                                             \
  void __tsan_read##size(void* address);                                   \
  void __tsan_write##size(void* address);                                  \
  void __tsan_unaligned_read##size(void* address);                         \
  void __tsan_unaligned_write##size(void* address);                        \
  void __tsan_read##size(void* address) { Read(address, size); }           \
  void __tsan_write##size(void* address) { Write(address, size); }         \
  void __tsan_unaligned_read##size(void* address) { Read(address, size); } \
  void __tsan_unaligned_write##size(void* address) { Write(address, size); }

MPH_MODEL_ACCESS(1)
MPH_MODEL_ACCESS(2)
MPH_MODEL_ACCESS(4)
MPH_MODEL_ACCESS(8)
MPH_MODEL_ACCESS(16)

void __tsan_read_range(void* address, size_t size);
void __tsan_write_range(void* address, size_t size);
void __tsan_read_range(void* address, size_t size) { Read(address, size); }
void __tsan_write_range(void* address, size_t size) { Write(address, size); }

void __tsan_vptr_update(void** address, void* value);
void __tsan_vptr_read(void** address);
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

// Atomics that shared memory does not have (reference counts and the like) are done as they stand: all threads are one.
#define MPH_MODEL_ATOMIC(bits, type)                                                                                              \
  type __tsan_atomic##bits##_load(const volatile type* address, int order);                                                       \
  void __tsan_atomic##bits##_store(volatile type* address, type value, int order);                                                \
  type __tsan_atomic##bits##_fetch_add(volatile type* address, type value, int order);                                            \
  type __tsan_atomic##bits##_fetch_sub(volatile type* address, type value, int order);                                            \
  type __tsan_atomic##bits##_load(const volatile type* address, int order) { return Load(address, order); }                       \
  void __tsan_atomic##bits##_store(volatile type* address, type value, int order) { Store(address, value, order); }               \
  type __tsan_atomic##bits##_fetch_add(volatile type* address, type value, int) { return __atomic_fetch_add(address, value, 5); } \
  type __tsan_atomic##bits##_fetch_sub(volatile type* address, type value, int) { return __atomic_fetch_sub(address, value, 5); }

MPH_MODEL_ATOMIC(8, uint8_t)
MPH_MODEL_ATOMIC(16, uint16_t)
MPH_MODEL_ATOMIC(32, uint32_t)
MPH_MODEL_ATOMIC(64, uint64_t)

// By the linker's --wrap: copies are calls, which a sanitizer's runtime would take over.
void* __real_memcpy(void* to, const void* from, size_t size);
void* __wrap_memcpy(void* to, const void* from, size_t size);
void* __wrap_memcpy(void* to, const void* from, size_t size) {
  if (size > 0) {
    Read(from, size);
    Write(to, size);
  }
  return __real_memcpy(to, from, size);
}
}
