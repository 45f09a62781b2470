#include "RingCalls.hpp"

#include <algorithm>
#include <cstring>

namespace mph::host {

mph_result RingCalls::Submit(uint32_t router, const std::optional<CallRecord>& record, uint64_t call) {
  if (router == 0 || !record) {
    return MPH_INVALID;
  }
  // What waits was asked before.
  if (std::this_thread::get_id() == thread_ && !HasWaiting()) {
    if (const auto result = WriteNow(router, *record)) {
      return *result;
    }
  }

  return Keep(router, *record, call);
}

// Nothing: no room now.
std::optional<mph_result> RingCalls::WriteNow(uint32_t router, const CallRecord& record) {
  uint8_t* bytes = nullptr;

  switch (rings_ == nullptr ? ClaimResult::NotServing : rings_->Claim(router, record.Length(), bytes)) {
    case ClaimResult::Ok:
      record.CopyTo(bytes);
      rings_->Commit(router);
      return MPH_OK;
    case ClaimResult::Full:
      return std::nullopt;
    case ClaimResult::TooLarge:
      return MPH_INVALID;
    case ClaimResult::NotServing:
      return MPH_UNKNOWN;
  }

  return MPH_INVALID;
}

mph_result RingCalls::Keep(uint32_t router, const CallRecord& record, uint64_t call) {
  const auto served = routers_.Find(router);

  if (!served) {
    return MPH_UNKNOWN;
  }
  if (record.Length() > served->maxRecordLength) {
    return MPH_INVALID;
  }

  const Entry entry{router, record.Length(), call};
  const auto size = sizeof entry + shm::AlignedLength(entry.length);
  bool isFirst = false;

  {
    const std::lock_guard lock(mutex_);
    const auto used = waiting_.size();

    if (used > 0 && used + size > MaxWaitingBytes) {
      return MPH_FULL;
    }
    isFirst = used == 0;
    waiting_.resize(used + size);
    std::memcpy(waiting_.data() + used, &entry, sizeof entry);
    record.CopyTo(waiting_.data() + used + sizeof entry);
    // Relaxed: see HasWaiting().
    hasWaiting_.store(true, std::memory_order_relaxed);
  }
  // The thread takes all that is there when it comes.
  if (isFirst) {
    wakeup_.Ring();
  }

  return MPH_OK;
}

bool RingCalls::Write() {
  if (!TakeWaiting()) {
    return true;
  }

  size_t kept = 0;

  full_.clear();
  for (size_t at = 0; at < taken_.size();) {
    Entry entry;

    std::memcpy(&entry, taken_.data() + at, sizeof entry);

    const auto size = sizeof entry + shm::AlignedLength(entry.length);

    switch (WriteEntry(entry, taken_.data() + at + sizeof entry)) {
      case ClaimResult::Ok:
        break;
      case ClaimResult::Full:
        // Mostly nothing in front of it was written.
        if (kept != at) {
          std::memmove(taken_.data() + kept, taken_.data() + at, size);
        }
        kept += size;
        break;
      case ClaimResult::TooLarge:
      case ClaimResult::NotServing:
        if (entry.call != 0) {
          rings_->OnLost(entry.router, entry.call);
        }
        break;
    }
    at += size;
  }
  taken_.resize(kept);

  const std::lock_guard lock(mutex_);

  // Relaxed: see HasWaiting().
  hasWaiting_.store(kept > 0 || !waiting_.empty(), std::memory_order_relaxed);

  return kept == 0;
}

// What is full stays full for the rest of the turn, so that a router's records keep their order.
RingCalls::ClaimResult RingCalls::WriteEntry(const Entry& entry, const uint8_t* record) {
  if (std::ranges::find(full_, entry.router) != full_.end()) {
    return ClaimResult::Full;
  }

  uint8_t* bytes = nullptr;
  const auto result = rings_->Claim(entry.router, entry.length, bytes);

  if (result == ClaimResult::Ok) {
    std::memcpy(bytes, record, entry.length);
    rings_->Commit(entry.router);
  } else if (result == ClaimResult::Full) {
    full_.push_back(entry.router);
  }

  return result;
}

bool RingCalls::TakeWaiting() {
  if (rings_ == nullptr || !HasWaiting()) {
    return false;
  }
  // What is for a ring that is full must not hold up what is for others.
  if (taken_.size() < MaxWaitingBytes) {
    const std::lock_guard lock(mutex_);

    if (taken_.empty()) {
      taken_.swap(waiting_);
    } else {
      taken_.insert(taken_.end(), waiting_.begin(), waiting_.end());
      waiting_.clear();
    }
  }

  return true;
}

mph_result ToResult(Mph::Layout::ResultCode code) {
  using Mph::Layout::ResultCode;

  switch (code) {
    case ResultCode::Ok:
      return MPH_OK;
    case ResultCode::Full:
      return MPH_FULL;
    case ResultCode::Unknown:
      return MPH_UNKNOWN;
    case ResultCode::Malformed:
      return MPH_MALFORMED;
    case ResultCode::Limited:
      return MPH_LIMITED;
  }

  // Of a newer worker.
  return MPH_INVALID;
}

}  // namespace mph::host
