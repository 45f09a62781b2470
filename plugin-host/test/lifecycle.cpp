// How the host connects and ends (how it dies is crashes.cpp): the real binary between a fake app and fake workers.

#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "Wait.hpp"

#include <sys/prctl.h>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tap.hpp"

using namespace mph::test;
using Mph::Control::ErrorCode;

namespace {

void IsFailure(const Frame& frame, ErrorCode code, const std::string& part, const char* name) {
  const auto* failure = frame.envelope->body_as_Failure();
  const auto message = failure == nullptr ? std::string("no failure") : ToString(failure->message());

  if (!tap::ok(failure != nullptr && failure->code() == code && message.find(part) != std::string::npos, name)) {
    tap::comment(message);
  }
}

void ShutdownAnswersFirst() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("accept-all");
  worker.Meet(host);
  worker.Serve(ring);
  ring.WritePacket(1000, 1);
  worker.Publish(ring);
  AwaitVerdicts(ring, 1);
  for (uint16_t i = 1; i <= 300; ++i) {
    ring.WritePacket(i, i);
  }
  // Published without a ring: the host may be asleep when it is told to stop.
  ring.Publish();
  host.Shutdown();
  tap::ok(ExitedWith(host.WaitForExit(), 0), "Shutdown ends the host with code 0");
  tap::is(ring.TakeVerdicts().size(), size_t{300}, "what was published before Shutdown is answered");
  tap::ok(worker.IsAbandoned(), "the worker's connection is closed");
}

void NoAppNoHost() {
  {
    HostUnderTest host;

    host.HangUp();
    tap::ok(ExitedWith(host.WaitForExit(), 0), "a host without an app exits");
  }

  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("hang");
  worker.Meet(host);
  worker.Serve(ring);
  ring.WritePacket(1, 1);
  worker.Publish(ring);
  Require(Until([&] { return ring.NowServing() != 0; }), "the plugin hangs");
  tap::is(ring.NowServing(), ring.LastPosition() + 1, "NowServing stands still while a plugin hangs");
  tap::ok(host.AskStats().envelope->body_as_HostStats() != nullptr, "a host whose plugin hangs still answers the app");
  host.HangUp();
  tap::ok(ExitedWith(host.WaitForExit(), 0), "not even a plugin that hangs keeps a host without an app");
}

// The app of this one is a child of the test, which is killed while the test itself keeps the channel open.
void AKilledAppLeavesNoHost() {
  int channel[2];
  int report[2];

  Require(socketpair(AF_UNIX, SOCK_STREAM, 0, channel) == 0 && pipe(report) == 0, "sockets and pipes can be made");
  // Orphans come to the test instead of init.
  prctl(PR_SET_CHILD_SUBREAPER, 1);

  const pid_t app = fork();

  if (app == 0) {
    const pid_t host = fork();

    if (host == 0) {
      dup2(channel[1], 3);
      execl(MPH_TEST_HOST, MPH_TEST_HOST, nullptr);
      _exit(127);
    }
    [[maybe_unused]] const auto written = write(report[1], &host, sizeof host);

    for (;;) {
      pause();
    }
  }

  pid_t host = -1;

  Require(read(report[0], &host, sizeof host) == sizeof host, "the app starts the host");
  // It has its guards once it answers.
  mph::host::ControlSocket socket{mph::shm::UniqueFd(channel[0])};

  socket.Send(MakeFrame<Mph::Control::GetHostStats>(1), WatchdogMs);
  Require(Until([&] { return socket.Receive() == mph::host::ControlSocket::ReceiveResult::Received; }), "the host runs");
  kill(app, SIGKILL);
  waitpid(app, nullptr, 0);

  int status = 0;

  tap::ok(Until([&] { return waitpid(host, &status, WNOHANG) == host; }) && WasKilledBy(status, SIGKILL),
          "a killed app leaves no host behind, even if its channel stays open");
  close(channel[1]);
  close(report[0]);
  close(report[1]);
}

void Disconnecting() {
  HostUnderTest host;
  FakeWorker first(100001);
  FakeWorker second(100002);
  FakeRing ring(0);

  host.Load("accept-all");
  first.Meet(host);
  second.Meet(host);
  first.Serve(ring);
  ring.WritePacket(1, 1);
  first.Publish(ring);
  AwaitVerdicts(ring, 1);
  ring.WritePacket(2, 2);
  ring.Publish();
  tap::ok(host.Disconnect(first.Pid()).envelope->body_as_Ok() != nullptr, "DisconnectWorker is answered by Ok");
  tap::ok(first.IsAbandoned() && ring.TakeVerdicts().size() == 1, "then the connection is closed, and what was published is answered");
  tap::ok(!second.IsAbandoned() && StatsOf(host.AskStats(), second.Pid()) != nullptr, "other workers stay connected");
  IsFailure(host.Disconnect(first.Pid()), ErrorCode::NotFound, "100001 is not connected", "a worker that is gone cannot be disconnected");

  first.Meet(host);
  tap::ok(StatsOf(host.AskStats(), first.Pid()) != nullptr, "a worker can be connected again");
  host.StartConnecting(first.Pid(), first.Path());
  IsFailure(host.AwaitUnasked(), ErrorCode::Exists, "100001 is connected", "a worker is connected once");
}

