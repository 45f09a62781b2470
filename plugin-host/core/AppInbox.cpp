#include "AppInbox.hpp"

#include <utility>

namespace mph::host {

AppInbox::PutResult AppInbox::Put(Frame&& frame) {
  {
    const std::lock_guard lock(mutex_);

    if (isClosed_) {
      return PutResult::Closed;
    }
    if (waitingBytes_ + frame.bytes.size() > MaxWaitingBytes) {
      return PutResult::Full;
    }
    waitingBytes_ += frame.bytes.size();
    waiting_.push_back(std::move(frame));
    // Relaxed: see HasNext().
    hasNext_.store(true, std::memory_order_relaxed);
  }
  wakeup_.Ring();

  return PutResult::Ok;
}

std::optional<Frame> AppInbox::TakeNext() {
  const std::lock_guard lock(mutex_);

  if (waiting_.empty()) {
    return std::nullopt;
  }

  auto frame = std::move(waiting_.front());

  waiting_.pop_front();
  waitingBytes_ -= frame.bytes.size();
  // Relaxed: see HasNext().
  hasNext_.store(!waiting_.empty(), std::memory_order_relaxed);

  return frame;
}

void AppInbox::Close() {
  const std::lock_guard lock(mutex_);

  isClosed_ = true;
}

}  // namespace mph::host
