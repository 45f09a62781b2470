#include "CrashGuard.hpp"

#include "InHand.hpp"
#include "MemoryLimit.hpp"

#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace mph::native::CrashGuard {

namespace {

// A worker per core, and as many again that are going away.
constexpr size_t MaxSockets = 512;
// No socket of ours has this number, and a table of zeros needs no constructor to run before the first signal.
constexpr int Free = 0;

constexpr std::array FatalSignals{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP, SIGTERM, SIGQUIT, SIGXCPU, SIGXFSZ};
// By which a program ends itself.
constexpr std::array Faults{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

// Relaxed, everywhere: an entry is a number and hands over nothing else.
std::array<std::atomic<int>, MaxSockets> sockets{};

static_assert(std::atomic<int>::is_always_lock_free, "signal handlers may not wait for a lock");

void ShutDownSockets() {
  const int savedErrno = errno;

  for (const auto& socket : sockets) {
    if (const int fd = socket.load(std::memory_order_relaxed); fd != Free) {
      shutdown(fd, SHUT_RDWR);
    }
  }
  errno = savedErrno;
}

// A kill from outside says nothing about what is in hand. abort() sends its signal, too, but from within.
bool IsOwnFault(int signal, const siginfo_t& info) {
  const bool isFromKernel = info.si_code > 0;

  return std::find(Faults.begin(), Faults.end(), signal) != Faults.end() && (isFromKernel || info.si_pid == getpid());
}

// Written before the first signal can come.
IsHandled isHandledElsewhere = nullptr;

void OnFatalSignal(int signal, siginfo_t* info, void* context) {
  if (isHandledElsewhere != nullptr && isHandledElsewhere(signal, info, context)) {
    return;
  }
  if (IsOwnFault(signal, *info)) {
    host::InHand::MarkCrashed();
  }
#ifndef MPH_SABOTAGE_KEEP_SOCKET_ON_CRASH
  ShutDownSockets();
#endif
  MemoryLimit::SayIfReached();
  // Blocked while this handler runs: it ends the process as soon as the handler returns, with the state of the crash in the core.
  std::signal(signal, SIG_DFL);
  raise(signal);
}

}  // namespace

void Install(IsHandled isHandled) {
  struct sigaction action {};

  isHandledElsewhere = isHandled;

  action.sa_sigaction = OnFatalSignal;
  action.sa_flags = SA_ONSTACK | SA_SIGINFO;
  sigfillset(&action.sa_mask);
  for (const int signal : FatalSignals) {
    sigaction(signal, &action, nullptr);
  }
  // They run on the thread that calls exit(); if a callback of the plugin does, something is in hand.
  std::atexit(Report);
  std::at_quick_exit(Report);
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

void Report() {
  host::InHand::MarkCrashed();
  ShutDownSockets();
}

}  // namespace mph::native::CrashGuard
