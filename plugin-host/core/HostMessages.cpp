// The app's requests and notifications to plugins: handed to the dispatcher of the worker that they name. All of it: [main].

#include "Clock.hpp"
#include "Host.hpp"
#include "Messages.hpp"

#include <utility>

namespace mph::host {

using Mph::Control::ErrorCode;

void Host::HandlePluginRequest(Frame frame) {
  const auto& message = *frame.envelope->body_as_PluginRequest();
  const auto request = frame.envelope->id();
  const auto pluginId = ToString(message.pluginId());
  const auto* const plugin = FindPlugin(pluginId);
  auto* const worker = message.workerPid() == 0 ? nullptr : FindPid(message.workerPid());

  if (isEnding_) {
    RefusePluginRequest(request, ErrorCode::NotFound, "this host is shutting down");

    return;
  }
  if (message.method() == nullptr || (message.body() != nullptr && message.body()->size() > MPH_MESSAGE_MAX)) {
    RefusePluginRequest(
        request, ErrorCode::Malformed,
        "a message to plugin " + pluginId + " has no method, or a body of more than " + std::to_string(MPH_MESSAGE_MAX) + " bytes");

    return;
  }
  if (plugin == nullptr || plugin->isUnloading || worker == nullptr || message.shard() != worker->dispatcher->Shard()) {
    RefusePluginRequest(request, ErrorCode::NotFound,
                        "plugin " + pluginId + " has no instance for worker " + std::to_string(message.workerPid()) + " here");

    return;
  }
  switch (worker->dispatcher->Deliver(std::move(frame))) {
    case AppInbox::PutResult::Ok:
      break;
    case AppInbox::PutResult::Full:
      RefusePluginRequest(request, ErrorCode::Budget, "plugin " + pluginId + " does not keep up with what the app sends it");
      break;
    case AppInbox::PutResult::Closed:
      RefusePluginRequest(request, ErrorCode::NotFound, "the instance of plugin " + pluginId + " has ended");
      break;
  }
}

// Nobody waits for the answer to a notification.
void Host::RefusePluginRequest(uint32_t request, ErrorCode code, const std::string& message) {
  if (request != 0) {
    Fail(request, code, message);
  } else {
    log_.Write(Mph::Control::LogLevel::Warn, "a notification was lost: " + message, MonotonicNs());
  }
}

}  // namespace mph::host
