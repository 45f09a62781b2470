// What becomes of packets in the host, and of the verdicts on them: the real binary between a fake app and a fake worker.

#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "Script.hpp"
#include "Wait.hpp"

#include <csignal>
#include <set>
#include <string>
#include <vector>

#include "tap.hpp"

using namespace mph::test;
using Mph::Layout::Verdict;

namespace {

void VerdictsForABatch() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("drop-every-nth", R"({"n": 3})");
  worker.Meet(host);
  worker.Serve(ring);

  for (uint16_t i = 1; i <= 200; ++i) {
    ring.WritePacket(i, i);
  }
  worker.Publish(ring);

  const auto answers = AwaitVerdicts(ring, 200);
  bool inOrder = true;
  bool asTold = true;

  for (size_t i = 0; i < answers.size(); ++i) {
    inOrder = inOrder && answers[i].ticket == i + 1;
    asTold = asTold && answers[i].verdict == ((i + 1) % 3 == 0 ? Verdict::Drop : Verdict::Accept);
  }
  tap::is(answers.size(), size_t{200}, "each packet gets one verdict");
  tap::ok(inOrder, "verdicts come in the order of the packets");
  tap::ok(asTold, "verdicts are what the plugin said");
  tap::ok(AwaitConsumed(ring), "what was answered is given back");
  tap::is(ring.NowServing(), 0, "nothing is in the plugin's hands afterwards");

  const auto stats = host.AskStats();
  const auto* instance = StatsOf(stats, worker.Pid());

  tap::ok(instance != nullptr && instance->packets() == 200 && instance->verdicts() == 200, "stats count packets and verdicts");
  tap::ok(instance != nullptr && instance->batches() >= 4 && instance->batches() <= 200, "a batch has at most 64 packets");
}

void ObservedPacketsGetNoVerdict() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("drop-all");
  worker.Meet(host);
  worker.Serve(ring);

  ring.WritePacket(0, 1);
  ring.WritePacket(5, 2);
  ring.WritePacket(0, 3);
  worker.Publish(ring);

  const auto answers = AwaitVerdicts(ring, 1);

  tap::ok(AwaitConsumed(ring) && answers.size() == 1 && answers[0].ticket == 5 && ring.TakeVerdicts().empty(),
          "packets with ticket 0 get no verdict");
}

void APluginWithoutPackets() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("no-packets");
  worker.Meet(host);
  worker.Serve(ring);
  ring.WritePacket(1, 1);
  worker.Publish(ring);
  tap::ok(AwaitVerdicts(ring, 1)[0].verdict == Verdict::Accept, "a plugin without on_packets has all packets accepted");
  tap::ok(Until([&] { return CounterOf(host.AskStats(), worker.Pid(), "ticks") >= 3; }), "ticks come while nothing else happens");
}

void VerdictBeforeCursor() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("accept-all");
  worker.Meet(host);
  worker.Serve(ring);

  constexpr size_t Packets = 50'000;
  size_t written = 0;
  size_t answered = 0;
  size_t violations = 0;

  // However long all of them take: what must not happen is that none is answered.
  while (answered < Packets) {
    const auto before = answered;

    Require(Until([&] {
              // In this order: a verdict that is behind its cursor would be missed by the second look.
              for (int i = 0; i < 500 && answered < Packets; ++i) {
                for (int burst = 0; burst < 7 && written < Packets && ring.WritePacket(written + 1, static_cast<uint16_t>(written));
                     ++burst) {
                  ++written;
                }
                worker.Publish(ring);

                const auto tickets = ring.TicketsUpTo(ring.ConsumerCursor());

                answered += ring.TakeVerdicts().size();
                violations += answered < tickets ? 1 : 0;
              }

              return answered > before;
            }),
            "packets are answered");
  }
  tap::is(violations, size_t{0}, "verdicts are published before the cursor that gives their packets back");
}

