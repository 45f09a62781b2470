// What waits inside of a host, and its bounds: records that are pending, and what plugins say about them later.

#include "LateVerdicts.hpp"
#include "PendingRecords.hpp"
#include "Wakeup.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "tap.hpp"

using mph::host::LateVerdict;
using mph::host::LateVerdicts;
using mph::host::PendingRecords;
using mph::host::RecordInHand;

namespace {

constexpr uint32_t Router = 1;

bool Add(PendingRecords& pending, uint64_t ticket, uint64_t deadlineNs, uint64_t nowNs = 0) {
  return pending.Add(RecordInHand{.ticket = ticket, .deadlineNs = deadlineNs}, nowNs);
}

void RecordsExpire() {
  PendingRecords pending;

  Add(pending, 1, 100);
  Add(pending, 2, 200);
  Add(pending, 3, 0);
  pending.Expire(200);
  tap::ok(pending.Find(1) == nullptr, "a record that is past its deadline is given up: the worker has decided");
  tap::ok(pending.Find(2) != nullptr && pending.Find(3) != nullptr, "others wait, without a deadline for ever");
  tap::is(pending.Take(2).ticket, uint64_t{2}, "what is taken is the one");
  tap::ok(pending.Find(2) == nullptr, "and waits no more");
}

void TheyDoSoByThemselves() {
  PendingRecords pending;
  bool isAdded = true;

  // A plugin that never answers, and a worker that decides in its stead.
  for (uint64_t ticket = 1; ticket <= 10 * PendingRecords::Capacity; ++ticket) {
    isAdded = isAdded && Add(pending, ticket, ticket + 100, ticket);
  }
  tap::ok(isAdded, "there is room for ever while records expire");
  tap::ok(pending.Find(1) == nullptr && pending.Find(10 * PendingRecords::Capacity) != nullptr, "the oldest have gone");

  size_t left = 0;

  pending.EraseIf([&](const auto&) {
    ++left;

    return true;
  });
  tap::ok(left >= 100 && left < 4096 && pending.IsEmpty(), "what is kept beyond its deadline is bounded");
}

void ThereIsNoRoomForMore() {
  PendingRecords pending;
  bool isAdded = true;

  for (uint64_t ticket = 1; ticket <= PendingRecords::Capacity; ++ticket) {
    isAdded = isAdded && Add(pending, ticket, 0);
  }
  tap::ok(isAdded && !Add(pending, PendingRecords::Capacity + 1, 0), "what never expires is bounded");
  tap::ok(Add(pending, 5, 77) && pending.Find(5)->deadlineNs == 77, "a ticket that waits already keeps its place");
  pending.Take(6);
  tap::ok(Add(pending, PendingRecords::Capacity + 1, 0) && pending.Find(7)->ticket == 7, "room that was given back is used again");
}

mph_result Replace(const std::shared_ptr<LateVerdicts>& late, uint64_t ticket, size_t length) {
  const std::vector<char> payload(length, 'r');

  return late->Replace(Router, ticket, payload.data(), payload.size(), true);
}

void ReplacementsAreBounded() {
  mph::host::Wakeup wakeup;
  const auto late = std::make_shared<LateVerdicts>(wakeup);
  constexpr size_t Length = 64 * 1024;
  constexpr size_t Fits = LateVerdicts::MaxBytes / Length;
  size_t said = 0;

  late->OpenRouter(Router, 2 * LateVerdicts::MaxBytes);
  while (said < 2 * Fits && Replace(late, said + 1, Length) == MPH_OK) {
    ++said;
  }
  tap::is(said, Fits, "replacements may wait up to their bound");
  tap::is(static_cast<int>(Replace(late, 1000, 1)), static_cast<int>(MPH_FULL), "beyond, the plugin is told so");
  tap::is(static_cast<int>(late->Verdict(Router, 1000, MPH_DROP, true)), static_cast<int>(MPH_OK), "a verdict takes none of that room");

  {
    std::vector<LateVerdict> taken;

    late->TakeInto(taken);
    tap::ok(taken.size() == Fits + 1 && taken.front().replacement.Length() == Length, "all are handed over");
    tap::is(static_cast<int>(Replace(late, 1000, 1)), static_cast<int>(MPH_FULL), "those that are not written yet count, too");
  }
  tap::is(static_cast<int>(Replace(late, 1000, 1)), static_cast<int>(MPH_OK), "when they are written there is room");

  std::vector<LateVerdict> taken;

  late->TakeInto(taken);
  taken.clear();
  tap::is(static_cast<int>(Replace(late, 1001, LateVerdicts::MaxBytes + 1)), static_cast<int>(MPH_OK), "one that is longer goes alone");
  tap::is(static_cast<int>(Replace(late, 1002, 1)), static_cast<int>(MPH_FULL), "and nothing with it");
}

void VerdictsAreBounded() {
  mph::host::Wakeup wakeup;
  const auto late = std::make_shared<LateVerdicts>(wakeup);
  size_t said = 0;

  late->OpenRouter(Router, 1 << 20);
  while (said <= LateVerdicts::Capacity && late->Verdict(Router, said + 1, MPH_ACCEPT, true) == MPH_OK) {
    ++said;
  }
  tap::is(said, LateVerdicts::Capacity, "as many verdicts may wait, and no more");
}

}  // namespace

int main() {
  RecordsExpire();
  TheyDoSoByThemselves();
  ThereIsNoRoomForMore();
  ReplacementsAreBounded();
  VerdictsAreBounded();

  return tap::done();
}
