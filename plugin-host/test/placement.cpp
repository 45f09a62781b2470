// Where a dispatch thread goes: what the policy makes of what it sees, and what the thread of a real host does about it.

#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "PlacementPolicy.hpp"
#include "SpinWindow.hpp"
#include "Wait.hpp"

#include <sched.h>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "tap.hpp"

using namespace mph::test;
using Mph::Control::Placement;
using mph::host::Place;
using mph::host::PlacementPolicy;
using mph::host::PlacementSetting;
using mph::host::SpinWindow;

namespace {

constexpr uint64_t NsPerUs = 1000;

PlacementPolicy::Look Seen(uint64_t packets, uint64_t usPerPacket) {
  return {
      .elapsedNs = PlacementPolicy::LookIntervalNs,
      .packets = packets,
      .batches = packets,
      .busyNs = packets * usPerPacket * NsPerUs,
      .threadNs = packets * (usPerPacket + 3) * NsPerUs,
      .workerTurnNs = 20'000,
  };
}

// How many light looks it takes until the policy wants to share; 0: more than a thousand.
uint32_t LightLooksUntilShared(PlacementPolicy& policy) {
  for (uint32_t looks = 1; looks <= 1000; ++looks) {
    policy.OnLook(Seen(50, 1));
    if (policy.Wanted() == Place::Shared) {
      return looks;
    }
  }

  return 0;
}

bool Says(const PlacementPolicy& policy, const std::string& part) { return policy.Reason().find(part) != std::string::npos; }

void AutoGoesByWhatItSees() {
  PlacementPolicy policy(PlacementSetting::Auto);

  tap::ok(policy.Wanted() == Place::Isolated && Says(policy, "nothing is known"),
          "a plugin that nobody knows is kept off the worker's CPU");
  tap::ok(!policy.OnLook(Seen(0, 0)) && policy.Wanted() == Place::Isolated, "a look without packets changes nothing");
  tap::ok(policy.OnLook(Seen(50, 1)) && policy.Wanted() == Place::Shared, "a light plugin shares the worker's CPU after the first look");
  tap::ok(Says(policy, "1.0 us per packet"), "and the reason says how light");
  tap::ok(!policy.OnLook(Seen(50, 18)) && policy.Wanted() == Place::Shared, "a plugin in between stays");
  tap::ok(policy.OnLook(Seen(50, 200)) && policy.Wanted() == Place::Isolated, "a heavy one leaves at the next look");
  tap::ok(Says(policy, "200 us per packet"), "and the reason says how heavy");
  tap::ok(!policy.OnLook(Seen(50, 18)) && policy.Wanted() == Place::Isolated, "a plugin in between stays there, too");
  tap::is(LightLooksUntilShared(policy), 10u, "it comes back when it was light for ten looks in a row");
  policy.OnLook(Seen(50, 200));
  tap::is(LightLooksUntilShared(policy), 20u, "and later after each stay that was short");

  for (int i = 0; i < 250; ++i) {
    policy.OnLook(Seen(50, 1));
  }
  policy.OnLook(Seen(50, 200));
  tap::is(LightLooksUntilShared(policy), 20u, "a long stay makes that good");
}

// 20 packets per second, each of which finds cold caches.
void FewPackets() {
  PlacementPolicy policy(PlacementSetting::Auto);

  for (int i = 0; i < 10; ++i) {
    policy.OnLook(Seen(1, 40));
  }
  tap::ok(policy.Wanted() == Place::Shared, "a plugin that takes next to nothing of a CPU shares it, whatever a packet costs");
  tap::ok(!policy.OnLook(Seen(1, 200)) && policy.Wanted() == Place::Shared, "and stays while it takes no more");
  tap::ok(policy.OnLook(Seen(3, 200)) && policy.Wanted() == Place::Isolated, "three packets in a look are enough to be in the way");
}

void WhatElseEndsSharing() {
  PlacementPolicy busy(PlacementSetting::Auto);

  busy.OnLook(Seen(50, 1));
  tap::ok(busy.OnLook(Seen(3500, 1)) && busy.Wanted() == Place::Isolated && Says(busy, "% of a CPU"),
          "so many packets that the thread takes more than a quarter of a CPU");
  tap::ok(!busy.OnLook(Seen(3500, 1)) && LightLooksUntilShared(busy) == 10, "which counts where it spins, too");

  PlacementPolicy slow(PlacementSetting::Auto);
  auto look = Seen(50, 1);

  slow.OnLook(look);
  look.workerTurnNs = 3'000'000;
  tap::ok(slow.OnLook(look) && slow.Wanted() == Place::Isolated && Says(slow, "turns take 3.0 ms"), "a worker that has no time to spare");

  PlacementPolicy stuck(PlacementSetting::Auto);

  stuck.OnLook(Seen(50, 1));
  tap::ok(!stuck.OnLongBatch(1'000'000) && stuck.OnLongBatch(5'000'000) && stuck.Wanted() == Place::Isolated && Says(stuck, "5.0 ms"),
          "a single batch of milliseconds");

  PlacementPolicy preempted(PlacementSetting::Auto);

  preempted.OnLook(Seen(50, 1));
  look = Seen(50, 200);
  look.threadNs = 50 * 5 * NsPerUs;
  tap::ok(!preempted.OnLook(look), "time in which the worker had the CPU is not the plugin's");
}

void TheAppsWordHolds() {
  PlacementPolicy shared(PlacementSetting::Shared);
  PlacementPolicy isolated(PlacementSetting::Isolated);

  tap::ok(!shared.OnLook(Seen(50, 200)) && !shared.OnLongBatch(5'000'000) && shared.Wanted() == Place::Shared && Says(shared, "by the app"),
          "a thread that is told to share shares");
  tap::ok(LightLooksUntilShared(isolated) == 0u && Says(isolated, "by the app"), "one that is told to be alone is alone");
}

void SpinningByTheGaps() {
  SpinWindow window;

  tap::is(window.NsToSpin(0), uint64_t{0}, "at first nobody spins");
  for (int i = 0; i < 50; ++i) {
    window.OnGap(50'000);
  }
  tap::is(window.NsToSpin(0), SpinWindow::MaxNs, "packets that come close together are spun for");
  window.OnGap(33'000'000);
  tap::ok(window.NsToSpin(0) != 0, "a pause in the stream does not end that");
  for (int i = 0; i < 50; ++i) {
    window.OnGap(200'000);
  }
  tap::is(window.NsToSpin(0), uint64_t{0}, "packets that come far apart do");
  for (int i = 0; i < 50; ++i) {
    window.OnGap(10'000);
  }
  window.OnPreempted(1'000'000);
  tap::ok(window.NsToSpin(2'000'000) == 0 && window.NsToSpin(1'000'000'000) != 0, "who lost its CPU while it spun sleeps for a while");
}

// The CPUs that the dispatch thread of the process may run on.
std::string ThreadAffinity(pid_t pid) {
  std::string found;

  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    const auto tid = static_cast<pid_t>(std::stol(task.path().filename()));
    std::string name;
    cpu_set_t cpus;

    std::getline(std::ifstream(task.path() / "comm") >> std::ws, name);
    CPU_ZERO(&cpus);
    if (name != "mph-dispatch" || sched_getaffinity(tid, sizeof cpus, &cpus) != 0) {
      continue;
    }
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      found += CPU_ISSET(cpu, &cpus) ? std::to_string(cpu) + " " : "";
    }
  }

  return found;
}

void Pass(FakeWorker& worker, FakeRing& ring, uint16_t packet) {
  ring.WritePacket(packet, packet);
  worker.Publish(ring);
  Require(AwaitVerdicts(ring, 1).size() == 1, "a packet is answered");
}

void AHostFollowsItsWorker() {
  cpu_set_t allowed;

  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  if (!CPU_ISSET(0, &allowed) || !CPU_ISSET(1, &allowed)) {
    tap::ok(true, "a host follows its worker # SKIP needs CPUs 0 and 1");

    return;
  }

  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);
  uint16_t packet = 0;

  host.Load("accept-all", "{}", Placement::Shared);
  worker.Meet(host);
  worker.Serve(ring);
  Pass(worker, ring, ++packet);

  const auto before = host.AskStats();

  tap::ok(worker.HostCpu() == -1 && StatsOf(before, worker.Pid())->placement() == Placement::Isolated,
          "while the worker does not say where it is, nothing is shared");
  tap::is(mph::host::ToString(StatsOf(before, worker.Pid())->placementReason()),
          std::string("the worker does not say which CPU it runs on"), "and the stats say why");

  for (const int cpu : {1, 0}) {
    worker.SetCpu(cpu);
    // A worker that moves about is not followed at once.
    tap::ok(Until([&] {
              Pass(worker, ring, ++packet);

              return worker.HostCpu() == cpu && ThreadAffinity(host.Pid()) == std::to_string(cpu) + " ";
            }),
            "the thread goes to the worker's CPU " + std::to_string(cpu));
  }

  const auto after = host.AskStats();
  const auto* stats = StatsOf(after, worker.Pid());

  tap::ok(stats->placement() == Placement::Shared && stats->cpu() == 0 && stats->placementMoves() == 1 && stats->sleeps() != 0,
          "the stats say so");
}

void AHostKeepsAway() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("accept-all", "{}", Placement::Isolated);
  worker.Meet(host);
  worker.Serve(ring);
  worker.SetCpu(0);
  tap::ok(Until([&] {
            Pass(worker, ring, 1);

            return ThreadAffinity(host.Pid()).find("0 ") != 0;
          }),
          "an isolated thread may run on every CPU but the worker's");
  tap::is(worker.HostCpu(), -1, "and the worker need not yield for it");
}

void TheDoorbellIsNeverFull() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);
  bool answered = true;

  host.Load("accept-all");
  worker.Meet(host);
  worker.Serve(ring);

  for (uint16_t i = 1; answered && i <= 6000; ++i) {
    answered = Until([&] { return worker.HostSleeps(); });
    Pass(worker, ring, i);
  }
  tap::ok(answered, "a host wakes up more often than its doorbell holds rings");
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);

  AutoGoesByWhatItSees();
  FewPackets();
  WhatElseEndsSharing();
  TheAppsWordHolds();
  SpinningByTheGaps();
  AHostFollowsItsWorker();
  AHostKeepsAway();
  TheDoorbellIsNeverFull();

  return tap::done();
}
