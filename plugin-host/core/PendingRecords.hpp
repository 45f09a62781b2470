// Records of a ring that a plugin has not decided about yet, by ticket.
#pragma once

#include "RecordInHand.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mph::host {

// [instance thread]
class PendingRecords {
 public:
  // More than a worker holds. What is beyond, the worker decides by policy.
  static constexpr size_t Capacity = 65536;

  bool IsEmpty() const { return byTicket_.empty(); }

  // Takes the place of one with that ticket. False: there is no room, and its answer will find nobody.
  [[nodiscard]] bool Add(RecordInHand&& record, uint64_t nowNs);

  // nullptr: nobody waits for it. Valid until the next Add() or Remove().
  RecordInHand* Find(uint64_t ticket);

  // It is pending no more.
  RecordInHand Take(uint64_t ticket);

  // The worker has decided about what is past its deadline.
  void Expire(uint64_t nowNs);

  void Clear();

  // `body` gets each of them; those for which it returns true are taken out.
  template <typename Do>
  void EraseIf(Do&& body) {
    for (auto entry = byTicket_.begin(); entry != byTicket_.end();) {
      entry = body(records_[entry->second]) ? Free(entry) : std::next(entry);
    }
  }

 private:
  using Index = std::unordered_map<uint64_t, uint32_t>;

  static constexpr size_t FirstLook = 1024;

  Index::iterator Free(Index::iterator entry);

  // Nodes of it and slots of the others are used again, so that nothing is allocated while as much is pending as was before.
  Index byTicket_;
  std::vector<Index::node_type> spareNodes_;
  std::vector<RecordInHand> records_;
  std::vector<uint32_t> spareSlots_;
  // How many there may be before those past their deadline are looked for.
  size_t lookAt_{FirstLook};
};

}  // namespace mph::host
