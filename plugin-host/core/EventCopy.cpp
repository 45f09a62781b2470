#include "EventCopy.hpp"

#include <vector>

namespace mph::host {

namespace {

flatbuffers::Offset<flatbuffers::String> Copy(flatbuffers::FlatBufferBuilder& builder, const flatbuffers::String* text) {
  return text == nullptr ? flatbuffers::Offset<flatbuffers::String>() : builder.CreateString(text);
}

flatbuffers::Offset<flatbuffers::Vector<uint32_t>> Copy(flatbuffers::FlatBufferBuilder& builder,
                                                        const flatbuffers::Vector<uint32_t>* numbers) {
  return numbers == nullptr ? flatbuffers::Offset<flatbuffers::Vector<uint32_t>>()
                            : builder.CreateVector(std::vector<uint32_t>(numbers->begin(), numbers->end()));
}

}  // namespace

Bytes CopyEvent(const Mph::Control::Event& event, bool isPaused) {
  flatbuffers::FlatBufferBuilder builder;
  const auto routerId = Copy(builder, event.routerId());
  const auto producerId = Copy(builder, event.producerId());
  const auto mimeType = Copy(builder, event.mimeType());
  const auto ssrcs = Copy(builder, event.ssrcs());
  const auto attachmentId = Copy(builder, event.attachmentId());
  const auto context = Copy(builder, event.context());
  const auto member = Copy(builder, event.member());
  const auto members = Copy(builder, event.members());
  const auto consumerId = Copy(builder, event.consumerId());
  const auto transportId = Copy(builder, event.transportId());
  const auto parameters = Copy(builder, event.parameters());

  builder.Finish(Mph::Control::CreateEvent(builder, event.type(), routerId, event.producer(), producerId, event.kind(), mimeType,
                                           event.clockRate(), isPaused, ssrcs, event.attachment(), attachmentId, event.mode(), context,
                                           member, members, event.consumer(), consumerId, event.transport(), transportId, parameters));

  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

}  // namespace mph::host
