// How the host dies, and what it leaves for those who come after it: the real binary between a fake app and fake workers. Negative controls
// are listed in restart.cpp.

#include "Events.hpp"
#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "Wait.hpp"

#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <tuple>
#include <vector>

#include "tap.hpp"

using namespace mph::test;
using Mph::Control::ErrorCode;

namespace {

// Their shadow memory is terabytes, and what a page costs is another thing with them.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool IsSanitized = true;
#else
constexpr bool IsSanitized = false;
#endif

// Publishes packets one by one, each after the last was answered. The last one is not.
void PublishUntilNoAnswer(FakeWorker& worker, FakeRing& ring, uint16_t packets) {
  for (uint16_t i = 1; i <= packets; ++i) {
    const auto cursor = ring.ConsumerCursor();

    ring.WritePacket(i, i);
    worker.Publish(ring);
    Require(i == packets || Until([&] { return ring.ConsumerCursor() != cursor; }), "a packet is answered");
  }
}

void ACrashLeavesItsPlace() {
  FakeWorker worker(100001);
  FakeRing ring(0);

  {
    HostUnderTest host;

    host.Load("crash-on-nth", R"({"packet": 4})");
    worker.Meet(host);
    worker.Serve(ring);
    PublishUntilNoAnswer(worker, ring, 4);
    tap::ok(WasKilledBy(host.WaitForExit(), SIGABRT), "a plugin that aborts takes its host with it");
    tap::ok(Until([&] { return worker.IsAbandoned(); }), "the worker sees it by the socket");
    tap::is(ring.InHand(), ring.LastPosition(), "NowServing tells which packet the plugin had in hand");
    tap::is(ring.ConsumerCursor(), ring.LastPosition(), "the cursor tells that it was not answered");
    tap::is(ring.TakeVerdicts().size(), size_t{3}, "the verdicts before it are in the ring");
  }

  ring.BeginEpoch();
  ring.WritePacket(5, 5);
  ring.Publish();

  HostUnderTest next;

  next.Load("accept-all");
  worker.Meet(next);
  worker.Serve(ring);
  Require(Until([&] { return ring.ConsumerCursor() == ring.Position(); }), "the next host reads on");

  const auto answers = ring.TakeVerdicts();

  tap::ok(answers.size() == 2 && answers[0].ticket == 4 && answers[1].ticket == 5, "the next host begins with the packet that was in hand");
}

void OneByOneWithCare() {
  for (const bool isCareful : {false, true}) {
    HostUnderTest host;
    FakeWorker worker(100001);
    FakeRing ring(0);

    ring.WritePacket(1, 1);
    ring.WritePacket(2, 2);
    ring.WritePacket(3, 3);

    const auto third = ring.LastPosition();

    ring.WritePacket(4, 4);
    ring.Publish();
    host.Load("crash-on-nth", R"({"packet": 3})");
    worker.Meet(host);
    worker.Serve(ring, {.carefulUntil = isCareful ? ring.Position() : 0});
    host.WaitForExit();
    if (isCareful) {
      tap::is(ring.InHand(), third, "what is to be read with care is in hand alone");
      tap::ok(ring.ConsumerCursor() == third && ring.TakeVerdicts().size() == 2, "what came before it is answered and given back");
    } else {
      tap::ok(ring.InHand() == 0 && ring.ConsumerCursor() == 0 && ring.TakeVerdicts().empty(), "without care a batch is in hand");
    }
  }

  for (const bool isEvent : {true, false}) {
    HostUnderTest host;
    FakeWorker worker(100001);
    FakeRing ring(0);

    ring.WritePacket(1, 1);
    ring.WriteEvent(ProducerCreated(8, "p8"));

    const auto event = ring.LastPosition();

    ring.WritePacket(2, 2);
    ring.Publish();

    const auto last = ring.LastPosition();

    host.Load("crash-on-nth", isEvent ? R"({"packet": 9, "event": 3})" : R"({"packet": 2})");
    worker.Meet(host);
    worker.Serve(ring, {.carefulUntil = ring.Position()});
    host.WaitForExit();
    tap::ok(ring.IsMarkedCrashed() && ring.InHand() == (isEvent ? event : last) && ring.ConsumerCursor() == ring.InHand(),
            isEvent ? "so is an event" : "an event that was told is given back before the next packet is in hand");
  }
}

void OwnFaultsAreMarked() {
  for (const auto& [config, status] : {
           std::tuple{R"({"signal": 11})", SIGSEGV},
           std::tuple{R"({"signal": 6})", SIGABRT},
           std::tuple{R"({"signal": 7})", SIGBUS},
           std::tuple{R"({"signal": 8})", SIGFPE},
           std::tuple{R"({"signal": 4})", SIGILL},
           std::tuple{R"({"exit": 1})", 3 << 8},
       }) {
    HostUnderTest host;
    FakeWorker worker(100001);
    FakeRing ring(0);

    host.Load("crash-on-nth", config);
    worker.Meet(host);
    worker.Serve(ring);
    ring.WritePacket(1, 1);
    worker.Publish(ring);
    Require(Until([&] { return worker.IsAbandoned(); }), "the worker sees the end");
    // At once: the worker looks when it sees the end.
    tap::ok(ring.IsMarkedCrashed() && ring.InHand() == 0, std::string(config) + " in a callback is marked before the worker sees the end");

    const auto ended = host.WaitForExit();

    tap::ok(WIFEXITED(ended) ? ended == status : WasKilledBy(ended, status), std::string(config) + " ends the host");
  }
}

pid_t DispatchThread(const HostUnderTest& host) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(host.Pid()) + "/task")) {
    std::string name;

    if (std::getline(std::ifstream(task.path() / "comm") >> std::ws, name) && name == "mph-dispatch") {
      return std::stoi(task.path().filename().string());
    }
  }
  Require(false, "the host has a dispatch thread");

  return -1;
}

