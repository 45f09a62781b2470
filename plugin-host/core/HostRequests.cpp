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
  if (library_) {
    Fail(request, ErrorCode::Exists, "this host has loaded " + library_->File() + " already; start a host per plugin");

    return;
  }

  try {
    // Code of the plugin's runs as it is loaded.
    process_.LimitMemory(message.memoryLimit());
    library_.emplace(ToString(message.file()));
  } catch (const Error& error) {
    Fail(request, error.Code(), error.what());

    return;
  }
  pluginId_ = ToString(message.pluginId());
  config_ = ToString(message.config());
  if (config_.empty()) {
    // JSON, in any case.
    config_ = "{}";
  }
  placement_ = SettingOf(message.placement());
  memoryLimit_ = message.memoryLimit();

  // Whether it can be created is known here and not at the first worker, which then takes this instance.
  try {
    StartWorker(request);
  } catch (const Error& error) {
    library_.reset();
    Fail(request, error.Code(), error.what());
  }
}

void Host::ConnectWorker(uint32_t request, const Mph::Control::ConnectWorker& message) {
  if (!isLoaded_) {
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
    auto& worker = idle != nullptr ? *idle : StartWorker(request);

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
  snapshots_.Put(message.workerPid(), message.shard(), length == 0 ? Bytes() : Bytes(bytes->begin(), bytes->end()));
  if (request != 0) {
    app_.Post(MakeFrame<Mph::Control::Ok>(request));
  }
}

void Host::SendStats(uint32_t request) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<Mph::Control::InstanceStats>> instances;

  for (const auto& worker : workers_) {
    const auto& stats = worker.dispatcher->Stats();
    const auto placed = worker.dispatcher->Placed().Read();
    auto values = worker.dispatcher->PluginCounters().Read();

    // Names of the host's own: a plugin's have no dot by custom.
    values.emplace_back("host.skipped", stats.skipped.Read());
    values.emplace_back("host.invalidVerdicts", stats.invalidVerdicts.Read());
    values.emplace_back("host.lateForNobody", stats.lateForNobody.Read());
    values.emplace_back("host.verdictRingFull", stats.verdictRingFull.Read());

    std::vector<flatbuffers::Offset<Mph::Control::Counter>> counters;

    for (const auto& [name, value] : values) {
      counters.push_back(Mph::Control::CreateCounter(builder, builder.CreateString(name), value));
    }
    instances.push_back(Mph::Control::CreateInstanceStats(
        builder, worker.pid, worker.dispatcher->Shard(), stats.packets.Read(), stats.batches.Read(), stats.verdicts.Read(),
        stats.events.Read(), stats.doorbellsRung.Read(), builder.CreateVector(counters),
        !placed.isPlaced                ? Placement::None
        : placed.place == Place::Shared ? Placement::Shared
                                        : Placement::Isolated,
        builder.CreateString(placed.reason), placed.moves, placed.cpu, stats.sleeps.Read(), stats.spins.Read()));
  }
  app_.Post(MakeFrame(builder, request, Mph::Control::CreateHostStats(builder, builder.CreateVector(instances))));
}

Host::Worker& Host::StartWorker(uint32_t request) {
  Dispatcher::Listener& listener = *this;

  try {
    auto dispatcher =
        std::make_unique<Dispatcher>(*library_, Dispatcher::Settings{pluginId_, config_, 0, memoryLimit_, placement_}, listener);

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

void Host::CreatedReport(Dispatcher& dispatcher) {
  auto* const worker = Find(dispatcher);

  // Instances of further workers are announced by their connection.
  if (worker == nullptr || std::exchange(isLoaded_, true)) {
    return;
  }

  flatbuffers::FlatBufferBuilder builder;
  const auto& plugin = library_->Plugin();

  app_.Post(MakeFrame(builder, std::exchange(worker->request, 0),
                      Mph::Control::CreatePluginLoaded(builder, builder.CreateString(plugin.name), builder.CreateString(plugin.version),
                                                       plugin.abi_version)));
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
    snapshots_.Take(pid, worker->dispatcher->Shard());
  }
  workers_.erase(workers_.begin() + (worker - workers_.data()));

  if (!isLoaded_) {
    // Another try may have a better config.
    library_.reset();
  }
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

}  // namespace mph::host
