#include "RecordBatch.hpp"

#include <bit>
#include <string>
#include <utility>

namespace mph::host {

using Mph::Layout::Verdict;

namespace {

uint32_t FirstOf(uint16_t members) { return static_cast<uint32_t>(std::countr_zero(members)); }

uint16_t WithoutFirst(uint16_t members) { return static_cast<uint16_t>(members & (members - 1U)); }

}  // namespace

void RecordBatch::Add(Ring& ring) {
  auto& record = records_[count_];
  const auto& run = ring.runs.Find(record.run);

  record.left &= run.Callable(record.kind);
  runs_[count_] = &run;
  ++count_;
}

void RecordBatch::Walk(Ring& ring, uint64_t nowNs) {
  for (uint32_t first = 0; first < count_;) {
    if (records_[first].left == 0) {
      ++first;
      continue;
    }
    Gather(first);
    Call(ring.router);
    Scatter(ring, nowNs);
  }
  for (uint32_t i = 0; i < count_; ++i) {
    auto& record = records_[i];

    ring.outbox.Decide(record);
    if (!record.copy.empty() || record.replacement.IsThere()) {
      record = {};
    }
  }
  count_ = 0;
}

void RecordBatch::Gather(uint32_t first) {
  instance_ = runs_[first]->members[FirstOf(records_[first].left)].instance;
  gathered_ = 0;

  const auto own = uint64_t{1} << instance_->Index();

  for (auto i = first; i < count_; ++i) {
    const auto& record = records_[i];

    if (record.left == 0) {
      continue;
    }

    const auto at = FirstOf(record.left);
    const auto& member = runs_[i]->members[at];

    if (member.instance == instance_) {
      index_[gathered_] = i;
      packets_[gathered_] = record.Packet();
      messages_[gathered_] = record.Data();
      verdicts_[gathered_] = MPH_ACCEPT;
      attachments_[gathered_] = member.attachment;
      causes_[gathered_] = record.Cause();
      ++gathered_;
    } else if ((runs_[i]->behind[at] & own) != 0) {
      // The instance gets this one later, and those behind it may not overtake it.
      break;
    }
  }
}

void RecordBatch::Call(uint32_t router) {
  auto& tallies = instance_->Tallies();

  tallies.batches.Add(1);
  if (Kind() == RecordKind::Packet) {
    const mph_batch batch{
        .size = sizeof(mph_batch),
        .router = router,
        .count = gathered_,
        .reserved = 0,
        .packets = packets_.data(),
        .verdicts = verdicts_.data(),
        .attachments = attachments_.data(),
        .causes = causes_.data(),
    };

    tallies.packets.Add(gathered_);
    instance_->OnPackets(batch);
  } else {
    const mph_data_batch batch{
        .size = sizeof(mph_data_batch),
        .router = router,
        .count = gathered_,
        .reserved = 0,
        .messages = messages_.data(),
        .verdicts = verdicts_.data(),
        .attachments = attachments_.data(),
        .causes = causes_.data(),
    };

    tallies.messages.Add(gathered_);
    instance_->OnData(batch);
  }
}

void RecordBatch::Scatter(Ring& ring, uint64_t nowNs) {
  uint64_t decided = 0;

  for (uint32_t i = 0; i < gathered_; ++i) {
    auto& record = records_[index_[i]];
    const auto at = FirstOf(record.left);
    const auto& member = runs_[index_[i]]->members[at];
    const bool hasSay = record.ticket != 0 && member.hasSay;

    switch (const auto verdict = CheckedVerdict(verdicts_[i])) {
      case MPH_PENDING:
        if (hasSay) {
          Pend(ring, record, nowNs);
          continue;
        }
        break;
      case MPH_DROP:
      case MPH_TAKE:
        if (hasSay) {
          record.verdict = verdict == MPH_DROP ? Verdict::Drop : Verdict::Take;
          record.decider = static_cast<uint8_t>(at);
          record.left = 0;
        }
        break;
      case MPH_ERROR:
        instance_->Tallies().errors.Add(1);
        if (hasSay) {
          record.Fail(static_cast<uint8_t>(at), member.endsByError);
        }
        break;
      case MPH_BYPASS:
        ring.outbox.Bypass(member.attachment, record.producer, record.ssrc, Mph::Layout::BypassUnit::Forever, 0);
        break;
      default:
        break;
    }
    record.left = WithoutFirst(record.left);
    decided += hasSay ? 1 : 0;
  }
  instance_->Tallies().verdicts.Add(decided);
}

uint8_t RecordBatch::CheckedVerdict(uint8_t verdict) {
  if (verdict <= MPH_ERROR) {
    return verdict;
  }
  instance_->Log(MPH_LOG_ERROR, std::string(Kind() == RecordKind::Packet ? "on_packets" : "on_data") + " wrote " + std::to_string(verdict) +
                                    " as a verdict, which is none; the packet was accepted");
  instance_->Tallies().invalidVerdicts.Add(1);

  return MPH_ACCEPT;
}

// What stays behind says nothing more.
void RecordBatch::Pend(Ring& ring, RecordInHand& record, uint64_t nowNs) {
  const auto ticket = record.ticket;
  const auto position = record.position;
  const auto kind = record.kind;

  if (ring.pending.Add(std::move(record), nowNs)) {
    pended_[pendedCount_++] = ticket;
  } else {
    instance_->Log(MPH_LOG_ERROR, "too many packets are pending at once; the worker decides about the others by policy");
  }
  record = {};
  record.position = position;
  record.kind = kind;
}

void RecordBatch::KeepPended(Ring& ring) {
  for (uint32_t i = 0; i < pendedCount_; ++i) {
    auto* const record = ring.pending.Find(pended_[i]);

    if (record == nullptr) {
      continue;
    }
    if (WithoutFirst(record->left) != 0) {
      record->Keep();
    } else {
      record->record = nullptr;
    }
  }
  pendedCount_ = 0;
}

}  // namespace mph::host
