#include "RouterObjects.hpp"

#include "Messages.hpp"

namespace mph::host {

using Mph::Control::Event;
using Mph::Control::EventType;

namespace {

constexpr size_t ObjectChanges = 4;

struct Row {
  std::array<EventType, ObjectChanges> comesAs;
  std::array<mph_event_type, ObjectChanges> toldAs;
};

// By kind and change. Neither attachments nor transports pause.
constexpr auto NoEvent = EventType::None;
constexpr auto NotTold = mph_event_type{};
constexpr std::array<Row, ObjectKinds> Rows{{
    {{EventType::AttachmentAdded, EventType::AttachmentRemoved, NoEvent, NoEvent},
     {MPH_EVENT_ATTACHMENT_ADDED, MPH_EVENT_ATTACHMENT_REMOVED, NotTold, NotTold}},
    {{EventType::TransportCreated, EventType::TransportClosed, NoEvent, NoEvent},
     {MPH_EVENT_TRANSPORT_CREATED, MPH_EVENT_TRANSPORT_CLOSED, NotTold, NotTold}},
    {{EventType::ProducerCreated, EventType::ProducerClosed, EventType::ProducerPaused, EventType::ProducerResumed},
     {MPH_EVENT_PRODUCER_CREATED, MPH_EVENT_PRODUCER_CLOSED, MPH_EVENT_PRODUCER_PAUSED, MPH_EVENT_PRODUCER_RESUMED}},
    {{EventType::DataProducerCreated, EventType::DataProducerClosed, EventType::DataProducerPaused, EventType::DataProducerResumed},
     {MPH_EVENT_DATA_PRODUCER_CREATED, MPH_EVENT_DATA_PRODUCER_CLOSED, MPH_EVENT_DATA_PRODUCER_PAUSED, MPH_EVENT_DATA_PRODUCER_RESUMED}},
    {{EventType::ConsumerCreated, EventType::ConsumerClosed, EventType::ConsumerPaused, EventType::ConsumerResumed},
     {MPH_EVENT_CONSUMER_CREATED, MPH_EVENT_CONSUMER_CLOSED, MPH_EVENT_CONSUMER_PAUSED, MPH_EVENT_CONSUMER_RESUMED}},
    {{EventType::DataConsumerCreated, EventType::DataConsumerClosed, EventType::DataConsumerPaused, EventType::DataConsumerResumed},
     {MPH_EVENT_DATA_CONSUMER_CREATED, MPH_EVENT_DATA_CONSUMER_CLOSED, MPH_EVENT_DATA_CONSUMER_PAUSED, MPH_EVENT_DATA_CONSUMER_RESUMED}},
}};

const char* TextOrNull(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

bool IsConsumer(ObjectKind kind) { return kind == ObjectKind::Consumer || kind == ObjectKind::DataConsumer; }

const flatbuffers::String* IdOf(ObjectKind kind, const Event& event) {
  switch (kind) {
    case ObjectKind::Attachment:
      return event.attachmentId();
    case ObjectKind::Transport:
      return event.transportId();
    case ObjectKind::Producer:
    case ObjectKind::DataProducer:
      return event.producerId();
    default:
      return event.consumerId();
  }
}

}  // namespace

std::optional<ObjectEvent> ObjectEventOf(EventType type) {
  for (size_t kind = 0; kind < ObjectKinds && type != NoEvent; ++kind) {
    for (size_t change = 0; change < ObjectChanges; ++change) {
      if (Rows[kind].comesAs[change] == type) {
        return ObjectEvent{static_cast<ObjectKind>(kind), static_cast<ObjectChange>(change)};
      }
    }
  }

  return std::nullopt;
}

mph_event_type ToldAs(ObjectKind kind, ObjectChange change) { return Rows[static_cast<size_t>(kind)].toldAs[static_cast<size_t>(change)]; }

uint32_t NumberOf(ObjectKind kind, const Event& event) {
  switch (kind) {
    case ObjectKind::Attachment:
      return event.attachment();
    case ObjectKind::Transport:
      return event.transport();
    case ObjectKind::Producer:
    case ObjectKind::DataProducer:
      return event.producer();
    default:
      return event.consumer();
  }
}

RouterObject::RouterObject(ObjectKind kind, const Event& event)
    : id(ToString(IdOf(kind, event))),
      mediaKind(kind == ObjectKind::DataProducer || kind == ObjectKind::DataConsumer ? Mph::Layout::MediaKind::Data : event.kind()),
      paused(event.paused()),
      producer(IsConsumer(kind) ? event.producer() : 0),
      producerId(IsConsumer(kind) ? ToString(event.producerId()) : std::string()),
      transport(event.transport()),
      transportId(ToString(event.transportId())) {}

void RouterObject::Describe(ObjectKind kind, mph_event& told) const {
  if (kind == ObjectKind::Attachment) {
    told.attachment_id = TextOrNull(id);

    return;
  }
  told.transport = transport;
  told.transport_id = TextOrNull(transportId);
  if (kind == ObjectKind::Transport) {
    return;
  }
  told.kind = static_cast<uint8_t>(mediaKind);
  told.paused = paused;
  if (IsConsumer(kind)) {
    told.consumer_id = TextOrNull(id);
    told.producer = producer;
    told.producer_id = TextOrNull(producerId);
  } else {
    told.producer_id = TextOrNull(id);
  }
}

}  // namespace mph::host
