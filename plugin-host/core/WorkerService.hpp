// A worker while a dispatch thread serves it: the connection, where the thread belongs meanwhile, and how it waits.
#pragma once

#include "Instances.hpp"
#include "ServingStats.hpp"
#include "ThreadPlacement.hpp"
#include "Wakeup.hpp"
#include "WorkerCalls.hpp"
#include "WorkerConnection.hpp"
#include "WorkerWait.hpp"

#include <atomic>
#include <cstdint>

namespace mph::host {

// [instance thread]
class WorkerService {
 public:
  // What it uses; all of it outlives it.
  struct Parts {
    Instances& instances;
    WorkerCalls& calls;
    Wakeup& wakeup;
    const std::atomic<bool>& isStopping;
    ServingStats& stats;
    PlacementReport& placement;
    // Ends a wait when it is readable; -1: none.
    int loopFd;
  };

  // Of a turn.
  enum class Result : uint8_t {
    // There may be more to do.
    More,
    // Whoever waits looks again when something is published, a descriptor has something, or its own time has come.
    Nothing,
    // As Nothing, but before long: nobody rings for room in a verdict ring.
    Stalled,
    // All is answered that was published before Leave().
    Left,
  };

  // What a worker that does not ring for it is looked after by.
  static constexpr int StalledMs = 1;

  WorkerService(WorkerLinks links, uint32_t workerPid, PlacementSetting placement, WorkerConnection::RingListener onRing, const Parts& parts);

  WorkerConnection& Connection() { return connection_; }

  // The worker's messages, if there may be any. False: it has hung up. Throws Error, as Serve() does, when it cannot be served any more.
  [[nodiscard]] bool ReceiveControl();

  // A batch of every ring that has one.
  [[nodiscard]] Result Serve();

  // After a wait, and in about every 32nd turn: time for what need not be looked at in every one.
  bool IsTimeToLook() const { return isTimeToLook_; }

  // After a turn that was not More. `timeoutMs`: -1 waits for ever.
  void Wait(int timeoutMs) { Rested(wait_.Wait(now_, timeoutMs)); }
  // See WorkerWait.
  bool LieDown(int timeoutMs) { return wait_.LieDown(now_, timeoutMs); }
  bool Rest(int timeoutMs) { return wait_.Rest(timeoutMs); }
  void Rise() { Rested(wait_.Rise()); }
  int Fd() const { return wait_.Fd(); }

 private:
  void Rested(bool hasControl);

  WorkerConnection connection_;
  ServingStats& stats_;
  ThreadPlacement placement_;
  WorkerWait wait_;
  // Offers may have come along with the Welcome.
  bool mayHaveControl_{true};
  bool isTimeToLook_{true};
  uint32_t turn_{0};
  uint64_t now_;
};

}  // namespace mph::host
