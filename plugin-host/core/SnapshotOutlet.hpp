// The way of one instance's snapshots to the app: at most one waits to be sent, and only while the instance serves, since the state of a
// plugin that is warm must not replace that of the one that serves.
#pragma once

#include "Messages.hpp"
#include "mph_plugin.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>

namespace mph::host {

class SnapshotOutlet {
 public:
  // `untilSent` is let go when the frame is sent. Must be callable from any thread.
  using Sink = std::function<void(Bytes frame, std::shared_ptr<const void> untilSent)>;

  SnapshotOutlet(std::string pluginId, uint32_t shard, Sink sink)
      : pluginId_(std::move(pluginId)), shard_(shard), sink_(std::move(sink)) {}

  // What mph_host.snapshot() does. [any]
  mph_result Send(const void* bytes, size_t length);

  // Whom the instance is about to serve. [instance thread]
  void SetWorker(uint32_t pid);

  // A router that is served, and one that is so no more. [instance thread]
  void Open(uint32_t router);
  void Close(uint32_t router);

 private:
  const std::string pluginId_;
  const uint32_t shard_;
  const Sink sink_;

  std::mutex mutex_;
  uint32_t workerPid_{0};
  std::unordered_set<uint32_t> served_;
  std::weak_ptr<const void> unsent_;
};

}  // namespace mph::host
