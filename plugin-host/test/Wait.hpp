// Conditions under a watchdog, as tests await them.
#pragma once

#include "Clock.hpp"

#include <sys/wait.h>
#include <cstdlib>
#include <ctime>

#include "tap.hpp"

namespace mph::test {

// Far beyond what anything here takes, also under a sanitizer on a machine that does ten other things.
inline constexpr uint64_t WatchdogNs = 120'000'000'000;
inline constexpr int WatchdogMs = static_cast<int>(WatchdogNs / 1'000'000);

// Looks every 0.2 ms; false when the watchdog bites.
template <typename Condition>
bool Until(Condition&& condition) {
  const auto deadline = host::MonotonicNs() + WatchdogNs;

  while (!condition()) {
    if (host::MonotonicNs() > deadline) {
      return false;
    }

    const timespec pause{0, 200'000};

    nanosleep(&pause, nullptr);
  }

  return true;
}

// For what a test cannot go on without.
inline void Require(bool condition, const char* what) {
  if (!condition) {
    tap::ok(false, what);
    std::exit(tap::done());
  }
}

// How a process ended, as waitpid() tells it.
inline bool WasKilledBy(int status, int signal) { return WIFSIGNALED(status) && WTERMSIG(status) == signal; }
inline bool ExitedWith(int status, int code) { return WIFEXITED(status) && WEXITSTATUS(status) == code; }

}  // namespace mph::test
