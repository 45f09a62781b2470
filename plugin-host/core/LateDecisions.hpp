// What the plugins of one ring have said outside of their batches, and the records that wait for it: followed in order, a record goes on to the
// next member of its run, or into the verdict ring.
#pragma once

#include "LateVerdicts.hpp"
#include "NowServing.hpp"
#include "PendingRecords.hpp"
#include "RecordBatch.hpp"
#include "RunTable.hpp"
#include "VerdictOutbox.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mph::host {

// [instance thread]
class LateDecisions {
 public:
  using Batches = std::array<RecordBatch, RecordKinds>;

  // `resumed`: for the records that go on, empty between two calls.
  LateDecisions(RecordBatch::Ring& ring, Batches& resumed, NowServing& nowServing) : ring_(ring), resumed_(resumed), nowServing_(nowServing) {}

  LateDecisions(const LateDecisions&) = delete;
  LateDecisions& operator=(const LateDecisions&) = delete;

  // Followed by the next Follow().
  void Add(LateVerdict&& late) { late_.push_back(std::move(late)); }

  bool IsEmpty() const { return lateAt_ == late_.size(); }

  // False: some of it waits for room in the verdict ring.
  bool Follow();

  // Whoever serves the ring next answers for its packets.
  void Forget();

  // What the plugin has said does not count any more, and what it owed goes on without it. The run table forgets it, too.
  void Remove(const Instance& instance);

  // Has the plugins decide about a batch.
  void Walk(RecordBatch& batch);

 private:
  void FollowOne(LateVerdict& late);
  void Bypass(const LateVerdict& late);
  void GoOn(RecordInHand&& record);
  void WalkResumed();

  RecordBatch::Ring& ring_;
  Batches& resumed_;
  NowServing& nowServing_;
  std::vector<LateVerdict> late_;
  // Those before it were followed.
  size_t lateAt_{0};
};

}  // namespace mph::host
