// How much memory this process may allocate: a plugin that leaks gets nothing more at some point, and its host dies instead of the
// machine's memory.
#pragma once

#include <cstdint>

namespace mph::native::MemoryLimit {

// 0: none of ours. Can be lowered, and raised by whoever may. Throws host::Error, with both numbers when the process has more already.
// [main]
void Set(uint64_t bytes);

// A line on stderr, which the app gets as a log message, when the process is about to end with (next to) nothing left to allocate.
// Async-signal-safe. [any]
void SayIfReached();

}  // namespace mph::native::MemoryLimit
