#include "BatchMemory.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mph::addon {

namespace {

enum Memory : uint8_t { InRing, InSide };

// Records stand at multiples of it.
constexpr size_t Alignment = 8;
constexpr size_t SmallestSide = 65'536;

size_t Aligned(size_t length) { return (length + Alignment - 1) / Alignment * Alignment; }

template <typename Array, typename Element>
void Make(Napi::Env env, Napi::Object& arrays, const char* name, Element*& elements) {
  auto array = Array::New(env, BatchMemory::Capacity);

  elements = array.Data();
  arrays.Set(name, array);
}

}  // namespace

BatchMemory::BatchMemory(Napi::Env env) : env_(env) {
  auto arrays = Napi::Object::New(env);

  Make<Napi::Uint32Array>(env, arrays, "offsets", offsets_);
  Make<Napi::Uint8Array>(env, arrays, "memories", memories_);
  Make<Napi::Uint32Array>(env, arrays, "attachments", attachments_);
  Make<Napi::BigUint64Array>(env, arrays, "causes", causes_);
  Make<Napi::Uint8Array>(env, arrays, "verdicts", verdicts_);
  arrays_ = Napi::Persistent(arrays);
}

Napi::ArrayBuffer BatchMemory::OpenRing(uint32_t router, std::shared_ptr<const shm::Segment> packets) {
  auto* const data = packets->Data();
  const auto size = packets->Size();
  auto* const keeper = new std::shared_ptr<const shm::Segment>(std::move(packets));

  rings_.insert_or_assign(router, Ring{data, size, 0});

  return Napi::ArrayBuffer::New(
      env_, data, size, [](Napi::Env, void*, std::shared_ptr<const shm::Segment>* kept) { delete kept; }, keeper);
}

void BatchMemory::AddReader(uint32_t router) {
  if (const auto ring = rings_.find(router); ring != rings_.end()) {
    ++ring->second.readers;
  }
}

bool BatchMemory::RemoveReader(uint32_t router) {
  const auto ring = rings_.find(router);

  if (ring == rings_.end() || --ring->second.readers > 0) {
    return false;
  }
  rings_.erase(ring);

  return true;
}

bool BatchMemory::BeginSide(size_t bytes) {
  sideUsed_ = 0;
  if (bytes <= sideSize_) {
    return false;
  }
  sideSize_ = std::max(Aligned(bytes), SmallestSide);

  auto buffer = Napi::ArrayBuffer::New(env_, sideSize_);

  sideBytes_ = static_cast<uint8_t*>(buffer.Data());
  side_ = Napi::Reference<Napi::ArrayBuffer>::New(buffer, 1);

  return true;
}

bool BatchMemory::IsInRing(uint32_t router, const uint8_t* record) const {
  const auto ring = rings_.find(router);

  return ring != rings_.end() && record >= ring->second.begin && record < ring->second.begin + ring->second.size;
}

void BatchMemory::Place(uint32_t index, uint32_t router, const uint8_t* record, uint32_t length) {
  if (IsInRing(router, record)) {
    memories_[index] = InRing;
    offsets_[index] = static_cast<uint32_t>(record - rings_.find(router)->second.begin);

    return;
  }
  memories_[index] = InSide;
  offsets_[index] = static_cast<uint32_t>(sideUsed_);
  std::memcpy(sideBytes_ + sideUsed_, record, length);
  sideUsed_ += Aligned(length);
}

}  // namespace mph::addon