void WhatIsNotMarked() {
  for (const int signal : {SIGSEGV, SIGABRT, SIGKILL}) {
    HostUnderTest host;
    FakeWorker worker(100001);
    FakeRing ring(0);

    host.Load("hang");
    worker.Meet(host);
    worker.Serve(ring);
    ring.WritePacket(1, 1);
    worker.Publish(ring);
    Require(Until([&] { return ring.NowServing() != 0; }), "the plugin hangs");
    Require(syscall(SYS_tgkill, host.Pid(), DispatchThread(host), signal) == 0, "the thread that hangs can be killed");
    tap::ok(WasKilledBy(host.WaitForExit(), signal) && worker.IsAbandoned() && ring.InHand() == 0 && !ring.IsMarkedCrashed(),
            "a signal " + std::to_string(signal) + " from outside is not marked");
  }

  for (const auto* config : {R"({"thread": 1})", R"({"thread": 1, "signal": 11})", R"({"thread": 1, "exit": 1})"}) {
    HostUnderTest host;
    FakeWorker worker(100001);
    FakeRing ring(0);

    host.Load("crash-on-nth", config);
    worker.Meet(host);
    worker.Serve(ring);
    ring.WritePacket(1, 1);
    worker.Publish(ring);
    host.WaitForExit();
    tap::ok(worker.IsAbandoned() && ring.InHand() == 0 && !ring.IsMarkedCrashed(),
            std::string(config) + ": what another thread of the plugin does is not marked");
  }
}

void SocketsOutliveNoCrash() {
  for (const auto& [plugin, config, signal] :
       {std::tuple{"crash-on-nth", R"({"packet": 1, "signal": 11, "fork": 1})", SIGSEGV},
        std::tuple{"crash-on-nth", R"({"packet": 1, "signal": 6, "fork": 1})", SIGABRT}, std::tuple{"overflows-stack", "{}", SIGSEGV}}) {
    HostUnderTest host;
    FakeWorker worker(100001);
    FakeRing ring(0);

    host.Load(plugin, config);
    worker.Meet(host);
    worker.Serve(ring);
    ring.WritePacket(1, 1);
    worker.Publish(ring);
    tap::ok(WasKilledBy(host.WaitForExit(), signal), std::string(plugin) + ": the host dies by the signal");
    tap::ok(worker.IsAbandoned(), std::string(plugin) + ": the socket is shut down although a child has it open");
    tap::ok(ring.IsMarkedCrashed(), std::string(plugin) + ": what was in hand is marked");
  }
}

