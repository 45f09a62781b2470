#include "Dispatcher.hpp"

#include "AlternateStack.hpp"
#include "Instance.hpp"
#include "Ticker.hpp"

#include <poll.h>
#include <algorithm>
#include <array>
#include <mph/shm/Link.hpp>
#include <utility>

namespace mph::host {

namespace {

using ServeResult = ServedRing::ServeResult;
using Farewell = ServedRing::Farewell;

// While packets keep coming, this many turns pass between two looks at the clock and at the control socket.
constexpr uint32_t TurnsBetweenLooks = 32;
// A worker does not ring when it has made room in a verdict ring, which hardly ever is full.
constexpr int StalledMs = 1;

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
  // Offers may have come along with the Welcome.
  bool mayHaveControl = true;
  uint32_t turn = 0;

  while (!IsStopping()) {
    if (mayHaveControl && connection.ReceiveControl() == WorkerConnection::ControlResult::Closed) {
      return Farewell::Silent;
    }

    const auto served = connection.Serve();
    const bool isTimeToLook = ++turn % TurnsBetweenLooks == 0;

    mayHaveControl = (served != ServeResult::More && Sleep(connection, ticker, served == ServeResult::Stalled)) || isTimeToLook;
    if (served != ServeResult::More || isTimeToLook) {
      ticker.TickIfDue();
    }
  }

  return Farewell::Answer;
}

// Blocks until there is something to do; returns at once when there is. True: the control socket has something.
bool Dispatcher::Sleep(WorkerConnection& connection, const Ticker& ticker, bool isStalled) {
  enum : size_t { Control, Doorbell, OwnWakeup, Count };

  // poll() leaves out descriptors below 0.
  std::array<pollfd, Count> fds{};

  fds[Control] = {connection.ControlFd(), POLLIN, 0};
  fds[Doorbell] = {connection.DoorbellFd(), POLLIN, 0};
  fds[OwnWakeup] = {wakeup_.Fd(), POLLIN, 0};

  const auto block = [&] {
    const auto tickMs = ticker.MsUntilDue();

    poll(fds.data(), fds.size(), isStalled && tickMs != 0 ? StalledMs : tickMs);
  };

  shm::SleepUnless(
      connection.OwnLink(), [&] { return connection.HasPublications(); }, block);

  // Before the rings are read: what is published from here on rings again.
  if (fds[Doorbell].revents != 0) {
    connection.ResetDoorbell();
  }
  if (fds[OwnWakeup].revents != 0) {
    wakeup_.Reset();
  }

  return fds[Control].revents != 0;
}

}  // namespace mph::host
