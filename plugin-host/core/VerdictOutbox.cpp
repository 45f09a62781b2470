#include "VerdictOutbox.hpp"

#include <algorithm>
#include <utility>

namespace mph::host {

using Mph::Layout::RecordType;
using Mph::Layout::Verdict;

void VerdictOutbox::Decide(RecordInHand& record) {
  if (record.ticket == 0) {
    return;
  }
  // The way of almost all of them.
  if (unwritten_.empty() && record.verdict != Verdict::Replace &&
      writer_.WriteVerdict(record.ticket, record.verdict, record.decider, record.errors)) {
    return;
  }
  Put({.type = RecordType::Verdict,
       .verdict = record.verdict,
       .decider = record.decider,
       .errors = record.errors,
       .ticket = record.ticket,
       .replacement = std::move(record.replacement)});
}

void VerdictOutbox::Extend(uint64_t ticket, uint32_t microseconds) {
  Put({.type = RecordType::Verdict, .verdict = Verdict::Extend, .ticket = ticket, .amount = microseconds});
}

void VerdictOutbox::Bypass(uint32_t attachment, uint32_t producer, uint32_t ssrc, Mph::Layout::BypassUnit unit, uint32_t amount) {
  Put({.type = RecordType::Bypass, .unit = unit, .amount = amount, .attachment = attachment, .producer = producer, .ssrc = ssrc});
}

void VerdictOutbox::Put(Entry entry) {
  if (!unwritten_.empty() || !TryWrite(entry)) {
    unwritten_.push_back(std::move(entry));
  }
}

bool VerdictOutbox::TryWrite(const Entry& entry) {
  if (entry.type == RecordType::Bypass) {
    return writer_.WriteBypass(entry.attachment, entry.producer, entry.ssrc, entry.unit, entry.amount);
  }
  if (entry.verdict == Verdict::Replace) {
    return writer_.WriteReplace(entry.ticket, entry.decider, entry.errors, entry.replacement.Data(), entry.replacement.Length());
  }

  return writer_.WriteVerdict(entry.ticket, entry.verdict, entry.decider, entry.errors, entry.amount);
}

bool VerdictOutbox::Flush() {
  const auto firstLeft = std::ranges::find_if_not(unwritten_, [this](const auto& entry) { return TryWrite(entry); });

  unwritten_.erase(unwritten_.begin(), firstLeft);

  return unwritten_.empty();
}

}  // namespace mph::host
