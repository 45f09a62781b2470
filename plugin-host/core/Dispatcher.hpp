// One thread, one plugin instance, at most one worker: everything that happens to an instance happens on its dispatcher's thread.
#pragma once

#include "Counters.hpp"
#include "Error.hpp"
#include "PlacementPolicy.hpp"
#include "PluginLibrary.hpp"
#include "ServedRing.hpp"
#include "ServingStats.hpp"
#include "ThreadPlacement.hpp"
#include "Wakeup.hpp"
#include "WorkerConnection.hpp"
#include "WorkerHandshake.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace mph::host {

class Ticker;

class Dispatcher {
 public:
  // CREATING (the instance) → IDLE → CONNECTING → SERVING → ended, from each of them.
  enum class Stage : uint8_t { Creating, Idle, Connecting, Serving };

  // How it ended.
  struct End {
    Stage stage{Stage::Creating};
    // None: it was told to stop, or the worker hung up.
    Mph::Control::ErrorCode code{Mph::Control::ErrorCode::None};
    std::string message;
  };

  // All of it: [instance thread].
  class Listener {
   public:
    virtual void OnInstanceCreated(Dispatcher& dispatcher) = 0;
    virtual void OnConnected(Dispatcher& dispatcher) = 0;
    // The last call; the instance is destroyed.
    virtual void OnEnded(Dispatcher& dispatcher, const End& end) = 0;
    virtual void OnWorkerSocketOpened(int fd) = 0;
    virtual void OnWorkerSocketClosing(int fd) = 0;
    // [any]
    virtual void OnLog(Mph::Control::LogLevel level, const std::string& message) = 0;
    // [any]
    virtual void OnSnapshot(Bytes snapshot, std::shared_ptr<const void> untilSent) = 0;
    // What the app has stored for this instance, which is taken once.
    virtual std::optional<Bytes> TakeSnapshot(uint32_t workerPid, uint32_t shard) = 0;
    // The plugin is in a state that nobody knows. Must not return.
    virtual void OnFatal(const std::string& message) = 0;

   protected:
    ~Listener() = default;
  };

  struct Settings {
    std::string pluginId;
    std::string config;
    uint32_t shard{0};
    // 0: none.
    uint64_t memoryLimit{0};
    PlacementSetting placement{PlacementSetting::Auto};
  };

  // Starts the thread, which creates the instance. Library and listener outlive the dispatcher. [main]
  Dispatcher(const PluginLibrary& library, Settings settings, Listener& listener);

  // Stops, and waits for the plugin's callbacks to return. [main]
  ~Dispatcher();

  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // The worker to serve, once. [main]
  void Connect(const WorkerAddress& address);

  // Answers what the worker has published and waits a moment for what is pending, then ends. Does not wait for that. [main]
  void Stop();

  // [any]
  const ServingStats& Stats() const { return stats_; }
  const PlacementReport& Placed() const { return placementReport_; }
  const Counters& PluginCounters() const { return counters_; }
  uint32_t Shard() const { return settings_.shard; }

 private:
  void Run();
  void Live(Instance& instance);
  std::optional<WorkerAddress> AwaitOrder(Ticker& ticker);
  void ServeWorker(const WorkerAddress& address, Instance& instance, Ticker& ticker);
  void Restore(const WorkerAddress& address, Instance& instance);
  void ServeUntilEnd(WorkerConnection& connection, Ticker& ticker);
  std::optional<WorkerAddress> TakeOrder();
  bool IsStopping() const { return isStopping_.load(std::memory_order_relaxed); }

  const PluginLibrary& library_;
  const Settings settings_;
  Listener& listener_;

  Wakeup wakeup_;
  ServingStats stats_;
  PlacementReport placementReport_;
  Counters counters_;
  // [instance thread]
  Stage stage_{Stage::Creating};

  std::mutex mutex_;
  std::optional<WorkerAddress> order_;
  // Relaxed, always: the wakeup makes the thread look, and nothing is read on its account.
  std::atomic<bool> isStopping_{false};

  // Last: it uses all of the above.
  std::thread thread_;
};

}  // namespace mph::host
