// Where a dispatch thread belongs: on the worker's CPU or away from it. Numbers in, a decision and its reason out (docs/placement.md).
#pragma once

#include <cstdint>
#include <string>

namespace mph::host {

// None: the thread is somebody else's as well. It stays where the system has it, and never spins.
enum class PlacementSetting : uint8_t { Auto, Shared, Isolated, None };

enum class Place : uint8_t { Shared, Isolated };

// [instance thread]
class PlacementPolicy {
 public:
  // What was seen since the last look.
  struct Look {
    uint64_t elapsedNs{0};
    uint64_t packets{0};
    uint64_t batches{0};
    // In which packets were served, by the clock on the wall.
    uint64_t busyNs{0};
    // CPU time of the thread, with waiting and waking.
    uint64_t threadNs{0};
    // How long the worker's turns take.
    uint32_t workerTurnNs{0};
  };

  static constexpr uint64_t LookIntervalNs = 50'000'000;
  // A batch that takes as long ends sharing without waiting for the next look.
  static constexpr uint64_t LongBatchNs = 2'000'000;

  explicit PlacementPolicy(PlacementSetting setting);

  Place Wanted() const { return wanted_; }
  // A sentence.
  const std::string& Reason() const { return reason_; }

  // True: Wanted() has changed.
  bool OnLook(const Look& look);
  bool OnLongBatch(uint64_t ns);

 private:
  bool Leave(std::string reason);
  bool LookWhenShared(const Look& look);
  bool LookWhenIsolated(const Look& look);

  const PlacementSetting setting_;
  Place wanted_;
  std::string reason_;
  // In a row, and how many it takes to go back to the worker's CPU: twice as many after each stay that was short.
  uint32_t lightLooks_{0};
  uint32_t lightLooksNeeded_{0};
  uint64_t sharedForNs_{0};
};

}  // namespace mph::host
