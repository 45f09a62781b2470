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
using Farewell = ServedRing::Farewell;

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
    Instance instance(library_,
                      {
                          .shard = settings_.shard,
                          .config = settings_.config,
                          .log = [this](auto level, const auto& message) { listener_.OnLog(level, message); },
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

  WorkerConnection connection(ConnectToWorker(address, {wakeup_, [this] { return IsStopping(); }}), settings_.pluginId, instance, stats_);
  const CrashGuarded guarded(listener_, connection.ControlFd());
  auto farewell = Farewell::Silent;

  stage_ = Stage::Serving;
  listener_.OnConnected(*this);

  try {
    farewell = ServeUntilEnd(connection, ticker);
  } catch (const Error&) {
    connection.Close(Farewell::Silent);
    throw;
  }
  connection.Close(farewell);
}

Farewell Dispatcher::ServeUntilEnd(WorkerConnection& connection, Ticker& ticker) {
  ThreadPlacement placement(settings_.placement, connection.WorkerLink(), connection.OwnLink(), placementReport_);
  WorkerWait wait(connection, placement, wakeup_, isStopping_, stats_);
  // Offers may have come along with the Welcome.
  bool mayHaveControl = true;
  uint32_t turn = 0;
  auto now = MonotonicNs();

  while (!IsStopping()) {
    if (mayHaveControl && connection.ReceiveControl() == WorkerConnection::ControlResult::Closed) {
      return Farewell::Silent;
    }

    const auto packetsBefore = stats_.packets.Read();
    const auto served = connection.Serve();

    if (const auto packets = stats_.packets.Read() - packetsBefore; packets != 0) {
      const auto began = std::exchange(now, MonotonicNs());

      placement.OnServed(packets, began, now, connection.TakeRingingNs());
    }

    const bool isTimeToLook = ++turn % TurnsBetweenLooks == 0;

    mayHaveControl = isTimeToLook;
    if (served != ServeResult::More) {
      const auto tickMs = ticker.MsUntilDue();

      mayHaveControl |= wait.Wait(now, served == ServeResult::Stalled && tickMs != 0 ? StalledMs : tickMs);
      now = MonotonicNs();
      placement.OnAwake(now);
    }
    if (served != ServeResult::More || isTimeToLook) {
      ticker.TickIfDue();
    }
  }

  return Farewell::Answer;
}

}  // namespace mph::host