void HandshakesThatFail() {
  HostUnderTest host;
  FakeWorker worker(100001);

  host.Load("accept-all");

  host.StartConnecting(1, "/tmp/mph-test-no-such.sock");
  IsFailure(host.AwaitUnasked(), ErrorCode::System, "/tmp/mph-test-no-such.sock", "a socket that is not there is named");
  host.StartConnecting(1, std::string(200, 'x'));
  IsFailure(host.AwaitUnasked(), ErrorCode::Malformed, "too long", "a path that is too long is refused");

  host.StartConnecting(worker.Pid(), worker.Path());

  const auto frame = worker.Accept();
  const auto* hello = frame.envelope->body_as_Hello();

  tap::ok(hello != nullptr && hello->role() == Mph::Control::Role::Host && ToString(hello->token()) == "secret" &&
              hello->pid() == static_cast<uint32_t>(host.Pid()) &&
              hello->protocolVersion() == static_cast<uint16_t>(Mph::Control::ProtocolVersion::Current) &&
              hello->layoutVersion() == static_cast<uint16_t>(Mph::Layout::LayoutVersion::Current),
          "Hello says role, token, pid and versions");
  worker.SendFailure("that token is unknown");
  IsFailure(host.AwaitUnasked(), ErrorCode::Forbidden, "that token is unknown",
            "a worker's refusal reaches the app with its code and text");

  host.StartConnecting(worker.Pid(), worker.Path());
  worker.Accept();
  worker.Welcome(9);

  const auto layout = "layout " + std::to_string(static_cast<int>(Mph::Layout::LayoutVersion::Current));

  IsFailure(host.AwaitUnasked(), ErrorCode::Version, "protocol 9 and " + layout + ", this host protocol 3 and " + layout,
            "a worker of another version is refused, with both versions");

  host.StartConnecting(worker.Pid(), worker.Path());
  worker.Accept();
  worker.HangUp();
  IsFailure(host.AwaitUnasked(), ErrorCode::System, "closed the connection", "a worker that hangs up is reported");

  // It says nothing at all: the app does not have to wait.
  host.StartConnecting(worker.Pid(), worker.Path());
  worker.Accept();
  tap::ok(host.Disconnect(worker.Pid()).envelope->body_as_Ok() != nullptr, "connecting can be called off");
  IsFailure(host.AwaitUnasked(), ErrorCode::NotFound, "meanwhile", "a ConnectWorker that was called off is answered");

  worker.Meet(host);
  worker.SendFailure("too many strikes");

  const auto lost = host.AwaitUnasked();

  tap::ok(lost.envelope->body_as_WorkerLost() != nullptr &&
              ToString(lost.envelope->body_as_WorkerLost()->message()).find("too many strikes") != std::string::npos,
          "a host that is cut off tells the app why");
}

void WhatTheProcessInherits() {
  // Not close-on-exec: it would reach the host.
  const int leaked = dup(1);
  HostUnderTest host;

  host.Load("accept-all");

  bool isClean = true;

  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(host.Pid()) + "/fd")) {
    const auto target = std::filesystem::read_symlink(entry.path()).string();
    const auto number = std::stoi(entry.path().filename().string());

    isClean = isClean && (number <= 3 || target.starts_with("anon_inode:"));
  }
  close(leaked);
  tap::ok(isClean, "inherited descriptors other than 0 to 3 are closed");

  std::ifstream score("/proc/" + std::to_string(host.Pid()) + "/oom_score_adj");
  int value = 0;

  score >> value;
  tap::ok(value >= 500, "when memory runs out, the host goes first");

  std::ofstream("/proc/self/oom_score_adj") << 700;

  HostUnderTest urgent;

  urgent.AskStats();
  std::ifstream("/proc/" + std::to_string(urgent.Pid()) + "/oom_score_adj") >> value;
  tap::is(value, 700, "one that would go sooner still is left so");

  host.Kill(SIGINT);
  host.Kill(SIGPIPE);
  tap::ok(host.AskStats().envelope->body_as_HostStats() != nullptr, "Ctrl-C is for the app, not for the host");
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);

  ShutdownAnswersFirst();
  NoAppNoHost();
  AKilledAppLeavesNoHost();
  Disconnecting();
  HandshakesThatFail();
  WhatTheProcessInherits();

  return tap::done();
}
