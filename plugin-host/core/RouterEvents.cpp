#include "RouterEvents.hpp"

#include "Messages.hpp"

#include <utility>
#include <vector>

namespace mph::host {

using Mph::Control::Event;
using Mph::Control::EventType;

namespace {

constexpr std::array<ObjectKind, ObjectKinds> InOrderOfCreation{ObjectKind::Attachment,   ObjectKind::Transport, ObjectKind::Producer,
                                                                ObjectKind::DataProducer, ObjectKind::Consumer,  ObjectKind::DataConsumer};
constexpr std::array<ObjectKind, ObjectKinds> InOrderOfClosing{ObjectKind::Consumer,     ObjectKind::DataConsumer, ObjectKind::Producer,
                                                               ObjectKind::DataProducer, ObjectKind::Transport,    ObjectKind::Attachment};

const char* ToText(const flatbuffers::String* text) { return text == nullptr ? nullptr : text->c_str(); }

}  // namespace

RouterEvents::RouterEvents(Instance& instance, uint32_t router, std::string routerId, uint64_t nowNs, uint32_t workerPid,
                           std::string member)
    : instance_(instance), router_(router), routerId_(std::move(routerId)), workerPid_(workerPid), member_(std::move(member)) {
  instance_.OnEvent(Make(MPH_EVENT_ROUTER_OPENED, nowNs));
}

bool RouterEvents::Deliver(const Event& event, uint64_t atNs) {
  if (!isOpen_) {
    return false;
  }
  if (event.type() == EventType::RouterClosed) {
    Close(atNs);

    return true;
  }

  const auto about = ObjectEventOf(event.type());

  // A newer worker may know more; the plugin's header does not.
  if (!about) {
    return false;
  }

  const auto number = NumberOf(about->kind, event);

  switch (about->change) {
    case ObjectChange::Created:
      return Create(about->kind, event, atNs);
    case ObjectChange::Closed:
      return CloseOne(about->kind, number, atNs);
    case ObjectChange::Paused:
      return Pause(about->kind, number, true, atNs);
    case ObjectChange::Resumed:
      return Pause(about->kind, number, false, atNs);
  }

  return false;
}

uint64_t RouterEvents::Follow(const flatbuffers::Vector<flatbuffers::Offset<Event>>* state, uint64_t atNs) {
  std::array<std::vector<const Event*>, ObjectKinds> events;
  RouterNumbers there;

  if (!isOpen_) {
    return 0;
  }
  for (flatbuffers::uoffset_t i = 0; state != nullptr && i < state->size(); ++i) {
    const auto* event = state->Get(i);
    const auto about = ObjectEventOf(event->type());

    if (about && about->change == ObjectChange::Created) {
      events[static_cast<size_t>(about->kind)].push_back(event);
      there.Add(about->kind, NumberOf(about->kind, *event));
    }
  }

  auto told = CloseMissing(there, atNs);

  for (const auto kind : InOrderOfCreation) {
    for (const auto* event : events[static_cast<size_t>(kind)]) {
      told += FollowOne(kind, *event, atNs);
    }
  }

  return told;
}

// What has gone while this host did not read the ring.
uint64_t RouterEvents::CloseMissing(const RouterNumbers& there, uint64_t atNs) {
  uint64_t told = 0;

  for (const auto kind : InOrderOfClosing) {
    std::vector<uint32_t> gone;

    for (const auto& [number, object] : objects_.Of(kind)) {
      if (!there.Has(kind, number)) {
        gone.push_back(number);
      }
    }
    for (const auto number : gone) {
      CloseOne(kind, number, atNs);
    }
    told += gone.size();
  }

  return told;
}

uint64_t RouterEvents::FollowOne(ObjectKind kind, const Event& event, uint64_t atNs) {
  const auto number = NumberOf(kind, event);
  const bool isKnown = objects_.Of(kind).contains(number);
  const bool isTold = isKnown ? Pause(kind, number, event.paused(), atNs) : Create(kind, event, atNs);

  return isTold ? 1 : 0;
}

void RouterEvents::Close(uint64_t nowNs) {
  if (!std::exchange(isOpen_, false)) {
    return;
  }
  CloseMissing({}, nowNs);
  instance_.OnEvent(Make(MPH_EVENT_ROUTER_CLOSED, nowNs));
}

// An attachment of another plugin in this host.
bool RouterEvents::IsOthers(const Event& event) const {
  return event.type() == EventType::AttachmentAdded && event.member() != nullptr && !member_.empty() &&
         event.member()->string_view() != member_;
}

bool RouterEvents::Create(ObjectKind kind, const Event& event, uint64_t atNs) {
  if (IsOthers(event)) {
    return false;
  }

  const auto number = NumberOf(kind, event);
  const auto [known, isNew] = objects_.Of(kind).try_emplace(number, kind, event);

  if (!isNew) {
    return false;
  }

  auto told = MakeOf(kind, ObjectChange::Created, number, atNs);

  known->second.Describe(kind, told);
  told.mime_type = ToText(event.mimeType());
  told.clock_rate = event.clockRate();
  told.parameters = ToText(event.parameters());
  if (event.ssrcs() != nullptr) {
    told.ssrcs = event.ssrcs()->data();
    told.ssrc_count = static_cast<uint16_t>(event.ssrcs()->size());
  }
  if (kind == ObjectKind::Attachment) {
    told.context = ToText(event.context());
    // Neither an observer's packets nor diverted ones wait for a verdict.
    told.observe = event.mode() != Mph::Control::Mode::Filter;
    told.producer = event.producer();
    told.producer_id = ToText(event.producerId());
  }
  instance_.OnEvent(told);

  return true;
}

bool RouterEvents::Pause(ObjectKind kind, uint32_t number, bool paused, uint64_t atNs) {
  auto& table = objects_.Of(kind);
  const auto known = table.find(number);

  // The state at a start may be ahead of the records that follow it.
  if (known == table.end() || known->second.paused == paused) {
    return false;
  }
  known->second.paused = paused;

  auto told = MakeOf(kind, paused ? ObjectChange::Paused : ObjectChange::Resumed, number, atNs);

  known->second.Describe(kind, told);
  instance_.OnEvent(told);

  return true;
}

bool RouterEvents::CloseOne(ObjectKind kind, uint32_t number, uint64_t atNs) {
  // Taken out first: its strings live until the plugin was told.
  const auto known = objects_.Of(kind).extract(number);

  // A producer that is not known is reported all the same, since packets of it may have been seen.
  if (known.empty() && kind != ObjectKind::Producer && kind != ObjectKind::DataProducer) {
    return false;
  }

  auto told = MakeOf(kind, ObjectChange::Closed, number, atNs);

  if (!known.empty()) {
    known.mapped().Describe(kind, told);
  }
  instance_.OnEvent(told);

  return true;
}

mph_event RouterEvents::MakeOf(ObjectKind kind, ObjectChange change, uint32_t number, uint64_t atNs) const {
  auto told = Make(ToldAs(kind, change), atNs);

  switch (kind) {
    case ObjectKind::Attachment:
      told.attachment = number;
      break;
    case ObjectKind::Transport:
      told.transport = number;
      break;
    case ObjectKind::Producer:
    case ObjectKind::DataProducer:
      told.producer = number;
      break;
    case ObjectKind::Consumer:
    case ObjectKind::DataConsumer:
      told.consumer = number;
      break;
  }

  return told;
}

mph_event RouterEvents::Make(mph_event_type type, uint64_t atNs) const {
  mph_event told{};

  told.size = sizeof told;
  told.type = type;
  told.at_ns = atNs;
  told.router = router_;
  told.router_id = routerId_.c_str();
  told.worker_pid = workerPid_;

  return told;
}

}  // namespace mph::host
