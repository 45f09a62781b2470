// Puts a dispatch thread where its policy wants it, keeps it there while the worker moves about, and says where it is.
#pragma once

#include "PlacementPolicy.hpp"
#include "SpinWindow.hpp"

#include <sched.h>
#include <cstdint>
#include <mph/shm/Link.hpp>
#include <mutex>
#include <string>

namespace mph::host {

// What the app hears of it. [any]
class PlacementReport {
 public:
  struct Values {
    bool isPlaced{false};
    Place place{Place::Isolated};
    std::string reason;
    uint64_t moves{0};
    // -1: unknown.
    int cpu{-1};
  };

  Values Read() const {
    const std::lock_guard lock(mutex_);

    return values_;
  }

  template <typename Change>
  void Update(Change change) {
    const std::lock_guard lock(mutex_);

    change(values_);
  }

 private:
  mutable std::mutex mutex_;
  Values values_;
};

// [instance thread]
class ThreadPlacement {
 public:
  // From here on the thread is moved, unless the setting is None; the destructor puts it back.
  ThreadPlacement(PlacementSetting setting, shm::LinkReader worker, shm::LinkWriter own, PlacementReport& report);
  ~ThreadPlacement();

  ThreadPlacement(const ThreadPlacement&) = delete;
  ThreadPlacement& operator=(const ThreadPlacement&) = delete;

  // After a batch. `ringingNs`: of that time, what it took to wake the worker.
  void OnServed(uint64_t packets, uint64_t beganNs, uint64_t endedNs, uint64_t ringingNs) {
    if (isNone_) {
      return;
    }

    const auto busyNs = endedNs - beganNs - ringingNs;

    spinWindow_.OnGap(beganNs - lastServedNs_);
    lastServedNs_ = endedNs;
    look_.packets += packets;
    ++look_.batches;
    look_.busyNs += busyNs;
    if (endedNs >= nextLookNs_ || busyNs >= PlacementPolicy::LongBatchNs) {
      Look(endedNs, busyNs);
    }
  }

  // Before a batch: a worker that has moved is followed, or made room for.
  void OnAwake(uint64_t nowNs) {
    if (!isNone_ && worker_.Cpu() != workerCpu_ && nowNs >= nextMoveNs_) {
      Apply(nowNs);
    }
  }

  uint64_t NsToSpin(uint64_t nowNs) const { return place_ == Place::Isolated ? spinWindow_.NsToSpin(nowNs) : 0; }
  void OnPreempted(uint64_t nowNs) { spinWindow_.OnPreempted(nowNs); }
  // The worker came to where this thread spins.
  bool IsInTheWay() const { return worker_.Cpu() != workerCpu_; }

 private:
  void Look(uint64_t nowNs, uint64_t batchNs);
  void Apply(uint64_t nowNs);
  bool SetAffinity(const cpu_set_t& cpus);

  const bool isNone_;
  PlacementPolicy policy_;
  shm::LinkReader worker_;
  shm::LinkWriter own_;
  PlacementReport& report_;
  SpinWindow spinWindow_;

  // As it is, which may not be as wanted.
  Place place_{Place::Isolated};
  bool isPlaced_{false};
  // The worker's CPU by which the thread was placed; -1: unknown then.
  int workerCpu_{-1};
  uint64_t nextMoveNs_{0};
  std::string obstacle_;

  PlacementPolicy::Look look_;
  uint64_t lastServedNs_{0};
  uint64_t lastLookNs_{0};
  uint64_t nextLookNs_{0};
  uint64_t threadNs_{0};
};

}  // namespace mph::host
