// What a plugin calls through mph_host.
#pragma once

#include "mph_plugin.h"

namespace mph::host {

// The mph_instance that goes with it is an Instance.
extern const mph_host HostFunctions;

}  // namespace mph::host
