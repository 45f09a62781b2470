// One instance of a plugin, and the only place that calls into the plugin's code: the last step of a packet's way out.
#pragma once

#include "AppOutlet.hpp"
#include "CallNumbers.hpp"
#include "ControlSocket.hpp"
#include "Error.hpp"
#include "InstanceReport.hpp"
#include "LateVerdicts.hpp"
#include "Messages.hpp"
#include "PluginCode.hpp"
#include "PostBudget.hpp"
#include "RateLimitedLog.hpp"
#include "SnapshotOutlet.hpp"
#include "WorkerCalls.hpp"
#include "mph_plugin.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace mph::host {

// What a plugin's callback throws when the thread that it runs on cannot run it any more: what it has in hand is not answered.
class ThreadLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Callbacks come from one thread, the instance's own, from the constructor to the destructor. An exception that leaves one of
// them (create aside) leaves the plugin in a state that nobody knows: it ends the process, and the supervisor starts a fresh one.
class Instance {
 public:
  struct Settings {
    // Among the instances of its thread.
    uint32_t index{0};
    uint32_t shard{0};
    // 0: not known yet.
    uint32_t workerPid{0};
    // JSON text.
    std::string config;
    // Bytes, 0: none. For what is said when it is reached.
    uint64_t memoryLimit{0};
    RateLimitedLog::Sink log;
    // Frames of all kinds. Must be callable from any thread, and must not wait for the app.
    AppOutlet::Sink toApp;
    // What the app has stored for this instance.
    std::function<std::optional<Bytes>(uint32_t workerPid)> takeSnapshot;
    // Must not return.
    std::function<void(const std::string& message)> onFatal;
  };

  // What its plugin takes, and how often it wants ticks; 0: never.
  struct Wants {
    bool packets{false};
    bool data{false};
    uint32_t tickIntervalMs{0};
  };

  enum class Start : uint8_t {
    Ready,
    // Of those whose create takes longer: under way, at its end but not admitted yet, failed.
    Later,
    Finished,
    Failed,
  };

  // Calls create. Throws Error PluginCreate with the plugin's own reason. `wakeup` is rung for the instance's thread when a late verdict
  // was handed over. `calls` is of the thread, `postBudget` of the process. [instance thread]
  Instance(const PluginCode& code, Settings settings, std::shared_ptr<InstanceReport> report, WorkerCalls& calls,
           PostBudget& postBudget, Wakeup& wakeup);

  // Calls destroy. [instance thread]
  ~Instance();

  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // [any]
  const std::string& PluginId() const { return report_->pluginId; }
  uint32_t Index() const { return settings_.index; }
  bool IsOwnThread() const { return std::this_thread::get_id() == thread_; }

  // From within create: it takes longer, and one of the other two follows. Until Admit() nothing but its destructor calls the plugin.
  // [instance thread]
  void StartLater() { start_ = Start::Later; }
  void FinishStart(const Wants& wants);
  void FailStart(const std::string& reason);
  void Admit() { start_ = Start::Ready; }
  Start Started() const { return start_; }
  // Why it failed.
  Error StartError() const { return CreateError(startError_); }

  // A plugin that wants none has every packet accepted. [instance thread]
  bool WantsPackets() const { return wants_.packets; }
  bool WantsData() const { return wants_.data; }
  // [instance thread]
  uint32_t TickIntervalMs() const { return wants_.tickIntervalMs; }

  // What it is an instance of. [any]
  const mph_plugin& Plugin() const { return plugin_; }
  void* Self() const { return self_; }
  const Settings& GetSettings() const { return settings_; }

  // Whether it has packets in hand on the calling thread: what it says about them is looked for when its callback returns. [any]
  bool IsInHand() const { return IsOwnThread() && isInHand_; }

  // [instance thread]
  void OnPackets(const mph_batch& batch);

  // [instance thread]
  void OnData(const mph_data_batch& batch);

  // [instance thread]
  void OnEvent(const mph_event& event);

  // [instance thread]
  void OnTick(uint64_t nowNs);

  // A PluginRequest whose method is there. [instance thread]
  void OnMessage(const Frame& frame);

  // Does nothing if this instance has not made the call. `json`: see mph_answer. [instance thread]
  void OnAnswer(uint32_t router, uint64_t call, mph_result result, const char* json);

  // Whom it is about to serve. [instance thread]
  void SetWorker(uint32_t pid);

  // What another host's instance has left behind, if anything; before the first event, and only once. [instance thread]
  void Restore(uint32_t workerPid);

  // [any]
  void Log(mph_log_level level, std::string_view message);

  // [any]
  Counters& GetCounters() { return report_->counters; }

  // [instance thread]
  InstanceTallies& Tallies() { return report_->tallies; }

  // [instance thread]
  LateVerdicts& GetLateVerdicts() { return *lateVerdicts_; }

  // [any]
  SnapshotOutlet& GetSnapshots() { return snapshots_; }
  AppOutlet& GetApp() { return app_; }
  WorkerCalls& GetCalls() { return calls_; }
  CallNumbers& GetCallNumbers() { return callNumbers_; }

  // What mph_host was asked to do, if it did. Relaxed, both: nothing is read on their account. [any]
  void CountInjection(mph_result result) { report_->injections.fetch_add(result == MPH_OK ? 1 : 0, std::memory_order_relaxed); }
  void CountPost(mph_result result) { report_->posts.fetch_add(result == MPH_OK ? 1 : 0, std::memory_order_relaxed); }

 private:
  void Create();
  Wants DescribedWants() const;
  Error CreateError(const std::string& reason) const;
  std::string OutOfMemory() const;
  template <typename Callback>
  void Guard(const char* name, Callback callback);

  const mph_plugin& plugin_;
  const Settings settings_;
  RateLimitedLog log_;
  const std::shared_ptr<InstanceReport> report_;
  const std::thread::id thread_{std::this_thread::get_id()};
  const std::shared_ptr<LateVerdicts> lateVerdicts_;
  SnapshotOutlet snapshots_;
  AppOutlet app_;
  WorkerCalls& calls_;
  CallNumbers callNumbers_;
  Start start_{Start::Ready};
  std::string startError_;
  Wants wants_;
  bool hasRestored_{false};
  bool isInHand_{false};
  // What the plugin itself calls `self`.
  void* self_{nullptr};
};

}  // namespace mph::host
