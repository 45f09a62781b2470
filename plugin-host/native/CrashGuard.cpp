#include "CrashGuard.hpp"

#include <sys/socket.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>

namespace mph::native::CrashGuard {

namespace {

// A worker per core, and as many again that are going away.
constexpr size_t MaxSockets = 512;
// No socket of ours has this number, and a table of zeros needs no constructor to run before the first signal.
constexpr int Free = 0;

constexpr std::array FatalSignals{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP, SIGTERM, SIGQUIT, SIGXCPU, SIGXFSZ};

// Relaxed, everywhere: an entry is a number and hands over nothing else.
std::array<std::atomic<int>, MaxSockets> sockets{};

static_assert(std::atomic<int>::is_always_lock_free, "signal handlers may not wait for a lock");

void OnFatalSignal(int signal) {
  ShutDownSockets();
  // Blocked while this handler runs, and reset to the default by SA_RESETHAND: it ends the process as soon as the handler returns, with
  // the state of the crash in the core.
  raise(signal);
}

}  // namespace

void Install() {
  struct sigaction action {};

  action.sa_handler = OnFatalSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_ONSTACK);
  sigfillset(&action.sa_mask);
  for (const int signal : FatalSignals) {
    sigaction(signal, &action, nullptr);
  }
}

void Add(int fd) {
  for (auto& socket : sockets) {
    int expected = Free;

    if (socket.compare_exchange_strong(expected, fd, std::memory_order_relaxed)) {
      return;
    }
  }
}

void Remove(int fd) {
  for (auto& socket : sockets) {
    int expected = fd;

    if (socket.compare_exchange_strong(expected, Free, std::memory_order_relaxed)) {
      return;
    }
  }
}

void ShutDownSockets() {
  const int savedErrno = errno;

  for (const auto& socket : sockets) {
    if (const int fd = socket.load(std::memory_order_relaxed); fd != Free) {
      shutdown(fd, SHUT_RDWR);
    }
  }
  errno = savedErrno;
}

}  // namespace mph::native::CrashGuard
