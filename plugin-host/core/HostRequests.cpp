// What the app asks of the host, apart from its messages to plugins (HostMessages.cpp). All of it: [main].

#include "Error.hpp"
#include "Host.hpp"
#include "Messages.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace mph::host {

using Mph::Control::Body;
using Mph::Control::ErrorCode;
using Mph::Control::Placement;

namespace {

// What a later library may know and this host does not is decided by what it sees.
PlacementSetting SettingOf(Placement placement) {
  switch (placement) {
    case Placement::Shared:
      return PlacementSetting::Shared;
    case Placement::Isolated:
      return PlacementSetting::Isolated;
    default:
      return PlacementSetting::Auto;
  }
}

}  // namespace

void Host::HandleRequest(const Mph::Control::Envelope& envelope) {
  const auto request = envelope.id();

  if (isEnding_) {
    Fail(request, ErrorCode::NotFound, "this host is shutting down");

    return;
  }

  switch (envelope.body_type()) {
    case Body::LoadPlugin:
      LoadPlugin(request, *envelope.body_as_LoadPlugin());
      break;
    case Body::UnloadPlugin:
      UnloadPlugin(request, *envelope.body_as_UnloadPlugin());
      break;
    case Body::ConnectWorker:
      ConnectWorker(request, *envelope.body_as_ConnectWorker());
      break;
    case Body::DisconnectWorker:
      DisconnectWorker(request, *envelope.body_as_DisconnectWorker());
      break;
    case Body::StoreSnapshot:
      StoreSnapshot(request, *envelope.body_as_StoreSnapshot());
      break;
    case Body::GetHostStats:
      SendStats(request);
      break;
    case Body::Shutdown:
      StopAll();
      break;
    default:
      Fail(request, ErrorCode::Malformed, std::string("a host does not take ") + Mph::Control::EnumNameBody(envelope.body_type()));
  }
}

void Host::LoadPlugin(uint32_t request, const Mph::Control::LoadPlugin& message) {
  const auto id = ToString(message.pluginId());

  if (const auto* const plugin = FindPlugin(id)) {
    Fail(request, ErrorCode::Exists,
         "this host has plugin " + id + " already, from " + plugin->settings.code->File() + "; give the other one an id of its own");

    return;
  }

  std::shared_ptr<const PluginCode> code;

  try {
    // Code of the plugin's runs as it is loaded.
    process_.LimitMemory(message.memoryLimit());
    code = process_.LoadCode(ToString(message.file()));
  } catch (const Error& error) {
    Fail(request, error.Code(), error.what());

    return;
  }

  auto config = ToString(message.config());

  if (config.empty()) {
    // JSON, in any case.
    config = "{}";
  }
  if (plugins_.empty()) {
    placement_ = process_.MayPlaceThreads() ? SettingOf(message.placement()) : PlacementSetting::None;
  }

  auto& plugin = plugins_.emplace_back(Plugin{{id, std::move(code), std::move(config), message.memoryLimit()}, request});

  for (const auto& worker : workers_) {
    worker.dispatcher->Load(plugin.settings);
    Await(plugin, *worker.dispatcher);
  }
  FinishLoad(plugin);
}

// Whether it can be created is known here and not at the first worker, which then takes this instance.
void Host::FinishLoad(Plugin& plugin) {
  if (!plugin.awaited.empty() || plugin.isLoaded) {
    return;
  }
  if (!plugin.wasCreated) {
    if (isEnding_) {
      return;
    }
    try {
      Await(plugin, *StartWorker(0).dispatcher);
    } catch (const Error& error) {
      FailedReport(plugin.settings.id, error);
    }

    return;
  }
  plugin.isLoaded = true;

  flatbuffers::FlatBufferBuilder builder;
  const auto& descriptor = plugin.settings.code->Plugin();

  app_.Post(MakeFrame(builder, std::exchange(plugin.request, 0),
                      Mph::Control::CreatePluginLoaded(builder, builder.CreateString(descriptor.name),
                                                       builder.CreateString(descriptor.version), descriptor.abi_version)));
}

void Host::UnloadPlugin(uint32_t request, const Mph::Control::UnloadPlugin& message) {
  const auto id = ToString(message.pluginId());
  auto* const plugin = FindPlugin(id);

  if (plugin == nullptr || !plugin->isLoaded || plugin->isUnloading) {
    Fail(request, ErrorCode::NotFound, "this host has no plugin " + id + ", or it is about to come or to go");

    return;
  }
  plugin->isUnloading = true;
  plugin->request = request;
  for (const auto& worker : workers_) {
    worker.dispatcher->Unload(id);
    Await(*plugin, *worker.dispatcher);
  }
  FinishUnload(*plugin);
}

