#include "LateVerdicts.hpp"

#include <mph/shm/Layout.hpp>
#include <utility>

namespace mph::host {

mph_result LateVerdicts::Verdict(uint32_t router, uint64_t ticket, mph_verdict verdict, bool isExpected) {
  if (ticket == 0 || verdict < MPH_ACCEPT || verdict > MPH_ERROR) {
    return MPH_INVALID;
  }

  return Push({.kind = LateVerdict::Kind::Verdict, .verdict = verdict, .router = router, .ticket = ticket}, nullptr, 0, isExpected);
}

mph_result LateVerdicts::Replace(uint32_t router, uint64_t ticket, const void* payload, size_t length, bool isExpected) {
  if (ticket == 0 || (payload == nullptr && length > 0)) {
    return MPH_INVALID;
  }

  return Push({.kind = LateVerdict::Kind::Replace, .router = router, .ticket = ticket}, payload, length, isExpected);
}

mph_result LateVerdicts::Extend(uint32_t router, uint64_t ticket, uint32_t microseconds, bool isExpected) {
  if (ticket == 0 || microseconds == 0) {
    return MPH_INVALID;
  }

  return Push({.kind = LateVerdict::Kind::Extend, .router = router, .ticket = ticket, .amount = microseconds}, nullptr, 0, isExpected);
}

mph_result LateVerdicts::Bypass(uint32_t router, uint32_t attachment, uint32_t producer, uint32_t ssrc, mph_bypass_unit unit,
                                uint32_t amount, bool isExpected) {
  const bool isKnownUnit = unit == MPH_BYPASS_FOREVER || unit == MPH_BYPASS_PACKETS || unit == MPH_BYPASS_MS;

  if (attachment == 0 || producer == 0 || !isKnownUnit || (unit != MPH_BYPASS_FOREVER && amount == 0)) {
    return MPH_INVALID;
  }

  return Push({.kind = LateVerdict::Kind::Bypass,
               .router = router,
               .amount = unit == MPH_BYPASS_FOREVER ? 0 : amount,
               .unit = unit,
               .attachment = attachment,
               .producer = producer,
               .ssrc = ssrc},
              nullptr, 0, isExpected);
}

mph_result LateVerdicts::Push(LateVerdict verdict, const void* payload, size_t length, bool isExpected) {
  {
    const std::lock_guard lock(mutex_);
    const auto router = routers_.find(verdict.router);

    if (router == routers_.end()) {
      return MPH_UNKNOWN;
    }
    if (length > router->second || sizeof(Mph::Layout::VerdictRecord) + length > router->second) {
      return MPH_INVALID;
    }
    // One that is longer than all that may wait must fit when it is alone.
    if (count_ >= Capacity || (bytes_ > 0 && bytes_ + length > MaxBytes)) {
      return MPH_FULL;
    }
    if (length > 0) {
      if (!spares_.empty()) {
        verdict.replacement.bytes_.swap(spares_.back());
        spares_.pop_back();
      }
      verdict.replacement.bytes_.assign(static_cast<const uint8_t*>(payload), static_cast<const uint8_t*>(payload) + length);
    }
    ++count_;
    bytes_ += length;
    waiting_.push_back(std::move(verdict));
    // Relaxed: see IsEmpty().
    isEmpty_.store(false, std::memory_order_relaxed);

    // Whoever put the first one has rung, and the thread takes all that is there when it comes.
    if (isExpected || waiting_.size() > 1) {
      return MPH_OK;
    }
  }
  wakeup_.Ring();

  return MPH_OK;
}

void LateVerdicts::TakeInto(std::vector<LateVerdict>& to) {
  const std::lock_guard lock(mutex_);

  to.swap(waiting_);
  for (auto& verdict : to) {
    verdict.replacement.owner_ = shared_from_this();
  }
  // Relaxed: see IsEmpty().
  isEmpty_.store(true, std::memory_order_relaxed);
}

void LateVerdicts::Release(Bytes bytes) {
  const std::lock_guard lock(mutex_);

  --count_;
  bytes_ -= bytes.size();
  if (bytes.capacity() > 0 && bytes.capacity() <= MaxSpareBytes && spares_.size() < MaxSpares) {
    spares_.push_back(std::move(bytes));
  }
}

Replacement::~Replacement() {
  if (owner_ != nullptr) {
    owner_->Release(std::move(bytes_));
  }
}

void LateVerdicts::OpenRouter(uint32_t router, uint32_t maxRecordLength) {
  const std::lock_guard lock(mutex_);

  routers_.insert_or_assign(router, maxRecordLength);
}

void LateVerdicts::CloseRouter(uint32_t router) {
  const std::lock_guard lock(mutex_);

  routers_.erase(router);
}

}  // namespace mph::host
