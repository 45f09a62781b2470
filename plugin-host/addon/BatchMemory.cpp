#include "BatchMemory.hpp"

#include <algorithm>
#include <cstring>
#include <mph/shm/Layout.hpp>
#include <utility>

namespace mph::addon {

namespace {

enum Memory : uint8_t { InRing, InSide };

constexpr size_t SmallestSide = 65'536;

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

void BatchMemory::BeginBatch(uint32_t router) {
  const auto ring = rings_.find(router);

  ring_ = ring == rings_.end() ? Ring{} : ring->second;
}

bool BatchMemory::BeginSide(size_t bytes) {
  sideUsed_ = 0;
  if (bytes <= sideSize_) {
    return false;
  }
  sideSize_ = std::max(bytes, SmallestSide);

  auto buffer = Napi::ArrayBuffer::New(env_, sideSize_);

  sideBytes_ = static_cast<uint8_t*>(buffer.Data());
  side_ = Napi::Reference<Napi::ArrayBuffer>::New(buffer, 1);

  return true;
}

void BatchMemory::Place(uint32_t index, const uint8_t* record, uint32_t length) {
  if (IsInRing(record)) {
    memories_[index] = InRing;
    offsets_[index] = static_cast<uint32_t>(record - ring_.begin);

    return;
  }
  memories_[index] = InSide;
  offsets_[index] = static_cast<uint32_t>(sideUsed_);
  std::memcpy(sideBytes_ + sideUsed_, record, length);
  sideUsed_ += shm::AlignedLength(length);
}

}  // namespace mph::addon
