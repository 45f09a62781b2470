// What a host of several plugins leaves behind when one of them dies, and what it hands on for each of them: care, what was in hand, snapshots, logs.
// The real binary between a fake app and a fake worker.

#include "Events.hpp"
#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "Journal.hpp"
#include "Script.hpp"
#include "Wait.hpp"

#include <csignal>
#include <cstdint>
#include <map>
#include <string>

#include "tap.hpp"

using namespace mph::test;

namespace {

constexpr FakeRing::To ToBoth{20, 3};

// Attachments 11 and 12 of plugins a and b, next to one another: run 20.
const FakeWorker::State Both{MemberAttached(11, "plugin-a"), MemberAttached(12, "plugin-b"), RunAdded(20, {11, 12})};

void Write(FakeRing& ring, uint64_t ticket) { ring.WritePacket(ticket, static_cast<uint16_t>(ticket), 7, 100, ToBoth); }

void Load(HostUnderTest& host, const std::string& first, const std::string& firstConfig, const std::string& second,
          const std::string& secondConfig) {
  host.LoadMember("plugin-a", first, firstConfig);
  host.LoadMember("plugin-b", second, secondConfig);
}

void OneByOneThroughAllMembers() {
  const Script script;
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  Load(host, "script", script.Config("a", ""), "script", script.Config("b", ""));
  worker.Meet(host);
  Write(ring, 1);
  Write(ring, 2);

  const auto carefulUntil = ring.Position();

  Write(ring, 3);
  Write(ring, 4);
  ring.Publish();
  worker.Serve(ring, {.carefulUntil = carefulUntil, .state = Both});
  AwaitVerdicts(ring, 4);

  const auto packet = [](const char* name, int number, int attachment) {
    return std::string(name) + " packet " + std::to_string(number) + " by " + std::to_string(attachment) + " ticket " + std::to_string(number) +
           " ''\n";
  };

  script.AwaitText("a event 1 0\nb event 1 0\na event 7 11\nb event 7 12\n" + packet("a", 1, 11) + packet("b", 1, 12) + packet("a", 2, 11) +
                       packet("b", 2, 12) + packet("a", 3, 11) + packet("a", 4, 11) + packet("b", 3, 12) + packet("b", 4, 12),
                   "what is to be read with care goes through all members before the next one is read");
}

void ADeathInTheGroup() {
  const Script script;
  FakeWorker worker(100001);
  FakeRing ring(0);

  {
    HostUnderTest host;

    Load(host, "script", script.Config("a", ""), "crash-on-nth", R"({"packet": 2})");
    worker.Meet(host);
    Write(ring, 1);
    Write(ring, 2);

    const auto second = ring.LastPosition();

    Write(ring, 3);
    ring.Publish();
    worker.Serve(ring, {.carefulUntil = ring.Position(), .state = Both});
    tap::ok(WasKilledBy(host.WaitForExit(), SIGABRT), "a member that dies takes the group's host with it");
    tap::ok(ring.IsMarkedCrashed() && ring.InHand() == second, "the record that a later member had in hand is named");
    tap::is(ring.ConsumerCursor(), second, "it was not given back");
    tap::is(ring.TakeVerdicts().size(), size_t{1}, "and nothing was said about it");

    const auto text = script.Text();

    tap::ok(text.find("a packet 2 ") != std::string::npos && text.find("a packet 3 ") == std::string::npos,
            "the members before it have seen it, and nothing behind it");
  }

  const Script next;
  HostUnderTest host;

  // As it is once it was found to be poison.
  ring.BeginEpoch();
  Load(host, "script", next.Config("a", ""), "script", next.Config("b", "2=drop"));
  worker.Meet(host);
  worker.Serve(ring, {.carefulUntil = ring.Position(), .state = Both});

  const auto answers = AwaitVerdicts(ring, 2);

  tap::ok(answers[0].ticket == 2 && answers[0].verdict == Mph::Layout::Verdict::Drop && answers[1].ticket == 3,
          "the next host takes it through all members anew");
}

void ADeathOfWhatGoesOn() {
  const Script script;
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  Load(host, "script", script.Config("a", "2=later-accept"), "crash-on-nth", R"({"packet": 3})");
  worker.Meet(host);
  worker.Serve(ring, {.state = Both});
  Write(ring, 1);
  Write(ring, 2);

  const auto pending = ring.LastPosition();

  Write(ring, 3);
  worker.Publish(ring);
  AwaitVerdicts(ring, 2);
  Require(AwaitConsumed(ring) && ring.NowServing() == 0, "all is given back, and nothing is in hand");
  script.Go();
  tap::ok(WasKilledBy(host.WaitForExit(), SIGABRT), "a member dies of a packet that another one had kept");
  tap::ok(ring.IsMarkedCrashed() && ring.InHand() == pending, "that one is named, though it was given back before");
  tap::ok(ring.TakeVerdicts().empty(), "nothing was said about it");
}

void SnapshotsOfEach() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);
  std::map<std::string, size_t> lengths;

  Load(host, "snapshots", R"({"bytes": 4})", "snapshots", R"({"bytes": 8})");
  worker.Meet(host);
  worker.Serve(ring, {.state = Both});
  Write(ring, 1);
  worker.Publish(ring);
  for (int i = 0; i < 2; ++i) {
    const auto frame = host.AwaitUnasked();
    const auto* const snapshot = frame.envelope->body_as_Snapshot();

    Require(snapshot != nullptr && snapshot->workerPid() == worker.Pid(), "snapshots come");
    lengths[mph::host::ToString(snapshot->pluginId())] = snapshot->bytes()->size();
  }
  tap::ok(lengths == std::map<std::string, size_t>{{"plugin-a", 4}, {"plugin-b", 8}}, "a snapshot says which plugin's it is");
}

