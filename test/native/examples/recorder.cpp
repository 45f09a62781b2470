// Leaves its recordings in the directory that is its argument: examples.test.ts has tshark and ffprobe read them.

#include "ExampleUnderTest.hpp"
#include "Tone.hpp"

#include "tap.hpp"

#include <filesystem>
#include <fstream>

namespace {

constexpr uint32_t Audio = 5;
constexpr uint32_t Video = 70'006;
constexpr uint64_t Millisecond = 1'000'000;

uint64_t NowNs() {
  timespec now{};

  clock_gettime(CLOCK_MONOTONIC, &now);

  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

std::string Config(const std::string& directory) { return R"({"directory":")" + directory + "\"}"; }

size_t CountOf(const std::string& directory, const std::string& extension) {
  size_t count = 0;

  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    count += entry.path().extension() == extension;
  }

  return count;
}

mph_packet AudioAt(uint64_t beginNs, uint16_t number, uint32_t timestampOffset = 0) {
  return {.received_at_ns = beginNs + number * 20 * Millisecond,
          .producer = Audio,
          .ssrc = 1111,
          // Begins 10 packets before it wraps.
          .timestamp = timestampOffset + number * 960u - 9'600u,
          .sequence_number = static_cast<uint16_t>(65'530 + number),
          .payload_type = 100,
          .kind = MPH_AUDIO,
          .codec = MPH_CODEC_OPUS};
}

// 3 s of audio, of which 0.5 s are lost, two packets come in the wrong order, one twice; then a sender that begins anew; and video.
void RecordACall(const std::string& directory) {
  ExampleUnderTest recorder("recorder", Config(directory));
  Tone tone(0.5F);
  const uint64_t begin = NowNs();
  std::vector<std::vector<uint8_t>> packets;

  for (uint16_t number = 0; number < 150; ++number) {
    packets.push_back(tone.Next());
  }
  tap::is(CountOf(directory, ".pcapng") + CountOf(directory, ".opus"), 0u, "there is no file before there is something to write");
  recorder.RouterOpened("router");
  recorder.Event({.type = MPH_EVENT_ATTACHMENT_ADDED, .router = ExampleUnderTest::Router, .attachment = 1});
  recorder.ProducerCreated(Audio, "alice", MPH_AUDIO);
  recorder.ProducerCreated(Video, "screen", MPH_VIDEO);
  for (uint16_t number = 0; number < 100; ++number) {
    const uint16_t swapped = number == 20 ? 21 : number == 21 ? 20 : number;

    if (number < 50 || number >= 75) {
      recorder.Packet(AudioAt(begin, swapped), packets[swapped]);
    }
  }
  recorder.Packet(AudioAt(begin, 99), packets[99]);
  for (uint16_t number = 100; number < 150; ++number) {
    recorder.Packet(AudioAt(begin, number, 1'000'000'000), packets[number]);
  }
  for (uint16_t number = 0; number < 10; ++number) {
    std::vector<uint8_t> payload(1'000, 0xAA);

    payload[0] = 0x10;  // VP8: a frame of one packet, no extensions
    recorder.Packet({.received_at_ns = begin + number * 33 * Millisecond,
                     .producer = Video,
                     .ssrc = 2222,
                     .timestamp = number * 3'000u,
                     .sequence_number = number,
                     .payload_type = 101,
                     .kind = MPH_VIDEO,
                     .codec = MPH_CODEC_VP8,
                     .flags = MPH_PACKET_MARKER},
                    payload, 0, number == 9 ? 100 : 0);
  }
  tap::ok(recorder.UntilCounted("recorded", 136), "all packets are recorded");
  tap::is(CountOf(directory, ".pcapng"), 1u, "in one capture");
  tap::is(CountOf(directory, ".opus"), 1u, "and the audio on its own");
  tap::ok(recorder.UntilCounted("notInOgg", 1) && recorder.Counted("notInOgg") == 1, "where what came twice is left out");
  recorder.ProducerClosed(Audio);
  recorder.Event({.type = MPH_EVENT_ATTACHMENT_REMOVED, .router = ExampleUnderTest::Router, .attachment = 1});
}

// As after a crash: another host, to which the worker gives again what the first one may not have written.
void RecordAfterACrash(const std::string& directory) {
  Tone tone(0.5F);
  const uint64_t begin = NowNs();
  const auto packet = tone.Next();

  {
    ExampleUnderTest recorder("recorder", Config(directory));

    recorder.RouterOpened("crashed");
    recorder.ProducerCreated(Audio, "carol", MPH_AUDIO);
    for (uint16_t number = 0; number < 10; ++number) {
      recorder.Packet(AudioAt(begin, number), packet);
    }
  }

  ExampleUnderTest recorder("recorder", Config(directory));

  recorder.RouterOpened("crashed");
  recorder.ProducerCreated(Audio, "carol", MPH_AUDIO);
  for (uint16_t number = 5; number < 20; ++number) {
    mph_packet facts = AudioAt(begin, number);

    facts.record_flags = number < 12 ? MPH_RECORD_REDELIVERED : 0;
    recorder.Packet(facts, packet);
  }
  tap::ok(recorder.UntilCounted("hadAlready", 5) && recorder.Counted("hadAlready") == 5, "what the last host has written is not written twice");
  tap::ok(recorder.UntilCounted("recorded", 10) && recorder.Counted("recorded") == 10, "what it has not is");
}

void Overflow(const std::string& directory) {
  ExampleUnderTest recorder("recorder", R"({"directory":")" + directory + R"(","queueBytes":131072})");
  const std::vector<uint8_t> payload(1'000);

  recorder.RouterOpened("overflow");
  recorder.ProducerCreated(Video, "flood", MPH_VIDEO);
  for (uint32_t sent = 0; recorder.Counted("overflowed") == 0 && sent < 10'000'000; ++sent) {
    recorder.Packet({.producer = Video, .payload_type = 101, .kind = MPH_VIDEO, .codec = MPH_CODEC_VP8}, payload);
    if (sent % 1'000 == 0) {
      recorder.Tick();
    }
  }
  recorder.Tick();
  tap::ok(recorder.Counted("overflowed") > 0, "what finds no room in the queue is counted");
  tap::is(recorder.Counted("lostEvents"), 0u, "events have room of their own");
  recorder.copiesPayload = false;
  recorder.Packet({.producer = Video, .kind = MPH_VIDEO, .codec = MPH_CODEC_VP8}, payload);
  recorder.ProducerClosed(Video);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : ".";
  const std::string flood = directory + "/flood";

  std::filesystem::create_directory(flood);
  RecordACall(directory);
  RecordAfterACrash(directory);
  Overflow(flood);
  std::filesystem::remove_all(flood);
  tap::throws<std::exception>([] { ExampleUnderTest other("recorder", Config("/nowhere")); }, "/nowhere is no directory that can be written to", "a directory that is not there is refused");
  tap::throws<std::exception>([] { ExampleUnderTest other("recorder", "{}"); }, "config.directory must be a path, not null", "so is none at all");

  return tap::done();
}