void PendingFromAnotherThread() {
  const Script script;
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);
  std::string laterDrop;

  for (int i = 1; i <= 30; ++i) {
    laterDrop += std::to_string(i) + "=later-drop ";
  }
  host.Load("script", script.Config("a", laterDrop));
  worker.Meet(host);
  worker.Serve(ring);
  worker.SetAsleep(true);

  for (uint16_t i = 1; i <= 30; ++i) {
    ring.WritePacket(i, i);
  }
  worker.Publish(ring);
  tap::ok(AwaitConsumed(ring) && ring.TakeVerdicts().empty(), "pending packets are given back at once, without a verdict");
  script.Go();

  const auto answers = AwaitVerdicts(ring, 30);
  bool asTold = true;

  for (size_t i = 0; i < answers.size(); ++i) {
    asTold = asTold && answers[i].ticket == i + 1 && answers[i].verdict == Verdict::Drop;
  }
  tap::ok(answers.size() == 30 && asTold, "verdicts from another thread reach the worker, in their order");
  tap::ok(worker.WasRung(), "a sleeping worker is woken for a late verdict");
}

void VerdictRingFull() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("drop-all");
  worker.Meet(host);
  worker.Serve(ring);

  // The verdict ring takes 10,922 of them. Packets without payload, so that the packet ring is not the limit for long.
  constexpr size_t Fits = FakeRing::RingSize / sizeof(Mph::Layout::VerdictRecord);
  constexpr size_t Packets = Fits + 3000;
  size_t written = 0;
  const auto writeAll = [&] {
    while (written < Packets && ring.WritePacket(written + 1, static_cast<uint16_t>(written), 7, 0)) {
      ++written;
    }
    worker.Publish(ring);
  };

  Require(Until([&] {
            writeAll();

            return CounterOf(host.AskStats(), worker.Pid(), "host.verdictRingFull") > 0;
          }),
          "the verdict ring becomes full");

  const auto cursor = ring.ConsumerCursor();

  tap::ok(ring.TicketsUpTo(cursor) <= Fits, "packets whose verdicts do not fit are not given back");
  tap::ok(ring.ConsumerCursor() == cursor, "reading stops while the verdict ring is full");

  std::set<uint64_t> tickets;
  size_t answers = 0;

  Require(Until([&] {
            writeAll();
            for (const auto& answer : ring.TakeVerdicts()) {
              tickets.insert(answer.ticket);
              ++answers;
            }

            return answers >= Packets;
          }),
          "reading goes on as soon as there is room");
  tap::ok(answers == Packets && tickets.size() == Packets, "a full verdict ring loses no verdict and repeats none");
}

void LateVerdictsWaitForRoom() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("pending", R"({"delayMs": 0})");
  worker.Meet(host);
  worker.Serve(ring);

  constexpr size_t Packets = FakeRing::RingSize / sizeof(Mph::Layout::VerdictRecord) + 2000;
  size_t written = 0;

  Require(Until([&] {
            while (written < Packets && ring.WritePacket(written + 1, static_cast<uint16_t>(written), 7, 0)) {
              ++written;
            }
            worker.Publish(ring);

            return written == Packets && ring.ConsumerCursor() == ring.Position();
          }),
          "pending packets need no room in the verdict ring");
  tap::is(AwaitVerdicts(ring, Packets).size(), Packets, "late verdicts wait for room in the verdict ring");
}

void OldTicketsAreSkipped() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("drop-all");
  worker.Meet(host);
  for (uint16_t i = 1; i <= 10; ++i) {
    ring.WritePacket(i, i);
  }
  ring.WritePacket(0, 11);
  ring.Publish();
  worker.Serve(ring, {.oldestLiveTicket = 8});

  const auto answers = AwaitVerdicts(ring, 3);

  tap::ok(AwaitConsumed(ring) && answers.size() == 3 && answers[0].ticket == 8 && answers[2].ticket == 10,
          "packets below the oldest live ticket are skipped");

  const auto stats = host.AskStats();

  tap::is(StatsOf(stats, worker.Pid())->packets(), uint64_t{4}, "the plugin gets the live ones and the observed one");
  tap::is(CounterOf(stats, worker.Pid(), "host.skipped"), uint64_t{7}, "skipped packets are counted");
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);

  VerdictsForABatch();
  ObservedPacketsGetNoVerdict();
  APluginWithoutPackets();
  VerdictBeforeCursor();
  PendingFromAnotherThread();
  VerdictRingFull();
  LateVerdictsWaitForRoom();
  OldTicketsAreSkipped();

  return tap::done();
}
