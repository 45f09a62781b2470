#include "HostThread.hpp"

#include "Host.hpp"
#include "HostProcess.hpp"
#include "PluginLibrary.hpp"
#include "ScriptCode.hpp"
#include "ThreadDesk.hpp"

#include <pthread.h>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <utility>

// V8's own, for faults of WebAssembly that it relies on (v8-wasm-trap-handler-posix.h).
namespace v8 {
bool TryHandleWebAssemblyTrapPosix(int signal, siginfo_t* info, void* context);
}  // namespace v8

namespace mph::addon {

namespace {

bool IsTrapOfWebAssembly(int signal, siginfo_t* info, void* context) {
  return (signal == SIGSEGV || signal == SIGBUS) && v8::TryHandleWebAssemblyTrapPosix(signal, info, context);
}

bool IsSharedObject(const std::string& file) {
  const auto name = file.substr(file.rfind('/') + 1);
  const auto suffix = name.rfind(".so");

  // "x.so", "x.so.1"
  return suffix != std::string::npos && name.find_first_not_of(".0123456789", suffix + 3) == std::string::npos;
}

class NodeProcess : public native::HostProcess {
 public:
  explicit NodeProcess(Napi::ThreadSafeFunction onThread) : HostProcess(Within::Node, IsTrapOfWebAssembly), onThread_(std::move(onThread)) {}

  std::shared_ptr<const host::PluginCode> LoadCode(const std::string& file) override {
    if (IsSharedObject(file)) {
      return HostProcess::LoadCode(file);
    }

    return std::make_shared<const ScriptCode>(file);
  }

  std::unique_ptr<host::Dispatcher::Thread> StartThread(host::Dispatcher& dispatcher) override {
    auto slot = std::make_shared<ThreadSlot>(dispatcher);
    const auto handle = Desk().Put(slot);

    onThread_.BlockingCall([handle](Napi::Env env, Napi::Function callback) { callback.Call({Napi::Number::New(env, handle)}); });

    return std::make_unique<NodeThread>(std::move(slot));
  }

 private:
  const Napi::ThreadSafeFunction onThread_;
};

Napi::ThreadSafeFunction Callback(const Napi::Object& callbacks, const char* name) {
  return Napi::ThreadSafeFunction::New(callbacks.Env(), callbacks.Get(name).As<Napi::Function>(), name, 0, 1);
}

}  // namespace

void StartHost(const Napi::CallbackInfo& info) {
  const auto callbacks = info[0].As<Napi::Object>();
  const auto onExit = Callback(callbacks, "onExit");
  std::shared_ptr<NodeProcess> process;

  try {
    process = std::make_shared<NodeProcess>(Callback(callbacks, "onThread"));
  } catch (const host::Error& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }

  // Node's process ends as soon as it is told to, and this thread with it.
  std::thread([process, onExit] {
    pthread_setname_np(pthread_self(), "mph-host");

    host::Host host(shm::UniqueFd(native::HostProcess::AppChannelFd), *process);
    const int code = host.Run();

    onExit.BlockingCall([code](Napi::Env env, Napi::Function callback) { callback.Call({Napi::Number::New(env, code)}); });
  }).detach();
}

void AbandonThread(const Napi::CallbackInfo& info) {
  if (const auto slot = Desk().Take(info[0].As<Napi::Number>().Uint32Value())) {
    slot->GetDispatcher().Abandon(info[1].As<Napi::String>().Utf8Value());
    slot->Release();
  }
}

}  // namespace mph::addon
