// Lifecycle events as a worker writes them, for FakeRing::WriteEvent() and FakeWorker::Beginning::state.
#pragma once

#include "mph/fbs/control.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mph::test {

inline auto ProducerCreated(uint32_t number, const std::string& id, bool paused = false) {
  return [=](flatbuffers::FlatBufferBuilder& builder) {
    const auto idOffset = builder.CreateString(id);
    const auto mimeType = builder.CreateString("audio/opus");
    const auto ssrcs = builder.CreateVector(std::vector<uint32_t>{11, 22});
    Mph::Control::EventBuilder event(builder);

    event.add_type(Mph::Control::EventType::ProducerCreated);
    event.add_producer(number);
    event.add_producerId(idOffset);
    event.add_kind(Mph::Layout::MediaKind::Audio);
    event.add_mimeType(mimeType);
    event.add_clockRate(48000);
    event.add_paused(paused);
    event.add_ssrcs(ssrcs);

    return event.Finish();
  };
}

inline auto AttachmentAdded(uint32_t number, const std::string& id) {
  return [=](flatbuffers::FlatBufferBuilder& builder) {
    const auto idOffset = builder.CreateString(id);
    const auto context = builder.CreateString("{}");
    Mph::Control::EventBuilder event(builder);

    event.add_type(Mph::Control::EventType::AttachmentAdded);
    event.add_attachment(number);
    event.add_attachmentId(idOffset);
    event.add_context(context);
    event.add_mode(Mph::Control::Mode::Filter);

    return event.Finish();
  };
}

// Of one plugin of a group.
inline auto MemberAttached(uint32_t number, const std::string& member, Mph::Control::Mode mode = Mph::Control::Mode::Filter,
                           Mph::Control::Policy onError = Mph::Control::Policy::Accept) {
  return [=](flatbuffers::FlatBufferBuilder& builder) {
    const auto memberOffset = builder.CreateString(member);
    Mph::Control::EventBuilder event(builder);

    event.add_type(Mph::Control::EventType::AttachmentAdded);
    event.add_attachment(number);
    event.add_member(memberOffset);
    event.add_mode(mode);
    event.add_onError(onError);

    return event.Finish();
  };
}

inline auto AttachmentRemoved(uint32_t number) {
  return [=](flatbuffers::FlatBufferBuilder& builder) {
    Mph::Control::EventBuilder event(builder);

    event.add_type(Mph::Control::EventType::AttachmentRemoved);
    event.add_attachment(number);

    return event.Finish();
  };
}

inline auto RunAdded(uint32_t number, const std::vector<uint32_t>& members) {
  return [=](flatbuffers::FlatBufferBuilder& builder) {
    const auto membersOffset = builder.CreateVector(members);
    Mph::Control::EventBuilder event(builder);

    event.add_type(Mph::Control::EventType::RunAdded);
    event.add_attachment(number);
    event.add_members(membersOffset);

    return event.Finish();
  };
}

inline auto OfProducer(Mph::Control::EventType type, uint32_t number) {
  return [=](flatbuffers::FlatBufferBuilder& builder) {
    Mph::Control::EventBuilder event(builder);

    event.add_type(type);
    event.add_producer(number);

    return event.Finish();
  };
}

}  // namespace mph::test
