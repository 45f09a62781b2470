// One thread, an instance of each plugin of this host, at most one worker: everything that happens to an instance happens on its
// dispatcher's thread. A thread that has nothing else to do calls Run(); one with a loop of its own calls Begin() and then Turn().
#pragma once

#include "AppInbox.hpp"
#include "Error.hpp"
#include "InstanceReport.hpp"
#include "Instances.hpp"
#include "PlacementPolicy.hpp"
#include "PluginCode.hpp"
#include "PostBudget.hpp"
#include "ServingStats.hpp"
#include "Wakeup.hpp"
#include "WorkerCalls.hpp"
#include "WorkerHandshake.hpp"
#include "WorkerService.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace mph::host {

class Dispatcher {
 public:
  // CREATING (its first instances) → IDLE → CONNECTING → SERVING → ended, from each of them.
  enum class Stage : uint8_t { Creating, Idle, Connecting, Serving };

  // How it ended.
  struct End {
    Stage stage{Stage::Creating};
    // None: it was told to stop, or the worker hung up.
    Mph::Control::ErrorCode code{Mph::Control::ErrorCode::None};
    std::string message;
    // Of the plugin that could not be created.
    std::string pluginId;
  };

  // A plugin as the app has loaded it.
  struct Plugin {
    std::string id;
    std::shared_ptr<const PluginCode> code;
    std::string config;
    // 0: none.
    uint64_t memoryLimit{0};
  };

  // All of it: [instance thread].
  class Listener {
   public:
    virtual void OnInstanceCreated(Dispatcher& dispatcher, const std::string& pluginId) = 0;
    // Of a plugin that came later than the dispatcher; the others go on.
    virtual void OnInstanceFailed(Dispatcher& dispatcher, const std::string& pluginId, const Error& error) = 0;
    // After Unload().
    virtual void OnInstanceGone(Dispatcher& dispatcher, const std::string& pluginId) = 0;
    virtual void OnConnected(Dispatcher& dispatcher) = 0;
    // The last call; the instances are destroyed.
    virtual void OnEnded(Dispatcher& dispatcher, const End& end) = 0;
    virtual void OnWorkerSocketOpened(int fd) = 0;
    virtual void OnWorkerSocketClosing(int fd) = 0;
    // [any]
    virtual void OnLog(const std::string& pluginId, Mph::Control::LogLevel level, const std::string& message) = 0;
    // A frame for the app. [any]
    virtual void OnAppFrame(Bytes frame, std::shared_ptr<const void> untilSent) = 0;
    // [any]
    virtual PostBudget& PostedBytes() = 0;
    // What the app has stored for this instance, which is taken once.
    virtual std::optional<Bytes> TakeSnapshot(const std::string& pluginId, uint32_t workerPid, uint32_t shard) = 0;
    // The plugin is in a state that nobody knows. Must not return.
    virtual void OnFatal(const std::string& message) = 0;

   protected:
    ~Listener() = default;
  };

  struct Settings {
    uint32_t shard{0};
    // 0: not known yet.
    uint32_t workerPid{0};
    PlacementSetting placement{PlacementSetting::Auto};
  };

  // What runs a dispatcher.
  class Thread {
   public:
    // Waits until it does so no more. [main]
    virtual ~Thread() = default;
    // Where the records of a router stand from now on. [instance thread]
    virtual void OnRing(uint32_t /*router*/, const std::shared_ptr<const shm::Segment>& /*packets*/) {}
  };

  using StartThread = std::function<std::unique_ptr<Thread>(Dispatcher&)>;

  // Starts the thread, which creates the instances; if one of them fails, it ends. The listener outlives the dispatcher. [main]
  Dispatcher(const std::vector<Plugin>& plugins, Settings settings, Listener& listener, const StartThread& startThread);

  // Stops, and waits for the plugin's callbacks to return. [main]
  ~Dispatcher();

  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // The worker to serve, once. [main]
  void Connect(const WorkerAddress& address);

  // One more plugin, which hears of what is there. [main]
  void Load(const Plugin& plugin);

