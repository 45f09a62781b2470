// Hosts that take over from one another, as one of them sees it: rings that are warm, started, stopped and started again. The real binary
// between a fake app and fake workers.
//
// Negative controls (`node tools/build-native.ts --define …`), and what goes red with each:
//   MPH_SABOTAGE_CURSOR_BEFORE_VERDICTS  host-verdicts: "packets whose verdicts do not fit are not given back"
//   MPH_SABOTAGE_IGNORE_OLDEST_TICKET    host-verdicts: "packets below the oldest live ticket are skipped"
//   MPH_SABOTAGE_IGNORE_CAREFUL          host-crashes: "what is to be read with care is in hand alone"
//   MPH_SABOTAGE_NO_NOW_SERVING          host-crashes: "NowServing tells which packet the plugin had in hand"
//   MPH_SABOTAGE_KEEP_SOCKET_ON_CRASH    host-crashes: "… the socket is shut down although a child has it open"

#include "Events.hpp"
#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "Journal.hpp"
#include "Script.hpp"
#include "ServedRing.hpp"
#include "Wait.hpp"

#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "tap.hpp"

using namespace mph::test;
using Mph::Control::EventType;
using Mph::Layout::RecordType;

namespace {

constexpr uint64_t NsPerMs = 1'000'000;

// The host has followed all that was said to it before, and slept since.
void AwaitQuiet(FakeWorker& worker, FakeRing& probe) {
  static uint64_t ticket = 1'000'000;

  probe.WritePacket(++ticket, 1, 99);
  worker.Publish(probe);
  AwaitVerdicts(probe, 1);
  Require(Until([&] { return worker.HostSleeps(); }), "an idle host sleeps");
}

void WarmUntilStarted() {
  const Journal journal;
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);
  FakeRing probe(1, "probe");

  host.Load("journal", journal.Config());
  worker.Meet(host);
  ring.WritePacket(1, 1);
  ring.WritePacket(2, 2);
  ring.Publish();
  worker.OfferAndAwaitReady(ring);
  worker.Publish(ring);
  worker.Serve(probe);
  AwaitQuiet(worker, probe);

  const std::string before = "router-opened probe\npacket router 2 producer 99 seq 1\n";

  tap::is(journal.Text(), before, "nothing of a ring that is warm reaches the plugin");
  tap::ok(ring.ConsumerCursor() == 0 && ring.TakeVerdicts().empty(), "nothing is written to a ring that is warm");

  // From the second packet on: another host has had the first.
  worker.Start(ring.Number(), ring.LastPosition(), {.state = {ProducerCreated(7, "p7")}});

  const auto answers = AwaitVerdicts(ring, 1);

  journal.AwaitText(before +
                        "router-opened router-1\n"
                        "producer-created router-1 producer 7 p7 audio/opus 48000 ssrcs 11 22\n"
                        "packet router 1 producer 7 seq 2\n",
                    "a ring that is started is read from where it says, after its state");
  tap::ok(answers.size() == 1 && answers[0].ticket == 2 && AwaitConsumed(ring) && ring.TakeVerdicts().empty(),
          "what was published before the start is answered without another word");
}

void TheCursorIsWrittenAtTheStart() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("accept-all");
  worker.Meet(host);
  ring.WritePacket(1, 1);
  ring.Publish();
  worker.OfferAndAwaitReady(ring);
  worker.Start(ring.Number(), ring.Position(), {});
  tap::ok(AwaitConsumed(ring), "the cursor says where the ring was started, before anything is read");
}

