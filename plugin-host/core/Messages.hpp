// Control messages as bytes that can be sent: one frame is a length and an Envelope (docs/control-protocol.md).
#pragma once

#include "mph/fbs/control.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace mph::host {

using Bytes = std::vector<uint8_t>;

// The frame around a body that was built with `builder`. The prefix is put in front by hand: FlatBuffers' own size prefix would count in
// the alignment, and a peer that verifies what follows the length would refuse it.
template <typename Table>
Bytes MakeFrame(flatbuffers::FlatBufferBuilder& builder, uint32_t id, flatbuffers::Offset<Table> body, uint8_t fds = 0) {
  constexpr auto Type = Mph::Control::BodyTraits<Table>::enum_value;

  Mph::Control::FinishEnvelopeBuffer(builder, Mph::Control::CreateEnvelope(builder, id, fds, Type, body.Union()));

  Bytes frame(sizeof(uint32_t) + builder.GetSize());

  flatbuffers::WriteScalar(frame.data(), static_cast<uint32_t>(builder.GetSize()));
  std::copy_n(builder.GetBufferPointer(), builder.GetSize(), frame.begin() + sizeof(uint32_t));

  return frame;
}

// The frame of a table without fields.
template <typename Table>
Bytes MakeFrame(uint32_t id) {
  flatbuffers::FlatBufferBuilder builder;
  typename Table::Builder table(builder);
  const auto body = table.Finish();

  return MakeFrame(builder, id, body);
}

inline Bytes MakeFailure(uint32_t id, Mph::Control::ErrorCode code, const std::string& message) {
  flatbuffers::FlatBufferBuilder builder;

  return MakeFrame(builder, id, Mph::Control::CreateFailure(builder, code, builder.CreateString(message)));
}

// Absent strings are read as empty ones.
inline std::string ToString(const flatbuffers::String* text) { return text == nullptr ? std::string() : text->str(); }

}  // namespace mph::host
