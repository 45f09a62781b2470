#include "Instance.hpp"

#include "Clock.hpp"
#include "Error.hpp"
#include "HostFunctions.hpp"

#include <array>
#include <exception>
#include <new>
#include <utility>

namespace mph::host {

namespace {

using Mph::Control::ErrorCode;

constexpr size_t ErrorTextSize = 1024;

}  // namespace

Instance::Instance(const PluginCode& code, Settings settings, std::shared_ptr<InstanceReport> report, WorkerCalls& calls,
                   PostBudget& postBudget, Wakeup& wakeup)
    : plugin_(code.Plugin()),
      settings_(std::move(settings)),
      log_(settings_.log),
      report_(std::move(report)),
      lateVerdicts_(std::make_shared<LateVerdicts>(wakeup)),
      snapshots_(report_->pluginId, settings_.shard, settings_.toApp),
      app_(report_->pluginId, settings_.shard, settings_.toApp, postBudget),
      calls_(calls),
      callNumbers_(static_cast<uint8_t>(settings_.index)) {
  SetWorker(settings_.workerPid);
  Create();
}

void Instance::Create() {
  const mph_instance_info info{
      .size = sizeof(mph_instance_info),
      .shard = settings_.shard,
      .config = settings_.config.c_str(),
      .config_length = settings_.config.size(),
      .worker_pid = settings_.workerPid,
  };
  std::array<char, ErrorTextSize> text{};
  int result = 0;

  wants_ = DescribedWants();
  try {
    result = plugin_.create(&HostFunctions, reinterpret_cast<mph_instance*>(this), &info, &self_, text.data(), text.size());
  } catch (const std::bad_alloc&) {
    throw CreateError(OutOfMemory());
  } catch (const std::exception& error) {
    throw CreateError(error.what());
  } catch (...) {
    throw CreateError("it threw something that is no std::exception");
  }
  // A plugin may have filled it to the last byte.
  text.back() = '\0';

  if (result != 0) {
    throw CreateError(text.front() != '\0' ? text.data()
                                              : "create returned " + std::to_string(result) + " and wrote no reason into `error`");
  }
}

Instance::Wants Instance::DescribedWants() const {
  return {
      .packets = plugin_.on_packets != nullptr,
      .data = MPH_HAS(mph_plugin, &plugin_, on_data) && plugin_.on_data != nullptr,
      .tickIntervalMs = plugin_.on_tick == nullptr ? 0 : plugin_.tick_interval_ms,
  };
}

Error Instance::CreateError(const std::string& reason) const {
  return {ErrorCode::PluginCreate, std::string("plugin ") + plugin_.name + " " + plugin_.version + " could not be created: " + reason};
}

void Instance::FinishStart(const Wants& wants) {
  wants_ = wants;
  start_ = Start::Finished;
}

void Instance::FailStart(const std::string& reason) {
  startError_ = reason;
  start_ = Start::Failed;
}

Instance::~Instance() {
  Guard("destroy", [this] { plugin_.destroy(self_); });
}

std::string Instance::OutOfMemory() const {
  return settings_.memoryLimit == 0 ? "out of memory" : "memory limit of " + std::to_string(settings_.memoryLimit) + " bytes reached";
}

template <typename Callback>
void Instance::Guard(const char* name, Callback callback) {
  std::string reason;

  try {
    callback();

    return;
  } catch (const ThreadLost&) {
    isInHand_ = false;
    throw;
  } catch (const std::bad_alloc&) {
    reason = OutOfMemory();
  } catch (const std::exception& error) {
    reason = error.what();
  } catch (...) {
    reason = "something that is no std::exception";
  }
  settings_.onFatal(std::string("plugin ") + plugin_.name + " threw in " + name + ", the host process ends: " + reason);
}

void Instance::OnPackets(const mph_batch& batch) {
  isInHand_ = true;
  Guard("on_packets", [&] { plugin_.on_packets(self_, &batch); });
  isInHand_ = false;
}

void Instance::OnData(const mph_data_batch& batch) {
  isInHand_ = true;
  Guard("on_data", [&] { plugin_.on_data(self_, &batch); });
  isInHand_ = false;
}

void Instance::OnEvent(const mph_event& event) {
  if (plugin_.on_event != nullptr) {
    Guard("on_event", [&] { plugin_.on_event(self_, &event); });
  }
}

void Instance::OnTick(uint64_t nowNs) {
  Guard("on_tick", [&] { plugin_.on_tick(self_, nowNs); });
}

void Instance::OnMessage(const Frame& frame) {
  const auto& request = *frame.envelope->body_as_PluginRequest();
  const auto id = frame.envelope->id();

  report_->requests.fetch_add(1, std::memory_order_relaxed);
  if (id != 0) {
    app_.OpenRequest(id);
  }
  if (!MPH_HAS(mph_plugin, &plugin_, on_message) || plugin_.on_message == nullptr) {
    app_.Fail(id, "plugin " + PluginId() + " takes no messages: it has no on_message");

    return;
  }

  const mph_message message{
      .size = sizeof(mph_message),
      .binary = static_cast<uint8_t>(request.binary() ? 1 : 0),
      .request = id,
      .method = request.method()->c_str(),
      .body = request.body() == nullptr ? nullptr : request.body()->data(),
      .length = request.body() == nullptr ? 0 : request.body()->size(),
  };

  Guard("on_message", [&] { plugin_.on_message(self_, &message); });
}

void Instance::OnAnswer(uint32_t router, uint64_t call, mph_result result, const char* json) {
  if (!callNumbers_.Has(call) || !MPH_HAS(mph_plugin, &plugin_, on_answer) || plugin_.on_answer == nullptr) {
    return;
  }

  const mph_answer answer{
      .size = sizeof(mph_answer), .router = router, .call = call, .result = static_cast<uint32_t>(result), .json = json};

  Guard("on_answer", [&] { plugin_.on_answer(self_, &answer); });
}

void Instance::SetWorker(uint32_t pid) {
  snapshots_.SetWorker(pid);
  app_.SetWorker(pid);
}

void Instance::Restore(uint32_t workerPid) {
  if (std::exchange(hasRestored_, true)) {
    return;
  }

  const auto snapshot = settings_.takeSnapshot(workerPid);

  // A descriptor from before there were snapshots is shorter.
  if (snapshot && MPH_HAS(mph_plugin, &plugin_, on_restore) && plugin_.on_restore != nullptr) {
    Guard("on_restore", [&] { plugin_.on_restore(self_, snapshot->data(), snapshot->size()); });
  }
}

void Instance::Log(mph_log_level level, std::string_view message) {
  // The numbers of both enums are the same (LayoutChecks.cpp); what is none of them is taken as the highest.
  const auto known = level <= MPH_LOG_ERROR ? level : MPH_LOG_ERROR;

  log_.Write(static_cast<Mph::Control::LogLevel>(known), message, MonotonicNs());
}

}  // namespace mph::host