void StartedStoppedStartedAgain() {
  const Journal journal;
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);
  FakeRing probe(1, "probe");

  host.Load("journal", journal.Config());
  worker.Meet(host);
  worker.Serve(ring, {.state = {AttachmentAdded(1, "a1"), ProducerCreated(7, "p7"), ProducerCreated(8, "p8"), ProducerCreated(9, "p9")}});
  ring.WritePacket(1, 1);
  worker.Publish(ring);
  AwaitVerdicts(ring, 1);
  Require(AwaitConsumed(ring), "the packet is given back");

  const auto stoppedAt = ring.Position();

  worker.Stop(ring.Number());
  worker.AwaitStopped(ring);

  const auto before = journal.Text();

  // Another host serves these meanwhile.
  ring.WritePacket(2, 2);
  ring.WriteEvent(OfProducer(EventType::ProducerClosed, 8));
  worker.Publish(ring);
  worker.Serve(probe);
  AwaitQuiet(worker, probe);

  const std::string meanwhile = "router-opened probe\npacket router 2 producer 99 seq 1\n";

  tap::is(journal.Text(), before + meanwhile, "nothing of a ring that was stopped reaches the plugin, which hears no end of it either");
  tap::ok(ring.ConsumerCursor() == stoppedAt && ring.TakeVerdicts().empty(), "nothing is written to a ring that was stopped");

  const auto again = ring.Position();

  ring.WritePacket(3, 3);
  worker.Start(ring.Number(), again,
               {.state = {AttachmentAdded(2, "a2"), ProducerCreated(7, "p7"), ProducerCreated(9, "p9", true), ProducerCreated(10, "p10")}});
  worker.Publish(ring);
  tap::is(AwaitVerdicts(ring, 1)[0].ticket, uint64_t{3}, "a ring can be started again, and its verdict ring goes on");
  journal.AwaitText(before + meanwhile +
                        "producer-closed router-1 producer 8 p8\n"
                        "attachment-removed router-1 attachment 1 a1 -\n"
                        "attachment-added router-1 attachment 2 a2 {}\n"
                        "producer-paused router-1 producer 9 p9\n"
                        "producer-created router-1 producer 10 p10 audio/opus 48000 ssrcs 11 22\n"
                        "packet router 1 producer 7 seq 3\n",
                    "a plugin that knows the router hears what has changed");

  worker.Stop(ring.Number());
  worker.AwaitStopped(ring);
  ring.WritePacket(0, 4);
  worker.Publish(ring);

  const auto stopped = journal.Text();

  worker.Withdraw(ring);
  journal.AwaitText(stopped +
                        "producer-closed router-1 producer 7 p7\n"
                        "producer-closed router-1 producer 9 p9\n"
                        "producer-closed router-1 producer 10 p10\n"
                        "attachment-removed router-1 attachment 2 a2 -\n"
                        "router-closed router-1\n",
                    "a stopped ring that is withdrawn is closed for the plugin, and what is left in it is somebody else's");
}

void AStopWaitsForPendingVerdicts() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("pending", R"({"delayMs": 40, "drop": 1})");
  worker.Meet(host);
  worker.Serve(ring);
  for (uint16_t i = 1; i <= 10; ++i) {
    ring.WritePacket(i, i);
  }
  worker.Publish(ring);
  Require(AwaitConsumed(ring), "pending packets are given back");
  worker.Stop(ring.Number());
  worker.AwaitStopped(ring);
  tap::is(ring.TakeVerdicts().size(), size_t{10}, "a ring is stopped when all that was pending is answered");
}

void AStopDoesNotWaitForEver() {
  const Script script;
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);
  FakeRing other(1, "router-2");

  host.Load("script", script.Config("a", "1=later-accept 2=later-accept 3=later-accept"));
  worker.Meet(host);
  worker.Serve(ring);
  worker.Serve(other);
  ring.WritePacket(1, 1);
  worker.Publish(ring);
  Require(AwaitConsumed(ring), "the pending packet is given back");

  other.WritePacket(2, 2);

  const auto beganNs = mph::host::MonotonicNs();

  worker.Stop(ring.Number());
  worker.Publish(other);
  Require(Until([&] { return worker.HasNews(); }), "the host says something");
  // Looked at first: the host has stopped the ring behind that.
  tap::ok(other.ConsumerCursor() == other.Position(), "other rings are served while one waits for its verdicts");
  worker.AwaitStopped(ring);
  tap::ok(mph::host::MonotonicNs() - beganNs >= mph::host::ServedRing::StopPatienceNs && ring.TakeVerdicts().empty(),
          "a ring is stopped without the verdicts that do not come in time");
  script.Go();
  // Asked later, so it comes later.
  AwaitVerdicts(other, 1);
  tap::ok(ring.TakeVerdicts().empty(), "a verdict that comes later still is kept from the ring");

  const auto at = ring.Position();

  ring.WritePacket(3, 3);
  worker.Start(ring.Number(), at, {});
  worker.Publish(ring);
  tap::is(AwaitVerdicts(ring, 1)[0].ticket, uint64_t{3}, "after the next start late verdicts count again");
}

