#include "ScriptThread.hpp"

#include "ScriptCode.hpp"

#include <cstring>
#include <mph/shm/Layout.hpp>
#include <optional>
#include <utility>

namespace mph::addon {

namespace {

thread_local ScriptThread* current = nullptr;
// By their handles.
thread_local std::map<uint32_t, ScriptThread*> threadsHere;
// By their numbers.
thread_local std::map<uint32_t, ScriptInstance*> instancesHere;
thread_local uint32_t lastInstance = 0;

// With packets all the time, before the loop gets its turn.
constexpr uint32_t TurnsPerLoop = 8;

constexpr uint64_t LongMs = 86'400'000;

constexpr auto LostReason = "the thread's JavaScript was ended: its heap is exhausted (option threadLimits says how much it may have), or it called process.exit()";

double Ms(uint64_t ns) { return static_cast<double>(ns) / 1e6; }

// In one piece, so that no bytes of another kind come between.
Napi::Value BodyOf(Napi::Env env, const void* body, size_t length, bool isBinary) {
  if (body == nullptr) {
    return env.Undefined();
  }
  if (!isBinary) {
    return Napi::String::New(env, static_cast<const char*>(body), length);
  }

  auto bytes = Napi::Uint8Array::New(env, length);

  std::memcpy(bytes.Data(), body, length);

  return bytes;
}

}  // namespace

class ScriptThread::OwnTurn {
 public:
  explicit OwnTurn(ScriptThread& thread) : thread_(thread), before_(std::exchange(current, &thread)) { thread_.isInTurn_ = true; }
  ~OwnTurn() {
    thread_.isInTurn_ = false;
    current = before_;
  }

  OwnTurn(const OwnTurn&) = delete;
  OwnTurn& operator=(const OwnTurn&) = delete;

