#include "Racer.hpp"

#include <sched.h>
#include <bit>

namespace mph::fuzz {

namespace {

// The worker, and those whose calls it carries, want a CPU, too.
constexpr uint32_t BitesPerYield = 64;
constexpr uint32_t Kinds = 6;

}  // namespace

void Racer::Run() {
  while (!stop_.load(std::memory_order_relaxed)) {
    for (uint32_t i = 0; i < BitesPerYield; i++) {
      const uint32_t prey = 1U << random_.Below(Kinds);

      if ((prey & prey_) != 0) {
        Bite(prey);
      }
    }
    sched_yield();
  }
}

void Racer::Bite(uint32_t prey) {
  switch (prey) {
    case Bodies:
    case Headers:
      if (auto* at = Unread()) {
        auto* word = reinterpret_cast<std::atomic<uint64_t>*>(at);
        const auto header = std::bit_cast<Mph::Layout::RecordHeader>(word->load(std::memory_order_relaxed));
        // Whatever looks like a header is left alone by who bites bodies only.
        const bool looksLikeHeader = header.length() >= 8 && header.length() < 16384 && header.flags() == 0 && header.payloadOffset() == 0;

        if (looksLikeHeader == (prey == Headers)) {
          word->store(random_.OneIn(2) ? random_.Edge() : word->load(std::memory_order_relaxed) ^ (uint64_t{1} << random_.Below(64)),
                      std::memory_order_relaxed);
        }
      }
      break;
    case VerdictCursor:
      if (random_.OneIn(64)) {
        ring_.ProducerCursor()->store(ring_.Consumed() + random_.Edge(), std::memory_order_relaxed);
      }
      break;
    case PacketCursor:
      ring_.PacketCursor()->store(random_.OneIn(2) ? random_.Edge() : ring_.PacketCursor()->load(std::memory_order_relaxed) + 8 * random_.Below(64),
                                  std::memory_order_relaxed);
      break;
    case NowServing:
      ring_.NowServing()->store(random_.Edge(), std::memory_order_relaxed);
      break;
    default:
      ScribbleLink(random_, connection_);
  }
}

uint8_t* Racer::Unread() {
  const uint64_t from = ring_.Consumed();
  const uint64_t to = ring_.ProducerCursor()->load(std::memory_order_relaxed);

  if (to <= from || to - from > ring_.Size()) {
    return nullptr;
  }
  return ring_.At(from + 8 * random_.Below(static_cast<uint32_t>((to - from) / 8)));
}

void ScribbleLink(Random& random, const Connection& connection) {
  using Offset = Mph::Layout::LinkSegmentOffset;

  switch (random.Below(5)) {
    case 0:
      connection.LinkWord(Offset::Asleep)->store(static_cast<uint32_t>(random.Edge()), std::memory_order_relaxed);
      break;
    case 1:
      connection.LinkWord(Offset::Cpu)->store(random.OneIn(2) ? random.Below(4) : static_cast<uint32_t>(random.Edge()), std::memory_order_relaxed);
      break;
    case 2:
      connection.LinkWord(Offset::Publications)[0].fetch_add(random.OneIn(2) ? 1 : static_cast<uint32_t>(random.Edge()), std::memory_order_relaxed);
      break;
    case 3:
      connection.LinkWord(Offset::RecentRings)[random.Below(shm::RecentRings)].store(
          random.OneIn(2) ? random.Below(4) : static_cast<uint32_t>(random.Edge()), std::memory_order_relaxed);
      break;
    default:
      connection.LinkWord(Offset::PublishCounters)[random.Below(shm::PublishCounters)].fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace mph::fuzz