void AStopWithAFullVerdictRing() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("drop-all");
  worker.Meet(host);
  worker.Serve(ring);

  constexpr size_t Packets = FakeRing::RingSize / sizeof(Mph::Layout::VerdictRecord) + 1000;
  size_t written = 0;

  Require(Until([&] {
            while (written < Packets && ring.WritePacket(written + 1, static_cast<uint16_t>(written), 7, 0)) {
              ++written;
            }
            worker.Publish(ring);

            return CounterOf(host.AskStats(), worker.Pid(), "host.verdictRingFull") > 0;
          }),
          "the verdict ring becomes full");
  worker.Stop(ring.Number());
  worker.AwaitStopped(ring);

  const auto cursor = ring.ConsumerCursor();
  const auto answers = ring.TakeVerdicts().size();

  tap::ok(answers >= ring.TicketsUpTo(cursor) && cursor < ring.Position() && ring.NowServing() == 0,
          "a stop leaves what has found no room to the next host");

  FakeRing probe(1, "probe");

  worker.Publish(ring);
  worker.Serve(probe);
  AwaitQuiet(worker, probe);
  tap::ok(ring.ConsumerCursor() == cursor && ring.TakeVerdicts().empty(), "and when there is room, it is not this one that uses it");
}

void LateVerdictsThatFoundNoRoom() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("pending", R"({"delayMs": 0})");
  worker.Meet(host);
  worker.Serve(ring);

  constexpr size_t Fits = FakeRing::RingSize / sizeof(Mph::Layout::VerdictRecord);
  constexpr size_t Packets = Fits + 1000;
  size_t written = 0;

  Require(Until([&] {
            while (written < Packets && ring.WritePacket(written + 1, static_cast<uint16_t>(written), 7, 0)) {
              ++written;
            }
            worker.Publish(ring);

            const auto stats = host.AskStats();

            return written == Packets && StatsOf(stats, worker.Pid())->verdicts() >= Fits;
          }),
          "the verdict ring becomes full");
  worker.Stop(ring.Number());
  worker.AwaitStopped(ring);
  Require(ring.TakeVerdicts().size() == Fits, "the verdict ring had no room for the others");

  FakeRing probe(1, "probe");

  worker.Serve(probe);
  AwaitQuiet(worker, probe);
  tap::ok(ring.TakeVerdicts().empty(), "late verdicts that have found no room until the stop are kept from the ring");
}

void LeavingWaitsForPendingVerdicts() {
  for (const bool disconnects : {true, false}) {
    HostUnderTest host;
    FakeWorker worker(100001);
    FakeRing ring(0);

    host.Load("pending", R"({"delayMs": 40})");
    worker.Meet(host);
    worker.Serve(ring);
    for (uint16_t i = 1; i <= 10; ++i) {
      ring.WritePacket(i, i);
    }
    worker.Publish(ring);
    Require(AwaitConsumed(ring), "pending packets are given back");
    if (disconnects) {
      host.Disconnect(worker.Pid());
    } else {
      host.Shutdown();
      host.WaitForExit();
    }
    tap::is(ring.TakeVerdicts().size(), size_t{10},
            std::string("what was pending is answered before the host ") + (disconnects ? "disconnects" : "exits"));
    tap::ok(worker.IsAbandoned(), "the worker is told nothing else than by the end of the connection");
  }

  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("pending", R"({"delayMs": 3600000})");
  worker.Meet(host);
  worker.Serve(ring);
  ring.WritePacket(1, 1);
  worker.Publish(ring);
  Require(AwaitConsumed(ring), "the pending packet is given back");
  host.Shutdown();
  tap::is(host.WaitForExit(), 0, "a host does not wait for verdicts that do not come");
}