 private:
  ScriptThread& thread_;
  ScriptThread* const before_;
};

ScriptThread* ScriptThread::Current() { return current; }

Napi::Value ScriptThread::Run(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const auto handle = info[0].As<Napi::Number>().Uint32Value();
  auto slot = Desk().Take(handle);

  if (slot == nullptr) {
    throw Napi::Error::New(env, "no dispatcher waits for a thread under number " + std::to_string(handle));
  }

  // Deletes itself when it has ended.
  return (new ScriptThread(env, handle, std::move(slot), info[1].As<Napi::Object>()))->Begin();
}

Napi::Value ScriptThread::TakeTurnNow(const Napi::CallbackInfo& info) {
  const auto found = threadsHere.find(info[0].As<Napi::Number>().Uint32Value());

  return Napi::Boolean::New(info.Env(), current == nullptr && found != threadsHere.end() && found->second->Turn());
}

ScriptThread::ScriptThread(Napi::Env env, uint32_t handle, std::shared_ptr<ThreadSlot> slot, const Napi::Object& callbacks)
    : env_(env),
      handle_(handle),
      slot_(std::move(slot)),
      dispatcher_(slot_->GetDispatcher()),
      ended_(env),
      context_(env, "mediasoup-plugin-host"),
      batch_(env) {
  const auto take = [&](const char* name) { return Napi::Persistent(callbacks.Get(name).As<Napi::Function>()); };

  create_ = take("create");
  destroy_ = take("destroy");
  memory_ = take("memory");
  packets_ = take("packets");
  data_ = take("data");
  event_ = take("event");
  message_ = take("message");
  answer_ = take("answer");
  tick_ = take("tick");
  restore_ = take("restore");
  callbacks.Get("arrays").As<Napi::Function>().Call({batch_.Arrays()});

  threadsHere.emplace(handle_, this);
  slot_->SetRingListener([this](uint32_t router, const auto& packets) { OnRing(router, packets); });
  napi_get_uv_event_loop(env, &loop_);
  timer_ = new uv_timer_t;
  uv_timer_init(loop_, timer_);
  Adopt(reinterpret_cast<uv_handle_t*>(timer_));
  if (slot_->HoldsLoop()) {
    idle_ = new uv_idle_t;
    uv_idle_init(loop_, idle_);
    Adopt(reinterpret_cast<uv_handle_t*>(idle_));
    // While the idle handle is stopped: a loop with no handle at all says that it must not wait.
    uv_timer_start(timer_, [](uv_timer_t*) {}, LongMs, LongMs);
  }
  napi_add_async_cleanup_hook(
      env, [](napi_async_cleanup_hook_handle hook, void* self) { static_cast<ScriptThread*>(self)->OnTeardown(hook); }, this, &teardown_);
}

Napi::Value ScriptThread::Begin() {
  {
    const OwnTurn turn(*this);

    dispatcher_.Begin(idle_ != nullptr ? uv_backend_fd(loop_) : -1);
  }
  Rest(0);

  return ended_.Promise();
}

bool ScriptThread::Turn() {
  if (hasEnded_) {
    return false;
  }

  const Napi::HandleScope handles(env_);

  for (turnsSinceLoop_ = 0;;) {
    const auto ms = TakeTurn();

    if (!ms) {
      End(endReason_);

      return false;
    }
    if (!Stay(*ms)) {
      Rest(*ms);

      return *ms == 0;
    }
  }
}

// Nothing: the dispatcher has ended.
std::optional<int> ScriptThread::TakeTurn() {
  std::optional<int> ms;

  {
    // Microtasks run at its end.
    const Napi::CallbackScope scope(env_, OpenScope());
    const OwnTurn turn(*this);

    ms = dispatcher_.Turn();
  }
  if (ms && !endReason_.empty()) {
    dispatcher_.Abandon(endReason_);
    ms.reset();
  }

  return ms;
}

// Not by Napi::CallbackScope, which makes an object each time that nobody looks at.
napi_callback_scope ScriptThread::OpenScope() {
  napi_callback_scope scope = nullptr;

  napi_open_callback_scope(env_, nullptr, context_, &scope);

  return scope;
}

// False: it is the loop's turn.
bool ScriptThread::Stay(int ms) {
  if (idle_ == nullptr) {
    return false;
  }
  if (ms == 0) {
    return ++turnsSinceLoop_ < TurnsPerLoop;
  }
  // It would tell the loop not to wait.
  uv_idle_stop(idle_);
  uv_update_time(loop_);

  const int loopMs = uv_backend_timeout(loop_);

  return loopMs != 0 && dispatcher_.Rest(ms < 0 || (loopMs > 0 && loopMs < ms) ? loopMs : ms);
}

void ScriptThread::Rest(int ms) {
  if (idle_ != nullptr) {
    uv_idle_start(idle_, [](uv_idle_t* idle) { static_cast<ScriptThread*>(idle->data)->Turn(); });

    return;
  }
  if (polled_ != dispatcher_.Fd()) {
    Poll(dispatcher_.Fd());
  }
  if (ms < 0) {
    uv_timer_stop(timer_);
  } else {
    uv_timer_start(
        timer_, [](uv_timer_t* timer) { static_cast<ScriptThread*>(timer->data)->Turn(); }, static_cast<uint64_t>(ms), 0);
  }
}

template <typename Handle>
void ScriptThread::Close(Handle*& handle) {
  uv_close(reinterpret_cast<uv_handle_t*>(handle), [](uv_handle_t* closed) {
    auto* const self = static_cast<ScriptThread*>(closed->data);

    delete reinterpret_cast<Handle*>(closed);
    self->OnHandleClosed();
  });
  handle = nullptr;
}

void ScriptThread::Poll(int fd) {
  if (poll_ != nullptr) {
    Close(poll_);
  }
  polled_ = fd;
  if (fd < 0) {
    return;
  }
  poll_ = new uv_poll_t;
  uv_poll_init(loop_, poll_, fd);
  Adopt(reinterpret_cast<uv_handle_t*>(poll_));
  uv_poll_start(poll_, UV_READABLE, [](uv_poll_t* poll, int, int) { static_cast<ScriptThread*>(poll->data)->Turn(); });
}

void ScriptThread::Adopt(uv_handle_t* handle) {
  handle->data = this;
  ++openHandles_;
  if (!slot_->HoldsLoop()) {
    uv_unref(handle);
  }
}

// The dispatcher has ended.
void ScriptThread::End(const std::string& reason) {
  hasEnded_ = true;
  threadsHere.erase(handle_);
  // Its descriptors may be closed already, and their numbers in use again.
  CloseHandles();
  try {
    if (isLost_) {
      // Nobody is there who could be told.
    } else if (reason.empty()) {
      ended_.Resolve(env_.Undefined());
    } else {
      ended_.Reject(Napi::Error::New(env_, reason).Value());
    }
  } catch (const Napi::Error&) {
    // Node is about to end the thread: likewise.
  }
  // Last: when all threads are released, the process may end at any time.
  slot_->Release();
}

void ScriptThread::CloseHandles() {
  Poll(-1);
  Close(timer_);
  if (idle_ != nullptr) {
    Close(idle_);
  }
}

void ScriptThread::OnHandleClosed() {
  if (--openHandles_ > 0 || !hasEnded_) {
    return;
  }
  napi_remove_async_cleanup_hook(teardown_);
  delete this;
}

// Node ends the thread. What is left of it is to be closed, and the hook removed.
void ScriptThread::OnTeardown(napi_async_cleanup_hook_handle) {
  isLost_ = true;
  if (!hasEnded_) {
    dispatcher_.Abandon(LostReason);
    End("");
  }
}

// What node-addon-api throws in here can only mean that the thread's JavaScript is over.
template <typename Body>
void ScriptThread::WithJavaScript(Body&& body) {
  const Napi::HandleScope handles(env_);

  try {
    body();
  } catch (const Napi::Error&) {
    isLost_ = true;
    throw host::ThreadLost(LostReason);
  }
}

void ScriptThread::OnRing(uint32_t router, const std::shared_ptr<const shm::Segment>& packets) {
  WithJavaScript([&] {
    Call(memory_, {Napi::Number::New(env_, router), batch_.OpenRing(router, packets)});
  });
}

void ScriptThread::Call(const Napi::FunctionReference& function, std::initializer_list<napi_value> arguments) {
  if (isLost_) {
    throw host::ThreadLost(LostReason);
  }

  napi_value result = nullptr;
  // Not by node-addon-api: it would ask JavaScript for the error, which may be what is over.
  const auto status = napi_call_function(env_, env_.Undefined(), function.Value(), arguments.size(), arguments.begin(), &result);

  if (status == napi_ok) {
    return;
  }

  napi_value thrown = nullptr;
  std::string reason = LostReason;

  if (napi_get_and_clear_last_exception(env_, &thrown) == napi_ok && thrown != nullptr) {
    napi_value text = nullptr;

    if (napi_coerce_to_string(env_, thrown, &text) == napi_ok) {
      size_t length = 0;

      napi_get_value_string_utf8(env_, text, nullptr, 0, &length);
      reason.assign(length, '\0');
      napi_get_value_string_utf8(env_, text, reason.data(), length + 1, &length);
    }
  }
  isLost_ = true;
  throw host::ThreadLost(reason);
}

ScriptInstance& ScriptThread::Create(host::Instance& instance, const mph_instance_info& info) {
  const auto number = ++lastInstance;
  auto& made = *instances_.emplace(number, new ScriptInstance{*this, instance, number}).first->second;

  instancesHere.emplace(number, &made);

  instance.StartLater();
  WithJavaScript([&] {
    auto what = Napi::Object::New(env_);

    what.Set("pluginId", instance.PluginId());
    what.Set("file", ScriptCode::Of(instance.Plugin()).File());
    what.Set("shard", info.shard);
    what.Set("workerPid", info.worker_pid);
    what.Set("config", Napi::String::New(env_, info.config, info.config_length));
    Call(create_, {Napi::Number::New(env_, number), what});
  });

  return made;
}

void ScriptThread::Destroy(const ScriptInstance& instance) {
  const auto number = instance.number;

  if (!isLost_) {
    try {
      WithJavaScript([&] { Call(destroy_, {Napi::Number::New(env_, number)}); });
    } catch (const host::ThreadLost&) {
      // It is about to end in any case.
    }
  }
  instancesHere.erase(number);
  instances_.erase(number);
}

template <typename Batch, typename Record>
void ScriptThread::CallBatch(const Napi::FunctionReference& function, const ScriptInstance& instance, const Batch& batch,
                             const Record* const* records) {
  WithJavaScript([&] {
    size_t sideBytes = 0;

    batch_.BeginBatch(batch.router);
    for (uint32_t i = 0; i < batch.count; ++i) {
      if (!batch_.IsInRing(reinterpret_cast<const uint8_t*>(records[i]))) {
        sideBytes += shm::AlignedLength(records[i]->record_length);
      }
    }
    if (batch_.BeginSide(sideBytes)) {
      Call(memory_, {env_.Undefined(), batch_.Side()});
    }
    for (uint32_t i = 0; i < batch.count; ++i) {
      batch_.Place(i, reinterpret_cast<const uint8_t*>(records[i]), records[i]->record_length);
    }
    std::memcpy(batch_.Attachments(), batch.attachments, batch.count * sizeof(uint32_t));
    std::memcpy(batch_.Causes(), batch.causes, batch.count * sizeof(uint64_t));
    std::memcpy(batch_.Verdicts(), batch.verdicts, batch.count);
    Call(function, {Napi::Number::New(env_, instance.number), Napi::Number::New(env_, batch.router), Napi::Number::New(env_, batch.count)});
    std::memcpy(batch.verdicts, batch_.Verdicts(), batch.count);
  });
}

void ScriptThread::OnPackets(const ScriptInstance& instance, const mph_batch& batch) {
  CallBatch(packets_, instance, batch, batch.packets);
}

void ScriptThread::OnData(const ScriptInstance& instance, const mph_data_batch& batch) { CallBatch(data_, instance, batch, batch.messages); }

void ScriptThread::OnEvent(const ScriptInstance& instance, const mph_event& event) {
  WithJavaScript([&] {
    auto what = Napi::Object::New(env_);
    auto ssrcs = Napi::Array::New(env_, event.ssrc_count);
    const auto setText = [&](const char* name, const char* text) {
      if (text != nullptr) {
        what.Set(name, text);
      }
    };

    for (uint32_t i = 0; i < event.ssrc_count; ++i) {
      ssrcs.Set(i, event.ssrcs[i]);
    }
    what.Set("type", event.type);
    what.Set("at", Ms(event.at_ns));
    what.Set("router", event.router);
    setText("routerId", event.router_id);
    what.Set("producer", event.producer);
    setText("producerId", event.producer_id);
    what.Set("clockRate", event.clock_rate);
    setText("mimeType", event.mime_type);
    what.Set("kind", static_cast<uint32_t>(event.kind));
    what.Set("paused", event.paused != 0);
    what.Set("ssrcs", ssrcs);
    what.Set("attachment", event.attachment);
    setText("attachmentId", event.attachment_id);
    setText("context", event.context);
    what.Set("observe", event.observe != 0);
    what.Set("consumer", event.consumer);
    setText("consumerId", event.consumer_id);
    what.Set("transport", event.transport);
    setText("transportId", event.transport_id);
    what.Set("workerPid", event.worker_pid);
    setText("parameters", event.parameters);
    Call(event_, {Napi::Number::New(env_, instance.number), what});
    if (event.type == MPH_EVENT_ROUTER_OPENED) {
      batch_.AddReader(event.router);
    } else if (event.type == MPH_EVENT_ROUTER_CLOSED && batch_.RemoveReader(event.router)) {
      Call(memory_, {Napi::Number::New(env_, event.router), env_.Undefined()});
    }
  });
}

void ScriptThread::OnTick(const ScriptInstance& instance, uint64_t nowNs) {
  WithJavaScript([&] {
    Call(tick_, {Napi::Number::New(env_, instance.number), Napi::Number::New(env_, Ms(nowNs))});
  });
}

void ScriptThread::OnMessage(const ScriptInstance& instance, const mph_message& message) {
  WithJavaScript([&] {
    Call(message_, {Napi::Number::New(env_, instance.number), Napi::String::New(env_, message.method),
                    BodyOf(env_, message.body, message.length, message.binary != 0),
                    Napi::Number::New(env_, static_cast<double>(message.request))});
  });
}

void ScriptThread::OnAnswer(const ScriptInstance& instance, const mph_answer& answer) {
  WithJavaScript([&] {
    Call(answer_, {Napi::Number::New(env_, instance.number), Napi::Number::New(env_, answer.router),
                   Napi::Number::New(env_, static_cast<double>(instance.instance.GetCallNumbers().IndexOf(answer.call))), Napi::Number::New(env_, answer.result), Text(answer.json)});
  });
}

void ScriptThread::OnRestore(const ScriptInstance& instance, std::span<const uint8_t> bytes) {
  WithJavaScript([&] {
    Call(restore_, {Napi::Number::New(env_, instance.number), BodyOf(env_, bytes.data(), bytes.size(), true)});
  });
}

napi_value ScriptThread::Text(const char* text) const {
  return text == nullptr ? env_.Undefined() : static_cast<Napi::Value>(Napi::String::New(env_, text));
}

ScriptInstance& ScriptThread::Find(Napi::Env env, uint32_t number) {
  const auto found = instancesHere.find(number);

  if (found == instancesHere.end()) {
    throw Napi::Error::New(env, "there is no instance " + std::to_string(number) + " on this thread; it was destroyed");
  }

  return *found->second;
}

void ScriptThread::WakeIfResting() const {
  if (!isInTurn_) {
    dispatcher_.Wake();
  }
}

void ScriptThread::EndAfterTurn(const std::string& reason) {
  endReason_ = reason;
  WakeIfResting();
}

}  // namespace mph::addon
