#include "Instance.hpp"

#include "Clock.hpp"
#include "Error.hpp"

#include <array>
#include <exception>
#include <new>
#include <utility>

namespace mph::host {

namespace {

using Mph::Control::ErrorCode;

constexpr size_t ErrorTextSize = 1024;

// The plugin holds it as an opaque pointer and never looks into it.
Instance& FromHandle(mph_instance* instance) { return *reinterpret_cast<Instance*>(instance); }

// What a plugin calls through mph_host. [any]

mph_result HostVerdict(mph_instance* instance, uint32_t router, uint64_t ticket, mph_verdict verdict) {
  return FromHandle(instance).GetLateVerdicts().Push({router, ticket, verdict});
}

void HostLog(mph_instance* instance, mph_log_level level, const char* message) {
  FromHandle(instance).Log(level, message == nullptr ? "" : message);
}

void HostCount(mph_instance* instance, const char* name, uint64_t add) {
  FromHandle(instance).GetCounters().Add(name == nullptr ? "" : name, add);
}

mph_result HostSnapshot(mph_instance* instance, const void* bytes, size_t length) {
  return FromHandle(instance).GetSnapshots().Send(bytes, length);
}

constexpr mph_host HostFunctions{
    .size = sizeof(mph_host),
    .abi_version = MPH_ABI_VERSION,
    .verdict = HostVerdict,
    .log = HostLog,
    .count = HostCount,
    .snapshot = HostSnapshot,
};

}  // namespace

Instance::Instance(const PluginLibrary& library, Settings settings, std::shared_ptr<InstanceReport> report, Wakeup& wakeup)
    : plugin_(library.Plugin()),
      settings_(std::move(settings)),
      log_(settings_.log),
      report_(std::move(report)),
      lateVerdicts_(wakeup),
      snapshots_(report_->pluginId, settings_.shard, settings_.snapshot) {
  Create();
}

void Instance::Create() {
  const mph_instance_info info{
      .size = sizeof(mph_instance_info),
      .shard = settings_.shard,
      .config = settings_.config.c_str(),
      .config_length = settings_.config.size(),
  };
  const auto fail = [this](const std::string& reason) {
    return Error(ErrorCode::PluginCreate,
                 std::string("plugin ") + plugin_.name + " " + plugin_.version + " could not be created: " + reason);
  };
  std::array<char, ErrorTextSize> text{};
  int result = 0;

  try {
    result = plugin_.create(&HostFunctions, reinterpret_cast<mph_instance*>(this), &info, &self_, text.data(), text.size());
  } catch (const std::bad_alloc&) {
    throw fail(OutOfMemory());
  } catch (const std::exception& error) {
    throw fail(error.what());
  } catch (...) {
    throw fail("it threw something that is no std::exception");
  }
  // A plugin may have filled it to the last byte.
  text.back() = '\0';

  if (result != 0) {
    throw fail(text.front() != '\0' ? text.data() : "create returned " + std::to_string(result) + " and wrote no reason into `error`");
  }
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
  Guard("on_packets", [&] { plugin_.on_packets(self_, &batch); });
}

void Instance::OnEvent(const mph_event& event) {
  if (plugin_.on_event != nullptr) {
    Guard("on_event", [&] { plugin_.on_event(self_, &event); });
  }
}

void Instance::OnTick(uint64_t nowNs) {
  Guard("on_tick", [&] { plugin_.on_tick(self_, nowNs); });
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
