#include "RouterEvents.hpp"

#include "Messages.hpp"

#include <set>
#include <utility>
#include <vector>

namespace mph::host {

using Mph::Control::Event;
using Mph::Control::EventType;

namespace {

const char* ToText(const flatbuffers::String* text) { return text == nullptr ? nullptr : text->c_str(); }

}  // namespace

RouterEvents::RouterEvents(Instance& instance, uint32_t router, std::string routerId, uint64_t nowNs)
    : instance_(instance), router_(router), routerId_(std::move(routerId)) {
  instance_.OnEvent(Make(MPH_EVENT_ROUTER_OPENED, nowNs));
}

bool RouterEvents::Deliver(const Event& event, uint64_t atNs) {
  if (!isOpen_) {
    return false;
  }

  switch (event.type()) {
    case EventType::RouterClosed:
      Close(atNs);
      return true;
    case EventType::ProducerCreated:
      return AddProducer(event, atNs);
    case EventType::ProducerClosed:
      CloseProducer(event.producer(), atNs);
      return true;
    case EventType::ProducerPaused:
      return PauseProducer(event, atNs, true);
    case EventType::ProducerResumed:
      return PauseProducer(event, atNs, false);
    case EventType::AttachmentAdded:
      return AddAttachment(event, atNs);
    case EventType::AttachmentRemoved:
      RemoveAttachment(event.attachment(), atNs);
      return true;
    default:
      break;
  }

  // A newer worker may know more; the plugin's header does not.
  return false;
}

uint64_t RouterEvents::Follow(const flatbuffers::Vector<flatbuffers::Offset<Event>>* state, uint64_t atNs) {
  std::set<uint32_t> producers;
  std::set<uint32_t> attachments;
  std::vector<const Event*> events;

  if (!isOpen_) {
    return 0;
  }
  if (state != nullptr) {
    events.assign(state->begin(), state->end());
  }
  for (const auto* event : events) {
    if (event->type() == EventType::ProducerCreated) {
      producers.insert(event->producer());
    } else if (event->type() == EventType::AttachmentAdded) {
      attachments.insert(event->attachment());
    }
  }

  auto told = CloseMissing(producers, attachments, atNs);

  for (const auto* event : events) {
    const bool isKnown = event->type() == EventType::ProducerCreated && producers_.contains(event->producer());
    const bool isTold = isKnown ? PauseProducer(*event, atNs, event->paused()) : Deliver(*event, atNs);

    told += isTold ? 1 : 0;
  }

  return told;
}

// What has gone while this host did not read the ring.
uint64_t RouterEvents::CloseMissing(const std::set<uint32_t>& producers, const std::set<uint32_t>& attachments, uint64_t atNs) {
  std::vector<uint32_t> closed;
  std::vector<uint32_t> removed;

  for (const auto& [number, producer] : producers_) {
    if (!producers.contains(number)) {
      closed.push_back(number);
    }
  }
  for (const auto& [number, id] : attachments_) {
    if (!attachments.contains(number)) {
      removed.push_back(number);
    }
  }
  for (const auto number : closed) {
    CloseProducer(number, atNs);
  }
  for (const auto number : removed) {
    RemoveAttachment(number, atNs);
  }

  return closed.size() + removed.size();
}

void RouterEvents::Close(uint64_t nowNs) {
  if (!std::exchange(isOpen_, false)) {
    return;
  }
  while (!producers_.empty()) {
    CloseProducer(producers_.begin()->first, nowNs);
  }
  while (!attachments_.empty()) {
    RemoveAttachment(attachments_.begin()->first, nowNs);
  }
  instance_.OnEvent(Make(MPH_EVENT_ROUTER_CLOSED, nowNs));
}

bool RouterEvents::AddProducer(const Event& event, uint64_t atNs) {
  const bool isNew = producers_.try_emplace(event.producer(), Producer{ToString(event.producerId()), event.kind(), event.paused()}).second;

  if (!isNew) {
    return false;
  }

  mph_event told = Make(MPH_EVENT_PRODUCER_CREATED, atNs);

  told.producer = event.producer();
  told.producer_id = ToText(event.producerId());
  told.kind = static_cast<uint8_t>(event.kind());
  told.mime_type = ToText(event.mimeType());
  told.clock_rate = event.clockRate();
  told.paused = event.paused();
  if (event.ssrcs() != nullptr) {
    told.ssrcs = event.ssrcs()->data();
    told.ssrc_count = static_cast<uint16_t>(event.ssrcs()->size());
  }
  instance_.OnEvent(told);

  return true;
}

bool RouterEvents::PauseProducer(const Event& event, uint64_t atNs, bool paused) {
  const auto known = producers_.find(event.producer());

  // The state at a start may be ahead of the records that follow it.
  if (known == producers_.end() || known->second.paused == paused) {
    return false;
  }
  known->second.paused = paused;

  mph_event told = Make(paused ? MPH_EVENT_PRODUCER_PAUSED : MPH_EVENT_PRODUCER_RESUMED, atNs);

  told.producer = event.producer();
  told.producer_id = known->second.id.c_str();
  told.kind = static_cast<uint8_t>(known->second.kind);
  told.paused = paused;
  instance_.OnEvent(told);

  return true;
}

void RouterEvents::CloseProducer(uint32_t number, uint64_t atNs) {
  // Taken out first: its strings live until the plugin was told. One that is not known is reported all the same, since packets
  // of it may have been seen.
  const auto known = producers_.extract(number);
  mph_event told = Make(MPH_EVENT_PRODUCER_CLOSED, atNs);

  told.producer = number;
  if (!known.empty()) {
    told.producer_id = known.mapped().id.c_str();
    told.kind = static_cast<uint8_t>(known.mapped().kind);
    told.paused = known.mapped().paused;
  }
  instance_.OnEvent(told);
}

bool RouterEvents::AddAttachment(const Event& event, uint64_t atNs) {
  const bool isNew = attachments_.try_emplace(event.attachment(), ToString(event.attachmentId())).second;

  if (!isNew) {
    return false;
  }

  mph_event told = Make(MPH_EVENT_ATTACHMENT_ADDED, atNs);

  told.attachment = event.attachment();
  told.attachment_id = ToText(event.attachmentId());
  told.context = ToText(event.context());
  told.observe = event.mode() == Mph::Control::Mode::Observe;
  told.producer = event.producer();
  told.producer_id = ToText(event.producerId());
  instance_.OnEvent(told);

  return true;
}

void RouterEvents::RemoveAttachment(uint32_t number, uint64_t atNs) {
  const auto known = attachments_.extract(number);
  mph_event told = Make(MPH_EVENT_ATTACHMENT_REMOVED, atNs);

  told.attachment = number;
  if (!known.empty()) {
    told.attachment_id = known.mapped().c_str();
  }
  instance_.OnEvent(told);
}

mph_event RouterEvents::Make(mph_event_type type, uint64_t atNs) const {
  mph_event told{};

  told.size = sizeof told;
  told.type = type;
  told.at_ns = atNs;
  told.router = router_;
  told.router_id = routerId_.c_str();

  return told;
}

}  // namespace mph::host
