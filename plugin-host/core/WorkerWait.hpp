// How a dispatch thread waits for its worker: it spins while packets come close together and the CPU is its own, and sleeps otherwise.
#pragma once

#include "ServingStats.hpp"
#include "ThreadPlacement.hpp"
#include "Wakeup.hpp"
#include "WorkerConnection.hpp"

#include <atomic>
#include <cstdint>
#include <mph/shm/UniqueFd.hpp>
#include <optional>

namespace mph::host {

// [instance thread]
class WorkerWait {
 public:
  // `isStopping` ends a spin; a sleep is ended by the wakeup, and by what is readable in `loopFd` (-1: none). Throws Error when the kernel has no
  // descriptor left.
  WorkerWait(WorkerConnection& connection, ThreadPlacement& placement, Wakeup& wakeup, const std::atomic<bool>& isStopping,
             ServingStats& stats, int loopFd);

  WorkerWait(const WorkerWait&) = delete;
  WorkerWait& operator=(const WorkerWait&) = delete;

  // Until there is something to do; returns at once when there is. `timeoutMs`: -1 waits for ever. True: the control socket has something.
  bool Wait(uint64_t nowNs, int timeoutMs);

  // For a thread with a loop of its own. LieDown(): false if there is something to do; otherwise it may sleep, by Rest() or until Fd() is readable,
  // and then, or before it does anything else, it says Rise(), which answers as Wait() does.
  bool LieDown(uint64_t nowNs, int timeoutMs);
  // False: the loop has something.
  bool Rest(int timeoutMs);
  bool Rise();
  int Fd() const { return epoll_.Get(); }

 private:
  bool SpinIfWorthIt(uint64_t nowNs, int timeoutMs);
  bool Spin(uint64_t nowNs, uint64_t forNs);
  bool Sleep(int timeoutMs);
  struct Events {
    bool hasControl{false};
    bool hasLoop{false};
  };

  Events TakeEvents(int timeoutMs);

  WorkerConnection& connection_;
  ThreadPlacement& placement_;
  Wakeup& wakeup_;
  const std::atomic<bool>& isStopping_;
  ServingStats& stats_;
  shm::UniqueFd epoll_;
  uint32_t sleepsSinceReset_{0};
  // What ended a Rest().
  std::optional<Events> events_;
};

}  // namespace mph::host
