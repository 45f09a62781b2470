// What the app asks of the host, and what dispatchers report to it: the half of Host that knows the protocol. All of it: [main].

#include "Error.hpp"
#include "Host.hpp"
#include "Messages.hpp"

#include <algorithm>
#include <system_error>
#include <tuple>
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
         "this host has plugin " + id + " already, from " + plugin->settings.library->File() + "; give the other one an id of its own");

    return;
  }

  std::shared_ptr<const PluginLibrary> library;

  try {
    // Code of the plugin's runs as it is loaded.
    process_.LimitMemory(message.memoryLimit());
    library = std::make_shared<const PluginLibrary>(ToString(message.file()));
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
    placement_ = SettingOf(message.placement());
  }

  auto& plugin = plugins_.emplace_back(Plugin{{id, std::move(library), std::move(config), message.memoryLimit()}, request});

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
  const auto& descriptor = plugin.settings.library->Plugin();

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

void Host::SendStats(uint32_t request) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<Mph::Control::InstanceStats>> instances;

  for (const auto& worker : workers_) {
    for (const auto& report : worker.dispatcher->Reports()) {
      instances.push_back(MakeStats(builder, worker, *report));
    }
  }
  app_.Post(MakeFrame(builder, request, Mph::Control::CreateHostStats(builder, builder.CreateVector(instances))));
}

flatbuffers::Offset<Mph::Control::InstanceStats> Host::MakeStats(flatbuffers::FlatBufferBuilder& builder, const Worker& worker,
                                                                 const InstanceReport& report) {
  const auto& stats = worker.dispatcher->Stats();
  const auto& tallies = report.tallies;
  const auto placed = worker.dispatcher->Placed().Read();
  auto values = report.counters.Read();

  // Names of the host's own: a plugin's have no dot by custom.
  values.emplace_back("host.skipped", stats.skipped.Read());
  values.emplace_back("host.invalidVerdicts", tallies.invalidVerdicts.Read());
  values.emplace_back("host.lateForNobody", tallies.lateForNobody.Read());
  values.emplace_back("host.verdictRingFull", stats.verdictRingFull.Read());

  std::vector<flatbuffers::Offset<Mph::Control::Counter>> counters;

  for (const auto& [name, value] : values) {
    counters.push_back(Mph::Control::CreateCounter(builder, builder.CreateString(name), value));
  }

  const auto countersOffset = builder.CreateVector(counters);
  const auto reason = builder.CreateString(placed.reason);
  const auto pluginId = builder.CreateString(report.pluginId);
  Mph::Control::InstanceStatsBuilder table(builder);

  table.add_workerPid(worker.pid);
  table.add_shard(worker.dispatcher->Shard());
  table.add_packets(tallies.packets.Read());
  table.add_messages(tallies.messages.Read());
  // Relaxed, all: nothing is read on their account.
  table.add_injections(report.injections.load(std::memory_order_relaxed));
  table.add_requests(report.requests.load(std::memory_order_relaxed));
  table.add_posts(report.posts.load(std::memory_order_relaxed));
  table.add_batches(tallies.batches.Read());
  table.add_verdicts(tallies.verdicts.Read());
  table.add_events(tallies.events.Read());
  table.add_doorbellsRung(stats.doorbellsRung.Read());
  table.add_counters(countersOffset);
  table.add_placement(!placed.isPlaced                ? Placement::None
                      : placed.place == Place::Shared ? Placement::Shared
                                                      : Placement::Isolated);
  table.add_placementReason(reason);
  table.add_placementMoves(placed.moves);
  table.add_cpu(placed.cpu);
  table.add_sleeps(stats.sleeps.Read());
  table.add_spins(stats.spins.Read());
  table.add_pluginId(pluginId);

  return table.Finish();
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

    auto dispatcher = std::make_unique<Dispatcher>(plugins, Dispatcher::Settings{0, workerPid, placement_}, listener);

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
