#include "Dispatcher.hpp"

#include <poll.h>
#include <array>
#include <utility>

namespace mph::host {

namespace {

// Of the app, before the rings are looked at again.
constexpr int MessagesPerTurn = 16;
// Before a thread with a loop of its own sees to what else there is.
constexpr int StepsPerTurn = 4;

}  // namespace

Dispatcher::Dispatcher(const std::vector<Plugin>& plugins, Settings settings, Listener& listener, const StartThread& startThread)
    : settings_(settings), listener_(listener) {
  for (const auto& plugin : plugins) {
    pluginOrders_.push_back(MakeLoadOrder(plugin));
  }
  thread_ = startThread(*this);
}

Dispatcher::~Dispatcher() {
  Stop();
  thread_.reset();
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
  Begin();
  for (;;) {
    switch (Step()) {
      case Next::Step:
        break;
      case Next::Wait:
        Wait();
        break;
      case Next::End:
        Finish();

        return;
    }
  }
}

void Dispatcher::Begin(int loopFd) {
  loopFd_ = loopFd;
  calls_.emplace(wakeup_);
  workerPid_ = settings_.workerPid;
  try {
    for (const auto& order : std::exchange(pluginOrders_, {})) {
      end_.pluginId = order.plugin.id;
      Create(order);
    }
    end_.pluginId.clear();
  } catch (const Error& error) {
    Fail(error);
  }
}

std::optional<int> Dispatcher::Turn() {
  Rise();
  for (int step = 0; step < StepsPerTurn; ++step) {
    const auto next = Step();

    if (next == Next::End) {
      Finish();

      return std::nullopt;
    }
    if (next == Next::Wait && LieDown()) {
      return waitMs_;
    }
  }

  return 0;
}

bool Dispatcher::Rest(int ms) {
  if (service_) {
    return service_->Rest(ms);
  }

  std::array<pollfd, 2> ready{{{wakeup_.Fd(), POLLIN, 0}, {loopFd_, POLLIN, 0}}};

  poll(ready.data(), ready.size(), ms);

  return ready[1].revents == 0;
}

int Dispatcher::Fd() const { return service_ ? service_->Fd() : wakeup_.Fd(); }

void Dispatcher::Abandon(const std::string& reason) {
  if (hasEnded_) {
    return;
  }
  const auto* const culprit = stage_ == Stage::Creating ? instances_.FirstIn(Instance::Start::Later) : nullptr;

  if (stage_ == Stage::Creating && end_.pluginId.empty()) {
    if (culprit != nullptr) {
      // Another thread would fare no better.
      end_.pluginId = culprit->PluginId();
    } else if (!pluginOrders_.empty()) {
      end_.pluginId = pluginOrders_.front().report->pluginId;
    }
  }
  Lose(reason);
  if (culprit != nullptr) {
    end_.code = Mph::Control::ErrorCode::PluginCreate;
  }
  Finish();
}

Instance& Dispatcher::Create(const PluginOrder& order) {
  const auto& id = order.report->pluginId;

  return instances_.Add(std::make_unique<Instance>(
      *order.plugin.code,
      Instance::Settings{
          .index = instances_.FreeIndex(),
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

Dispatcher::Next Dispatcher::Step() {
  if (end_.code != Mph::Control::ErrorCode::None) {
    return Next::End;
  }
  try {
    return service_ ? StepService() : StepIdle();
  } catch (const ThreadLost& error) {
    Lose(error.what());

    return Next::End;
  } catch (const Error& error) {
    if (service_) {
      service_->Connection().Close();
    }
    Fail(error);

    return Next::End;
  }
}

// Until there is a worker to serve.
Dispatcher::Next Dispatcher::StepIdle() {
  if (IsStopping()) {
    return Next::End;
  }
  FinishStarts();
  if (stage_ == Stage::Idle) {
    FollowPluginOrders();
  }
  instances_.TickIfDue();
  waitMs_ = instances_.MsUntilDue();
  // A worker would have to go without those that are not ready.
  if (instances_.FirstIn(Instance::Start::Later) != nullptr) {
    return Next::Wait;
  }
  if (stage_ == Stage::Creating) {
    stage_ = Stage::Idle;
    instances_.ForEach([this](Instance& instance) { listener_.OnInstanceCreated(*this, instance.PluginId()); });

    return Next::Step;
  }
  if (const auto address = TakeOrder()) {
    BeginService(*address);

    return Next::Step;
  }

  return Next::Wait;
}

// Until the worker has hung up, or this host was told to stop and has answered what was published before.
Dispatcher::Next Dispatcher::StepService() {
  if (service_->IsTimeToLook()) {
    instances_.TickIfDue();
  }
  if (!service_->ReceiveControl()) {
    service_->Connection().Close();

    return Next::End;
  }
  if (IsStopping()) {
    service_->Connection().Leave();
  }
  FollowPluginOrders();
  FinishStarts();
  DeliverMessages();

  const auto result = service_->Serve();

  if (result == WorkerService::Result::Left) {
    service_->Connection().Close();

    return Next::End;
  }
  if (result == WorkerService::Result::More || inbox_.HasNext()) {
    return Next::Step;
  }
  waitMs_ = instances_.MsUntilDue();
  if (result == WorkerService::Result::Stalled && waitMs_ != 0) {
    waitMs_ = WorkerService::StalledMs;
  }

  return Next::Wait;
}

void Dispatcher::Wait() {
  if (service_) {
    service_->Wait(waitMs_);

    return;
  }

  pollfd wakeup{wakeup_.Fd(), POLLIN, 0};

  if (poll(&wakeup, 1, waitMs_) > 0) {
    wakeup_.Reset();
  }
}

bool Dispatcher::LieDown() { return service_ ? service_->LieDown(waitMs_) : waitMs_ != 0; }

void Dispatcher::Rise() {
  if (service_) {
    service_->Rise();
  } else {
    wakeup_.Reset();
  }
}

void Dispatcher::BeginService(const WorkerAddress& address) {
  stage_ = Stage::Connecting;
  workerPid_ = address.pid;
  service_ = std::make_unique<WorkerService>(
      ConnectToWorker(address, {wakeup_, [this] { return IsStopping(); }}), address.pid, settings_.placement,
      [this](uint32_t router, const auto& packets) { thread_->OnRing(router, packets); },
      WorkerService::Parts{instances_, *calls_, wakeup_, isStopping_, stats_, placementReport_, loopFd_});
  listener_.OnWorkerSocketOpened(service_->Connection().ControlFd());
  stage_ = Stage::Serving;
  listener_.OnConnected(*this);
}

void Dispatcher::EndService() {
  if (service_) {
    listener_.OnWorkerSocketClosing(service_->Connection().ControlFd());
    service_.reset();
  }
}

void Dispatcher::Fail(const Error& error) {
  end_.code = error.Code();
  end_.message = error.what();
}

// Its rings are left as they are, for whoever reads on there.
void Dispatcher::Lose(const std::string& reason) {
  EndService();
  Fail(Error(Mph::Control::ErrorCode::System, reason));
}

void Dispatcher::Finish() {
  end_.stage = stage_;
  hasEnded_ = true;
  EndService();
  instances_.Clear();
  RefuseMessages();
  calls_.reset();
  listener_.OnEnded(*this, end_);
}

void Dispatcher::FollowPluginOrders() {
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
    const auto& id = order.report == nullptr ? order.plugin.id : order.report->pluginId;

    if (order.isUnload) {
      if (auto* const instance = instances_.FindAny(id)) {
        if (service_ && instance->Started() == Instance::Start::Ready) {
          service_->Connection().RemoveInstance(*instance);
        }
        instances_.Remove(*instance);
      }
      listener_.OnInstanceGone(*this, id);
      continue;
    }
    try {
      auto& instance = Create(order);

      if (instance.Started() == Instance::Start::Ready) {
        AddReady(instance);
      }
    } catch (const Error& error) {
      listener_.OnInstanceFailed(*this, id, error);
    }
  }
}

// One that came after the first ones.
void Dispatcher::AddReady(Instance& instance) {
  if (service_) {
    service_->Connection().AddInstance(instance);
  }
  listener_.OnInstanceCreated(*this, instance.PluginId());
}

void Dispatcher::FinishStarts() {
  while (auto* const instance = instances_.FirstIn(Instance::Start::Finished)) {
    instance->Admit();
    if (stage_ != Stage::Creating) {
      AddReady(*instance);
    }
  }
  while (auto* const instance = instances_.FirstIn(Instance::Start::Failed)) {
    const auto id = instance->PluginId();
    const auto error = instance->StartError();

    if (stage_ == Stage::Creating) {
      end_.pluginId = id;
      throw Error(error);
    }
    instances_.Remove(*instance);
    listener_.OnInstanceFailed(*this, id, error);
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

  if (auto* const instance = instances_.Find(id)) {
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

}  // namespace mph::host
