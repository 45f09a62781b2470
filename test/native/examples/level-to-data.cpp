#include "ExampleUnderTest.hpp"
#include "Tone.hpp"

#include "tap.hpp"

#include <nlohmann/json.hpp>

namespace {

constexpr double SineOfHalf = -9.03;  // dBov

void DataProducerCreated(ExampleUnderTest& level, uint32_t number, const char* id, const char* parameters) {
  level.Event({.type = MPH_EVENT_DATA_PRODUCER_CREATED, .router = ExampleUnderTest::Router, .producer = number, .producer_id = id, .parameters = parameters});
}

void Speak(ExampleUnderTest& level, Tone& tone, uint32_t producer) {
  for (int i = 0; i < 50; ++i) {
    level.Packet({.producer = producer, .kind = MPH_AUDIO, .codec = MPH_CODEC_OPUS}, tone.Next());
  }
}

}  // namespace

int main() {
  ExampleUnderTest level("level-to-data", R"({"label": "levels"})");
  Tone tone(0.5F);

  tap::is(level.Plugin().tick_interval_ms, 100u, "it tells every 100 ms");
  level.ProducerCreated(5, "alice", MPH_AUDIO);
  level.ProducerCreated(6, "screen", MPH_VIDEO);
  DataProducerCreated(level, 20, "d-chat", R"({"type":"sctp","label":"chat"})");
  DataProducerCreated(level, 21, "d-levels", R"({"type":"sctp","label":"levels"})");
  Speak(level, tone, 5);
  level.Tick();
  tap::ok(level.Until([](const auto& example) { return example.data.size() == 1; }), "one message for one producer of audio");

  const auto message = nlohmann::json::parse(level.data[0].message);

  tap::comment(level.data[0].message);
  tap::is(message["producerId"].get<std::string>(), "alice", "says who");
  tap::ok(std::abs(message["dBov"].get<double>() - SineOfHalf) < 0.5, "and how loud");
  tap::ok(level.data[0].data.data_producer == 21 && level.data[0].data.consumer_count == 0 && level.data[0].data.router == ExampleUnderTest::Router, "to all data consumers of the one with the label");
  tap::is(level.data[0].data.ppid, MPH_PPID_STRING, "as text");

  level.Tick();
  tap::ok(level.Until([](const auto& example) { return example.data.size() == 2; }), "the next one comes with the next tick");
  tap::is(nlohmann::json::parse(level.data[1].message)["dBov"].get<double>(), -127.0, "and says that nothing came");

  level.Event({.type = MPH_EVENT_ATTACHMENT_ADDED, .router = ExampleUnderTest::Router, .context = R"({"dataProducer":"d-room"})"});
  DataProducerCreated(level, 22, "d-room", "{}");
  level.Tick();
  tap::ok(level.Until([](const auto& example) { return example.data.size() == 4; }), "an attachment's context names one more");
  tap::is(level.data[3].data.data_producer, 22u, "by its id");

  level.Packet({.producer = 5, .kind = MPH_AUDIO, .codec = MPH_CODEC_OPUS}, {0xFF});
  level.Packet({.producer = 99, .kind = MPH_AUDIO, .codec = MPH_CODEC_OPUS}, tone.Next());
  level.Event({.type = MPH_EVENT_DATA_PRODUCER_CLOSED, .router = ExampleUnderTest::Router, .producer = 22});
  level.Answer(MPH_FULL);
  level.Tick();
  tap::ok(level.UntilCounted("skipped", 2), "what is no Opus, or of nobody, is counted");
  tap::ok(level.UntilCounted("undelivered", 1), "so is what finds no room");
  tap::is(level.Counted("sent"), 4u, "and what was sent");

  level.ProducerClosed(5);
  level.Tick();
  level.Destroy();
  tap::is(level.data.size(), 5u, "of who has gone nothing is told");
  tap::throws<std::exception>([] { ExampleUnderTest other("level-to-data", R"({"lable": "levels"})"); }, "config.lable is unknown", "an unknown field is refused");
  tap::throws<std::exception>([] { ExampleUnderTest other("level-to-data", R"({"label": 5})"); }, "label must be a text, not 5", "so is a label that is no text");

  return tap::done();
}
