// Workers, routers and what happens in them: rings come and go, events are told in order, sleepers are woken. The real binary between a
// fake app and fake workers.

#include "Events.hpp"
#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "Journal.hpp"
#include "Wait.hpp"

#include <csignal>
#include <memory>
#include <vector>

#include "tap.hpp"

using namespace mph::test;
using Mph::Control::ErrorCode;
using Mph::Control::EventType;
using Mph::Layout::Verdict;

namespace {

void TwoWorkersAtOnce() {
  HostUnderTest host;
  FakeWorker first(100001);
  FakeWorker second(100002);
  FakeRing firstRing(3);
  FakeRing secondRing(3);

  host.Load("drop-every-nth", R"({"n": 2})");
  first.Meet(host);
  second.Meet(host);
  first.Serve(firstRing);
  second.Serve(secondRing);

  for (uint16_t i = 1; i <= 3; ++i) {
    firstRing.WritePacket(i, i);
    secondRing.WritePacket(100 + i, i);
  }
  first.Publish(firstRing);
  second.Publish(secondRing);

  const auto firstAnswers = AwaitVerdicts(firstRing, 3);
  const auto secondAnswers = AwaitVerdicts(secondRing, 3);

  tap::ok(firstAnswers[1].ticket == 2 && secondAnswers[1].ticket == 102, "each worker gets the verdicts on its own packets");
  tap::ok(
      firstAnswers[1].verdict == Verdict::Drop && secondAnswers[1].verdict == Verdict::Drop && secondAnswers[0].verdict == Verdict::Accept,
      "each worker has an instance of its own");

  first.HangUp();

  const auto lost = host.AwaitUnasked();

  tap::ok(lost.envelope->body_as_WorkerLost() != nullptr && lost.envelope->body_as_WorkerLost()->workerPid() == first.Pid() &&
              ToString(lost.envelope->body_as_WorkerLost()->message()).empty(),
          "the app hears that a worker is gone");

  secondRing.WritePacket(104, 4);
  second.Publish(secondRing);
  tap::is(AwaitVerdicts(secondRing, 1)[0].ticket, uint64_t{104}, "the other worker is served as before");

  FakeWorker third(100003);
  FakeRing thirdRing(0);

  third.Meet(host);
  third.Serve(thirdRing);
  thirdRing.WritePacket(1, 1);
  third.Publish(thirdRing);
  tap::is(AwaitVerdicts(thirdRing, 1).size(), size_t{1}, "a new worker is served after one that is gone");
}

void ManyRings() {
  HostUnderTest host;
  FakeWorker worker(100001);
  std::vector<std::unique_ptr<FakeRing>> rings;

  host.Load("accept-all");
  worker.Meet(host);
  for (const uint32_t number : {0U, 1U, 63U, 64U, 200U, 4095U}) {
    rings.push_back(std::make_unique<FakeRing>(number, "router-" + std::to_string(number)));
    worker.Serve(*rings.back());
  }

  bool all = true;

  for (uint16_t i = 1; i <= 50; ++i) {
    for (auto& ring : rings) {
      ring->WritePacket(i, i);
      worker.Publish(*ring);
    }
    for (auto& ring : rings) {
      all = all && AwaitVerdicts(*ring, 1)[0].ticket == i;
    }
  }
  tap::ok(all, "rings in all groups of the publish counters are served");

  worker.Withdraw(*rings[1]);
  Require(Until([&] {
            rings[0]->WritePacket(1000, 1);
            worker.Publish(*rings[0]);

            return AwaitVerdicts(*rings[0], 1).size() == 1;
          }),
          "others are served while one is withdrawn");

  FakeRing again(1, "router-1");

  worker.Serve(again);
  again.WritePacket(5, 1);
  worker.Publish(again);
  tap::is(AwaitVerdicts(again, 1)[0].ticket, uint64_t{5}, "the number of a withdrawn ring can be used again");
}

void EventsInOrder() {
  const Journal journal;
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("journal", journal.Config());
  worker.Meet(host);

  // The ring repeats what the state at the start says, as it does when a host takes over from a dead one.
  ring.WriteEvent(ProducerCreated(7, "p7"));
  ring.WritePacket(1, 1, 7);
  ring.WritePacket(2, 2, 7);
  ring.WriteEvent(ProducerCreated(8, "p8"));
  ring.WritePacket(3, 3, 8);
  ring.WriteEvent(OfProducer(EventType::ProducerPaused, 8));
  ring.WriteEvent(OfProducer(EventType::ProducerResumed, 8));
  ring.WriteEvent(OfProducer(EventType::ProducerClosed, 7));
  ring.WritePacket(4, 4, 8);
  ring.Publish();
  worker.Serve(ring, {.state = {AttachmentAdded(5, "a5"), ProducerCreated(7, "p7")}});
  AwaitVerdicts(ring, 4);

  const std::string served =
      "router-opened router-1\n"
      "attachment-added router-1 attachment 5 a5 {}\n"
      "producer-created router-1 producer 7 p7 audio/opus 48000 ssrcs 11 22\n"
      "packet router 1 producer 7 seq 1\n"
      "packet router 1 producer 7 seq 2\n"
      "producer-created router-1 producer 8 p8 audio/opus 48000 ssrcs 11 22\n"
      "packet router 1 producer 8 seq 3\n"
      "producer-paused router-1 producer 8 p8\n"
      "producer-resumed router-1 producer 8 p8\n"
      "producer-closed router-1 producer 7 p7\n"
      "packet router 1 producer 8 seq 4\n";

  journal.AwaitText(served, "events come in order with the packets, and none twice");

  // Observed packets that the host has not seen yet are delivered before the end is told; those that waited for a verdict were resolved.
  ring.WritePacket(0, 5, 8);
  ring.WritePacket(6, 6, 8);
  ring.Publish();
  worker.Withdraw(ring);

  FakeRing next(0, "router-2");

  worker.Serve(next);

  const std::string withdrawn =
      "packet router 1 producer 8 seq 5\n"
      "producer-closed router-1 producer 8 p8\n"
      "attachment-removed router-1 attachment 5 a5 -\n"
      "router-closed router-1\n"
      "router-opened router-2\n";

  journal.AwaitText(served + withdrawn, "a withdrawn ring is read to its end, then closed");

  next.WriteEvent(ProducerCreated(9, "p9"));
  next.WritePacket(0, 9, 9);
  next.WriteEvent([](flatbuffers::FlatBufferBuilder& builder) {
    Mph::Control::EventBuilder event(builder);

    event.add_type(EventType::RouterClosed);

    return event.Finish();
  });
  next.Publish();
  // The host may not have seen these before the worker is gone.
  worker.HangUp();
  Require(host.AwaitUnasked().envelope->body_as_WorkerLost() != nullptr, "the worker is lost");
  journal.AwaitText(served + withdrawn +
                        "producer-created router-2 producer 9 p9 audio/opus 48000 ssrcs 11 22\n"
                        "packet router 2 producer 9 seq 9\n"
                        "producer-closed router-2 producer 9 p9\n"
                        "router-closed router-2\n",
                    "what a dead worker has left in its rings is delivered, and every story ends once");
}

void RingsThatCannotBeServed() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);
  FakeRing sameNumber(0);
  FakeRing other(1);

  host.Load("accept-all");
  worker.Meet(host);

  const auto refusal = [&](ErrorCode code, const char* part, const char* name) {
    const auto frame = worker.Receive();
    const auto* refused = frame.envelope->body_as_RingRefused();
    const auto message = refused == nullptr ? std::string() : ToString(refused->message());

    if (!tap::ok(refused != nullptr && refused->code() == code && message.find(part) != std::string::npos, name)) {
      tap::comment(message);
    }
  };

  worker.Offer(ring, {ring.VerdictFd(), ring.PacketFd()});
  refusal(ErrorCode::System, "ring 0 of router router-1", "a ring whose segments cannot be mapped is refused, with the reason");
  worker.Offer(ring, {ring.PacketFd()});
  refusal(ErrorCode::Malformed, "1 descriptors", "a ring without its verdict segment is refused");
  worker.Offer(FakeRing(4096));
  refusal(ErrorCode::Malformed, "ring 4096", "a ring with a number beyond the limit is refused");

  worker.Serve(ring);
  worker.Offer(sameNumber);
  refusal(ErrorCode::Exists, "served already", "a ring number that is in use is refused");
  worker.Offer(other, {}, "plugin-2");
  refusal(ErrorCode::NotFound, "plugin-2", "a ring of another plugin than the first one's is refused");

  ring.WritePacket(1, 1);
  worker.Publish(ring);
  tap::is(AwaitVerdicts(ring, 1).size(), size_t{1}, "the rings that could be served are served");
}

