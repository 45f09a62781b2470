// A plugin's state on its way from one host to the next: handed to the app by the host that serves, and to the plugin before it serves. The
// real binary between a fake app and fake workers.

#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "Journal.hpp"
#include "Wait.hpp"

#include <csignal>
#include <string>

#include "tap.hpp"

using namespace mph::test;

namespace {

void OnePacket(FakeWorker& worker, FakeRing& ring, uint64_t ticket = 1) {
  ring.WritePacket(ticket, 1);
  worker.Publish(ring);
  AwaitVerdicts(ring, 1);
}

void ASnapshotReachesTheApp() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("snapshots", R"({"bytes": 1048576})");
  worker.Meet(host);
  worker.Serve(ring);
  OnePacket(worker, ring);

  const auto frame = host.AwaitUnasked();
  const auto* snapshot = frame.envelope->body_as_Snapshot();

  tap::ok(snapshot != nullptr && snapshot->workerPid() == worker.Pid() && snapshot->shard() == 0 && snapshot->bytes()->size() == 1048576 &&
              snapshot->bytes()->Get(1048575) == 's',
          "a snapshot of 1 MiB reaches the app, with the worker that it is of");

  uint64_t ticket = 1;

  // It may be here before the host has let go of it.
  tap::ok(Until([&] {
            OnePacket(worker, ring, ++ticket);

            return CounterOf(host.AskStats(), worker.Pid(), "ok") == 2;
          }) && host.AwaitUnasked().envelope->body_as_Snapshot() != nullptr,
          "when it is sent there can be another one");
}

void SnapshotsThatAreNotTaken() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  // More than a socket buffers, while the app does not read.
  host.Load("snapshots", R"({"bytes": 1048576, "times": 5})");
  worker.Meet(host);
  worker.Serve(ring);
  for (uint64_t i = 1; i <= 10; ++i) {
    OnePacket(worker, ring, i);
  }

  const auto stats = host.AskStats();
  const auto taken = CounterOf(stats, worker.Pid(), "ok");
  const auto full = CounterOf(stats, worker.Pid(), "full");

  tap::ok(taken >= 1 && taken + full == 50 && full >= 30, "while one is on its way there is no room for another");

  HostUnderTest second;
  FakeWorker secondWorker(100002);
  FakeRing secondRing(0);

  second.Load("snapshots", R"({"bytes": 1048577})");
  secondWorker.Meet(second);
  secondWorker.Serve(secondRing);
  OnePacket(secondWorker, secondRing);
  tap::is(CounterOf(second.AskStats(), secondWorker.Pid(), "invalid"), uint64_t{1}, "a snapshot of more than 1 MiB is refused");
}

void OnlyWhoServesIsHeard() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  const auto counted = [&](const char* name) { return CounterOf(host.AskStats(), worker.Pid(), name); };

  host.Load("snapshots", R"({"onTick": 1})");
  worker.Meet(host);
  worker.OfferAndAwaitReady(ring);

  const auto before = counted("unknown");

  tap::ok(Until([&] { return counted("unknown") > before; }) && counted("ok") == 0, "a host that is warm has no say in what comes after");
  worker.Start(ring);
  tap::ok(Until([&] { return counted("ok") > 0; }), "one that serves has");
  worker.Stop(ring.Number());
  worker.AwaitStopped(ring);

  const auto taken = counted("ok");
  const auto refused = counted("unknown");

  tap::ok(Until([&] { return counted("unknown") > refused; }) && counted("ok") == taken, "and not any more when it was stopped");
}

void StoredSnapshotsAreRestored() {
  const Journal journal;
  HostUnderTest host;
  FakeWorker first(100001);
  FakeWorker second(100002);
  FakeRing ring(0);
  FakeRing another(1, "router-2");
  FakeRing secondRing(0, "router-3");

  host.Load("journal", journal.Config());
  tap::ok(host.StoreSnapshot(first.Pid(), "too early to be true").envelope->body_as_Ok() != nullptr, "StoreSnapshot is answered by Ok");
  first.Meet(host);
  host.StoreSnapshot(second.Pid(), "of the second");
  host.StoreSnapshot(first.Pid(), "of the first");
  first.OfferAndAwaitReady(ring);
  first.OfferAndAwaitReady(another);
  tap::is(journal.Text(), std::string(), "a plugin that is warm is not restored");
  first.Start(ring);
  first.Start(another);
  journal.AwaitText("restored of the first\nrouter-opened router-1\nrouter-opened router-2\n",
                    "the last snapshot is handed over once, before anything else");
  host.StoreSnapshot(first.Pid(), "too late");
  first.Stop(ring.Number());
  first.AwaitStopped(ring);
  first.Start(ring);
  OnePacket(first, ring);

  second.Meet(host);
  second.Serve(secondRing);
  journal.AwaitText(
      "restored of the first\nrouter-opened router-1\nrouter-opened router-2\n"
      "packet router 1 producer 7 seq 1\n"
      "restored of the second\nrouter-opened router-3\n",
      "each worker's instance gets its own, and none after its first start");

  const auto tooLong = host.StoreSnapshot(second.Pid(), std::string(1048577, 's'));

  tap::ok(tooLong.envelope->body_as_Failure() != nullptr &&
              ToString(tooLong.envelope->body_as_Failure()->message()).find("a snapshot of 1048577 bytes") != std::string::npos,
          "what is no snapshot is not stored");
}

void WithoutOnRestore() {
  for (const auto* plugin : {"old-descriptor", "accept-all"}) {
    HostUnderTest host;
    FakeWorker worker(100001);
    FakeRing ring(0);

    host.Load(plugin);
    host.StoreSnapshot(worker.Pid(), "something");
    worker.Meet(host);
    worker.Serve(ring);
    OnePacket(worker, ring);
    tap::ok(!worker.IsAbandoned(), std::string(plugin) + ": a plugin without on_restore starts afresh");
  }
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);

  ASnapshotReachesTheApp();
  SnapshotsThatAreNotTaken();
  OnlyWhoServesIsHeard();
  StoredSnapshotsAreRestored();
  WithoutOnRestore();

  return tap::done();
}
