#include "ExampleUnderTest.hpp"
#include "Tone.hpp"

#include "tap.hpp"

#include <algorithm>

namespace {

mph_packet PacketOf(uint16_t number, uint8_t level = 30) {
  return {.producer = 5,
          .ssrc = 77,
          .timestamp = 1'000u + number * 960u,
          .sequence_number = number,
          .payload_type = 100,
          .kind = MPH_AUDIO,
          .codec = MPH_CODEC_OPUS,
          .flags = static_cast<uint8_t>(number == 0 ? MPH_PACKET_MARKER : 0),
          .audio_level = level};
}

void AppliesIt() {
  ExampleUnderTest gain("gain", R"({"dB": -12})");
  Tone tone(0.5F);
  std::vector<std::vector<uint8_t>> sent;
  bool isTaken = true;

  for (uint16_t number = 0; number < 100; ++number) {
    sent.push_back(tone.Next());
    isTaken = gain.Packet(PacketOf(number), sent.back(), number + 1u) == MPH_TAKE && isTaken;
  }
  tap::ok(isTaken, "Opus packets are taken");
  tap::ok(gain.UntilCounted("injected", 100), "each comes back");

  bool isInOrder = true;
  std::vector<std::vector<uint8_t>> received;

  for (uint32_t i = 0; i < gain.rtp.size(); ++i) {
    const mph_rtp& rtp = gain.rtp[i].rtp;

    isInOrder = isInOrder && rtp.timestamp == 1'000 + i * 960 && rtp.cause == i + 1 && rtp.marker == (i == 0 ? 1 : 0) && rtp.ssrc == 77 && rtp.payload_type == 100;
    received.push_back(gain.rtp[i].payload);
  }
  tap::ok(isInOrder, "at its own time, with its own marker, because of itself");
  tap::is(gain.rtp[0].rtp.audio_level, 42, "its level has the gain, too");

  const double change = LoudnessOf(received) - LoudnessOf(sent);

  tap::comment("gain of " + std::to_string(change) + " dB");
  tap::ok(std::abs(change + 12) < 0.5, "it is 12 dB softer");
  tap::ok(std::all_of(received.begin(), received.end(), [](const auto& packet) { return opus_packet_get_nb_channels(packet.data()) == 2; }), "and stereo like its source");
}

void FollowsTheApp() {
  ExampleUnderTest gain("gain", R"({"dB": 0})");
  Tone tone(0.25F, 1);
  std::vector<std::vector<uint8_t>> received;

  gain.Request(7, "setGain", R"({"dB": 6})");
  tap::ok(gain.replies.size() == 1 && gain.replies[0].request == 7 && !gain.replies[0].failed && gain.replies[0].body == R"({"dB":6.0})", "the app may set it");
  gain.Request(8, "setGain", R"({"dB": 99})");
  tap::ok(gain.replies[1].failed && gain.replies[1].body.find("from -60 to 30}, not {\"dB\":99}") != std::string::npos, "not to anything");
  gain.Request(9, "mute", "{}");
  tap::ok(gain.replies[2].failed && gain.replies[2].body == "unknown method mute; known is setGain", "other methods are refused");
  gain.Request(0, "setGain", "{");
  tap::ok(gain.replies.size() == 3 && gain.logs.size() == 1, "a notification is not answered; what is wrong with it is logged");

  for (uint16_t number = 0; number < 50; ++number) {
    gain.Packet(PacketOf(number), tone.Next());
  }
  gain.UntilCounted("injected", 50);
  for (const auto& injected : gain.rtp) {
    received.push_back(injected.payload);
  }
  tap::ok(std::abs(LoudnessOf(received) - (20 * std::log10(0.25) - 3.01 + 6)) < 1, "then it is 6 dB louder");
  tap::is(opus_packet_get_nb_channels(received.back().data()), 1, "mono stays mono");
}

void CopesWithWhatComes() {
  ExampleUnderTest gain("gain", R"({"dB": -6})");
  Tone tone(0.5F);
  mph_packet video = PacketOf(0);

  video.codec = MPH_CODEC_VP8;
  tap::is(gain.Packet(video, {1, 2, 3}), MPH_ACCEPT, "what is not Opus passes as it is");
  gain.Packet(PacketOf(0), tone.Next());
  gain.Packet(PacketOf(3), tone.Next());
  gain.Packet(PacketOf(2), tone.Next());
  gain.Packet(PacketOf(4), {0xFC, 0xFF});
  gain.Packet(PacketOf(5), {0xFF});
  gain.Packet(PacketOf(6), tone.Next(480 * 4));
  tap::ok(gain.UntilCounted("injected", 4), "lost packets stay lost");
  tap::ok(gain.UntilCounted("skipped", 2), "what comes too late, or is no Opus, is left out");
  tap::ok(gain.rtp[2].payload == std::vector<uint8_t>{0xFC, 0xFF}, "the last packet before a pause (DTX) stays as it is");
  tap::is(opus_packet_get_nb_samples(gain.rtp[3].payload.data(), static_cast<int>(gain.rtp[3].payload.size()), 48'000), 1'920, "a packet stays as long as it was");
  tap::is(gain.rtp[3].rtp.timestamp, 1'000u + 6 * 960u, "at its time");

  // 50 ms, as no encoder makes them: five frames of 10 ms, of the tone.
  OpusRepacketizer* const repacketizer = opus_repacketizer_create();
  std::vector<std::vector<uint8_t>> frames;
  std::vector<uint8_t> joined(1'500);

  for (int i = 0; i < 5; ++i) {
    frames.push_back(tone.Next(480));
    opus_repacketizer_cat(repacketizer, frames.back().data(), static_cast<opus_int32>(frames.back().size()));
  }
  joined.resize(static_cast<size_t>(opus_repacketizer_out(repacketizer, joined.data(), 1'500)));
  opus_repacketizer_destroy(repacketizer);
  gain.Packet(PacketOf(7), joined);
  tap::ok(gain.UntilCounted("injected", 6), "a packet of 50 ms becomes two");
  tap::is(gain.rtp[5].rtp.timestamp - gain.rtp[4].rtp.timestamp, 1'920u, "one of 40 ms, and one behind it");

  gain.ProducerClosed(5);
  gain.Packet(PacketOf(0), tone.Next());
  tap::ok(gain.UntilCounted("injected", 7), "a producer that is closed is forgotten");
  gain.Answer(MPH_FULL);
  gain.Packet(PacketOf(1), tone.Next());
  tap::ok(gain.UntilCounted("undelivered", 1), "what finds no room is counted");
}

}  // namespace

int main() {
  AppliesIt();
  FollowsTheApp();
  CopesWithWhatComes();
  tap::throws<std::exception>([] { ExampleUnderTest gain("gain", R"({"dB": "loud"})"); }, "not {\"dB\":\"loud\"}", "a config that makes no sense is refused");

  return tap::done();
}
