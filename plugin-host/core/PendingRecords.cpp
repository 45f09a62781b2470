#include "PendingRecords.hpp"

#include <algorithm>
#include <iterator>

namespace mph::host {

bool PendingRecords::Add(RecordInHand&& record, uint64_t nowNs) {
  if (byTicket_.size() >= lookAt_) {
    Expire(nowNs);
    lookAt_ = std::max(FirstLook, 2 * byTicket_.size());
  }
  if (auto* const known = Find(record.ticket)) {
    *known = std::move(record);

    return true;
  }
  if (byTicket_.size() >= Capacity) {
    return false;
  }
  if (spareSlots_.empty()) {
    spareSlots_.push_back(static_cast<uint32_t>(records_.size()));
    records_.emplace_back();
  }

  const auto slot = spareSlots_.back();

  spareSlots_.pop_back();
  if (spareNodes_.empty()) {
    byTicket_.emplace(record.ticket, slot);
  } else {
    auto node = std::move(spareNodes_.back());

    spareNodes_.pop_back();
    node.key() = record.ticket;
    node.mapped() = slot;
    byTicket_.insert(std::move(node));
  }
  records_[slot] = std::move(record);

  return true;
}

RecordInHand* PendingRecords::Find(uint64_t ticket) {
  const auto found = byTicket_.find(ticket);

  return found == byTicket_.end() ? nullptr : &records_[found->second];
}

RecordInHand PendingRecords::Take(uint64_t ticket) {
  const auto found = byTicket_.find(ticket);
  auto record = std::move(records_[found->second]);

  Free(found);

  return record;
}

void PendingRecords::Expire(uint64_t nowNs) {
  EraseIf([nowNs](const auto& record) { return record.deadlineNs != 0 && record.deadlineNs < nowNs; });
}

void PendingRecords::Clear() {
  EraseIf([](const auto&) { return true; });
}

PendingRecords::Index::iterator PendingRecords::Free(Index::iterator entry) {
  const auto next = std::next(entry);

  records_[entry->second] = {};
  spareSlots_.push_back(entry->second);
  spareNodes_.push_back(byTicket_.extract(entry));

  return next;
}

}  // namespace mph::host