void Host::FinishUnload(const Plugin& plugin) {
  if (!plugin.awaited.empty() || !plugin.isUnloading) {
    return;
  }
  if (plugin.request != 0) {
    app_.Post(MakeFrame<Mph::Control::Ok>(plugin.request));
  }
  Forget(plugin.settings.id);
}

void Host::ConnectWorker(uint32_t request, const Mph::Control::ConnectWorker& message) {
  if (!HasLoaded()) {
    Fail(request, ErrorCode::NotFound, "this host has no plugin; send LoadPlugin first and wait for PluginLoaded");

    return;
  }
  if (message.workerPid() == 0) {
    Fail(request, ErrorCode::Malformed, "worker_pid is 0; name the worker by its process id");

    return;
  }
  if (FindPid(message.workerPid()) != nullptr) {
    Fail(request, ErrorCode::Exists, "worker " + std::to_string(message.workerPid()) + " is connected, or about to be");

    return;
  }

  try {
    auto* const idle = FindPid(0);
    auto& worker = idle != nullptr ? *idle : StartWorker(request, message.workerPid());

    worker.request = request;
    worker.pid = message.workerPid();
    worker.dispatcher->Connect({message.workerPid(), ToString(message.socketPath()), ToString(message.token())});
  } catch (const Error& error) {
    Fail(request, error.Code(), error.what());
  }
}

void Host::DisconnectWorker(uint32_t request, const Mph::Control::DisconnectWorker& message) {
  auto* const worker = FindPid(message.workerPid());

  if (worker == nullptr || worker->pid == 0) {
    Fail(request, ErrorCode::NotFound, "worker " + std::to_string(message.workerPid()) + " is not connected");

    return;
  }
  // A ConnectWorker that has not been answered will not be answered otherwise.
  if (worker->request != 0) {
    Fail(worker->request, ErrorCode::NotFound, "worker " + std::to_string(worker->pid) + " was disconnected meanwhile");
  }
  worker->request = request;
  worker->isStopping = true;
  worker->dispatcher->Stop();
}

void Host::StoreSnapshot(uint32_t request, const Mph::Control::StoreSnapshot& message) {
  const auto* bytes = message.bytes();
  const auto length = bytes == nullptr ? 0 : bytes->size();
  constexpr auto MaxLength = static_cast<size_t>(Mph::Control::Limit::MaxSnapshotBytes);

  if (length > MaxLength) {
    Fail(request, ErrorCode::Malformed,
         "a snapshot of " + std::to_string(length) + " bytes; at most " + std::to_string(MaxLength) + " are allowed");

    return;
  }

  auto id = ToString(message.pluginId());

  if (id.empty() && plugins_.size() == 1) {
    id = plugins_.front().settings.id;
  }
  snapshots_.Put(id, message.workerPid(), message.shard(), length == 0 ? Bytes() : Bytes(bytes->begin(), bytes->end()));
  if (request != 0) {
    app_.Post(MakeFrame<Mph::Control::Ok>(request));
  }
}

Host::Worker& Host::StartWorker(uint32_t request, uint32_t workerPid) {
  Dispatcher::Listener& listener = *this;

  try {
    std::vector<Dispatcher::Plugin> plugins;

    for (const auto& plugin : plugins_) {
      if (!plugin.isUnloading) {
        plugins.push_back(plugin.settings);
      }
    }

    auto dispatcher = std::make_unique<Dispatcher>(plugins, Dispatcher::Settings{0, workerPid, placement_}, listener,
                                                   [this](Dispatcher& made) { return process_.StartThread(made); });

    return workers_.emplace_back(Worker{.dispatcher = std::move(dispatcher), .request = request});
  } catch (const std::system_error& error) {
    throw Error::System("no thread can be started for an instance of the plugin (a memory limit must leave room for its stack)",
                        error.code().value());
  }
}

Host::Worker* Host::Find(const Dispatcher& dispatcher) {
  const auto found = std::ranges::find_if(workers_, [&](const auto& worker) { return worker.dispatcher.get() == &dispatcher; });

  return found == workers_.end() ? nullptr : &*found;
}

Host::Worker* Host::FindPid(uint32_t pid) {
  const auto found = std::ranges::find(workers_, pid, &Worker::pid);

  return found == workers_.end() ? nullptr : &*found;
}

Host::Plugin* Host::FindPlugin(const std::string& id) {
  const auto found = std::ranges::find_if(plugins_, [&](const auto& plugin) { return plugin.settings.id == id; });

  return found == plugins_.end() ? nullptr : &*found;
}

bool Host::HasLoaded() const { return std::ranges::any_of(plugins_, &Plugin::isLoaded); }

void Host::Await(Plugin& plugin, const Dispatcher& dispatcher) { plugin.awaited.push_back(&dispatcher); }

void Host::Forget(const std::string& pluginId) {
  snapshots_.Forget(pluginId);
  std::erase_if(plugins_, [&](const auto& plugin) { return plugin.settings.id == pluginId; });
}

}  // namespace mph::host