  // Its instance is destroyed; what it owed is decided as if it had accepted. [main]
  void Unload(const std::string& pluginId);

  // The frame of a PluginRequest to one of its plugins; left as it is unless the result is Ok. [main]
  [[nodiscard]] AppInbox::PutResult Deliver(Frame&& frame) { return inbox_.Put(std::move(frame)); }

  // Answers what the worker has published and waits a moment for what is pending, then ends. Does not wait for that. [main]
  void Stop();

  // Begin(), and turns until it has ended. [instance thread]
  void Run();

  // Creates the instances. `loopFd` is readable when the thread's own loop has something to do; -1: Rest() is never called. [instance thread]
  void Begin(int loopFd = -1);
  // A few batches at most; after a while in which packets come close together. In how many ms it wants to be called again, -1: not for a reason
  // of its own; sooner if Fd() becomes readable, which may be another one after each turn. Nothing: it has ended. [instance thread]
  std::optional<int> Turn();
  int Fd() const;
  // After such a turn, in place of waiting for Fd(): until there is something to do, or that time has gone by. False: the loop has something.
  // [instance thread]
  bool Rest(int ms);
  // The thread cannot go on. Does nothing when it has ended. [instance thread]
  void Abandon(const std::string& reason);
  // Makes Fd() readable: there is something to do. [any]
  void Wake() { wakeup_.Ring(); }

  // [any]
  const ServingStats& Stats() const { return stats_; }
  const PlacementReport& Placed() const { return placementReport_; }
  uint32_t Shard() const { return settings_.shard; }

  // Of its instances, in the order in which they were loaded. [main]
  const std::vector<std::shared_ptr<InstanceReport>>& Reports() const { return reports_; }

 private:
  // A plugin that comes, or one that goes.
  struct PluginOrder {
    Plugin plugin;
    std::shared_ptr<InstanceReport> report;
    bool isUnload{false};
  };

  enum class Next : uint8_t {
    // There may be more to do.
    Step,
    // Nothing to do until something comes, or for waitMs_.
    Wait,
    End,
  };

  void Order(PluginOrder order);
  PluginOrder MakeLoadOrder(const Plugin& plugin);
  Instance& Create(const PluginOrder& order);
  Next Step();
  Next StepIdle();
  Next StepService();
  void Wait();
  // True: it waits from now on, and has to be woken by Rise().
  bool LieDown();
  void Rise();
  void BeginService(const WorkerAddress& address);
  void EndService();
  void Fail(const Error& error);
  void Lose(const std::string& reason);
  void Finish();
  std::optional<WorkerAddress> TakeOrder();
  void DeliverMessages();
  void DeliverMessage(const Frame& frame);
  void RefuseMessages();
  void FollowPluginOrders();
  void AddReady(Instance& instance);
  void FinishStarts();
  bool IsStopping() const { return isStopping_.load(std::memory_order_relaxed); }

  const Settings settings_;
  Listener& listener_;

  Wakeup wakeup_;
  AppInbox inbox_{wakeup_};
  ServingStats stats_;
  PlacementReport placementReport_;
  // [main]
  std::vector<std::shared_ptr<InstanceReport>> reports_;
  // [instance thread]
  Stage stage_{Stage::Creating};
  End end_;
  bool hasEnded_{false};
  int waitMs_{-1};
  int loopFd_{-1};
  uint32_t workerPid_{0};
  // Of the instance thread; the instances use it until they are destroyed.
  std::optional<WorkerCalls> calls_;
  Instances instances_;
  // There from Connecting on.
  std::unique_ptr<WorkerService> service_;

  std::mutex mutex_;
  std::optional<WorkerAddress> order_;
  std::vector<PluginOrder> pluginOrders_;
  // Relaxed, always, both: the wakeup makes the thread look, and nothing is read on their account.
  std::atomic<bool> hasPluginOrders_{false};
  std::atomic<bool> isStopping_{false};

  // Last: it uses all of the above.
  std::unique_ptr<Thread> thread_;
};

}  // namespace mph::host
