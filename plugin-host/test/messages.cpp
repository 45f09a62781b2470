// What app and plugin say to one another: requests and their answers, notifications, posts, and what becomes of them when somebody is gone
// or does not read.

#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "PluginTalk.hpp"
#include "Utf8.hpp"
#include "Wait.hpp"
#include "mph_plugin.h"

#include <csignal>

#include "tap.hpp"

using namespace mph::test;
using Mph::Control::ErrorCode;

namespace {

constexpr uint32_t Worker = 100001;

struct Reply {
  bool failed;
  bool binary;
  bool hasBody;
  std::string text;
};

Reply ReplyOf(const Frame& frame) {
  const auto* reply = frame.envelope->body_as_PluginReply();

  Require(reply != nullptr, "it is an answer of the plugin");

  return {reply->failed(), reply->binary(), reply->body() != nullptr, TextOf(reply->body())};
}

Reply Ask(HostUnderTest& host, const std::string& method, const std::optional<std::string>& body, bool binary = false) {
  return ReplyOf(Request(host, Worker, method, body, binary));
}

void IsRefused(const Frame& frame, ErrorCode code, const std::string& part, const char* name) {
  const auto* failure = frame.envelope->body_as_Failure();
  const auto text = failure == nullptr ? std::string("no failure") : ToString(failure->message());

  if (!tap::ok(failure != nullptr && failure->code() == code && text.find(part) != std::string::npos, name)) {
    tap::comment(text);
  }
}

void Requests() {
  HostUnderTest host;
  FakeWorker worker(Worker);
  const std::string bytes("\0\xff\x80", 3);
  const std::string most(MPH_MESSAGE_MAX, 'x');

  host.Load("caller");
  worker.Meet(host);

  const auto json = Ask(host, "echo", R"({"a":"ü"})");

  tap::ok(!json.failed && !json.binary && json.text == R"({"a":"ü"})", "a request is answered with JSON");

  const auto binary = Ask(host, "echo", bytes, true);

  tap::ok(!binary.failed && binary.binary && binary.text == bytes, "or with bytes");
  tap::ok(!Ask(host, "echo", std::nullopt).hasBody, "or with nothing");

  const auto empty = Ask(host, "echo", "", true);

  tap::ok(empty.binary && empty.hasBody && empty.text.empty(), "no bytes are not nothing");
  tap::ok(Ask(host, "echo", most, true).text == most, "bodies have up to 1 MiB");
  IsRefused(host.Ask(PluginRequest(Worker, "echo", most + "x", true)), ErrorCode::Malformed, "1048576", "and no more");

  const auto failed = Ask(host, "fail", "{}");

  tap::ok(failed.failed && !failed.binary && failed.text == "not today", "a plugin may say what is wrong instead");
  tap::is(NumberIn(Ask(host, "thread-of", "{}").text, "result"), uint64_t{MPH_OK}, "on_message is called on the instance's own thread");
  tap::is(NumberIn(Ask(host, "later", "{}").text, "result"), uint64_t{MPH_OK}, "another thread may answer");
  Ask(host, "twice", "{}");
  tap::ok(AwaitMessage(host) == std::pair<std::string, std::string>("second", std::to_string(MPH_UNKNOWN)), "a request is answered once");
  tap::is(Ask(host, "bad-replies", "{}").text, std::string("33332"), "an answer that makes no sense is refused, and another may follow");

  // Both are under way; the later one overtakes.
  const auto never = host.Send(PluginRequest(Worker, "never", "{}"));

  tap::ok(!Ask(host, "echo", "1").failed, "a request that waits holds up no other one");
  host.Disconnect(Worker);

  const auto left = host.AwaitUnasked();

  tap::ok(left.envelope->id() == never && ReplyOf(left).failed && ReplyOf(left).text.find("ended") != std::string::npos,
          "an instance that ends fails what it has not answered");
  IsRefused(host.Ask(PluginRequest(Worker, "echo", "1")), ErrorCode::NotFound, "no instance", "a worker that is gone has no instance");
}

void WithoutAnInstance() {
  HostUnderTest host;
  FakeWorker worker(Worker);

  host.Load("accept-all");
  IsRefused(host.Ask(PluginRequest(Worker, "echo", "1")), ErrorCode::NotFound, "no instance for worker 100001",
            "a plugin without that worker has no instance");
  IsRefused(host.Ask(PluginRequest(0, "echo", "1")), ErrorCode::NotFound, "no instance", "an instance without a worker is not asked");
  worker.Meet(host);
  IsRefused(host.Ask(PluginRequest(Worker, "echo", "1", false, "plugin-2")), ErrorCode::NotFound, "plugin-2",
            "a plugin that is not here is not asked");

  const auto reply = Ask(host, "echo", "1");

  tap::ok(reply.failed && reply.text.find("on_message") != std::string::npos, "a plugin without on_message fails requests and says why");
  host.Send(PluginRequest(Worker, "echo", "1"), 0);
  tap::ok(host.AskStats().envelope->body_as_HostStats() != nullptr, "and ignores notifications");
}

// Neither on_packets nor on_data.
void WithoutRecords() {
  HostUnderTest host;
  FakeWorker worker(Worker);
  FakeRing ring(0);

  host.Load("no-packets");
  worker.Meet(host);
  worker.Serve(ring);
  ring.WritePacket(1, 1);
  worker.Publish(ring);
  tap::ok(AwaitVerdicts(ring, 1)[0].verdict == Mph::Layout::Verdict::Accept && Ask(host, "echo", "1").text == "1" &&
              Until([&] { return CounterOf(host.AskStats(), Worker, "ticks") > 0; }),
          "a plugin without packets and data gets messages and ticks");

  const auto stats = host.AskStats();

  tap::ok(CounterOf(stats, Worker, "messages") == 1 && CounterOf(stats, Worker, "events") == 1, "and events");
}

// Of the first instance it is not known before a worker is connected.
void WhichWorker() {
  HostUnderTest host;
  FakeWorker first(Worker);
  FakeWorker second(Worker + 1);
  FakeRing ring(0);
  const auto askWorker = [&](uint32_t pid) { return TextOf(Request(host, pid, "worker", "{}").envelope->body_as_PluginReply()->body()); };

  host.Load("caller");
  for (auto* worker : {&first, &second}) {
    worker->Meet(host);
    worker->Serve(ring);
    Require(Until([&] { return NumberIn(askWorker(worker->Pid()), "event") == worker->Pid(); }), "events name the worker");
    ring.BeginEpoch();
  }
  tap::is(NumberIn(askWorker(Worker), "created"), uint64_t{0}, "the instance that is there before its worker is told so");
  tap::is(NumberIn(askWorker(Worker + 1), "created"), uint64_t{Worker + 1}, "one that is made for a worker hears which it is");
}

bool IsText(std::string_view bytes) { return mph::host::IsUtf8({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}); }

void WhatIsText() {
  tap::ok(IsText("") && IsText("a\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
          "the ends of all ranges of UTF-8 are text");
  for (const std::string_view bytes :
       {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3",
        "\xe2\x82", "\xf0\x9f\x98", "\xc3\x28", "\xe2\x28\xa1", "\xe2\x82\x28"}) {
    tap::ok(!IsText(bytes), "overlong, cut, beyond the last or a surrogate, it is none");
  }
}

void Notifications() {
  HostUnderTest host;
  FakeWorker worker(Worker);

  host.Load("caller");
  worker.Meet(host);
  for (const auto* body : {"1", "2", "3"}) {
    host.Send(PluginRequest(Worker, "note", body), 0);
  }
  for (const auto* body : {"1", "2", "3"}) {
    const auto frame = host.AwaitUnasked();
    const auto* message = frame.envelope->body_as_PluginMessage();

    tap::ok(message != nullptr && frame.envelope->id() == 0 && TextOf(message->body()) == body && ToString(message->name()) == "notified" &&
                ToString(message->pluginId()) == "plugin-1" && message->workerPid() == Worker && !message->binary(),
            std::string("a notification comes, and so does a post, in order: ") + body);
  }

  // A post may be read before it is counted.
  tap::ok(Until([&] {
            const auto stats = host.AskStats();

            return StatsOf(stats, Worker)->requests() == 3 && StatsOf(stats, Worker)->posts() == 3;
          }),
          "both are counted");
}

void Posts() {
  HostUnderTest host;
  FakeWorker worker(Worker);
  FakeRing ring(0);

  host.Load("caller");
  worker.Meet(host);
  worker.Serve(ring);
  Require(Until([&] { return Call(host, Worker, "key-frame", "{}").result == MPH_OK; }), "the ring is served");
  AwaitRecords(ring, 1);

  tap::is(Call(host, Worker, "bad-posts", "{}").call, uint64_t{3333333}, "a post that makes no sense is refused");
  tap::is(Call(host, Worker, "post", R"({"length":1048576,"binary":1})").result, uint64_t{MPH_OK}, "a post has up to 1 MiB");

  const auto [name, body] = AwaitMessage(host);

  tap::ok(name == "posted" && body == std::string(MPH_MESSAGE_MAX, '1'), "which the app gets");

  const auto asked = host.Send(PluginRequest(Worker, "flood-post", R"({"length":65536})"));

  // The plugin is at it: what comes on the ring now is looked at when it is through.
  Require(host.AwaitUnasked().envelope->body_as_PluginMessage() != nullptr, "the first of the posts comes");

  // Answered while the app reads nothing.
  ring.WritePacket(1, 1);
  worker.Publish(ring);
  tap::is(AwaitVerdicts(ring, 1)[0].ticket, uint64_t{1}, "an app that does not read keeps no packet waiting");

  uint64_t posted = 1;
  std::optional<Called> answer;

  while (!answer) {
    const auto frame = host.AwaitUnasked();

    if (frame.envelope->id() == asked) {
      const auto text = ReplyOf(frame).text;

      answer = Called{NumberIn(text, "result"), NumberIn(text, "call")};
    } else {
      Require(TextOf(frame.envelope->body_as_PluginMessage()->body()).size() == 65536, "what was posted comes whole");
      ++posted;
    }
  }
  // What the socket has taken, or this test already, does not wait any more; the post before may not have been let go yet.
  tap::ok(answer->result == MPH_FULL && answer->call >= 40, "posts beyond 4 MiB are refused");
  tap::is(posted, answer->call, "what was not refused comes, and before the answer");
  tap::is(Call(host, Worker, "post", R"({"length":65536})").result, uint64_t{MPH_OK}, "with room there is more");
  AwaitMessage(host);
}

// Its thread hangs, so that all that is sent to it waits.
void APluginThatDoesNotRead() {
  HostUnderTest host;
  FakeWorker worker(Worker);
  FakeRing ring(0);
  const std::string most(MPH_MESSAGE_MAX, 'x');

  host.Load("hang");
  worker.Meet(host);
  worker.Serve(ring);
  ring.WritePacket(1, 1);
  worker.Publish(ring);
  Require(Until([&] { return ring.NowServing() != 0; }), "the plugin hangs");
  for (int i = 0; i < 7; ++i) {
    host.Send(PluginRequest(Worker, "echo", most, true));
  }

  const auto last = host.Send(PluginRequest(Worker, "echo", most, true));
  const auto refused = host.AwaitUnasked();

  tap::ok(refused.envelope->id() == last, "what waits for a plugin that hangs is bounded");
  IsRefused(refused, ErrorCode::Budget, "does not keep up", "and the app hears that it is");
  tap::ok(host.AskStats().envelope->body_as_HostStats() != nullptr, "the host itself answers on");
  host.HangUp();
  tap::ok(ExitedWith(host.WaitForExit(), 0), "and ends");
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);

  Requests();
  WithoutAnInstance();
  WithoutRecords();
  WhichWorker();
  WhatIsText();
  Notifications();
  Posts();
  APluginThatDoesNotRead();

  return tap::done();
}
