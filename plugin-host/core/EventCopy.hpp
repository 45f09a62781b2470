// An event that outlives the message or the record that it came in.
#pragma once

#include "Messages.hpp"
#include "mph/fbs/control.h"

namespace mph::host {

// A buffer with the event as its root, but for whether what it announces is paused.
Bytes CopyEvent(const Mph::Control::Event& event, bool isPaused);

}  // namespace mph::host
