// What a plugin asks of the worker over the control connection, and how it hears the answer.

#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "PluginTalk.hpp"
#include "Wait.hpp"
#include "mph_plugin.h"

#include <csignal>

#include "tap.hpp"

using namespace mph::test;
using Mph::Control::ErrorCode;
using Mph::Control::QueryWhat;

namespace {

constexpr uint32_t Worker = 100001;

auto QueryAnswer(ErrorCode code, const std::string& body) {
  return
      [=](flatbuffers::FlatBufferBuilder& builder) { return Mph::Control::CreateQueryAnswer(builder, code, builder.CreateString(body)); };
}

void Answers() {
  HostUnderTest host;
  FakeWorker worker(Worker);
  FakeRing ring(3);
  const auto ask = [&](const std::string& body) { return Call(host, Worker, "query", body); };

  host.Load("caller");
  worker.Meet(host);
  tap::is(ask(R"({"what":1,"object":7})").result, uint64_t{MPH_UNKNOWN}, "a router that is not served is unknown");
  worker.Serve(ring);
  Require(Until([&] { return Call(host, Worker, "key-frame", "{}").result == MPH_OK; }), "the ring is served");
  tap::is(ask(R"({"what":0,"object":7})").result, uint64_t{MPH_INVALID}, "0 is no question");
  tap::is(ask(R"({"what":5,"object":7})").result, uint64_t{MPH_INVALID}, "nor is what only a newer host knows");
  tap::is(ask(R"({"what":1,"object":7,"router":0})").result, uint64_t{MPH_INVALID}, "router 0 is none");

  for (const bool thread : {false, true}) {
    const auto asked = ask(std::string(R"({"what":3,"object":7,"thread":)") + (thread ? "1}" : "0}"));
    const auto frame = worker.Receive();
    const auto* query = frame.envelope->body_as_Query();

    tap::ok(asked.result == MPH_OK && query != nullptr && frame.envelope->id() != 0 && query->ring() == 3 &&
                query->what() == QueryWhat::SenderReports && query->object() == 7,
            std::string("the worker is asked, ") + (thread ? "from another thread" : "from the own thread"));
    worker.Answer(frame.envelope->id(), QueryAnswer(ErrorCode::None, R"([{"ssrc":11}])"));

    const auto [name, body] = AwaitMessage(host);

    tap::ok(name == "answer" && NumberIn(body, "call") == asked.call && NumberIn(body, "result") == MPH_OK &&
                NumberIn(body, "router") == 1 && NumberIn(body, "own") == 1 && body.find(R"("json":[{"ssrc":11}])") != std::string::npos,
            "and its answer comes on the instance's thread");
  }

  for (const auto& [code, wanted] : {std::pair{ErrorCode::NotFound, MPH_UNKNOWN}, std::pair{ErrorCode::Malformed, MPH_INVALID}}) {
    const auto asked = ask(R"({"what":1,"object":9})");

    worker.Answer(worker.Receive().envelope->id(), QueryAnswer(code, R"("no such thing")"));

    const auto body = AwaitMessage(host).second;

    tap::ok(NumberIn(body, "call") == asked.call && NumberIn(body, "result") == static_cast<uint64_t>(wanted) &&
                body.find("no such thing") != std::string::npos,
            std::string("the plugin hears what is wrong: ") + Mph::Control::EnumNameErrorCode(code));
  }
}

void AtMost32() {
  HostUnderTest host;
  FakeWorker worker(Worker);
  FakeRing ring(0);
  const std::string question = R"({"what":1,"object":7})";
  std::vector<Frame> unanswered;

  host.Load("caller");
  worker.Meet(host);
  worker.Serve(ring);
  Require(Until([&] { return Call(host, Worker, "key-frame", "{}").result == MPH_OK; }), "the ring is served");
  for (int i = 0; i < 32; ++i) {
    Require(Call(host, Worker, "query", question).result == MPH_OK, "32 may be unanswered");
    unanswered.push_back(worker.Receive());
  }
  tap::is(Call(host, Worker, "query", question).result, uint64_t{MPH_FULL}, "a 33rd query that is unanswered is one too many");
  tap::ok(!worker.HasNews(), "the worker does not hear of it");
  worker.Answer(unanswered[5].envelope->id(), QueryAnswer(ErrorCode::None, "{}"));
  AwaitMessage(host);
  tap::is(Call(host, Worker, "query", question).result, uint64_t{MPH_OK}, "an answer makes room");
  Require(worker.Receive().envelope->body_as_Query() != nullptr, "the worker is asked");
  // Twice the same.
  worker.Answer(unanswered[5].envelope->id(), QueryAnswer(ErrorCode::None, "{}"));

  const auto lost = host.AwaitUnasked();
  const auto* message = lost.envelope->body_as_WorkerLost();

  tap::ok(message != nullptr && ToString(message->message()).find("which nobody has asked") != std::string::npos,
          "a worker that answers what nobody asked is none");
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);

  Answers();
  AtMost32();

  return tap::done();
}
