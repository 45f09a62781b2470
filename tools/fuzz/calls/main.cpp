// The calls that the fuzzer has an eye on: streams through a worker, each packet of which must come, in order and in time.
//
//   fuzz-calls WORKER_PID
//
// Lines on standard input: "audio SSRC WHOLE" and "video SSRC WHOLE" make a call and are answered by the port that it receives at; a WHOLE of 1 says that
// all its packets should come. "target CALL PORT" says where call number CALL (from 0) sends to; "start RATE" starts all, at RATE packets per second each; "report" is answered by a line of JSON, one object per
// call; "stop" stops sending, waits for what is on its way, and reports.
#include "Call.hpp"
#include "CpuDelay.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <atomic>
#include <cinttypes>
#include <cstdlib>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

namespace {

using mph::fuzz::Call;
using mph::fuzz::CpuDelay;

using Calls = std::vector<std::unique_ptr<Call>>;

constexpr uint64_t SampleNs = 3'000'000;
// What has not come by then is lost.
constexpr int LastMs = 5'000;

std::atomic<bool> sending{false};

void SleepNs(uint64_t ns) {
  const timespec time{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};

  nanosleep(&time, nullptr);
}

void SendAll(const Calls& calls, uint64_t rate) {
  while (sending) {
    for (const auto& call : calls) {
      call->Send();
    }
    SleepNs(1'000'000'000 / rate);
  }
}

void ReceiveAll(const Calls& calls) {
  std::vector<pollfd> fds;

  for (const auto& call : calls) {
    fds.push_back({call->ReceiveFd(), POLLIN, 0});
  }
  for (;;) {
    poll(fds.data(), fds.size(), -1);
    for (const auto& call : calls) {
      call->Receive();
    }
  }
}

void AwaitRest(const Calls& calls) {
  for (const auto& call : calls) {
    for (int ms = 0; ms < LastMs && !call->IsComplete(); ms++) {
      SleepNs(1'000'000);
    }
  }
}

void Report(const Calls& calls) {
  std::putchar('[');
  for (const auto& call : calls) {
    const auto report = call->Report();

    std::printf("%s{\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"disordered\":%" PRIu64 ",\"maxLatencyMs\":%.3f,\"maxStallMs\":%.3f}",
                call == calls.front() ? "" : ",", report.sent, report.received, report.disordered, static_cast<double>(report.maxLatencyNs) / 1e6,
                static_cast<double>(report.maxStallNs) / 1e6);
  }
  std::puts("]");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: fuzz-calls WORKER_PID\n", stderr);
    return 2;
  }
  setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  prctl(PR_SET_TIMERSLACK, 1);
  // Whoever measures must not wait for what is measured. Without the right to it, it does so now and then.
  const sched_param priority{.sched_priority = 1};
  sched_setscheduler(0, SCHED_RR, &priority);

  // The threads that use them end with the process.
  static CpuDelay cpuDelay(argv[1]);
  static Calls calls;
  std::thread sender;
  char line[128];

  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    uint32_t number = 0;
    uint32_t port = 0;
    uint64_t rate = 0;

    uint32_t whole = 0;

    if (std::sscanf(line, "audio %" SCNu32 " %" SCNu32, &number, &whole) == 2 ||
        std::sscanf(line, "video %" SCNu32 " %" SCNu32, &number, &whole) == 2) {
      calls.push_back(std::make_unique<Call>(line[0] == 'a' ? Call::Kind::Audio : Call::Kind::Video, number, whole != 0, cpuDelay));
      std::printf("%u\n", calls.back()->Port());
    } else if (std::sscanf(line, "target %" SCNu32 " %" SCNu32, &number, &port) == 2 && number < calls.size()) {
      calls[number]->SendTo(static_cast<uint16_t>(port));
    } else if (std::sscanf(line, "start %" SCNu64, &rate) == 1 && rate > 0) {
      sending = true;
      std::thread([] { ReceiveAll(calls); }).detach();
      std::thread([] {
        for (;;) {
          cpuDelay.Sample(mph::fuzz::WallNs());
          SleepNs(SampleNs);
        }
      }).detach();
      sender = std::thread([rate] { SendAll(calls, rate); });
    } else if (std::strcmp(line, "report\n") == 0) {
      Report(calls);
    } else if (std::strcmp(line, "stop\n") == 0 && sender.joinable()) {
      sending = false;
      sender.join();
      AwaitRest(calls);
      Report(calls);
    } else {
      std::fprintf(stderr, "fuzz-calls: not understood: %s", line);
      return 2;
    }
  }
  // Without unwinding what other threads use.
  std::fflush(stdout);
  std::_Exit(0);
}
