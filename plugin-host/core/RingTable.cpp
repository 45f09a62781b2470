#include "RingTable.hpp"

#include "Clock.hpp"

#include <algorithm>
#include <mph/shm/Doorbell.hpp>
#include <utility>

namespace mph::host {

void RingTable::Add(std::unique_ptr<ServedRing> ring) {
  const auto number = ring->Number();

  if (number >= slots_.size()) {
    slots_.resize(number + 1);
    ready_.reserve(slots_.size());
  }
  byRouter_[ring->Router()] = ring.get();
  slots_[number].ring = std::move(ring);
}

std::unique_ptr<ServedRing> RingTable::Remove(uint32_t number) {
  if (!Has(number)) {
    return nullptr;
  }

  auto ring = std::exchange(slots_[number], {}).ring;

  std::erase(ready_, number);
  byRouter_.erase(ring->Router());

  return ring;
}

ServedRing* RingTable::FindRouter(uint32_t router) const {
  const auto found = byRouter_.find(router);

  return found == byRouter_.end() ? nullptr : found->second;
}

RingTable::ServeResult RingTable::Serve() {
  MarkChanged();

  auto result = ServeResult::Idle;
  size_t kept = 0;

  for (const auto number : ready_) {
    auto& slot = slots_[number];
    const auto served = slot.ring->Serve();

    Announce(*slot.ring);

    switch (served) {
      case ServeResult::Idle:
        slot.isReady = false;
        continue;
      case ServeResult::More:
        result = ServeResult::More;
        break;
      case ServeResult::Stalled:
        // Waiting is no reason not to serve the others.
        result = result == ServeResult::More ? result : ServeResult::Stalled;
        break;
      case ServeResult::Corrupt:
        return ServeResult::Corrupt;
    }
    ready_[kept++] = number;
  }
  ready_.resize(kept);

  return result;
}

void RingTable::Announce(ServedRing& ring) {
  ring.Publish();
  if (!ring.TakePublished()) {
    return;
  }
  own_.CountPublication(ring.Number());
  if (worker_.TakeSleep()) {
    const auto beganNs = MonotonicNs();

    stats_.doorbellsRung.Add(1);
    // A bell that was rung already does; that the worker is gone its socket tells.
    static_cast<void>(shm::RingDoorbell(workerDoorbell_));
    ringingNs_ += MonotonicNs() - beganNs;
  }
}

std::vector<std::unique_ptr<ServedRing>> RingTable::TakeAll() {
  std::vector<std::unique_ptr<ServedRing>> all;

  for (auto& slot : slots_) {
    if (slot.ring != nullptr) {
      all.push_back(Remove(slot.ring->Number()));
    }
  }

  return all;
}

void RingTable::MarkChanged() {
  watch_.TakeChanged([this](uint32_t first, uint32_t end) {
    for (auto number = first; number < std::min<size_t>(end, slots_.size()); ++number) {
      if (slots_[number].ring != nullptr) {
        MarkReady(number);
      }
    }
  });
}

void RingTable::MarkReady(uint32_t number) {
  if (!std::exchange(slots_[number].isReady, true)) {
    ready_.push_back(number);
  }
}

}  // namespace mph::host
