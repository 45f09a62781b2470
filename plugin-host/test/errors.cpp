// Plugins that say that they failed: what the worker is told, and who else gets to see the packet. The real binary between a fake app and a
// fake worker.

#include "Events.hpp"
#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "Script.hpp"
#include "Wait.hpp"

#include <csignal>
#include <cstdint>
#include <map>
#include <string>

#include "tap.hpp"

using namespace mph::test;
using Mph::Control::Mode;
using Mph::Control::Policy;
using Mph::Layout::Verdict;

namespace {

// All three members of the run.
constexpr FakeRing::To ToAll{22, 7};

// By ticket: verdict, decider and mask of errors.
std::string AwaitTold(FakeRing& ring, size_t count) {
  std::map<uint64_t, std::string> told;
  std::string text;

  for (const auto& record : AwaitRecords(ring, count)) {
    const auto verdict = VerdictOf(record);

    told[verdict.ticket()] = std::string(Mph::Layout::EnumNameVerdict(verdict.verdict())) + " " + std::to_string(verdict.decider()) + " " +
                             std::to_string(verdict.errors());
  }
  for (const auto& [ticket, line] : told) {
    text += (text.empty() ? "" : ", ") + line;
  }

  return text;
}

// Plugins a, b and c are members 0, 1 and 2 of run 22; `first` is a's policy, b is let pass.
struct Group {
  Group(Policy first, const std::string& a, const std::string& b, const std::string& c, Mode firstMode = Mode::Filter) {
    host.LoadMember("plugin-a", "script", script.Config("a", a));
    host.LoadMember("plugin-b", "script", script.Config("b", b));
    host.LoadMember("plugin-c", "script", script.Config("c", c));
    worker.Meet(host);
    worker.Serve(ring, {.state = {MemberAttached(11, "plugin-a", firstMode, first), MemberAttached(12, "plugin-b"),
                                  MemberAttached(13, "plugin-c"), RunAdded(22, {11, 12, 13})}});
  }

  void Write(uint64_t count) {
    for (uint64_t ticket = 1; ticket <= count; ++ticket) {
      ring.WritePacket(ticket, static_cast<uint16_t>(ticket), 7, 100, ToAll);
    }
    worker.Publish(ring);
  }

  bool HasSeen(const char* plugin, uint64_t ticket) const {
    return script.Text().find(std::string(plugin) + " packet " + std::to_string(ticket) + " ") != std::string::npos;
  }

  uint64_t ErrorsOf(const std::string& pluginId) {
    const auto stats = host.AskStats();

    for (const auto* instance : *stats.envelope->body_as_HostStats()->instances()) {
      if (ToString(instance->pluginId()) != pluginId) {
        continue;
      }
      for (const auto* counter : *instance->counters()) {
        if (ToString(counter->name()) == "host.errors") {
          return counter->value();
        }
      }
    }

    return UINT64_MAX;
  }

  const Script script;
  HostUnderTest host;
  FakeWorker worker{100001};
  FakeRing ring{0};
};

void Alone() {
  const Script script;
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("script", script.Config("a", "1=error 2=error 3=later-error 1005=error"));
  worker.Meet(host);
  worker.Serve(ring);
  ring.WritePacket(1, 1);
  ring.WriteData(2, 51, "text");
  ring.WritePacket(3, 3);
  ring.WritePacket(4, 4);
  ring.WritePacket(0, 5);
  worker.Publish(ring);
  Require(AwaitConsumed(ring), "all is read");
  script.Go();

  tap::is(AwaitTold(ring, 4), std::string("Error 0 0, Error 0 0, Error 0 0, Accept 0 0"),
          "that it failed is said of a packet and of a message, at once and later");
  tap::is(CounterOf(host.AskStats(), worker.Pid(), "host.errors"), uint64_t{4}, "each is counted, that of an observed packet, too");
}

void OthersGoOn() {
  Group group(Policy::Accept, "1=error 2=error 3=error 4=error 5=error 6=replace:new", "2=drop 3=take 4=replace:new 5=error 6=error", "5=error");

  group.Write(7);

  tap::is(AwaitTold(group.ring, 7), std::string("Accept 0 1, Drop 1 1, Take 1 1, Replace 1 1, Accept 0 7, Replace 0 2, Accept 0 0"),
          "a policy that accepts lets the members behind decide, and the mask names who failed");
  tap::ok(group.HasSeen("b", 1) && group.HasSeen("c", 1) && group.HasSeen("c", 5), "they see the packet");
  tap::is(group.ErrorsOf("plugin-a"), uint64_t{5}, "errors are counted for the plugin that made them");
  tap::is(group.ErrorsOf("plugin-c"), uint64_t{1}, "and for no other");

  group.ring.WritePacket(8, 8, 7, 100, ToAll);
  group.worker.Publish(group.ring);
  tap::is(AwaitTold(group.ring, 1), std::string("Accept 0 0"), "the next batch knows nothing of them");
}

void RunEnds() {
  Group group(Policy::Drop, "1=error 3=later-error", "2=error", "2=drop");

  group.Write(4);
  Require(AwaitConsumed(group.ring), "all is read");
  group.script.Go();

  tap::is(AwaitTold(group.ring, 4), std::string("Error 0 0, Drop 2 2, Error 0 0, Accept 0 0"),
          "a policy that drops ends the run, at once and later");
  tap::ok(!group.HasSeen("b", 1) && !group.HasSeen("c", 1) && !group.HasSeen("b", 3), "nobody behind sees what it failed at");
  tap::ok(group.HasSeen("b", 2) && group.HasSeen("c", 2) && group.HasSeen("c", 4), "and everybody what it did not");
}

void LaterInTheMiddle() {
  Group group(Policy::Accept, "1=error", "1=later-error 2=later-error", "2=drop");

  group.Write(2);
  Require(AwaitConsumed(group.ring), "all is read");
  tap::ok(!group.HasSeen("c", 1), "a member that is not sure stops the packet there");
  group.script.Go();

  tap::is(AwaitTold(group.ring, 2), std::string("Accept 0 3, Drop 2 2"), "errors from before and from later stand in one mask");
}

void ObserversHaveNoSay() {
  Group group(Policy::Drop, "1=error", "", "", Mode::Observe);

  group.Write(1);
  tap::is(AwaitTold(group.ring, 1), std::string("Accept 0 0"), "an observer that fails changes nothing");
  tap::ok(group.HasSeen("b", 1), "and the others see the packet");
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);

  Alone();
  OthersGoOn();
  RunEnds();
  LaterInTheMiddle();
  ObserversHaveNoSay();

  return tap::done();
}
