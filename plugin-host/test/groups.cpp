// Several plugins in one host: a record goes from one to the next, in the order of its run. The real binary between a fake app and a fake worker.

#include "Events.hpp"
#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "Script.hpp"
#include "Wait.hpp"

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "tap.hpp"

using namespace mph::test;
using Mph::Control::ErrorCode;
using Mph::Control::Mode;
using Mph::Layout::Verdict;

namespace {

constexpr FakeRing::To ToBoth{20, 3};

// Plugins a, b and c; attachments 11, 12 and 13; run 20 is a and b, run 21 is b and c, run 22 is all of them.
struct Group {
  Group(const std::string& first, const std::string& second, const std::string& third = "", Mode secondMode = Mode::Filter) {
    host.LoadMember("plugin-a", "script", script.Config("a", first));
    host.LoadMember("plugin-b", "script", script.Config("b", second));
    host.LoadMember("plugin-c", "script", script.Config("c", third));
    worker.Meet(host);
    worker.Serve(ring, {.state = {MemberAttached(11, "plugin-a"), MemberAttached(12, "plugin-b", secondMode), MemberAttached(13, "plugin-c"),
                                  RunAdded(20, {11, 12}), RunAdded(21, {12, 13}), RunAdded(22, {11, 12, 13})}});
  }

  std::string Opened() const { return "a event 1 0\nb event 1 0\nc event 1 0\na event 7 11\nb event 7 12\nc event 7 13\n"; }

  void Write(uint64_t ticket, FakeRing::To to) { ring.WritePacket(ticket, static_cast<uint16_t>(ticket), 7, 100, to); }

