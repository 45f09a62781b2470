// What a ring's plugins have decided, on its way into the verdict ring: written at once, or, while there is no room, in order later.
#pragma once

#include "LateVerdicts.hpp"
#include "RecordInHand.hpp"
#include "VerdictWriter.hpp"

#include <cstdint>
#include <vector>

namespace mph::host {

// [instance thread]
class VerdictOutbox {
 public:
  explicit VerdictOutbox(VerdictWriter& writer) : writer_(writer) {}

  // All of its members have seen it, or one has ended it. Of one that nobody waits for nothing is said.
  void Decide(RecordInHand& record);
  void Extend(uint64_t ticket, uint32_t microseconds);
  void Bypass(uint32_t attachment, uint32_t producer, uint32_t ssrc, Mph::Layout::BypassUnit unit, uint32_t amount);

  bool IsEmpty() const { return unwritten_.empty(); }

  // False: some of it finds no room.
  [[nodiscard]] bool Flush();

  // Nobody waits for it any more.
  void Clear() { unwritten_.clear(); }

 private:
  struct Entry {
    Mph::Layout::RecordType type;
    Mph::Layout::Verdict verdict{Mph::Layout::Verdict::None};
    uint8_t decider{0};
    uint16_t errors{0};
    Mph::Layout::BypassUnit unit{Mph::Layout::BypassUnit::Forever};
    uint64_t ticket{0};
    // Of an extension or a bypass.
    uint32_t amount{0};
    uint32_t attachment{0};
    uint32_t producer{0};
    uint32_t ssrc{0};
    Replacement replacement{};
  };

  void Put(Entry entry);
  bool TryWrite(const Entry& entry);

  VerdictWriter& writer_;
  std::vector<Entry> unwritten_;
};

}  // namespace mph::host
