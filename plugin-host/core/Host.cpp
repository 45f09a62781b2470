#include "Host.hpp"

#include "Clock.hpp"
#include "Error.hpp"
#include "Messages.hpp"

#include <poll.h>
#include <algorithm>
#include <array>
#include <utility>

namespace mph::host {

using Mph::Control::ErrorCode;

namespace {

// Without an app nobody needs a tidy end for longer than this.
constexpr uint64_t OrphanNs = 1'000'000'000;
constexpr int FatalFlushMs = 100;

}  // namespace

Host::Host(shm::UniqueFd appChannel, Process& process) : process_(process), app_(std::move(appChannel), wakeup_) {}

int Host::Run() {
  while (!isEnding_ || !workers_.empty()) {
    enum : size_t { App, OwnWakeup, Count };

    const auto appEvents = static_cast<short>(POLLIN | (app_.IsBlocked() ? POLLOUT : 0));
    const int appFd = exitDeadlineNs_ == 0 ? app_.Fd() : -1;
    std::array<pollfd, Count> fds{pollfd{appFd, appEvents, 0}, pollfd{wakeup_.Fd(), POLLIN, 0}};

    poll(fds.data(), fds.size(), exitDeadlineNs_ == 0 ? -1 : static_cast<int>(OrphanNs / 1'000'000));

    if (fds[OwnWakeup].revents != 0) {
      wakeup_.Reset();
    }
    if (fds[App].revents != 0) {
      HandleRequests();
    }
    RunReports();
    app_.Flush();

    if (exitDeadlineNs_ != 0 && MonotonicNs() >= exitDeadlineNs_) {
      process_.ExitNow(0);
    }
  }
  app_.FlushFor(FatalFlushMs);

  return 0;
}

void Host::HandleRequests() {
  const auto received = app_.Socket().Receive();

  while (auto frame = app_.Socket().Next()) {
    if (frame->envelope->body_type() == Mph::Control::Body::PluginRequest) {
      HandlePluginRequest(std::move(*frame));
    } else {
      HandleRequest(*frame->envelope);
    }
  }
  if (received == ControlSocket::ReceiveResult::Closed) {
    // No app, no host.
    exitDeadlineNs_ = MonotonicNs() + OrphanNs;
    StopAll();
  }
}

void Host::StopAll() {
  isEnding_ = true;
  for (auto& worker : workers_) {
    worker.isStopping = true;
    worker.dispatcher->Stop();
  }
}

void Host::Fail(uint32_t request, ErrorCode code, const std::string& message) { app_.Post(MakeFailure(request, code, message)); }

void Host::Report(std::function<void()> report) {
  {
    const std::lock_guard lock(mutex_);

    reports_.push_back(std::move(report));
  }
  wakeup_.Ring();
}

void Host::RunReports() {
  std::vector<std::function<void()>> reports;

  {
    const std::lock_guard lock(mutex_);

    reports.swap(reports_);
  }
  for (const auto& report : reports) {
    report();
  }
}

void Host::OnInstanceCreated(Dispatcher& dispatcher, const std::string& pluginId) {
  Report([this, &dispatcher, pluginId] { CreatedReport(dispatcher, pluginId); });
}

void Host::OnInstanceFailed(Dispatcher&, const std::string& pluginId, const Error& error) {
  // Copies of an exception share their text between threads.
  Report([this, pluginId, code = error.Code(), message = std::string(error.what())] { FailedReport(pluginId, Error(code, message)); });
}

void Host::OnInstanceGone(Dispatcher& dispatcher, const std::string& pluginId) {
  Report([this, &dispatcher, pluginId] { GoneReport(dispatcher, pluginId); });
}

void Host::OnConnected(Dispatcher& dispatcher) {
  Report([this, &dispatcher] { ConnectedReport(dispatcher); });
}

void Host::OnEnded(Dispatcher& dispatcher, const Dispatcher::End& end) {
  // The end of its connection was our own doing; the worker is not gone.
  if (isDying_.load(std::memory_order_relaxed)) {
    return;
  }
  Report([this, &dispatcher, end] { EndedReport(dispatcher, end); });
}

void Host::OnWorkerSocketOpened(int fd) { process_.OnWorkerSocketOpened(fd); }

void Host::OnWorkerSocketClosing(int fd) { process_.OnWorkerSocketClosing(fd); }

void Host::OnLog(const std::string& pluginId, Mph::Control::LogLevel level, const std::string& message) {
  app_.Log(level, message, pluginId);
}

void Host::OnAppFrame(Bytes frame, std::shared_ptr<const void> untilSent) { app_.Post(std::move(frame), std::move(untilSent)); }

std::optional<Bytes> Host::TakeSnapshot(const std::string& pluginId, uint32_t workerPid, uint32_t shard) {
  return snapshots_.Take(pluginId, workerPid, shard);
}

void Host::OnFatal(const std::string& message) {
  // Workers first: they hold packets, while the app may take its time to read.
  isDying_.store(true, std::memory_order_relaxed);
  process_.ShutDownWorkerSockets();
  app_.Log(Mph::Control::LogLevel::Error, message);
  app_.FlushFor(FatalFlushMs);
  process_.Abort();
}

}  // namespace mph::host
