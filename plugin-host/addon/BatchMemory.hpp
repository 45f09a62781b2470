// Where JavaScript finds a batch: the rings as they are, and arrays that are made once (addon.d.ts, BatchArrays).
#pragma once

#include "RecordBatch.hpp"

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mph/shm/Segment.hpp>

namespace mph::addon {

class BatchMemory {
 public:
  static constexpr uint32_t Capacity = host::RecordBatch::Size;

  explicit BatchMemory(Napi::Env env);

  // BatchArrays.
  Napi::Object Arrays() const { return arrays_.Value(); }

  // Over memory that is read-only: a write is a SIGSEGV. It stays mapped while JavaScript holds it.
  Napi::ArrayBuffer OpenRing(uint32_t router, std::shared_ptr<const shm::Segment> packets);
  // An instance has opened a router, or closed it. True: it was the last one, and the ring is let go.
  void AddReader(uint32_t router);
  [[nodiscard]] bool RemoveReader(uint32_t router);

  // Whose ring the records of the next batch stand in, but for some.
  void BeginBatch(uint32_t router);
  bool IsInRing(const uint8_t* record) const { return record >= ring_.begin && record < ring_.begin + ring_.size; }
  // Then, `bytes`: what those that do not stand in it take, each aligned. True: the side array is another one from now on.
  bool BeginSide(size_t bytes);
  Napi::ArrayBuffer Side() const { return side_.Value(); }
  // Says where record `index` stands; one that is not in the ring is copied.
  void Place(uint32_t index, const uint8_t* record, uint32_t length);

  uint32_t* Attachments() const { return attachments_; }
  uint64_t* Causes() const { return causes_; }
  uint8_t* Verdicts() const { return verdicts_; }

 private:
  struct Ring {
    const uint8_t* begin{nullptr};
    size_t size{0};
    uint32_t readers{0};
  };

  const Napi::Env env_;
  Napi::ObjectReference arrays_;
  uint32_t* offsets_{nullptr};
  uint8_t* memories_{nullptr};
  uint32_t* attachments_{nullptr};
  uint64_t* causes_{nullptr};
  uint8_t* verdicts_{nullptr};
  std::map<uint32_t, Ring> rings_;
  // Of the batch.
  Ring ring_;
  Napi::Reference<Napi::ArrayBuffer> side_;
  uint8_t* sideBytes_{nullptr};
  size_t sideSize_{0};
  size_t sideUsed_{0};
};

}  // namespace mph::addon