void StoredForEach() {
  const Journal first;
  const Journal second;
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  Load(host, "journal", first.Config(), "journal", second.Config());
  host.StoreSnapshot(worker.Pid(), "of a", "plugin-a");
  host.StoreSnapshot(worker.Pid(), "of b", "plugin-b");
  host.StoreSnapshot(worker.Pid(), "of nobody");
  worker.Meet(host);
  worker.Serve(ring);
  first.AwaitText("restored of a\nrouter-opened router-1\n", "each plugin is restored");
  second.AwaitText("restored of b\nrouter-opened router-1\n", "from its own snapshot");
}

void ForgottenWithThePlugin() {
  const Journal first;
  const Journal second;
  const Journal again;
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  Load(host, "journal", first.Config(), "journal", second.Config());
  host.StoreSnapshot(worker.Pid(), "of a", "plugin-a");
  host.StoreSnapshot(worker.Pid(), "of b", "plugin-b");
  Require(host.Unload("plugin-a").envelope->body_as_Ok() != nullptr, "a plugin is unloaded");
  host.LoadMember("plugin-a", "journal", again.Config());
  worker.Meet(host);
  worker.Serve(ring);
  again.AwaitText("router-opened router-1\n", "a plugin that is loaded anew does not get what was stored before");
  second.AwaitText("restored of b\nrouter-opened router-1\n", "the others do");
}

void LogsOfEach() {
  HostUnderTest host;

  for (const auto* plugin : {"plugin-a", "plugin-b"}) {
    host.LoadMember(plugin, "talker", R"({"messages": 1})");

    const auto frame = host.AwaitUnasked();
    const auto* const log = frame.envelope->body_as_Log();

    tap::is(log == nullptr ? std::string() : mph::host::ToString(log->pluginId()), std::string(plugin), "a log says which plugin's it is");
  }
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);

  OneByOneThroughAllMembers();
  ADeathInTheGroup();
  ADeathOfWhatGoesOn();
  SnapshotsOfEach();
  StoredForEach();
  ForgottenWithThePlugin();
  LogsOfEach();

  return tap::done();
}
