// Snapshots that the app has handed over, until the instance that they are for is started.
#pragma once

#include "Messages.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace mph::host {

class SnapshotStore {
 public:
  // The last one counts. [any]
  void Put(uint32_t workerPid, uint32_t shard, Bytes snapshot) {
    const std::lock_guard lock(mutex_);

    snapshots_.insert_or_assign({workerPid, shard}, std::move(snapshot));
  }

  // [any]
  std::optional<Bytes> Take(uint32_t workerPid, uint32_t shard) {
    const std::lock_guard lock(mutex_);
    const auto node = snapshots_.extract({workerPid, shard});

    return node.empty() ? std::nullopt : std::optional(std::move(node.mapped()));
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<uint32_t, uint32_t>, Bytes> snapshots_;
};

}  // namespace mph::host
