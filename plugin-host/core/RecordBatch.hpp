// Records that go through the plugins of their runs together: each plugin gets all that are for it at once, then the next one gets what is left.
#pragma once

#include "PendingRecords.hpp"
#include "RecordInHand.hpp"
#include "RunTable.hpp"
#include "VerdictOutbox.hpp"
#include "mph_plugin.h"

#include <array>
#include <cstdint>

namespace mph::host {

// One thread has as many as it needs for one ring at a time; between two rings they are empty. [instance thread]
class RecordBatch {
 public:
  static constexpr uint32_t Size = 64;

  // Of the ring that the records are of.
  struct Ring {
    uint32_t router;
    RunTable& runs;
    PendingRecords& pending;
    VerdictOutbox& outbox;
  };

  bool IsEmpty() const { return count_ == 0; }
  bool IsFull() const { return count_ == Size; }
  uint32_t Count() const { return count_; }
  // Of all its records. [not empty]
  RecordKind Kind() const { return records_[0].kind; }
  uint64_t FirstPosition() const { return records_[0].position; }

  // Where the next one is to be written; the same until Add(). Of the kind of those that are there. `left` says which members are to see it, be
  // their plugins there or not. [not full]
  RecordInHand& Next() { return records_[count_]; }
  void Add(Ring& ring);

  // Has all of them decided, or noted as pending. Empty afterwards.
  void Walk(Ring& ring, uint64_t nowNs);

  // Memory of the ring that pending ones were read from is given back.
  void KeepPended(Ring& ring);

 private:
  // Those that the instance gets next, in order, and by which of them it is stopped for now.
  void Gather(uint32_t first);
  void Call(uint32_t router);
  void Scatter(Ring& ring, uint64_t nowNs);
  void Pend(Ring& ring, RecordInHand& record, uint64_t nowNs);
  uint8_t CheckedVerdict(uint8_t verdict);

  std::array<RecordInHand, Size> records_;
  std::array<const Run*, Size> runs_{};
  uint32_t count_{0};

  // A plugin's part of it.
  Instance* instance_{nullptr};
  std::array<uint32_t, Size> index_{};
  std::array<const mph_packet*, Size> packets_{};
  std::array<const mph_data*, Size> messages_{};
  std::array<uint8_t, Size> verdicts_{};
  std::array<uint32_t, Size> attachments_{};
  std::array<uint64_t, Size> causes_{};
  uint32_t gathered_{0};

  std::array<uint64_t, Size> pended_{};
  uint32_t pendedCount_{0};
};

}  // namespace mph::host
