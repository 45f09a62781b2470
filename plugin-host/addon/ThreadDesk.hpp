// Where a dispatcher that wants a thread and a thread of Node that has nothing to do yet find each other, by a number.
#pragma once

#include "Dispatcher.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

namespace mph::addon {

// A dispatcher until it has ended, wherever it runs.
class ThreadSlot {
 public:
  // `holdsLoop`: whether its thread's loop is there for it, and so to go on for as long as it does.
  ThreadSlot(host::Dispatcher& dispatcher, bool holdsLoop) : dispatcher_(dispatcher), holdsLoop_(holdsLoop) {}

  using RingListener = std::function<void(uint32_t router, const std::shared_ptr<const shm::Segment>& packets)>;

  // [instance thread]
  host::Dispatcher& GetDispatcher() const { return dispatcher_; }
  bool HoldsLoop() const { return holdsLoop_; }
  void SetRingListener(RingListener listener) { onRing_ = std::move(listener); }
  void OnRing(uint32_t router, const std::shared_ptr<const shm::Segment>& packets) const {
    if (onRing_) {
      onRing_(router, packets);
    }
  }

  // The dispatcher is not touched any more. [instance thread]
  void Release() {
    const std::lock_guard lock(mutex_);

    isReleased_ = true;
    released_.notify_all();
  }

  // [main]
  void AwaitRelease() {
    std::unique_lock lock(mutex_);

    released_.wait(lock, [this] { return isReleased_; });
  }

 private:
  host::Dispatcher& dispatcher_;
  const bool holdsLoop_;
  RingListener onRing_;
  std::mutex mutex_;
  std::condition_variable released_;
  bool isReleased_{false};
};

// [any]
class ThreadDesk {
 public:
  uint32_t Put(std::shared_ptr<ThreadSlot> slot) {
    const std::lock_guard lock(mutex_);

    slots_.emplace(++last_, std::move(slot));

    return last_;
  }

  // Once per number; nullptr: there is none, or it was taken.
  std::shared_ptr<ThreadSlot> Take(uint32_t handle) {
    const std::lock_guard lock(mutex_);
    const auto found = slots_.find(handle);

    if (found == slots_.end()) {
      return nullptr;
    }

    auto slot = std::move(found->second);

    slots_.erase(found);

    return slot;
  }

 private:
  std::mutex mutex_;
  std::map<uint32_t, std::shared_ptr<ThreadSlot>> slots_;
  uint32_t last_{0};
};

// Of the process, to its very end: a host's own thread may outlive main().
inline ThreadDesk& Desk() {
  static auto& desk = *new ThreadDesk;

  return desk;
}

// A dispatcher's view of the thread of Node that runs it.
class NodeThread : public host::Dispatcher::Thread {
 public:
  explicit NodeThread(std::shared_ptr<ThreadSlot> slot) : slot_(std::move(slot)) {}
  ~NodeThread() override { slot_->AwaitRelease(); }

  NodeThread(const NodeThread&) = delete;
  NodeThread& operator=(const NodeThread&) = delete;

  void OnRing(uint32_t router, const std::shared_ptr<const shm::Segment>& packets) override { slot_->OnRing(router, packets); }

 private:
  const std::shared_ptr<ThreadSlot> slot_;
};

}  // namespace mph::addon
