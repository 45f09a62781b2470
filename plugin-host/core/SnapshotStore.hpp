// Snapshots that the app has handed over, until the instance that they are for is started.
#pragma once

#include "Messages.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

namespace mph::host {

class SnapshotStore {
 public:
  // The last one counts. [any]
  void Put(const std::string& pluginId, uint32_t workerPid, uint32_t shard, Bytes snapshot) {
    const std::lock_guard lock(mutex_);

    snapshots_.insert_or_assign({pluginId, workerPid, shard}, std::move(snapshot));
  }

  // [any]
  std::optional<Bytes> Take(const std::string& pluginId, uint32_t workerPid, uint32_t shard) {
    const std::lock_guard lock(mutex_);
    const auto node = snapshots_.extract({pluginId, workerPid, shard});

    return node.empty() ? std::nullopt : std::optional(std::move(node.mapped()));
  }

  // All of the worker's instances. [any]
  void Forget(uint32_t workerPid) {
    const std::lock_guard lock(mutex_);

    std::erase_if(snapshots_, [&](const auto& entry) { return std::get<1>(entry.first) == workerPid; });
  }

  // [any]
  void Forget(const std::string& pluginId) {
    const std::lock_guard lock(mutex_);

    std::erase_if(snapshots_, [&](const auto& entry) { return std::get<0>(entry.first) == pluginId; });
  }

 private:
  std::mutex mutex_;
  // By plugin, worker and shard.
  std::map<std::tuple<std::string, uint32_t, uint32_t>, Bytes> snapshots_;
};

}  // namespace mph::host
