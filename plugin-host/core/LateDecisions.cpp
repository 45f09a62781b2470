#include "LateDecisions.hpp"

#include "Clock.hpp"
#include "Instance.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace mph::host {

bool LateDecisions::Follow() {
  for (;;) {
    if (!ring_.outbox.Flush()) {
      return false;
    }
    if (lateAt_ == late_.size()) {
      break;
    }
    while (lateAt_ < late_.size() && ring_.outbox.IsEmpty()) {
      FollowOne(late_[lateAt_++]);
    }
    WalkResumed();
  }
  late_.clear();
  lateAt_ = 0;

  return true;
}

void LateDecisions::FollowOne(LateVerdict& late) {
  using Mph::Layout::Verdict;

  // Its plugin is gone.
  if (late.instance == nullptr) {
    return;
  }

  auto& tallies = late.instance->Tallies();

  if (late.kind == LateVerdict::Kind::Bypass) {
    Bypass(late);

    return;
  }

  auto* const waiting = ring_.pending.Find(late.ticket);

  if (waiting == nullptr || ring_.runs.MemberOf(*waiting) != late.instance) {
    tallies.lateForNobody.Add(1);

    return;
  }
  if (late.kind == LateVerdict::Kind::Extend) {
    ring_.outbox.Extend(late.ticket, late.amount);
    if (waiting->deadlineNs != 0) {
      waiting->deadlineNs = std::max(waiting->deadlineNs, MonotonicNs() + uint64_t{late.amount} * 1000);
    }

    return;
  }

  auto record = ring_.pending.Take(late.ticket);
  const auto member = static_cast<uint8_t>(std::countr_zero(record.left));

  tallies.verdicts.Add(1);
  if (late.kind == LateVerdict::Kind::Replace) {
    record.verdict = Verdict::Replace;
    record.decider = member;
    record.replacement = std::move(late.replacement);
    record.isRewritten = false;
  } else if (late.verdict == MPH_BYPASS) {
    ring_.outbox.Bypass(ring_.runs.Find(record.run).members[member].attachment, record.producer, record.ssrc, Mph::Layout::BypassUnit::Forever, 0);
  } else if (late.verdict == MPH_DROP || late.verdict == MPH_TAKE) {
    record.verdict = late.verdict == MPH_DROP ? Verdict::Drop : Verdict::Take;
    record.decider = member;
    ring_.outbox.Decide(record);

    return;
  } else if (late.verdict == MPH_ERROR) {
    tallies.errors.Add(1);
    record.Fail(member, ring_.runs.Find(record.run).members[member].endsByError);
  }
  GoOn(std::move(record));
}

void LateDecisions::Bypass(const LateVerdict& late) {
  if (ring_.runs.IsOf(late.attachment, *late.instance)) {
    ring_.outbox.Bypass(late.attachment, late.producer, late.ssrc, static_cast<Mph::Layout::BypassUnit>(late.unit), late.amount);
  } else {
    late.instance->Tallies().lateForNobody.Add(1);
  }
}

// To the next member that has a plugin, or into the verdict ring.
void LateDecisions::GoOn(RecordInHand&& record) {
  record.left = static_cast<uint16_t>(record.left & (record.left - 1U));
  if ((record.left & ring_.runs.Find(record.run).Callable(record.kind)) == 0) {
    ring_.outbox.Decide(record);

    return;
  }
  if (record.verdict == Mph::Layout::Verdict::Replace && !record.isRewritten) {
    record.Rewrite();
  }

  auto& batch = resumed_[static_cast<size_t>(record.kind)];

  if (batch.IsFull()) {
    WalkResumed();
  }
  batch.Next() = std::move(record);
  batch.Add(ring_);
}

void LateDecisions::WalkResumed() {
  for (auto& batch : resumed_) {
    if (!batch.IsEmpty()) {
      Walk(batch);
      batch.KeepPended(ring_);
    }
  }
}

void LateDecisions::Forget() {
  for (; lateAt_ < late_.size(); ++lateAt_) {
    if (auto* const instance = late_[lateAt_].instance) {
      instance->Tallies().lateForNobody.Add(1);
    }
  }
  late_.clear();
  lateAt_ = 0;
  ring_.pending.Clear();
}

void LateDecisions::Remove(const Instance& instance) {
  std::vector<uint64_t> owed;

  ring_.pending.EraseIf([&](const RecordInHand& record) {
    if (ring_.runs.MemberOf(record) == &instance) {
      owed.push_back(record.ticket);
    }

    return false;
  });
  for (auto i = lateAt_; i < late_.size(); ++i) {
    if (late_[i].instance == &instance) {
      late_[i].instance = nullptr;
    }
  }
  ring_.runs.Remove(instance);
  for (const auto ticket : owed) {
    GoOn(ring_.pending.Take(ticket));
  }
  WalkResumed();
}

void LateDecisions::Walk(RecordBatch& batch) {
  nowServing_.Begin(batch.FirstPosition());
  batch.Walk(ring_, MonotonicNs());
  nowServing_.End();
}

}  // namespace mph::host
