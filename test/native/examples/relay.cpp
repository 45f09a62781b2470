#include "ExampleUnderTest.hpp"

#include "tap.hpp"

int main() {
  ExampleUnderTest relay("relay");
  const mph_packet packet{
      .producer = 5, .ssrc = 77, .timestamp = 960, .sequence_number = 9, .payload_type = 100, .kind = MPH_VIDEO, .flags = MPH_PACKET_MARKER, .audio_level = 255};

  tap::is(relay.Packet(packet, {1, 2, 3}, 42, 4), MPH_TAKE, "a packet is taken");
  tap::is(relay.rtp.size(), 1u, "and injected once");
  tap::ok(relay.rtp[0].payload == std::vector<uint8_t>{1, 2, 3}, "with its payload, without header and padding");

  const mph_rtp& rtp = relay.rtp[0].rtp;

  tap::ok(rtp.router == ExampleUnderTest::Router && rtp.producer == 5 && rtp.ssrc == 77 && rtp.timestamp == 960 && rtp.payload_type == 100, "into its own stream, at its own time");
  tap::ok(rtp.marker == 1 && rtp.audio_level == 255 && rtp.voice == 0, "with its marker, and without a level that it had not");
  tap::is(rtp.cause, 42u, "because of it");
  tap::is(rtp.consumer_count, 0u, "to all consumers");

  tap::is(relay.Packet(packet, {}, 43, 8), MPH_ACCEPT, "padding alone passes as it is");
  relay.copiesPayload = false;
  tap::is(relay.Packet(packet, {1}, 44), MPH_ACCEPT, "a packet of which a part was copied passes as it is");
  relay.copiesPayload = true;
  tap::is(relay.rtp.size(), 1u, "neither is injected");
  relay.Answer(MPH_FULL);
  tap::is(relay.Packet(packet, {1}, 45), MPH_ACCEPT, "what cannot be injected now passes as it is");
  relay.Tick();
  tap::ok(relay.Counted("relayed") == 1 && relay.Counted("accepted") == 3, "all are counted");

  return tap::done();
}
