#include "HostProcess.hpp"

#include "DispatchThread.hpp"
#include "Error.hpp"
#include "MemoryLimit.hpp"
#include "PluginLibrary.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace mph::native {

namespace {

using host::Error;
using Mph::Control::ErrorCode;

void CheckAppChannel() {
  struct stat status {};

  if (fstat(HostProcess::AppChannelFd, &status) != 0 || !S_ISSOCK(status.st_mode)) {
    throw Error(ErrorCode::System,
                "descriptor 3 is no socket: a host is started by the library mediasoup-plugin-host, not by hand");
  }
}

// An app that was killed closes its end of the channel, too, and that alone would do; but this needs nobody awake in here.
void DieWithApp() {
  const auto app = getppid();

  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have died before the call above.
  if (getppid() != app) {
    _exit(EXIT_SUCCESS);
  }
}

void IgnoreSignals() {
  // A worker may hang up while its doorbell is rung.
  std::signal(SIGPIPE, SIG_IGN);
  // Ctrl-C in a terminal reaches the app and all its children. What becomes of this one the app decides.
  std::signal(SIGINT, SIG_IGN);
}

// What the app left open by mistake is none of the plugin's business.
void CloseInherited() { close_range(HostProcess::AppChannelFd + 1, ~0U, 0); }

// Nor is the channel for a process that a plugin starts.
void KeepChannel() { fcntl(HostProcess::AppChannelFd, F_SETFD, FD_CLOEXEC); }

// When memory runs out a host goes before a worker. Best effort: a container may forbid it.
void OfferToOomKiller() {
  constexpr int Score = 500;
  int score = 0;
  std::fstream file("/proc/self/oom_score_adj");

  // Whoever started this process may have offered it more urgently.
  if (file >> score && score >= Score) {
    return;
  }
  file.clear();
  file.seekp(0);
  file << Score << std::flush;
  if (!file) {
    std::fprintf(stderr, "oom_score_adj cannot be raised to %d: when memory runs out, a worker may go before this host\n", Score);
  }
}

}  // namespace

HostProcess::HostProcess(Within within, CrashGuard::IsHandled isHandled) {
  CheckAppChannel();
  DieWithApp();
  IgnoreSignals();
  // Some of them are Node's own by now, and it leaves none of its own to a child.
  if (within == Within::Nothing) {
    CloseInherited();
  }
  KeepChannel();
  OfferToOomKiller();
  CrashGuard::Install(isHandled);
}

void HostProcess::OnWorkerSocketOpened(int fd) { CrashGuard::Add(fd); }

void HostProcess::OnWorkerSocketClosing(int fd) { CrashGuard::Remove(fd); }

std::shared_ptr<const host::PluginCode> HostProcess::LoadCode(const std::string& file) {
  return std::make_shared<const host::PluginLibrary>(file);
}

std::unique_ptr<host::Dispatcher::Thread> HostProcess::StartThread(host::Dispatcher& dispatcher) {
  return std::make_unique<DispatchThread>(dispatcher);
}

void HostProcess::LimitMemory(uint64_t bytes) { MemoryLimit::Set(bytes); }

void HostProcess::ShutDownWorkerSockets() { CrashGuard::Report(); }

void HostProcess::Abort() { std::abort(); }

void HostProcess::ExitNow(int code) { _exit(code); }

}  // namespace mph::native
