// One record of the packet ring on its way through the plugins that it is meant for.
#pragma once

#include "LateVerdicts.hpp"
#include "mph/fbs/layout.h"
#include "mph_plugin.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mph::host {

enum class RecordKind : uint8_t { Packet, Data };

inline constexpr size_t RecordKinds = 2;

// Of bytes that stand at a multiple of 8.
using RecordCopy = std::vector<uint64_t>;

struct RecordInHand {
  // In the ring while its batch is in hand, afterwards in `copy`; nullptr when nobody needs it any more.
  const uint8_t* record{nullptr};
  uint64_t position{0};
  uint64_t ticket{0};
  uint64_t deadlineNs{0};
  RecordKind kind{RecordKind::Packet};
  // Bit i: member i has not decided yet.
  uint16_t left{0};
  // What the members before have made of it.
  Mph::Layout::Verdict verdict{Mph::Layout::Verdict::Accept};
  uint8_t decider{0};
  // Bit i: member i failed at it, and those behind it are to see it all the same.
  uint16_t errors{0};
  // `copy` has the replacement already.
  bool isRewritten{false};
  // The run's number; a producer or data producer; 0 for data.
  uint32_t run{0};
  uint32_t producer{0};
  uint32_t ssrc{0};
  Replacement replacement{};
  RecordCopy copy{};

  const mph_packet* Packet() const { return reinterpret_cast<const mph_packet*>(record); }
  const mph_data* Data() const { return reinterpret_cast<const mph_data*>(record); }

  // What names it as the cause of an injection.
  uint64_t Cause() const {
    return ticket != 0 ? ticket : position | uint64_t{1} << static_cast<uint8_t>(Mph::Layout::CauseBit::Position);
  }

  // Member `at` failed at it. `endsRun`: nobody behind it is to see it.
  void Fail(uint8_t at, bool endsRun);

  // So that it can be read when its batch is given back.
  void Keep();

  // With its payload replaced, as members behind the one that did it see it.
  void Rewrite();
};

}  // namespace mph::host
