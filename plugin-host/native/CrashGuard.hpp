// Tells the workers of a crash before the kernel does: on a fatal signal the sockets to them are shut down first. The kernel would close
// them only after it has torn down memory or written a core, tens of milliseconds later, and packets are held as long.
//
// Signal handlers are the process's own, and so are these functions: free ones over one fixed table.
#pragma once

namespace mph::native::CrashGuard {

// [main]
void Install();

// [any] Beyond the table's size a socket is closed by the kernel alone.
void Add(int fd);
void Remove(int fd);

// Async-signal-safe. [any]
void ShutDownSockets();

}  // namespace mph::native::CrashGuard
