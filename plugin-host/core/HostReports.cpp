// What dispatchers report to the host, and what the app hears of it. All of it: [main].

#include "Error.hpp"
#include "Host.hpp"
#include "Messages.hpp"

#include <tuple>
#include <utility>

namespace mph::host {

void Host::CreatedReport(const Dispatcher& dispatcher, const std::string& pluginId) {
  auto* const plugin = FindPlugin(pluginId);

  // Instances of further workers are announced by their connection.
  if (plugin == nullptr || plugin->isUnloading) {
    return;
  }
  plugin->wasCreated = true;
  std::erase(plugin->awaited, &dispatcher);
  FinishLoad(*plugin);
}

// What cannot run for one worker runs for none; another try may have a better config.
void Host::FailedReport(const std::string& pluginId, const Error& error) {
  auto* const plugin = FindPlugin(pluginId);

  if (plugin == nullptr) {
    return;
  }
  for (const auto& worker : workers_) {
    worker.dispatcher->Unload(pluginId);
  }
  if (plugin->request != 0) {
    Fail(plugin->request, error.Code(), error.what());
  }
  Forget(pluginId);
}

void Host::GoneReport(const Dispatcher& dispatcher, const std::string& pluginId) {
  if (auto* const plugin = FindPlugin(pluginId); plugin != nullptr && plugin->isUnloading) {
    std::erase(plugin->awaited, &dispatcher);
    FinishUnload(*plugin);
  }
}

void Host::ConnectedReport(Dispatcher& dispatcher) {
  auto* const worker = Find(dispatcher);

  // Told to disconnect in the meantime: the request is that one.
  if (worker == nullptr || worker->isStopping) {
    return;
  }

  flatbuffers::FlatBufferBuilder builder;

  app_.Post(MakeFrame(builder, std::exchange(worker->request, 0), Mph::Control::CreateWorkerConnected(builder, worker->pid)));
}

void Host::EndedReport(Dispatcher& dispatcher, const Dispatcher::End& end) {
  auto* const worker = Find(dispatcher);

  if (worker == nullptr) {
    return;
  }

  const auto [pid, request, isStopping] = std::tuple(worker->pid, worker->request, worker->isStopping);

  if (end.stage == Dispatcher::Stage::Serving) {
    // One that came after the start is of no use to anyone.
    snapshots_.Forget(pid);
  }

  const auto ended = std::move(worker->dispatcher);

  workers_.erase(workers_.begin() + (worker - workers_.data()));
  EndedForPlugins(*ended, end);

  if (isStopping) {
    if (request != 0) {
      app_.Post(MakeFrame<Mph::Control::Ok>(request));
    }
  } else if (request != 0) {
    Fail(request, end.code, end.message);
  } else if (pid != 0) {
    flatbuffers::FlatBufferBuilder builder;

    app_.Post(MakeFrame(builder, 0, Mph::Control::CreateWorkerLost(builder, pid, builder.CreateString(end.message))));
  }
}

void Host::EndedForPlugins(const Dispatcher& dispatcher, const Dispatcher::End& end) {
  std::vector<std::string> ids;

  for (auto& plugin : plugins_) {
    if (std::erase(plugin.awaited, &dispatcher) > 0) {
      ids.push_back(plugin.settings.id);
    }
  }
  for (const auto& id : ids) {
    auto& plugin = *FindPlugin(id);

    if (plugin.isUnloading) {
      FinishUnload(plugin);
    } else if (end.stage == Dispatcher::Stage::Creating && end.pluginId == id) {
      FailedReport(id, Error(end.code, end.message));
    } else {
      FinishLoad(plugin);
    }
  }
}

}  // namespace mph::host
