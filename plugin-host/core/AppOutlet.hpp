// What one instance says to the app: answers to its requests, and messages of its own.
#pragma once

#include "Messages.hpp"
#include "PostBudget.hpp"
#include "mph_plugin.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace mph::host {

class AppOutlet {
 public:
  // A plugin that leaves so many unanswered leaves them for good: the oldest is failed.
  static constexpr size_t MaxOpenRequests = 1024;
  // Of the name of a message, without its end.
  static constexpr size_t MaxNameLength = 1024;

  // `untilSent` is let go when the frame is sent. Must be callable from any thread, and must not wait for the app.
  using Sink = std::function<void(Bytes frame, std::shared_ptr<const void> untilSent)>;

  AppOutlet(std::string pluginId, uint32_t shard, Sink sink, PostBudget& budget)
      : pluginId_(std::move(pluginId)), shard_(shard), sink_(std::move(sink)), budget_(budget) {}

  // Fails what is open.
  ~AppOutlet();

  AppOutlet(const AppOutlet&) = delete;
  AppOutlet& operator=(const AppOutlet&) = delete;

  // Whom the instance is about to serve. [instance thread]
  void SetWorker(uint32_t pid);

  // A request that is about to be handed to the plugin. [instance thread]
  void OpenRequest(uint32_t request);

  // The host's own answer to a request, in the plugin's stead. Does nothing if the plugin has answered. [any]
  void Fail(uint32_t request, const std::string& reason);

  // What mph_host.reply() does. [any]
  mph_result Reply(uint64_t request, bool failed, const void* body, size_t length, bool binary);

  // What mph_host.post() does. [any]
  mph_result Post(const char* name, const void* body, size_t length, bool binary);

 private:
  bool TakeOpen(uint64_t request);

  const std::string pluginId_;
  const uint32_t shard_;
  const Sink sink_;
  PostBudget& budget_;

  std::mutex mutex_;
  uint32_t workerPid_{0};
  // The app numbers its requests upwards.
  std::set<uint32_t> open_;
};

// A PluginReply that says why there is none of the plugin's.
Bytes MakeFailedReply(uint32_t request, const std::string& reason);

}  // namespace mph::host
