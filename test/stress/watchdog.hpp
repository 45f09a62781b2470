// Ends the run when nothing has moved for a while, and says who sleeps although something waits for it.
#pragma once

#include <sys/ioctl.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "ends.hpp"

class Watchdog {
 public:
  // `end` is the worker's.
  Watchdog(const Options& options, const End& end) : options_(options), end_(end), thread_([this] { Watch(); }) {}

  ~Watchdog() {
    {
      const std::scoped_lock lock(mutex_);
      stopped_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

 private:
  struct State {
    uint64_t packetsWritten, packetsRead, verdictsWritten, verdictsRead;
    bool operator==(const State&) const = default;
  };

  State Look() const {
    const auto at = [this](auto offset) { return end_.At(offset)->load(std::memory_order_relaxed); };
    return {at(Layout::PacketSegmentOffset::ProducerCursor), at(Layout::VerdictSegmentOffset::PacketConsumerCursor),
            at(Layout::VerdictSegmentOffset::ProducerCursor), at(Layout::PacketSegmentOffset::VerdictConsumerCursor)};
  }

  void Watch() {
    std::unique_lock lock(mutex_);
    auto last = Look();
    auto since = std::chrono::steady_clock::now();

    while (!wake_.wait_for(lock, std::chrono::milliseconds(100), [this] { return stopped_; })) {
      const auto now = Look();
      if (!(now == last)) {
        last = now;
        since = std::chrono::steady_clock::now();
      } else if (std::chrono::steady_clock::now() - since > std::chrono::seconds(options_.hangSeconds)) {
        Report(now);
        std::fflush(nullptr);
        // The host dies with its parent.
        ::_exit(3);
      }
    }
  }

  void Report(const State& state) const {
    std::printf("not ok 1 - nothing has moved for %u seconds\n", options_.hangSeconds);
    ReportSide("worker", end_.workerLink, state.verdictsWritten - state.verdictsRead, "verdicts", end_.bellIn);
    ReportSide("host", end_.hostLink, state.packetsWritten - state.packetsRead, "packets", end_.bellOut);
    std::printf("# packet ring %lu written, %lu read; verdict ring %lu written, %lu read\n1..1\n", state.packetsWritten, state.packetsRead,
                state.verdictsWritten, state.verdictsRead);
  }

  static void ReportSide(const char* name, const uint8_t* link, uint64_t waiting, const char* what, int bell) {
    const bool asleep = shm::AtomicAt<uint32_t>(link, Layout::LinkSegmentOffset::Asleep)->load(std::memory_order_relaxed) != 0;
    int rings = 0;
    ::ioctl(bell, FIONREAD, &rings);
    std::printf("# the %s is %s, %lu bytes of %s wait for it, its doorbell was rung %d times\n", name, asleep ? "asleep" : "awake", waiting,
                what, rings);
    if (asleep && waiting != 0 && rings == 0) {
      std::printf("# the %s lost its wake-up\n", name);
    }
  }

  const Options& options_;
  const End& end_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_{false};
  std::thread thread_;
};
