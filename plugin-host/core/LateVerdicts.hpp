// What a plugin says about packets outside of mph_batch.verdicts, in a callback or later, from whatever thread: handed over to the instance's
// own thread, which alone writes to the verdict rings. Off the path of an immediate verdict, so a mutex does.
#pragma once

#include "Messages.hpp"
#include "Wakeup.hpp"
#include "mph_plugin.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mph::host {

class Instance;
class LateVerdicts;

// What a packet's payload is replaced with. Takes its part of what may wait until it is destroyed.
class Replacement {
 public:
  Replacement() = default;
  Replacement(Replacement&& other) noexcept : bytes_(std::move(other.bytes_)), owner_(std::move(other.owner_)) {}
  Replacement& operator=(Replacement&& other) noexcept {
    bytes_.swap(other.bytes_);
    owner_.swap(other.owner_);

    return *this;
  }
  ~Replacement();

  const uint8_t* Data() const { return bytes_.data(); }
  uint32_t Length() const { return static_cast<uint32_t>(bytes_.size()); }
  bool IsThere() const { return owner_ != nullptr; }

 private:
  friend class LateVerdicts;

  Bytes bytes_;
  // nullptr: it is still with its owner.
  std::shared_ptr<LateVerdicts> owner_;
};

struct LateVerdict {
  enum class Kind : uint8_t { Verdict, Replace, Extend, Bypass };

  Kind kind{Kind::Verdict};
  mph_verdict verdict{MPH_PENDING};
  uint32_t router{0};
  uint64_t ticket{0};
  // Extend: microseconds. Bypass: how much.
  uint32_t amount{0};
  // Of a bypass.
  mph_bypass_unit unit{MPH_BYPASS_FOREVER};
  uint32_t attachment{0};
  uint32_t producer{0};
  uint32_t ssrc{0};
  Replacement replacement{};
  // Who says it; set by whoever takes it.
  Instance* instance{nullptr};
};

class LateVerdicts : public std::enable_shared_from_this<LateVerdicts> {
 public:
  // As many, and as many bytes of replacements, may wait until they are written; a plugin that answers faster than its thread writes, or than
  // the worker reads, is told MPH_FULL.
  static constexpr size_t Capacity = 65536;
  static constexpr size_t MaxBytes = 4 << 20;

  explicit LateVerdicts(Wakeup& wakeup) : wakeup_(wakeup) {}

  // What the functions of mph_host do. `isExpected`: the thread looks here as soon as the plugin's callback returns. [any]
  mph_result Verdict(uint32_t router, uint64_t ticket, mph_verdict verdict, bool isExpected);
  mph_result Replace(uint32_t router, uint64_t ticket, const void* payload, size_t length, bool isExpected);
  mph_result Extend(uint32_t router, uint64_t ticket, uint32_t microseconds, bool isExpected);
  mph_result Bypass(uint32_t router, uint32_t attachment, uint32_t producer, uint32_t ssrc, mph_bypass_unit unit, uint32_t amount,
                    bool isExpected);

  // Whether TakeInto() would find some. [instance thread]
  bool IsEmpty() const {
    // Relaxed: a verdict that is missed here rings the wakeup, and the mutex orders what TakeInto() reads.
    return isEmpty_.load(std::memory_order_relaxed);
  }

  // Swaps all that wait into `to`, which is empty. [instance thread]
  void TakeInto(std::vector<LateVerdict>& to);

  // Verdicts for a router count from here on; `maxRecordLength` is what fits into its ring. [instance thread]
  void OpenRouter(uint32_t router, uint32_t maxRecordLength);

  // [instance thread]
  void CloseRouter(uint32_t router);

 private:
  // Buffers that are kept for the next replacements, and how long they may be.
  static constexpr size_t MaxSpares = 256;
  static constexpr size_t MaxSpareBytes = 16384;

  friend class Replacement;

  void Release(Bytes bytes);
  mph_result Push(LateVerdict verdict, const void* payload, size_t length, bool isExpected);

  Wakeup& wakeup_;
  std::mutex mutex_;
  std::vector<LateVerdict> waiting_;
  std::vector<Bytes> spares_;
  // Of those that wait and those that were taken.
  size_t count_{0};
  size_t bytes_{0};
  std::atomic<bool> isEmpty_{true};
  std::unordered_map<uint32_t, uint32_t> routers_;
};

}  // namespace mph::host
