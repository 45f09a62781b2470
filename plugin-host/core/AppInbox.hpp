// Requests and notifications of the app on their way to the plugins of one dispatch thread.
#pragma once

#include "ControlSocket.hpp"
#include "Wakeup.hpp"

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>

namespace mph::host {

class AppInbox {
 public:
  // More than a library that keeps to its own limit has under way; what is beyond is refused.
  static constexpr size_t MaxWaitingBytes = 8 << 20;

  enum class PutResult : uint8_t {
    Ok,
    Full,
    // The thread takes nothing more.
    Closed,
  };

  // `wakeup` is rung for the dispatch thread.
  explicit AppInbox(Wakeup& wakeup) : wakeup_(wakeup) {}

  AppInbox(const AppInbox&) = delete;
  AppInbox& operator=(const AppInbox&) = delete;

  // The frame of a PluginRequest; left as it is unless the result is Ok. [main]
  [[nodiscard]] PutResult Put(Frame&& frame);

  // Whether TakeNext() would find one. [instance thread]
  bool HasNext() const {
    // Relaxed: a frame that is missed here rings the wakeup, and the mutex orders what TakeNext() reads.
    return hasNext_.load(std::memory_order_relaxed);
  }

  // [instance thread]
  std::optional<Frame> TakeNext();

  // Nothing is put any more. What is left is for TakeNext(). [instance thread]
  void Close();

 private:
  Wakeup& wakeup_;
  std::mutex mutex_;
  std::deque<Frame> waiting_;
  size_t waitingBytes_{0};
  bool isClosed_{false};
  std::atomic<bool> hasNext_{false};
};

}  // namespace mph::host