void WakingTheWorker() {
  HostUnderTest host;
  FakeWorker worker(100001);
  FakeRing ring(0);

  host.Load("accept-all");
  worker.Meet(host);
  worker.Serve(ring);
  worker.SetAsleep(false);

  const auto before = worker.PublishCount(ring);

  ring.WritePacket(1, 1);
  worker.Publish(ring);
  AwaitVerdicts(ring, 1);
  Require(Until([&] { return worker.HostSleeps(); }), "an idle host sleeps");
  tap::ok(!worker.WasRung(), "a worker that is awake is not rung");
  tap::ok(worker.PublishCount(ring) != before, "a publication is counted");

  worker.SetAsleep(true);
  for (uint16_t i = 2; i <= 60; ++i) {
    ring.WritePacket(i, i);
  }
  worker.Publish(ring);
  AwaitVerdicts(ring, 59);
  Require(Until([&] { return worker.HostSleeps(); }), "an idle host sleeps");
  tap::ok(worker.WasRung(), "a sleeping worker is rung");

  const auto stats = host.AskStats();

  tap::is(StatsOf(stats, worker.Pid())->doorbellsRung(), uint64_t{1}, "it is rung once for a batch");
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);

  TwoWorkersAtOnce();
  ManyRings();
  EventsInOrder();
  RingsThatCannotBeServed();
  WakingTheWorker();

  return tap::done();
}
