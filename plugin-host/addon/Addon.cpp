// mph_host.node: the core for hosts that run scripts. addon.d.ts says what it exports.

#include "HostThread.hpp"
#include "PluginCalls.hpp"
#include "ScriptThread.hpp"

#include <napi.h>

namespace {

// Once per thread of Node that loads it.
Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("startHost", Napi::Function::New<mph::addon::StartHost>(env, "startHost"));
  exports.Set("openHost", Napi::Function::New<mph::addon::OpenHost>(env, "openHost"));
  exports.Set("abandonThread", Napi::Function::New<mph::addon::AbandonThread>(env, "abandonThread"));
  exports.Set("runThread", Napi::Function::New<mph::addon::ScriptThread::Run>(env, "runThread"));
  exports.Set("takeTurn", Napi::Function::New<mph::addon::ScriptThread::TakeTurnNow>(env, "takeTurn"));
  mph::addon::AddPluginCalls(env, exports);

  return exports;
}

}  // namespace

NODE_API_MODULE(mph_host, Init)
