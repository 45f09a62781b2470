#include "ExampleUnderTest.hpp"

#include "tap.hpp"

int main() {
  ExampleUnderTest speakers("speakers");
  const auto say = [&](uint32_t producer, uint8_t level, uint64_t atMs) {
    speakers.Packet({.received_at_ns = atMs * 1'000'000, .producer = producer, .kind = MPH_AUDIO, .audio_level = level}, {});
  };
  const auto tick = [&](uint64_t atMs) { speakers.Tick(atMs * 1'000'000); };

  tap::is(std::string(speakers.Plugin().name), "speakers", "its descriptor is read");
  speakers.RouterOpened("r\"1");
  speakers.ProducerCreated(5, "alice", MPH_AUDIO);
  speakers.ProducerCreated(6, "bob", MPH_AUDIO);
  speakers.ProducerCreated(7, "screen", MPH_VIDEO);
  tick(1'000);
  tap::is(speakers.posts.size(), 0u, "nothing is said while nobody speaks");

  say(5, 20, 1'000);
  say(6, 60, 1'000);
  say(7, 20, 1'000);
  tick(1'100);
  tap::is(speakers.posts.size(), 1u, "one message for a change");
  tap::is(speakers.posts.back().name, "speakers", "by its name");
  tap::is(speakers.posts.back().body, R"({"routerId":"r\"1","producerIds":["alice"]})", "names who is loud enough");

  say(6, 50, 1'200);
  tick(1'300);
  tap::is(speakers.posts.back().body, R"({"routerId":"r\"1","producerIds":["alice","bob"]})", "two may speak at once");
  tick(1'400);
  tap::is(speakers.posts.size(), 2u, "what has not changed is not told again");

  speakers.Answer(MPH_FULL);
  tick(1'600);
  speakers.Answer(MPH_OK);
  tick(1'650);
  tap::is(speakers.posts.back().body, R"({"routerId":"r\"1","producerIds":["bob"]})", "who is silent for half a second speaks no more");
  tap::is(speakers.posts.size(), 4u, "what the app did not take is told again");

  speakers.ProducerClosed(6);
  tick(1'660);
  tap::is(speakers.posts.back().body, R"({"routerId":"r\"1","producerIds":[]})", "nor does who has gone");
  say(5, 255, 1'700);
  tick(1'750);
  tap::is(speakers.posts.size(), 5u, "a packet without a level says nothing");
  tap::is(speakers.Counted("changes"), 4u, "changes are counted");

  return tap::done();
}