// What the kernel has to clear away may take it seconds, and a core longer still.
void SocketsAreShutDownFirst() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("crash-on-nth", R"({"signal": 11})");
  worker.Meet(host);
  worker.OfferAndAwaitReady(ring);
  worker.Start(ring);

  const pid_t thread = DispatchThread(host);

  Require(ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) == 0, "the test can trace its host");
  ring.WritePacket(1, 1);
  worker.Publish(ring);

  // It stops at each signal before it gets it. The last one ends it.
  bool isTold = false;
  int signal = 0;
  int status = 0;

  for (;;) {
    Require(Until([&] { return waitpid(thread, &status, WNOHANG | __WALL) == thread; }), "the host crashes");
    if (!WIFSTOPPED(status)) {
      break;
    }
    isTold = worker.IsAbandoned() && ring.IsMarkedCrashed();
    signal = WSTOPSIG(status);
    Require(ptrace(PTRACE_CONT, thread, nullptr, signal) == 0, "the host goes on");
  }
  tap::ok(isTold && signal == SIGSEGV, "the worker learns of a crash before the kernel clears away");
  tap::ok(WasKilledBy(host.WaitForExit(), SIGSEGV), "then the host dies by the signal");
}

void AnExceptionEndsTheHost() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("throws-in-on-packets");
  worker.Meet(host);
  worker.Serve(ring);
  ring.WritePacket(1, 1);
  worker.Publish(ring);
  Require(Until([&] { return worker.IsAbandoned(); }), "the worker sees the end");
  tap::ok(ring.IsMarkedCrashed(), "an exception is marked before the worker sees the end");

  const auto frame = host.AwaitUnasked();
  const auto* log = frame.envelope->body_as_Log();

  tap::ok(log != nullptr && log->level() == Mph::Control::LogLevel::Error &&
              ToString(log->message()).find("threw in on_packets") != std::string::npos &&
              ToString(log->message()).find("thrown on purpose") != std::string::npos,
          "the app is told what was thrown");
  tap::ok(WasKilledBy(host.WaitForExit(), SIGABRT), "an exception that leaves on_packets ends the host");
}

void AMemoryLimit() {
  if (IsSanitized) {
    tap::comment("a sanitizer needs more memory than any limit");

    return;
  }

  constexpr uint64_t Limit = 96 << 20;
  const auto load = [](HostUnderTest& host, const char* config, uint64_t limit) {
    return host.TryLoad(Plugin("eats-memory"), config, Mph::Control::Placement::Auto, limit);
  };

  {
    HostUnderTest host;
    const auto answer = load(host, "{}", 4096);
    const auto* failure = answer.envelope->body_as_Failure();
    const auto message = failure == nullptr ? std::string() : ToString(failure->message());

    tap::ok(failure != nullptr && failure->code() == ErrorCode::Malformed && message.find("memory_limit is 4096 bytes") == 0 &&
                message.find("bytes already") != std::string::npos,
            "a limit below what the host has already is refused");
    tap::comment(message);
    host.Load("accept-all");
  }

  for (const bool throws : {true, false}) {
    int errors[2];

    Require(pipe2(errors, O_CLOEXEC) == 0, "a pipe can be made");

    HostUnderTest host(errors[1]);
    FakeWorker worker(100001);
    FakeRing ring(0);

    Require(load(host, throws ? R"({"throws": 1})" : "{}", Limit).envelope->body_as_PluginLoaded() != nullptr, "the plugin is loaded");

    rlimit limit{};

    prlimit(host.Pid(), RLIMIT_DATA, nullptr, &limit);
    tap::ok(limit.rlim_cur == Limit && limit.rlim_max == Limit, "the limit is one that the plugin cannot lift");
    worker.Meet(host);
    worker.Serve(ring);
    ring.WritePacket(1, 1);
    worker.Publish(ring);
    Require(Until([&] { return worker.IsAbandoned(); }), "the worker sees the end");
    tap::ok(ring.IsMarkedCrashed(), "a plugin that has reached its limit crashes");

    const auto said = throws ? ToString(host.AwaitUnasked().envelope->body_as_Log()->message()) : std::string();
    const auto status = host.WaitForExit();

    close(errors[1]);

    std::string printed(1024, '\0');

    printed.resize(static_cast<size_t>(std::max<ssize_t>(read(errors[0], printed.data(), printed.size()), 0)));
    close(errors[0]);

    if (!tap::ok((throws ? said : printed).find("memory limit of 100663296 bytes reached") != std::string::npos,
                 std::string("and the app is told of it: ") + (throws ? "bad_alloc" : "NULL"))) {
      tap::comment(said + printed);
    }
    tap::ok(WasKilledBy(status, throws ? SIGABRT : SIGSEGV), "as it dies");
  }
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);

  ACrashLeavesItsPlace();
  OneByOneWithCare();
  OwnFaultsAreMarked();
  WhatIsNotMarked();
  SocketsOutliveNoCrash();
  SocketsAreShutDownFirst();
  AnExceptionEndsTheHost();
  AMemoryLimit();

  return tap::done();
}
