#include "HostThread.hpp"

#include "Error.hpp"
#include "Host.hpp"
#include "HostProcess.hpp"
#include "PluginLibrary.hpp"
#include "ScriptCode.hpp"
#include "ThreadDesk.hpp"

#include <pthread.h>
#include <sys/socket.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
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

std::unique_ptr<host::Dispatcher::Thread> StartNodeThread(const Napi::ThreadSafeFunction& onThread, std::shared_ptr<ThreadSlot> slot) {
  const auto handle = Desk().Put(slot);

  onThread.BlockingCall([handle](Napi::Env env, Napi::Function callback) { callback.Call({Napi::Number::New(env, handle)}); });

  return std::make_unique<NodeThread>(std::move(slot));
}

// A process that is there for the host.
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
    return StartNodeThread(onThread_, std::make_shared<ThreadSlot>(dispatcher, true));
  }

 private:
  const Napi::ThreadSafeFunction onThread_;
};

// The app's own process: nothing that is the process's is touched, and dispatchers run on Node's main thread.
class AppProcess : public host::Host::Process {
 public:
  explicit AppProcess(Napi::ThreadSafeFunction onThread) : onThread_(std::move(onThread)) {}
  virtual ~AppProcess() { onThread_.Release(); }

  AppProcess(const AppProcess&) = delete;
  AppProcess& operator=(const AppProcess&) = delete;

  // If the app crashes, the kernel is quick enough: no other plugin could have gone on.
  void OnWorkerSocketOpened(int) override {}
  void OnWorkerSocketClosing(int) override {}
  void ShutDownWorkerSockets() override {}

  std::shared_ptr<const host::PluginCode> LoadCode(const std::string& file) override { return std::make_shared<const ScriptCode>(file); }

  std::unique_ptr<host::Dispatcher::Thread> StartThread(host::Dispatcher& dispatcher) override {
    return StartNodeThread(onThread_, std::make_shared<ThreadSlot>(dispatcher, false));
  }

  void LimitMemory(uint64_t bytes) override {
    if (bytes != 0) {
      throw host::Error(Mph::Control::ErrorCode::Malformed, "a memory limit of " + std::to_string(bytes) + " bytes would be the app's own; leave it out");
    }
  }

  [[noreturn]] void Abort() override { std::abort(); }
  void ExitNow(int) override {}
  bool MayPlaceThreads() const override { return false; }

 private:
  Napi::ThreadSafeFunction onThread_;
};

Napi::ThreadSafeFunction Callback(const Napi::Object& callbacks, const char* name) {
  return Napi::ThreadSafeFunction::New(callbacks.Env(), callbacks.Get(name).As<Napi::Function>(), name, 0, 1);
}

// It does not keep the app alive.
Napi::ThreadSafeFunction IdleCallback(const Napi::Object& callbacks, const char* name) {
  auto callback = Callback(callbacks, name);

  callback.Unref(callbacks.Env());

  return callback;
}

// On a thread of its own, until the app has told it to end, or is gone.
template <typename Process>
void RunHost(std::shared_ptr<Process> process, shm::UniqueFd channel, Napi::ThreadSafeFunction onExit) {
  std::thread([process = std::move(process), channel = std::move(channel), onExit = std::move(onExit)]() mutable {
    pthread_setname_np(pthread_self(), "mph-host");

    const int code = host::Host(std::move(channel), *process).Run();

    process.reset();
    onExit.BlockingCall([code](Napi::Env env, Napi::Function callback) { callback.Call({Napi::Number::New(env, code)}); });
    onExit.Release();
  }).detach();
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
  RunHost(std::move(process), shm::UniqueFd(native::HostProcess::AppChannelFd), onExit);
}

Napi::Value OpenHost(const Napi::CallbackInfo& info) {
  const auto callbacks = info[0].As<Napi::Object>();
  std::array<int, 2> ends{};

  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    throw Napi::Error::New(info.Env(), std::string("cannot make a channel with a host in this process: ") + std::strerror(errno));
  }

  shm::UniqueFd channel(ends[0]);
  shm::UniqueFd appEnd(ends[1]);

  try {
    RunHost(std::make_shared<AppProcess>(IdleCallback(callbacks, "onThread")), std::move(channel), IdleCallback(callbacks, "onExit"));
  } catch (const std::system_error& error) {
    throw Napi::Error::New(info.Env(), std::string("no thread can be started for a host in this process: ") + error.what());
  }

  return Napi::Number::New(info.Env(), appEnd.Release());
}

void AbandonThread(const Napi::CallbackInfo& info) {
  if (const auto slot = Desk().Take(info[0].As<Napi::Number>().Uint32Value())) {
    slot->GetDispatcher().Abandon(info[1].As<Napi::String>().Utf8Value());
    slot->Release();
  }
}

}  // namespace mph::addon
