// The host as the app sees it: loads plugins, connects them to workers, tells how they fare. Lives on the process's main thread and hands
// all work with packets to dispatchers.
#pragma once

#include "AppChannel.hpp"
#include "Dispatcher.hpp"
#include "PluginCode.hpp"
#include "PostBudget.hpp"
#include "RateLimitedLog.hpp"
#include "SnapshotStore.hpp"
#include "Wakeup.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace mph::host {

class Host : private Dispatcher::Listener {
 public:
  // What only the process can do.
  class Process {
   public:
    // Sockets that a crash must shut down before all else. [any]
    virtual void OnWorkerSocketOpened(int fd) = 0;
    virtual void OnWorkerSocketClosing(int fd) = 0;
    // Throws Error. [main]
    virtual std::shared_ptr<const PluginCode> LoadCode(const std::string& file) = 0;
    // A thread that runs it. Throws std::system_error when there can be none. [main]
    virtual std::unique_ptr<Dispatcher::Thread> StartThread(Dispatcher& dispatcher) = 0;
    // How much memory the process may allocate from here on; 0: no limit of ours. Throws Error. [main]
    virtual void LimitMemory(uint64_t bytes) = 0;
    // A fault of the plugin is about to end the process: the workers learn of it now, as from a crash. [the thread with the fault]
    virtual void ShutDownWorkerSockets() = 0;
    [[noreturn]] virtual void Abort() = 0;
    // A plugin holds up the end: its threads cannot be waited for. Returns where they have to be, since the process is the app's own. [main]
    virtual void ExitNow(int code) = 0;
    // Whether threads that run dispatchers have nothing else to do, so that they may be moved and may spin. [main]
    virtual bool MayPlaceThreads() const { return true; }

   protected:
    ~Process() = default;
  };

  Host(shm::UniqueFd appChannel, Process& process);

  // Until the app says Shutdown or its channel ends. Returns the exit code. [main]
  int Run();

 private:
  // A dispatcher, and the request of the app that waits for it.
  struct Worker {
    std::unique_ptr<Dispatcher> dispatcher;
    // 0: none yet.
    uint32_t pid{0};
    uint32_t request{0};
    bool isStopping{false};
  };

  // A plugin, and the request of the app that waits for it.
  struct Plugin {
    Dispatcher::Plugin settings;
    uint32_t request{0};
    // Has an instance, or had one: LoadPlugin was answered with PluginLoaded.
    bool isLoaded{false};
    bool isUnloading{false};
    // Some dispatcher has made an instance of it.
    bool wasCreated{false};
    // Those that have not said yet what became of its instance.
    std::vector<const Dispatcher*> awaited{};
  };

  // Requests. [main]
  void HandleRequests();
  void HandleRequest(const Mph::Control::Envelope& envelope);
  void LoadPlugin(uint32_t request, const Mph::Control::LoadPlugin& message);
  void UnloadPlugin(uint32_t request, const Mph::Control::UnloadPlugin& message);
  void ConnectWorker(uint32_t request, const Mph::Control::ConnectWorker& message);
  void DisconnectWorker(uint32_t request, const Mph::Control::DisconnectWorker& message);
  void StoreSnapshot(uint32_t request, const Mph::Control::StoreSnapshot& message);
  void HandlePluginRequest(Frame frame);
  void RefusePluginRequest(uint32_t request, Mph::Control::ErrorCode code, const std::string& message);
  void SendStats(uint32_t request);
  void StopAll();

  // What dispatchers report, on the main thread.
  void RunReports();
  void CreatedReport(const Dispatcher& dispatcher, const std::string& pluginId);
  void FailedReport(const std::string& pluginId, const Error& error);
  void GoneReport(const Dispatcher& dispatcher, const std::string& pluginId);
  void ConnectedReport(Dispatcher& dispatcher);
  void EndedReport(Dispatcher& dispatcher, const Dispatcher::End& end);
  Worker& StartWorker(uint32_t request, uint32_t workerPid = 0);
  Worker* Find(const Dispatcher& dispatcher);
  Worker* FindPid(uint32_t pid);
  Plugin* FindPlugin(const std::string& id);
  bool HasLoaded() const;
  void Await(Plugin& plugin, const Dispatcher& dispatcher);
  void FinishLoad(Plugin& plugin);
  void FinishUnload(const Plugin& plugin);
  void Forget(const std::string& pluginId);
  void EndedForPlugins(const Dispatcher& dispatcher, const Dispatcher::End& end);
  static flatbuffers::Offset<Mph::Control::InstanceStats> MakeStats(flatbuffers::FlatBufferBuilder& builder, const Worker& worker,
                                                                    const InstanceReport& report);
  void Fail(uint32_t request, Mph::Control::ErrorCode code, const std::string& message);

  // Dispatcher::Listener: [instance thread] or [any].
  void OnInstanceCreated(Dispatcher& dispatcher, const std::string& pluginId) override;
  void OnInstanceFailed(Dispatcher& dispatcher, const std::string& pluginId, const Error& error) override;
  void OnInstanceGone(Dispatcher& dispatcher, const std::string& pluginId) override;
  void OnConnected(Dispatcher& dispatcher) override;
  void OnEnded(Dispatcher& dispatcher, const Dispatcher::End& end) override;
  void OnWorkerSocketOpened(int fd) override;
  void OnWorkerSocketClosing(int fd) override;
  void OnLog(const std::string& pluginId, Mph::Control::LogLevel level, const std::string& message) override;
  void OnAppFrame(Bytes frame, std::shared_ptr<const void> untilSent) override;
  PostBudget& PostedBytes() override { return postBudget_; }
  std::optional<Bytes> TakeSnapshot(const std::string& pluginId, uint32_t workerPid, uint32_t shard) override;
  void OnFatal(const std::string& message) override;
  void Report(std::function<void()> report);

  Process& process_;
  Wakeup wakeup_;
  AppChannel app_;
  // Of the host itself, about what the app has sent.
  RateLimitedLog log_{[this](auto level, const auto& message) { app_.Log(level, message); }};
  PostBudget postBudget_;

  // In the order in which they were loaded.
  std::list<Plugin> plugins_;
  // Of the first plugin, since a thread runs all of them.
  PlacementSetting placement_{PlacementSetting::Auto};
  SnapshotStore snapshots_;
  bool isEnding_{false};
  // 0: dispatchers may take the time that they need.
  uint64_t exitDeadlineNs_{0};

  // Relaxed: what it keeps back is of no use to an app that is about to hear of the death, and does no harm either.
  std::atomic<bool> isDying_{false};
  std::mutex mutex_;
  std::vector<std::function<void()>> reports_;

  // Last: the dispatchers' threads use all of the above.
  std::vector<Worker> workers_;
};

}  // namespace mph::host