  const Script script;
  HostUnderTest host;
  FakeWorker worker{100001};
  FakeRing ring{0};
};

void MembersInTurn() {
  Group group("2=drop 3=take", "4=drop");

  group.Write(1, ToBoth);
  group.Write(2, ToBoth);
  group.Write(3, ToBoth);
  group.Write(4, ToBoth);
  group.Write(6, {20, 2});
  group.worker.Publish(group.ring);

  const auto records = AwaitRecords(group.ring, 5);
  std::vector<std::string> verdicts;

  for (const auto& record : records) {
    const auto verdict = VerdictOf(record);

    verdicts.push_back(std::to_string(verdict.ticket()) + ":" + std::to_string(static_cast<int>(verdict.verdict())) + ":" +
                       std::to_string(verdict.decider()));
  }
  tap::ok(verdicts == std::vector<std::string>{"1:1:0", "2:2:0", "3:3:0", "4:2:1", "6:1:0"},
          "the verdict is the run's, and names the member that decided");
  group.script.AwaitText(group.Opened() +
                             "a packet 1 by 11 ticket 1 ''\na packet 2 by 11 ticket 2 ''\na packet 3 by 11 ticket 3 ''\na packet 4 by 11 ticket 4 ''\n"
                             "b packet 1 by 12 ticket 1 ''\nb packet 4 by 12 ticket 4 ''\nb packet 6 by 12 ticket 6 ''\n",
                         "each member gets the batch in turn, without what a member before it has ended or what is not meant for it");

  const auto stats = group.host.AskStats();
  uint64_t packets = 0;

  for (const auto* instance : *stats.envelope->body_as_HostStats()->instances()) {
    packets = ToString(instance->pluginId()) == "plugin-b" ? instance->packets() : packets;
  }
  tap::is(packets, uint64_t{3}, "stats are each plugin's own");
}

void RunsThatOverlap() {
  Group group("", "");

  group.Write(1, {21, 3});
  group.Write(2, {20, 3});
  group.Write(3, {21, 3});
  group.Write(4, {20, 3});
  group.worker.Publish(group.ring);
  AwaitRecords(group.ring, 4);

  std::string heard;
  const auto text = group.script.Text();

  for (uint16_t i = 1; i <= 4; ++i) {
    heard += std::to_string(text.find("b packet " + std::to_string(i))) + " ";
  }

  size_t last = 0;
  bool isInOrder = true;

  for (uint16_t i = 1; i <= 4; ++i) {
    const auto at = text.find("b packet " + std::to_string(i));

    isInOrder = isInOrder && at != std::string::npos && at > last;
    last = at;
  }
  if (!tap::ok(isInOrder, "a plugin gets packets of different runs in the order of the ring")) {
    tap::comment(heard);
  }
}

void ReplacedForThoseBehind() {
  Group group("1=replace:other", "", "", Mode::Observe);

  group.Write(1, ToBoth);
  group.ring.WriteData(2, 51, "said", {}, ToBoth);
  group.worker.Publish(group.ring);

  const auto records = AwaitRecords(group.ring, 2);
  const auto& replaced = VerdictOf(records[0]).ticket() == 1 ? records[0] : records[1];

  tap::ok(VerdictOf(replaced).verdict() == Verdict::Replace && VerdictOf(replaced).decider() == 0 && PayloadOf(replaced) == "other",
          "a replacement is written when all members have seen it");
  group.script.AwaitText(group.Opened() + "a packet 1 by 11 ticket 1 ''\na replace: 0\nb packet 1 by 12 ticket 1 replaced 'other'\na data 51 by 11 ticket 2 'said'\n"
                                          "b data 51 by 12 ticket 2 'said'\n",
                         "members behind see the replacement");
}

void ObserversHaveNoSay() {
  Group group("", "1=drop 2=pending", "", Mode::Observe);

  group.Write(1, ToBoth);
  group.Write(2, ToBoth);
  group.worker.Publish(group.ring);

  const auto records = AwaitRecords(group.ring, 2);

  tap::ok(VerdictOf(records[0]).verdict() == Verdict::Accept && VerdictOf(records[1]).verdict() == Verdict::Accept,
          "a member that only observes has no say");
}

void PendingInTheMiddle() {
  Group group("1=later-accept 2=later-drop 3=later-replace:newer", "4=later-take", "");

  for (uint64_t ticket = 1; ticket <= 5; ++ticket) {
    group.Write(ticket, {22, 7});
  }
  group.worker.Publish(group.ring);
  tap::ok(AwaitConsumed(group.ring), "what is pending is given back");
  // What stood there is gone: the members behind need what was kept of it.
  group.ring.Overwrite();
  tap::is(group.script.Text().find("b packet 1 "), std::string::npos, "a member that is not sure stops the packet there");
  group.script.Go();

  const auto records = AwaitRecords(group.ring, 5);
  std::vector<std::string> verdicts(6);

  for (const auto& record : records) {
    const auto verdict = VerdictOf(record);

    verdicts[verdict.ticket()] = std::to_string(static_cast<int>(verdict.verdict())) + ":" + std::to_string(verdict.decider());
  }
  tap::ok(verdicts == std::vector<std::string>{"", "1:0", "2:0", "4:0", "3:1", "1:0"}, "it goes on at the next member when the answer comes");

  const auto text = group.script.Text();

  tap::ok(text.find("c packet 1 by 13 ticket 1 '\xab") != std::string::npos && text.find("c packet 3 by 13 ticket 3 replaced 'newer'") != std::string::npos,
          "the members behind get all of it");
  tap::ok(text.find("b packet 2 ") == std::string::npos && text.find("c packet 4 ") == std::string::npos, "and nothing of what was ended");
}

void OthersCannotAnswer() {
  Group group("1=later-accept", "2=later-drop");

  group.Write(1, {20, 1});
  group.Write(2, {20, 2});
  group.worker.Publish(group.ring);
  Require(AwaitConsumed(group.ring), "all is read");
  group.script.Go();
  tap::is(AwaitRecords(group.ring, 2).size(), size_t{2}, "each plugin answers what it has been asked");
}

void PluginsComeAndGo() {
  const Script script;
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.LoadMember("plugin-a", "script", script.Config("a", "3=pending"));
  worker.Meet(host);
  worker.Serve(ring, {.state = {MemberAttached(11, "plugin-a"), ProducerCreated(7, "p7")}});
  ring.WritePacket(1, 1, 7, 100, {11, 1});
  worker.Publish(ring);
  AwaitRecords(ring, 1);
  host.LoadMember("plugin-b", "script", script.Config("b", "2=drop"));
  script.AwaitText("a event 1 0\na event 7 11\na event 3 0\na packet 1 by 11 ticket 1 ''\nb event 1 0\nb event 3 0\n",
                   "a plugin that comes later hears what is there, but for the attachments of others");

  const auto twice = host.TryLoadMember("plugin-b", "script", script.Config("b", ""));

  tap::ok(twice.envelope->body_as_Failure() != nullptr && twice.envelope->body_as_Failure()->code() == ErrorCode::Exists,
          "a plugin is loaded once");

  const auto failed = host.TryLoadMember("plugin-x", "fails-in-create", "{}");

  tap::ok(failed.envelope->body_as_Failure() != nullptr && failed.envelope->body_as_Failure()->code() == ErrorCode::PluginCreate,
          "one that cannot be created is refused");

  ring.WriteEvent(MemberAttached(12, "plugin-b"));
  ring.WriteEvent(RunAdded(20, {11, 12}));
  ring.WritePacket(2, 2, 7, 100, {20, 3});
  ring.WritePacket(3, 3, 7, 100, {20, 3});
  worker.Publish(ring);
  tap::ok(AwaitVerdicts(ring, 1)[0].verdict == Verdict::Drop, "the others go on, and it has its say");

  const auto gone = host.Unload("plugin-a");

  tap::ok(gone.envelope->body_as_Ok() != nullptr, "a plugin can be unloaded");
  tap::is(AwaitVerdicts(ring, 1)[0].ticket, uint64_t{3}, "what it owed goes on without it");
  ring.WritePacket(4, 4, 7, 100, {20, 3});
  worker.Publish(ring);
  tap::ok(AwaitVerdicts(ring, 1)[0].verdict == Verdict::Accept, "packets pass over it");

  const auto text = script.Text();

  tap::ok(text.find("a event 2 0\n") != std::string::npos, "it hears the end of the router");
  tap::ok(text.find("b packet 3 by 12") != std::string::npos && text.find("a packet 4") == std::string::npos &&
              text.find("b packet 4 by 12") != std::string::npos,
          "the other one gets what there is");
  tap::ok(host.Unload("plugin-a").envelope->body_as_Failure() != nullptr, "it is gone");
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);

  MembersInTurn();
  RunsThatOverlap();
  ReplacedForThoseBehind();
  ObserversHaveNoSay();
  PendingInTheMiddle();
  OthersCannotAnswer();
  PluginsComeAndGo();

  return tap::done();
}
