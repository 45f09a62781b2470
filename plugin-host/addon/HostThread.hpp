// The core's Host within Node: a thread of its own for the app's channel, and Node's main thread hears what it wants. The process is the host's, or
// the app's own.
#pragma once

#include <napi.h>

namespace mph::addon {

// See addon.d.ts. [Node's main thread]
void StartHost(const Napi::CallbackInfo& info);
Napi::Value OpenHost(const Napi::CallbackInfo& info);
void AbandonThread(const Napi::CallbackInfo& info);

}  // namespace mph::addon
