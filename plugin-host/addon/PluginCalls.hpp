// What a script's runner calls on behalf of an instance: mph_host, for JavaScript (addon.d.ts).
#pragma once

#include <napi.h>

namespace mph::addon {

// Adds them to what the addon exports.
void AddPluginCalls(Napi::Env env, Napi::Object exports);

}  // namespace mph::addon
