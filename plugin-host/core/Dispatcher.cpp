#include "Dispatcher.hpp"

#include "AlternateStack.hpp"
#include "Clock.hpp"
#include "Instance.hpp"
#include "Ticker.hpp"
#include "WorkerWait.hpp"

#include <poll.h>
#include <pthread.h>
#include <utility>

namespace mph::host {

namespace {

using ServeResult = ServedRing::ServeResult;

// While packets keep coming, this many turns pass between two looks at the clock and at the control socket.
constexpr uint32_t TurnsBetweenLooks = 32;
// A worker does not ring when it has made room in a verdict ring, which hardly ever is full.
constexpr int StalledMs = 1;
// At most 15 characters.
constexpr auto ThreadName = "mph-dispatch";

// Says which socket to shut down first should this process crash.
class CrashGuarded {
 public:
  CrashGuarded(Dispatcher::Listener& listener, int fd) : listener_(listener), fd_(fd) { listener_.OnWorkerSocketOpened(fd_); }
  ~CrashGuarded() { listener_.OnWorkerSocketClosing(fd_); }

  CrashGuarded(const CrashGuarded&) = delete;
  CrashGuarded& operator=(const CrashGuarded&) = delete;

 private:
  Dispatcher::Listener& listener_;
  const int fd_;
};

}  // namespace

Dispatcher::Dispatcher(const PluginLibrary& library, Settings settings, Listener& listener)
    : library_(library), settings_(std::move(settings)), listener_(listener), thread_([this] { Run(); }) {}

Dispatcher::~Dispatcher() {
  Stop();
  thread_.join();
}

void Dispatcher::Connect(const WorkerAddress& address) {
  {
    const std::lock_guard lock(mutex_);

    order_ = address;
  }
  wakeup_.Ring();
}

void Dispatcher::Stop() {
  isStopping_.store(true, std::memory_order_relaxed);
  wakeup_.Ring();
}

void Dispatcher::Run() {
  const AlternateStack stack;
  End end;

  // As `top -H` shows it.
  pthread_setname_np(pthread_self(), ThreadName);

  try {
    Instance instance(
        library_,
        {
            .shard = settings_.shard,
            .config = settings_.config,
            .memoryLimit = settings_.memoryLimit,
            .log = [this](auto level, const auto& message) { listener_.OnLog(level, message); },
            .snapshot = [this](auto snapshot, auto untilSent) { listener_.OnSnapshot(std::move(snapshot), std::move(untilSent)); },
            .onFatal = [this](const auto& message) { listener_.OnFatal(message); },
        },
        counters_, wakeup_);

    stage_ = Stage::Idle;
    listener_.OnInstanceCreated(*this);
    Live(instance);
  } catch (const Error& error) {
    end.code = error.Code();
    end.message = error.what();
  }
  end.stage = stage_;
  listener_.OnEnded(*this, end);
}

void Dispatcher::Live(Instance& instance) {
  Ticker ticker(instance);

  if (const auto address = AwaitOrder(ticker)) {
    ServeWorker(*address, instance, ticker);
  }
}

// Nothing: told to stop instead.
std::optional<WorkerAddress> Dispatcher::AwaitOrder(Ticker& ticker) {
  while (!IsStopping()) {
    if (auto order = TakeOrder()) {
      return order;
    }

    pollfd wakeup{wakeup_.Fd(), POLLIN, 0};

    if (poll(&wakeup, 1, ticker.MsUntilDue()) > 0) {
      wakeup_.Reset();
    }
    ticker.TickIfDue();
  }

  return std::nullopt;
}

std::optional<WorkerAddress> Dispatcher::TakeOrder() {
  const std::lock_guard lock(mutex_);

  return std::exchange(order_, std::nullopt);
}

void Dispatcher::ServeWorker(const WorkerAddress& address, Instance& instance, Ticker& ticker) {
  stage_ = Stage::Connecting;

  WorkerConnection connection(ConnectToWorker(address, {wakeup_, [this] { return IsStopping(); }}), settings_.pluginId, instance, stats_,
                              [&] { Restore(address, instance); });
  const CrashGuarded guarded(listener_, connection.ControlFd());

  instance.GetSnapshots().SetWorker(address.pid);
  stage_ = Stage::Serving;
  listener_.OnConnected(*this);

  try {
    ServeUntilEnd(connection, ticker);
  } catch (const Error&) {
    connection.Close();
    throw;
  }
  connection.Close();
}

void Dispatcher::Restore(const WorkerAddress& address, Instance& instance) {
  if (const auto snapshot = listener_.TakeSnapshot(address.pid, settings_.shard)) {
    instance.OnRestore(*snapshot);
  }
}

// Until the worker has hung up, or this host was told to stop and has answered what was published before.
void Dispatcher::ServeUntilEnd(WorkerConnection& connection, Ticker& ticker) {
  ThreadPlacement placement(settings_.placement, connection.WorkerLink(), connection.OwnLink(), placementReport_);
  WorkerWait wait(connection, placement, wakeup_, isStopping_, stats_);
  // Offers may have come along with the Welcome.
  bool mayHaveControl = true;
  uint32_t turn = 0;
  auto now = MonotonicNs();

  while (!connection.HasLeft()) {
    if (mayHaveControl && connection.ReceiveControl() == WorkerConnection::ControlResult::Closed) {
      return;
    }
    if (IsStopping()) {
      connection.Leave();
    }

    const auto packetsBefore = stats_.packets.Read();
    const auto served = connection.Serve();

    if (const auto packets = stats_.packets.Read() - packetsBefore; packets != 0) {
      const auto began = std::exchange(now, MonotonicNs());

      placement.OnServed(packets, began, now, connection.TakeRingingNs());
    }

    const bool isTimeToLook = ++turn % TurnsBetweenLooks == 0;

    mayHaveControl = isTimeToLook;
    if (served != ServeResult::More && !connection.HasLeft()) {
      const auto tickMs = ticker.MsUntilDue();

      mayHaveControl |= wait.Wait(now, served == ServeResult::Stalled && tickMs != 0 ? StalledMs : tickMs);
      now = MonotonicNs();
      placement.OnAwake(now);
    }
    if (served != ServeResult::More || isTimeToLook) {
      ticker.TickIfDue();
    }
  }
}

}  // namespace mph::host
