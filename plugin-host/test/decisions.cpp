// All that a plugin can decide besides accepting and dropping, and data messages: the real binary between a fake app and a fake worker.

#include "Events.hpp"
#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "Script.hpp"
#include "Wait.hpp"

#include <csignal>
#include <cstdint>
#include <string>

#include "tap.hpp"

using namespace mph::test;
using Mph::Layout::BypassUnit;
using Mph::Layout::EventRecord;
using Mph::Layout::RecordType;
using Mph::Layout::Verdict;

namespace {

constexpr auto CauseIsPosition = static_cast<uint8_t>(Mph::Layout::CauseBit::Position);

void DataInOrderWithPackets() {
  const Script script;
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("script", script.Config("a", "2=drop"));
  worker.Meet(host);
  worker.Serve(ring, {.state = {AttachmentAdded(1, "a1")}});
  ring.WritePacket(1, 1);
  ring.WriteData(2, 51, "first", {7, 300});
  ring.WriteData(3, 53, "second");
  ring.WritePacket(4, 4);
  ring.WriteEvent(AttachmentAdded(5, "a5"));

  const auto position = ring.Position();

  ring.WriteData(0, 51, "third", {}, {5, 1});
  worker.Publish(ring);

  const auto records = AwaitRecords(ring, 4);

  script.AwaitText("a event 1 0\na event 7 1\na packet 1 by 1 ticket 1 ''\na data 51/7/300 by 1 ticket 2 'first'\na data 53 by 1 ticket 3 'second'\n"
                   "a packet 4 by 1 ticket 4 ''\na event 7 5\na data 51 by 5 position " +
                       std::to_string(position) + " 'third'\n",
                   "data messages come in order with packets and events, by their attachment, with their cause", "\xab");
  tap::ok(records.size() == 4 && VerdictOf(records[1]).ticket() == 2 && VerdictOf(records[1]).verdict() == Verdict::Drop &&
              VerdictOf(records[2]).verdict() == Verdict::Accept && VerdictOf(records[3]).ticket() == 4,
          "data messages get their verdicts, in that order");

  const auto stats = host.AskStats();
  const auto* instance = StatsOf(stats, worker.Pid());

  tap::ok(instance->packets() == 2 && instance->messages() == 3, "stats tell packets from messages");
}

void DataWithoutOnData() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("drop-all");
  worker.Meet(host);
  worker.Serve(ring);
  ring.WriteData(1, 51, "text");
  ring.WritePacket(2, 2);
  worker.Publish(ring);

  const auto answers = AwaitVerdicts(ring, 2);

  tap::ok(answers[0].verdict == Verdict::Accept && answers[1].verdict == Verdict::Drop, "a plugin without on_data accepts data messages");
}

// `how`: of what the plugin says in the batch, by a function in it, or later.
void Decisions(const char* prefix, const Script& script, const std::string& text) {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);
  const auto name = [&](const char* what) { return std::string(prefix) + ": " + what; };

  host.Load("script", script.Config("a", text));
  worker.Meet(host);
  worker.Serve(ring);
  for (uint16_t i = 1; i <= 3; ++i) {
    ring.WritePacket(i, i);
  }
  worker.Publish(ring);
  Require(AwaitConsumed(ring), "all is read");
  script.Go();

  const auto records = AwaitRecords(ring, 4);
  const Record* bypass = nullptr;
  bool isTaken = false;
  bool isAccepted = false;
  bool isReplaced = false;

  for (const auto& record : records) {
    if (record.type == RecordType::Bypass) {
      bypass = &record;
      tap::ok(!isAccepted, name("the bypass stands before its verdict").c_str());
      continue;
    }

    const auto verdict = VerdictOf(record);

    isTaken = isTaken || (verdict.ticket() == 1 && verdict.verdict() == Verdict::Take);
    isAccepted = isAccepted || (verdict.ticket() == 2 && verdict.verdict() == Verdict::Accept);
    isReplaced = isReplaced || (verdict.ticket() == 3 && verdict.verdict() == Verdict::Replace && verdict.argument() == 3 &&
                                PayloadOf(record) == "new");
  }
  tap::ok(records.size() == 4 && isTaken, name("take").c_str());
  tap::ok(isReplaced, name("a replacement stands behind its verdict").c_str());

  const auto written = bypass == nullptr ? Mph::Layout::BypassRecord() : bypass->As<Mph::Layout::BypassRecord>();

  tap::ok(isAccepted && written.attachment() == 1 && written.producer() == 7 && written.ssrc() == 1234 &&
              written.unit() == BypassUnit::Forever && written.amount() == 0,
          name("bypass accepts, and names attachment and stream").c_str());
}

