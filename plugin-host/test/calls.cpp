// What a plugin asks of the worker by way of the verdict ring: what stands there, in which order, what is refused, and how it hears the
// results.

#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "PluginTalk.hpp"
#include "Wait.hpp"
#include "mph_plugin.h"

#include <csignal>
#include <cstdio>
#include <fstream>
#include <numeric>

#include "tap.hpp"

using namespace mph::test;
using Mph::Layout::RecordType;
using Mph::Layout::ResultCode;

namespace {

constexpr uint32_t Worker = 100001;

std::string InThread(const std::string& body, bool thread) { return thread ? body + R"("thread":1})" : body + R"("thread":0})"; }

template <typename T>
std::vector<T> ListAt(const Record& record, size_t offset, size_t count) {
  std::vector<T> list(count);

  Require(record.bytes.size() >= offset + count * sizeof(T), "a record holds its list");
  std::memcpy(list.data(), record.bytes.data() + offset, count * sizeof(T));

  return list;
}

bool EndsIn(const Record& record, size_t offset, size_t count, uint8_t byte) {
  return record.bytes.size() == offset + count && std::all_of(record.bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                                                              record.bytes.end(), [byte](uint8_t each) { return each == byte; });
}

Record OneRecord(FakeRing& ring, RecordType type) {
  auto records = AwaitRecords(ring, 1);

  Require(records.size() == 1 && records[0].type == type, "one record of that type comes");

  return std::move(records[0]);
}

void Records(bool thread) {
  HostUnderTest host;
  FakeWorker worker(Worker);
  FakeRing ring(3);
  const std::string from = thread ? " (another thread)" : " (own thread)";

  host.Load("caller");
  worker.Meet(host);
  worker.Serve(ring);

  const auto injected = Call(host, Worker, "inject", InThread(R"({"producer":7,"ssrc":11,"length":13,"consumers":3,"cause":99,)", thread));
  const auto rtpRecord = OneRecord(ring, RecordType::InjectRtp);
  const auto rtp = rtpRecord.As<Mph::Layout::InjectRtpRecord>();

  tap::ok(injected.result == MPH_OK && injected.call != 0 && rtp.call() == injected.call, "an injection has a number" + from);
  tap::ok(rtp.cause() == 99 && rtp.producer() == 7 && rtp.ssrc() == 11 && rtp.timestamp() == 4711 && rtp.payloadType() == 100 &&
              rtp.marker() == 1 && rtp.audioLevel() == 255 && rtp.voice() == 0 && rtp.payloadLength() == 13 && rtp.consumerCount() == 3,
          "InjectRtpRecord says what the plugin said" + from);
  tap::ok(ListAt<uint32_t>(rtpRecord, sizeof rtp, 3) == std::vector<uint32_t>{101, 102, 103}, "the consumers stand behind it" + from);
  tap::ok(rtp.header().payloadOffset() == sizeof rtp + 16 && EndsIn(rtpRecord, sizeof rtp + 16, 13, 0xcd),
          "the payload stands behind them, at a multiple of 8" + from);

  const auto sent = Call(host, Worker, "inject-data", InThread(R"({"producer":8,"length":5,"consumers":1,"subchannels":5,)", thread));
  const auto dataRecord = OneRecord(ring, RecordType::InjectData);
  const auto data = dataRecord.As<Mph::Layout::InjectDataRecord>();

  tap::ok(sent.result == MPH_OK && data.call() == sent.call && data.dataProducer() == 8 && data.ppid() == MPH_PPID_BINARY &&
              data.messageLength() == 5 && data.consumerCount() == 1 && data.subchannelCount() == 5 && data.requiredSubchannel() == -1,
          "InjectDataRecord says what the plugin said" + from);
  tap::ok(ListAt<uint32_t>(dataRecord, sizeof data, 1) == std::vector<uint32_t>{201} &&
              ListAt<uint16_t>(dataRecord, sizeof data + 8, 5) == std::vector<uint16_t>{301, 302, 303, 304, 305} &&
              data.header().payloadOffset() == sizeof data + 24 && EndsIn(dataRecord, sizeof data + 24, 5, 0xef),
          "consumers, subchannels and message stand behind it" + from);

  const auto asked = Call(host, Worker, "key-frame", InThread(R"({"producer":7,"ssrc":22,)", thread));
  const auto keyFrame = OneRecord(ring, RecordType::KeyFrame).As<Mph::Layout::KeyFrameRecord>();

  tap::ok(asked.result == MPH_OK && keyFrame.call() == asked.call && keyFrame.producer() == 7 && keyFrame.ssrc() == 22,
          "KeyFrameRecord says what the plugin said" + from);

  const auto subscribed = Call(host, Worker, "subscribe", InThread(R"({"producer":7,"attachment":5,"wanted":1,)", thread));
  const auto subscribe = OneRecord(ring, RecordType::Subscribe).As<Mph::Layout::SubscribeRecord>();

  tap::ok(subscribed.result == MPH_OK && subscribe.call() == subscribed.call && subscribe.producer() == 7 && subscribe.attachment() == 5 &&
              subscribe.wanted() == 1,
          "SubscribeRecord says what the plugin said" + from);
  tap::ok(std::set{injected.call, sent.call, asked.call, subscribed.call}.size() == 4, "no number comes twice" + from);

  Call(host, Worker, "key-frame", InThread(R"({"producer":7,"quiet":1,)", thread));
  tap::is(OneRecord(ring, RecordType::KeyFrame).As<Mph::Layout::KeyFrameRecord>().call(), uint64_t{0},
          "a call that wants to know nothing has no number" + from);
}

void Refused(bool thread) {
  HostUnderTest host;
  FakeWorker worker(Worker);
  FakeRing ring(0);
  const std::string from = thread ? " (another thread)" : " (own thread)";
  const auto call = [&](const std::string& method, const std::string& body) {
    return Call(host, Worker, method, InThread(body, thread)).result;
  };

  host.Load("caller");
  worker.Meet(host);
  worker.OfferAndAwaitReady(ring);
  tap::is(call("key-frame", R"({"router":1,)"), uint64_t{MPH_UNKNOWN}, "a router that is not served yet is unknown" + from);
  worker.Start(ring);
  Require(Until([&] { return call("key-frame", R"({"router":1,)") == MPH_OK; }), "the ring is served");
  tap::is(call("key-frame", R"({"router":2,)"), uint64_t{MPH_UNKNOWN}, "so is one that never was there" + from);
  tap::is(call("key-frame", R"({"router":0,)"), uint64_t{MPH_INVALID}, "router 0 is none" + from);
  tap::is(call("inject", R"({"length":131024,)"), uint64_t{MPH_OK}, "half the ring may be filled" + from);
  tap::is(call("inject", R"({"length":131025,)"), uint64_t{MPH_INVALID}, "what is longer can never be written" + from);
  tap::is(call("inject", R"({"consumers":16370,)"), uint64_t{MPH_OK}, "as many consumers as a record can name" + from);
  tap::is(call("inject", R"({"consumers":16371,)"), uint64_t{MPH_INVALID}, "and no more" + from);
  tap::is(call("inject-data", R"({"subchannels":2049,)"), uint64_t{MPH_INVALID}, "a message has at most 2048 subchannels" + from);
  tap::is(call("inject-nothing", "{"), uint64_t{MPH_INVALID}, "NULL is nothing to inject" + from);
  ring.TakeRecords();
  worker.Stop(ring.Number());
  worker.AwaitStopped(ring);
  tap::is(call("key-frame", R"({"router":1,)"), uint64_t{MPH_UNKNOWN}, "a router whose ring was stopped is unknown" + from);
}

// As many as the ring and the queue take, then MPH_FULL; with room they are written in order.
void Full(bool thread) {
  HostUnderTest host;
  FakeWorker worker(Worker);
  FakeRing ring(0);
  const std::string from = thread ? " (another thread)" : " (own thread)";

  host.Load("caller");
  worker.Meet(host);
  worker.Serve(ring);
  Require(Until([&] { return Call(host, Worker, "key-frame", InThread("{", thread)).result == MPH_OK; }), "the ring is served");
  AwaitRecords(ring, 1);

  const auto flooded = Call(host, Worker, "flood", InThread(R"({"length":2000,)", thread));

  tap::ok(flooded.result == MPH_FULL && flooded.call * 2048 > 4'000'000,
          "when neither ring nor queue has room, the plugin hears so" + from);

  const auto records = AwaitRecords(ring, flooded.call);
  bool isInOrder = records.size() == flooded.call;

  for (size_t i = 0; i < records.size(); ++i) {
    isInOrder = isInOrder && records[i].type == RecordType::InjectRtp && records[i].As<Mph::Layout::InjectRtpRecord>().ssrc() == i;
  }
  tap::ok(isInOrder, "with room they are written, all and in order" + from);
  tap::is(Call(host, Worker, "key-frame", InThread("{", thread)).result, uint64_t{MPH_OK}, "then there is room for more" + from);
  AwaitRecords(ring, 1);
  ring.WritePacket(1, 1);
  worker.Publish(ring);
  tap::is(AwaitVerdicts(ring, 1)[0].ticket, uint64_t{1}, "and for verdicts" + from);
}

// A full ring holds up nobody but its router.
void OneFullRing() {
  HostUnderTest host;
  FakeWorker worker(Worker);
  FakeRing full(0, "router-1");
  FakeRing other(1, "router-2");

  host.Load("caller");
  worker.Meet(host);
  worker.Serve(full);
  worker.Serve(other);
  Require(Until([&] { return Call(host, Worker, "key-frame", R"({"router":2})").result == MPH_OK; }), "the rings are served");
  AwaitRecords(other, 1);
  // More than its ring takes, far less than the queue does.
  std::vector<Called> injected;

  for (int i = 0; i < 3; ++i) {
    injected.push_back(Call(host, Worker, "inject", R"({"router":1,"length":120000})"));
    Require(injected.back().result == MPH_OK, "there is room in the queue");
  }
  Call(host, Worker, "key-frame", R"({"router":2,"producer":9})");
  tap::is(OneRecord(other, RecordType::KeyFrame).As<Mph::Layout::KeyFrameRecord>().producer(), uint32_t{9},
          "a full ring holds up nobody but its router");

  // Stopped before there was room.
  const auto lost = Call(host, Worker, "key-frame", R"({"router":1})");

  worker.Stop(full.Number());
  worker.AwaitStopped(full);

  for (const auto call : {injected.back().call, lost.call}) {
    const auto [name, body] = AwaitMessage(host);

    tap::ok(name == "answer" && NumberIn(body, "call") == call && NumberIn(body, "result") == MPH_UNKNOWN,
            "what waited for a ring that was stopped is answered: the router is unknown");
  }
}

void WriteResult(FakeRing& ring, uint64_t call, ResultCode code) {
  using namespace Mph::Layout;

  ring.WriteFixed(ResultRecord(RecordHeader(sizeof(ResultRecord), RecordType::Result, 0, sizeof(ResultRecord)), call, code, 0, 0, 0));
}

void Results() {
  HostUnderTest host;
  FakeWorker worker(Worker);
  FakeRing ring(0);

  host.Load("caller");
  worker.Meet(host);
  worker.Serve(ring);

  const std::vector<std::pair<ResultCode, mph_result>> codes{{ResultCode::Ok, MPH_OK},
                                                             {ResultCode::Full, MPH_FULL},
                                                             {ResultCode::Unknown, MPH_UNKNOWN},
                                                             {ResultCode::Malformed, MPH_MALFORMED},
                                                             {ResultCode::Limited, MPH_LIMITED}};

  for (const auto& [code, wanted] : codes) {
    const auto called = Call(host, Worker, "key-frame", "{}");

    // Of a host that died, of nobody, and of one that did not want to know.
    WriteResult(ring, called.call - (uint64_t{1} << 40), ResultCode::Ok);
    WriteResult(ring, called.call + 256, ResultCode::Ok);
    WriteResult(ring, 0, ResultCode::Ok);
    WriteResult(ring, called.call, code);
    worker.Publish(ring);

    const auto [name, body] = AwaitMessage(host);

    tap::ok(name == "answer" && NumberIn(body, "call") == called.call && NumberIn(body, "result") == wanted &&
                NumberIn(body, "router") == 1 && NumberIn(body, "own") == 1,
            std::string("the plugin hears its result on its thread: ") + Mph::Layout::EnumNameResultCode(code));
  }
  tap::ok(AwaitConsumed(ring), "results are given back");

  const auto before = host.AskStats();
  const auto first = Call(host, Worker, "key-frame", "{}");

  AwaitRecords(ring, codes.size() + 1);
  ring.WritePacket(1, 1);
  WriteResult(ring, first.call, ResultCode::Ok);
  ring.WritePacket(2, 2);
  worker.Publish(ring);
  AwaitVerdicts(ring, 2);
  AwaitMessage(host);

  const auto after = host.AskStats();

  tap::is(StatsOf(after, Worker)->batches() - StatsOf(before, Worker)->batches(), uint64_t{2}, "a batch does not span a result");
}

// A thread that asks wakes the one that writes.
void AsleepMeanwhile() {
  const std::string path = "/tmp/mph-test-told-" + std::to_string(getpid());
  HostUnderTest host;
  FakeWorker worker(Worker);
  FakeRing ring(0);

  std::remove(path.c_str());
  host.Load("caller");
  worker.Meet(host);
  worker.Serve(ring);
  Require(Until([&] { return Call(host, Worker, "key-frame", "{}").result == MPH_OK; }), "the ring is served");
  AwaitRecords(ring, 1);
  Request(host, Worker, "when-told", path);
  Require(Until([&] { return worker.HostSleeps(); }), "the dispatch thread sleeps");
  std::ofstream(path).put('x');
  tap::ok(OneRecord(ring, RecordType::KeyFrame).As<Mph::Layout::KeyFrameRecord>().producer() == 7,
          "what another thread asks is written though the dispatch thread slept");
  std::remove(path.c_str());
}

void FromOnPackets() {
  HostUnderTest host;
  FakeWorker worker(Worker);
  FakeRing ring(0);

  host.Load("caller", R"({"inject": 1})");
  worker.Meet(host);
  worker.Serve(ring);
  ring.WritePacket(41, 1);
  ring.WritePacket(42, 2);
  worker.Publish(ring);

  const auto records = AwaitRecords(ring, 4);

  tap::ok(records[0].type == RecordType::InjectRtp && records[1].type == RecordType::InjectRtp && records[2].type == RecordType::Verdict &&
              records[3].type == RecordType::Verdict,
          "what on_packets injects stands before its verdicts");
  tap::ok(records[0].As<Mph::Layout::InjectRtpRecord>().cause() == 41 && records[1].As<Mph::Layout::InjectRtpRecord>().cause() == 42,
          "with the packets that caused it");
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);

  for (const bool thread : {false, true}) {
    Records(thread);
    Refused(thread);
    Full(thread);
  }
  OneFullRing();
  Results();
  AsleepMeanwhile();
  FromOnPackets();

  return tap::done();
}
