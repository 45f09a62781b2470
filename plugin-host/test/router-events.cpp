// What a plugin hears of a router: transports, producers, data producers, their consumers and its attachments, from the ring and from the
// state at a start.

#include "FakeRing.hpp"
#include "FakeWorker.hpp"
#include "HostUnderTest.hpp"
#include "Journal.hpp"

#include <csignal>

#include "tap.hpp"

using namespace mph::test;
using Mph::Control::EventType;

namespace {

constexpr uint32_t Worker = 100001;

struct Object {
  EventType type;
  uint32_t transport{0};
  uint32_t producer{0};
  uint32_t consumer{0};
  uint32_t attachment{0};
  bool paused{false};
  std::string member{};
};

std::string IdOf(const char* kind, uint32_t number) { return number == 0 ? std::string() : kind + std::to_string(number); }

// As the worker writes it: ids and parameters in *Created and *Added alone.
auto Write(const Object& object) {
  return [=](flatbuffers::FlatBufferBuilder& builder) {
    const bool isNew = std::string(Mph::Control::EnumNameEventType(object.type)).find("Created") != std::string::npos ||
                       object.type == EventType::AttachmentAdded;
    const auto text = [&](const std::string& value) {
      return isNew && !value.empty() ? builder.CreateString(value) : flatbuffers::Offset<flatbuffers::String>();
    };
    const auto transportId = text(IdOf("t", object.transport));
    const auto producerId = text(IdOf("p", object.producer));
    const auto consumerId = text(IdOf("c", object.consumer));
    const auto attachmentId = text(IdOf("a", object.attachment));
    const auto member = text(object.member);
    const auto mimeType = text(object.type == EventType::ProducerCreated ? "video/VP8" : "");
    const auto parameters = text(object.type == EventType::AttachmentAdded ? "" : R"({"x":1})");
    Mph::Control::EventBuilder event(builder);

    event.add_type(object.type);
    event.add_transport(object.transport);
    event.add_transportId(transportId);
    event.add_producer(object.producer);
    event.add_producerId(producerId);
    event.add_consumer(object.consumer);
    event.add_consumerId(consumerId);
    event.add_attachment(object.attachment);
    event.add_attachmentId(attachmentId);
    event.add_member(member);
    event.add_mimeType(mimeType);
    event.add_parameters(parameters);
    event.add_paused(object.paused);

    return event.Finish();
  };
}

// In an order in which some refer to what comes later.
FakeWorker::State Jumbled() {
  return {Write({.type = EventType::DataConsumerCreated, .transport = 2, .producer = 12, .consumer = 22}),
          Write({.type = EventType::ConsumerCreated, .transport = 2, .producer = 11, .consumer = 21, .paused = true}),
          Write({.type = EventType::DataProducerCreated, .transport = 1, .producer = 12}),
          Write({.type = EventType::ProducerCreated, .transport = 1, .producer = 11}),
          Write({.type = EventType::TransportCreated, .transport = 1}),
          Write({.type = EventType::TransportCreated, .transport = 2}),
          Write({.type = EventType::AttachmentAdded, .attachment = 5})};
}

const std::string Opened =
    "router-opened router-1\n"
    "attachment-added router-1 attachment 5 a5 -\n"
    "transport-created router-1 transport 1 t1 {\"x\":1}\n"
    "transport-created router-1 transport 2 t2 {\"x\":1}\n"
    "producer-created router-1 producer 11 p11 video/VP8 0 ssrcs transport 1 t1 {\"x\":1}\n"
    "data-producer-created router-1 producer 12 p12 transport 1 t1 {\"x\":1}\n"
    "consumer-created router-1 producer 11 p11 consumer 21 c21 transport 2 t2 {\"x\":1}\n"
    "data-consumer-created router-1 producer 12 p12 consumer 22 c22 transport 2 t2 {\"x\":1}\n";

void InTheRing() {
  const Journal journal;
  HostUnderTest host;
  FakeWorker worker(Worker);
  FakeRing ring(0);
  const auto write = [&](const Object& object) { ring.WriteEvent(Write(object)); };

  host.Load("journal", journal.Config());
  worker.Meet(host);
  worker.Serve(ring, {.state = Jumbled()});
  journal.AwaitText(Opened, "the state comes in an order in which nothing refers to what was not announced");

  // Once more than need be, as when the state is ahead of the ring.
  write({.type = EventType::ConsumerCreated, .transport = 2, .producer = 11, .consumer = 21});
  write({.type = EventType::ConsumerPaused, .consumer = 21});
  write({.type = EventType::ConsumerResumed, .consumer = 21});
  write({.type = EventType::DataConsumerPaused, .consumer = 22});
  write({.type = EventType::DataProducerPaused, .producer = 12});
  write({.type = EventType::DataProducerResumed, .producer = 12});
  write({.type = EventType::DataConsumerClosed, .consumer = 22});
  write({.type = EventType::ConsumerClosed, .consumer = 21});
  write({.type = EventType::DataProducerClosed, .producer = 12});
  // Closed twice, and never heard of.
  write({.type = EventType::ConsumerClosed, .consumer = 21});
  write({.type = EventType::TransportClosed, .transport = 9});
  write({.type = EventType::ConsumerPaused, .consumer = 99});
  // For the host, and for nobody that is here.
  write({.type = EventType::RunAdded, .attachment = 77});
  write({.type = EventType::AttachmentAdded, .attachment = 6, .member = "plugin-2"});
  write({.type = EventType::AttachmentRemoved, .attachment = 6});
  write({.type = EventType::AttachmentAdded, .attachment = 7, .member = "plugin-1"});
  write({.type = EventType::TransportClosed, .transport = 2});
  worker.Publish(ring);

  const auto changed = Opened +
                       "consumer-resumed router-1 producer 11 p11 consumer 21 c21 transport 2 t2\n"
                       "data-consumer-paused router-1 producer 12 p12 consumer 22 c22 transport 2 t2\n"
                       "data-producer-paused router-1 producer 12 p12 transport 1 t1\n"
                       "data-producer-resumed router-1 producer 12 p12 transport 1 t1\n"
                       "data-consumer-closed router-1 producer 12 p12 consumer 22 c22 transport 2 t2\n"
                       "consumer-closed router-1 producer 11 p11 consumer 21 c21 transport 2 t2\n"
                       "data-producer-closed router-1 producer 12 p12 transport 1 t1\n"
                       "attachment-added router-1 attachment 7 a7 -\n"
                       "transport-closed router-1 transport 2 t2\n";

  journal.AwaitText(changed, "what changes comes once, and is said of what is known");
  worker.Withdraw(ring);
  journal.AwaitText(changed +
                        "producer-closed router-1 producer 11 p11 transport 1 t1\n"
                        "transport-closed router-1 transport 1 t1\n"
                        "attachment-removed router-1 attachment 5 a5 -\n"
                        "attachment-removed router-1 attachment 7 a7 -\n"
                        "router-closed router-1\n",
                    "in the end all is closed, and nothing before what refers to it");
}

void AtAStart() {
  const Journal journal;
  HostUnderTest host;
  FakeWorker worker(Worker);
  FakeRing ring(0);

  host.Load("journal", journal.Config());
  worker.Meet(host);
  worker.Serve(ring, {.state = Jumbled()});
  journal.AwaitText(Opened, "a host that comes hears of all that there is");
  worker.Stop(ring.Number());
  worker.AwaitStopped(ring);
  worker.Start(ring, {.state = {Write({.type = EventType::AttachmentAdded, .attachment = 8}),
                                Write({.type = EventType::TransportCreated, .transport = 1}),
                                Write({.type = EventType::TransportCreated, .transport = 3}),
                                Write({.type = EventType::ProducerCreated, .transport = 1, .producer = 11, .paused = true}),
                                Write({.type = EventType::ConsumerCreated, .transport = 3, .producer = 11, .consumer = 31}),
                                Write({.type = EventType::DataProducerCreated, .transport = 3, .producer = 13})}});
  journal.AwaitText(Opened +
                        "consumer-closed router-1 producer 11 p11 consumer 21 c21 transport 2 t2\n"
                        "data-consumer-closed router-1 producer 12 p12 consumer 22 c22 transport 2 t2\n"
                        "data-producer-closed router-1 producer 12 p12 transport 1 t1\n"
                        "transport-closed router-1 transport 2 t2\n"
                        "attachment-removed router-1 attachment 5 a5 -\n"
                        "attachment-added router-1 attachment 8 a8 -\n"
                        "transport-created router-1 transport 3 t3 {\"x\":1}\n"
                        "producer-paused router-1 producer 11 p11 transport 1 t1\n"
                        "data-producer-created router-1 producer 13 p13 transport 3 t3 {\"x\":1}\n"
                        "consumer-created router-1 producer 11 p11 consumer 31 c31 transport 3 t3 {\"x\":1}\n",
                    "one that comes back hears what has gone, what has come and what has changed");
}

}  // namespace

int main() {
  std::signal(SIGPIPE, SIG_IGN);

  InTheRing();
  AtAStart();

  return tap::done();
}
