#include "Pool.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace mph::model::Pool {

namespace {

constexpr size_t Size = size_t{4} << 20;
alignas(64) uint8_t memory[Size];
size_t used = 0;
bool isInside = false;

void* Allocate(size_t size) {
  if (!isInside) {
    return std::malloc(size);
  }
  const size_t at = used;

  used += (size + 15) & ~size_t{15};
  return used <= Size ? memory + at : nullptr;
}

bool IsOurs(const void* address) { return address >= memory && address < memory + Size; }

}  // namespace

void Reset() { used = 0; }
void Enter() { isInside = true; }
void Leave() { isInside = false; }

Pause::Pause() : wasInside_(isInside) { isInside = false; }
Pause::~Pause() { isInside = wasInside_; }

}  // namespace mph::model::Pool

void* operator new(size_t size) {
  if (void* memory = mph::model::Pool::Allocate(size)) {
    return memory;
  }
  throw std::bad_alloc();
}
void operator delete(void* address) noexcept {
  if (!mph::model::Pool::IsOurs(address)) {
    std::free(address);
  }
}
void operator delete(void* address, size_t) noexcept { operator delete(address); }
