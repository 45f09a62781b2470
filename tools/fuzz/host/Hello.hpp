// The first frame of a connection, with every field open.
#pragma once

#include "Messages.hpp"

#include <unistd.h>
#include <cstdint>
#include <string>

namespace mph::fuzz {

struct HelloFields {
  uint16_t protocol{static_cast<uint16_t>(Mph::Control::ProtocolVersion::Current)};
  uint16_t layout{static_cast<uint16_t>(Mph::Layout::LayoutVersion::Current)};
  Mph::Control::Role role{Mph::Control::Role::Host};
  std::string token;
};

inline host::Bytes MakeHello(const HelloFields& fields) {
  flatbuffers::FlatBufferBuilder builder;

  return host::MakeFrame(builder, 1,
                         Mph::Control::CreateHello(builder, fields.protocol, fields.layout, fields.role, builder.CreateString(fields.token),
                                                   static_cast<uint32_t>(getpid())));
}

}  // namespace mph::fuzz