void WhatAWorkerMayNotSay() {
  struct Case {
    const char* part;
    std::function<void(FakeWorker&, FakeRing&)> say;
  };

  const std::vector<Case> cases{
      {"started ring 5, which is none that it has offered", [](FakeWorker& worker, FakeRing&) { worker.Start(5, 0, {}); }},
      {"started ring 0, which is served already",
       [](FakeWorker& worker, FakeRing& ring) {
         worker.Start(ring);
         worker.Start(ring);
       }},
      {"stopped ring 5, which this host does not serve", [](FakeWorker& worker, FakeRing&) { worker.Stop(5); }},
      {"stopped ring 0, which this host does not serve", [](FakeWorker& worker, FakeRing& ring) { worker.Stop(ring.Number()); }},
      {"is to be read from position 1048576", [](FakeWorker& worker, FakeRing& ring) { worker.Start(ring.Number(), 1048576, {}); }},
      {"is to be read from position 4", [](FakeWorker& worker, FakeRing& ring) { worker.Start(ring.Number(), 4, {}); }},
  };

  for (const auto& [part, say] : cases) {
    HostUnderTest host;
    FakeWorker worker(100001);
    FakeRing ring(0);

    host.Load("accept-all");
    worker.Meet(host);
    ring.WritePacket(1, 1);
    ring.Publish();
    worker.OfferAndAwaitReady(ring);
    say(worker, ring);

    const auto frame = host.AwaitUnasked();
    const auto* lost = frame.envelope->body_as_WorkerLost();
    const auto message = lost == nullptr ? std::string() : ToString(lost->message());

    if (!tap::ok(message.find(part) != std::string::npos, std::string("a worker is refused that has ") + part)) {
      tap::comment(message);
    }
  }
}

void SkippedRecordsAreReadOver() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("drop-all");
  worker.Meet(host);
  ring.WritePacket(1, 1);
  ring.WriteOther(RecordType::Skipped);
  ring.WritePacket(2, 2);
  ring.WriteOther(static_cast<RecordType>(77));
  ring.WritePacket(3, 3);
  ring.Publish();
  worker.Serve(ring);

  const auto answers = AwaitVerdicts(ring, 3);
  const auto stats = host.AskStats();

  tap::ok(AwaitConsumed(ring) && answers.size() == 3 && answers[2].ticket == 3 && StatsOf(stats, worker.Pid())->packets() == 3,
          "records that are skipped, or of a type that is not known, are read over");
}

void CarefulBatches() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("accept-all");
  worker.Meet(host);
  for (uint16_t i = 1; i <= 20; ++i) {
    ring.WritePacket(i, i);
  }

  const auto carefulUntil = ring.Position();

  for (uint16_t i = 21; i <= 40; ++i) {
    ring.WritePacket(i, i);
  }
  ring.Publish();
  worker.Serve(ring, {.carefulUntil = carefulUntil});
  tap::is(AwaitVerdicts(ring, 40).size(), size_t{40}, "what is to be read with care is answered");

  const auto stats = host.AskStats();

  tap::is(StatsOf(stats, worker.Pid())->batches(), uint64_t{21}, "care ends where the worker says");
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);

  WarmUntilStarted();
  TheCursorIsWrittenAtTheStart();
  StartedStoppedStartedAgain();
  AStopWaitsForPendingVerdicts();
  AStopDoesNotWaitForEver();
  AStopWithAFullVerdictRing();
  LateVerdictsThatFoundNoRoom();
  LeavingWaitsForPendingVerdicts();
  WhatAWorkerMayNotSay();
  SkippedRecordsAreReadOver();
  CarefulBatches();

  return tap::done();
}
