// Tells the workers of a crash before the kernel does: on a fatal signal the sockets to them are shut down first. The kernel would close
// them only after it has torn down memory or written a core, tens of milliseconds later, and packets are held as long. Before that it is
// marked what the plugin had in hand, if it was the plugin's own fault and not a signal from outside.
//
// Signal handlers are the process's own, and so are these functions: free ones over one fixed table.
#pragma once

#include <csignal>

namespace mph::native::CrashGuard {

// True: it was not fatal, and all is well again. Async-signal-safe.
using IsHandled = bool (*)(int signal, siginfo_t* info, void* context);

// `isHandled` is asked first; nullptr: every one is fatal. [main]
void Install(IsHandled isHandled = nullptr);

// [any] Beyond the table's size a socket is closed by the kernel alone.
void Add(int fd);
void Remove(int fd);

// Marks what the calling thread's plugin has in hand, then shuts the sockets down. Async-signal-safe. [any]
void Report();

}  // namespace mph::native::CrashGuard