void ExtendAndBypass() {
  const Script script;
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("script", script.Config("a", "1=extend:5000 2=skip:10 1003=bypass 4=huge"));
  worker.Meet(host);
  worker.Serve(ring);
  ring.WritePacket(1, 1);
  ring.WritePacket(2, 2);
  ring.WritePacket(0, 3);
  ring.WritePacket(4, 4);
  worker.Publish(ring);

  bool isExtended = false;
  bool isSkipped = false;
  bool isObservedBypassed = false;
  bool isHugeAccepted = false;
  bool isAnyOther = false;

  for (const auto& record : AwaitRecords(ring, 5)) {
    if (record.type == RecordType::Bypass) {
      const auto bypass = record.As<Mph::Layout::BypassRecord>();

      isSkipped = isSkipped || (bypass.unit() == BypassUnit::Packets && bypass.amount() == 10 && bypass.producer() == 7);
      isObservedBypassed = isObservedBypassed || bypass.unit() == BypassUnit::Forever;
      continue;
    }

    const auto verdict = VerdictOf(record);

    isExtended = isExtended || (verdict.ticket() == 1 && verdict.verdict() == Verdict::Extend && verdict.argument() == 5000);
    isHugeAccepted = isHugeAccepted || (verdict.ticket() == 4 && verdict.verdict() == Verdict::Accept);
    isAnyOther = isAnyOther || verdict.ticket() == 3;
  }
  tap::ok(isExtended, "extend moves the deadline, and the packet stays pending");
  tap::ok(isSkipped, "bypass() says how much is passed over");
  tap::ok(isObservedBypassed && !isAnyOther, "an observed packet's stream can be bypassed, and gets no verdict");
  tap::ok(isHugeAccepted && script.Text().find("a replace: 3\n") != std::string::npos, "a replacement that fits no ring is refused");
}

void ReplacementsWaitForRoom() {
  const Script script;
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);
  constexpr size_t Packets = 400;
  const std::string payload(16000, 'r');

  host.Load("replace-all", R"({"bytes": 16000})");
  worker.Meet(host);
  worker.Serve(ring);

  size_t answered = 0;
  bool isWhole = true;

  for (size_t i = 1; i <= Packets; ++i) {
    Require(ring.WritePacket(i, static_cast<uint16_t>(i), 7, 0), "the packets fit");
  }
  worker.Publish(ring);
  // 16 replacements fill it.
  Require(Until([&] { return CounterOf(host.AskStats(), worker.Pid(), "host.verdictRingFull") > 0; }), "the verdict ring becomes full");
  Require(Until([&] {
            for (const auto& record : ring.TakeRecords()) {
              ++answered;
              isWhole = isWhole && VerdictOf(record).verdict() == Verdict::Replace && VerdictOf(record).ticket() == answered &&
                        PayloadOf(record) == payload;
            }

            return answered == Packets;
          }),
          "all replacements come");
  tap::ok(isWhole, "replacements wait for room in the verdict ring, in order, and none is lost");
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);
  static_assert(CauseIsPosition == 63);

  DataInOrderWithPackets();
  DataWithoutOnData();
  Decisions("in the batch", Script(), "1=take 2=bypass 3=replace:new");
  Decisions("later", Script(), "1=later-take 2=later-bypass 3=later-replace:new");
  ExtendAndBypass();
  ReplacementsWaitForRoom();

  return tap::done();
}
