#include "ExampleUnderTest.hpp"

#include "tap.hpp"

namespace {

void Join(ExampleUnderTest& router, uint32_t number, const char* id) {
  router.Event({.type = MPH_EVENT_DATA_CONSUMER_CREATED, .router = ExampleUnderTest::Router, .producer = 1, .consumer = number, .consumer_id = id});
}

}  // namespace

int main() {
  ExampleUnderTest router("data-router");

  router.Event({.type = MPH_EVENT_DATA_PRODUCER_CREATED, .router = ExampleUnderTest::Router, .producer = 1, .producer_id = "alice"});
  router.Event({.type = MPH_EVENT_DATA_PRODUCER_CREATED, .router = ExampleUnderTest::Router, .producer = 2, .producer_id = "bob"});
  Join(router, 11, "c-alice");
  Join(router, 12, "c-bob");
  Join(router, 12, "c-bob");
  router.Event({.type = MPH_EVENT_DATA_CONSUMER_CREATED, .router = 9, .consumer = 13, .consumer_id = "c-elsewhere"});

  tap::is(router.Message(1, "to: c-bob, c-alice\n\nhello\nyou", MPH_PPID_STRING, 42), MPH_TAKE, "a message that names its destinations is taken");
  tap::is(router.data.size(), 1u, "and sent once");
  tap::is(router.data[0].message, "from: alice\n\nhello\nyou", "with its text and its sender");
  tap::ok(router.data[0].consumers == std::vector<uint32_t>{12, 11}, "to those that it names");
  tap::ok(router.data[0].data.data_producer == 0 && router.data[0].data.ppid == MPH_PPID_STRING && router.data[0].data.cause == 42, "as text, because of it");

  tap::is(router.Message(1, "to: bot\r\nreply-to: c-alice\r\n\r\nwho is here?"), MPH_TAKE, "a message to the bot is taken");
  tap::is(router.data.back().message, "from: bot\n\nwho is here?\nparticipants: 2", "the bot answers with the text and how many take part");
  tap::ok(router.data.back().consumers == std::vector<uint32_t>{11}, "whom the sender said");

  tap::is(router.Message(1, "to: nobody, c-elsewhere\n\nhello"), MPH_TAKE, "a message to nobody is taken");
  tap::is(router.Message(1, "to:"), MPH_TAKE, "so is one that names nobody");
  tap::is(router.data.size(), 2u, "and nobody gets either");

  tap::is(router.Message(1, "hello all"), MPH_ACCEPT, "what names no destination goes its usual way");
  tap::is(router.Message(1, "to: c-bob\n\n\x01", MPH_PPID_BINARY), MPH_ACCEPT, "so does what is no text");
  tap::is(router.Message(1, " ", MPH_PPID_EMPTY_STRING), MPH_ACCEPT, "and an empty message");

  router.Message(1, "to: c-bob\n\n" + std::string(262'144, 'x'));
  router.Answer(MPH_FULL);
  router.Message(2, "to: c-alice\n\nhello");
  router.Answer(MPH_OK);
  router.Event({.type = MPH_EVENT_DATA_CONSUMER_CLOSED, .router = ExampleUnderTest::Router, .consumer = 12});
  router.Message(1, "to: c-bob\n\ngone");
  router.Tick();
  tap::is(router.Counted("forwarded"), 2u, "what was forwarded is counted");
  tap::is(router.Counted("answered"), 1u, "what the bot answered, too");
  tap::is(router.Counted("unknown"), 3u, "and who was not there, or not any more");
  tap::is(router.Counted("undelivered"), 2u, "and what was too long or found no room");

  router.Event({.type = MPH_EVENT_ROUTER_CLOSED, .router = ExampleUnderTest::Router});
  router.Message(1, "to: c-alice\n\nhello");
  router.Tick();
  tap::is(router.Counted("unknown"), 4u, "nobody is left in a router that is closed");

  return tap::done();
}
