// Segments as the worlds have them: the layout's words by the layout's offsets, with names, and a ring that may be as small as the code
// allows.
#pragma once

#include <mph/shm/Layout.hpp>
#include <mph/shm/Link.hpp>

#include "../explorer/Explorer.hpp"

namespace mph::model {

namespace Layout = shm::Layout;

uint8_t* AllocatePacketSegment(uint32_t ringSize);
uint8_t* AllocateVerdictSegment(uint32_t ringSize);
uint8_t* AllocateLinkSegment(const char* name);

inline Explorer& Model() { return Explorer::Instance(); }

inline void Check(bool holds, const std::string& what) {
  if (!holds) {
    Model().Fail(what);
  }
}

}  // namespace mph::model
