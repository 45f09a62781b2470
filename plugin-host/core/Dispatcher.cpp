#include "Dispatcher.hpp"

#include "AlternateStack.hpp"
#include "Clock.hpp"
#include "WorkerWait.hpp"

#include <poll.h>
#include <pthread.h>
#include <algorithm>
#include <utility>

namespace mph::host {

namespace {

using ServeResult = ServedRing::ServeResult;

// While packets keep coming, this many turns pass between two looks at the clock and at the control socket.
constexpr uint32_t TurnsBetweenLooks = 32;
// A worker does not ring when it has made room in a verdict ring, which hardly ever is full.
constexpr int StalledMs = 1;
// Of the app, before the rings are looked at again.
constexpr int MessagesPerTurn = 16;
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

Dispatcher::Dispatcher(const std::vector<Plugin>& plugins, Settings settings, Listener& listener) : settings_(settings), listener_(listener) {
  for (const auto& plugin : plugins) {
    pluginOrders_.push_back(MakeLoadOrder(plugin));
  }
  thread_ = std::thread([this] { Run(); });
}

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

Dispatcher::PluginOrder Dispatcher::MakeLoadOrder(const Plugin& plugin) {
  return {plugin, reports_.emplace_back(std::make_shared<InstanceReport>(plugin.id))};
}

void Dispatcher::Load(const Plugin& plugin) { Order(MakeLoadOrder(plugin)); }

void Dispatcher::Unload(const std::string& pluginId) {
  std::erase_if(reports_, [&](const auto& report) { return report->pluginId == pluginId; });
  Order({.plugin = {.id = pluginId}, .isUnload = true});
}

void Dispatcher::Order(PluginOrder order) {
  {
    const std::lock_guard lock(mutex_);

    pluginOrders_.push_back(std::move(order));
    hasPluginOrders_.store(true, std::memory_order_relaxed);
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

  // The instances use it until they are destroyed.
  WorkerCalls calls(wakeup_);
  Instances instances;

  calls_ = &calls;
  instances_ = &instances;
  workerPid_ = settings_.workerPid;
  try {
    for (const auto& order : std::exchange(pluginOrders_, {})) {
      end.pluginId = order.plugin.id;
      Create(order);
    }
    end.pluginId.clear();
    stage_ = Stage::Idle;
    instances.ForEach([this](Instance& instance) { listener_.OnInstanceCreated(*this, instance.PluginId()); });
    Live();
  } catch (const Error& error) {
    end.code = error.Code();
    end.message = error.what();
  }
  end.stage = stage_;
  instances.Clear();
  RefuseMessages();
  listener_.OnEnded(*this, end);
}

Instance& Dispatcher::Create(const PluginOrder& order) {
  const auto& id = order.report->pluginId;

  return instances_->Add(std::make_unique<Instance>(
      *order.plugin.library,
      Instance::Settings{
          .index = instances_->FreeIndex(),
          .shard = settings_.shard,
          .workerPid = workerPid_,
          .config = order.plugin.config,
          .memoryLimit = order.plugin.memoryLimit,
          .log = [this, id](auto level, const auto& message) { listener_.OnLog(id, level, message); },
          .toApp = [this](auto frame, auto untilSent) { listener_.OnAppFrame(std::move(frame), std::move(untilSent)); },
          .takeSnapshot = [this, id](uint32_t workerPid) { return listener_.TakeSnapshot(id, workerPid, settings_.shard); },
          .onFatal = [this](const auto& message) { listener_.OnFatal(message); },
      },
      order.report, *calls_, listener_.PostedBytes(), wakeup_));
}

void Dispatcher::Live() {
  if (const auto address = AwaitOrder()) {
    ServeWorker(*address);
  }
}

// Nothing: told to stop instead.
std::optional<WorkerAddress> Dispatcher::AwaitOrder() {
  while (!IsStopping()) {
    FollowPluginOrders(nullptr);
    if (auto order = TakeOrder()) {
      return order;
    }

    pollfd wakeup{wakeup_.Fd(), POLLIN, 0};

    if (poll(&wakeup, 1, instances_->MsUntilDue()) > 0) {
      wakeup_.Reset();
    }
    instances_->TickIfDue();
  }

  return std::nullopt;
}

void Dispatcher::FollowPluginOrders(WorkerConnection* connection) {
  if (!hasPluginOrders_.load(std::memory_order_relaxed)) {
    return;
  }

  std::vector<PluginOrder> orders;

  {
    const std::lock_guard lock(mutex_);

    orders.swap(pluginOrders_);
    hasPluginOrders_.store(false, std::memory_order_relaxed);
  }
  for (const auto& order : orders) {
    if (order.isUnload) {
      if (auto* const instance = instances_->Find(order.plugin.id)) {
        if (connection != nullptr) {
          connection->RemoveInstance(*instance);
        }
        instances_->Remove(*instance);
      }
      listener_.OnInstanceGone(*this, order.plugin.id);
      continue;
    }
    try {
      auto& instance = Create(order);

      if (connection != nullptr) {
        connection->AddInstance(instance);
      }
      listener_.OnInstanceCreated(*this, order.plugin.id);
    } catch (const Error& error) {
      listener_.OnInstanceFailed(*this, order.plugin.id, error);
    }
  }
}

void Dispatcher::DeliverMessages() {
  for (int i = 0; i < MessagesPerTurn && inbox_.HasNext(); ++i) {
    if (const auto frame = inbox_.TakeNext()) {
      DeliverMessage(*frame);
    }
  }
}

void Dispatcher::DeliverMessage(const Frame& frame) {
  const auto id = ToString(frame.envelope->body_as_PluginRequest()->pluginId());

  if (auto* const instance = instances_->Find(id)) {
    instance->OnMessage(frame);
  } else if (frame.envelope->id() != 0) {
    listener_.OnAppFrame(MakeFailedReply(frame.envelope->id(), "plugin " + id + " has ended here before the request came to it"), nullptr);
  }
}

// Nothing is left that could answer.
void Dispatcher::RefuseMessages() {
  inbox_.Close();
  while (const auto frame = inbox_.TakeNext()) {
    DeliverMessage(*frame);
  }
}

std::optional<WorkerAddress> Dispatcher::TakeOrder() {
  const std::lock_guard lock(mutex_);

  return std::exchange(order_, std::nullopt);
}

void Dispatcher::ServeWorker(const WorkerAddress& address) {
  stage_ = Stage::Connecting;
  workerPid_ = address.pid;

  WorkerConnection connection(ConnectToWorker(address, {wakeup_, [this] { return IsStopping(); }}), address.pid, *instances_, *calls_,
                              stats_);
  const CrashGuarded guarded(listener_, connection.ControlFd());

  stage_ = Stage::Serving;
  listener_.OnConnected(*this);

  try {
    ServeUntilEnd(connection);
  } catch (const Error&) {
    connection.Close();
    throw;
  }
  connection.Close();
}

// Until the worker has hung up, or this host was told to stop and has answered what was published before.
void Dispatcher::ServeUntilEnd(WorkerConnection& connection) {
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

    FollowPluginOrders(&connection);
    DeliverMessages();

    const auto packetsBefore = stats_.records.Read();
    const auto served = connection.Serve();

    if (const auto packets = stats_.records.Read() - packetsBefore; packets != 0) {
      const auto began = std::exchange(now, MonotonicNs());

      placement.OnServed(packets, began, now, connection.TakeRingingNs());
    }

    const bool isTimeToLook = ++turn % TurnsBetweenLooks == 0;

    mayHaveControl = isTimeToLook;
    if (served != ServeResult::More && !connection.HasLeft() && !inbox_.HasNext()) {
      const auto tickMs = instances_->MsUntilDue();

      mayHaveControl |= wait.Wait(now, served == ServeResult::Stalled && tickMs != 0 ? StalledMs : tickMs);
      now = MonotonicNs();
      placement.OnAwake(now);
    }
    if (served != ServeResult::More || isTimeToLook) {
      instances_->TickIfDue();
    }
  }
}

}  // namespace mph::host
