#include "ThreadPlacement.hpp"

#include "Clock.hpp"

#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

namespace mph::host {

namespace {

// A worker that is moved about faster than this is not followed each time: a move costs more than it brings then.
constexpr uint64_t MoveIntervalNs = 1'000'000;

uint64_t ThreadCpuNs() {
  timespec used{};

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);

  return static_cast<uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(used.tv_nsec);
}

// What the process may use. Its main thread is never moved from here, so its set is the one that somebody else gave it, at any time.
cpu_set_t AllowedCpus() {
  cpu_set_t cpus;

  CPU_ZERO(&cpus);
  sched_getaffinity(getpid(), sizeof cpus, &cpus);

  return cpus;
}

}  // namespace

ThreadPlacement::ThreadPlacement(PlacementSetting setting, shm::LinkReader worker, shm::LinkWriter own, PlacementReport& report)
    : isNone_(setting == PlacementSetting::None), policy_(setting), worker_(worker), own_(own), report_(report) {
  const auto now = MonotonicNs();

  if (isNone_) {
    place_ = Place::Shared;
    own_.SetCpu(-1);

    return;
  }

  lastServedNs_ = now;
  lastLookNs_ = now;
  nextLookNs_ = now + PlacementPolicy::LookIntervalNs;
  threadNs_ = ThreadCpuNs();
  Apply(now);
}

ThreadPlacement::~ThreadPlacement() {
  if (isNone_) {
    return;
  }
  own_.SetCpu(-1);
  SetAffinity(AllowedCpus());
  report_.Update([](auto& values) { values.isPlaced = false; });
}

void ThreadPlacement::Look(uint64_t nowNs, uint64_t batchNs) {
  const auto threadNs = ThreadCpuNs();

  look_.elapsedNs = nowNs - lastLookNs_;
  look_.threadNs = threadNs - std::exchange(threadNs_, threadNs);
  look_.workerTurnNs = worker_.TurnNs();

  // By the clock on the wall alone it could be somebody else who had the CPU.
  const bool hasChanged = policy_.OnLongBatch(std::min(batchNs, look_.threadNs)) || policy_.OnLook(look_);

  look_ = {};
  lastLookNs_ = nowNs;
  nextLookNs_ = nowNs + PlacementPolicy::LookIntervalNs;
  // An obstacle may be gone, too.
  if (hasChanged || !obstacle_.empty()) {
    Apply(nowNs);
  }
  report_.Update([](auto& values) { values.cpu = sched_getcpu(); });
}

// Moves the thread to where the policy wants it, as far as that can be done.
void ThreadPlacement::Apply(uint64_t nowNs) {
  const auto wanted = policy_.Wanted();
  const auto before = std::exchange(place_, wanted);
  auto cpus = AllowedCpus();
  const bool isOnlyOne = CPU_COUNT(&cpus) <= 1;

  nextMoveNs_ = nowNs + MoveIntervalNs;
  workerCpu_ = worker_.Cpu();
  obstacle_.clear();

  if (workerCpu_ < 0 || workerCpu_ >= CPU_SETSIZE) {
    place_ = isOnlyOne ? Place::Shared : Place::Isolated;
    obstacle_ = "the worker does not say which CPU it runs on";
  } else if (isOnlyOne && CPU_ISSET(workerCpu_, &cpus)) {
    place_ = Place::Shared;
    if (wanted != place_) {
      obstacle_ = "only one CPU may be used, and the worker runs on it";
    }
  } else if (wanted == Place::Isolated) {
    CPU_CLR(workerCpu_, &cpus);
  } else if (CPU_ISSET(workerCpu_, &cpus)) {
    CPU_ZERO(&cpus);
    CPU_SET(workerCpu_, &cpus);
  } else {
    place_ = Place::Isolated;
    obstacle_ = "the worker runs on a CPU that this process may not use";
  }

  if (!SetAffinity(cpus)) {
    place_ = Place::Isolated;
    obstacle_ = std::string("the thread cannot be moved: ") + std::strerror(errno);
  }
  own_.SetCpu(place_ == Place::Shared ? workerCpu_ : -1);

  const bool hasMoved = std::exchange(isPlaced_, true) && place_ != before;

  report_.Update([&](auto& values) {
    values.isPlaced = true;
    values.place = place_;
    values.reason = obstacle_.empty() ? policy_.Reason() : obstacle_;
    values.moves += hasMoved ? 1 : 0;
    values.cpu = sched_getcpu();
  });
}

bool ThreadPlacement::SetAffinity(const cpu_set_t& cpus) { return sched_setaffinity(0, sizeof cpus, &cpus) == 0; }

}  // namespace mph::host
