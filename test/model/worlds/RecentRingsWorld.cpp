// Who published: a reader that is almost as far behind as the list is long, while its oldest entries are overwritten.
#include <mph/shm/AtomicAt.hpp>
#include <mph/shm/Link.hpp>

#include <algorithm>

#include "Shared.hpp"
#include "Worlds.hpp"

namespace mph::model {

namespace {

using shm::LinkReader;
using shm::LinkWriter;
using shm::PublicationWatch;

// Each publication is in a ring of its own, of a group of its own but for the first ones.
constexpr uint32_t Before = 62;
constexpr uint32_t Meanwhile = 3;

uint32_t RingOf(uint32_t publication) {
  return publication < Before ? publication : (publication - Before + 1) * shm::RingsPerPublishCounter + 1;
}

std::string NameOfCursor(uint32_t offset) { return "[" + std::to_string(offset / sizeof(uint64_t)) + "].Cursor"; }

class RecentRingsWorld : public World {
 public:
  explicit RecentRingsWorld(Fault)
      : link_(AllocateLinkSegment("link")),
        cursors_(Model().GetMemory().Allocate(Meanwhile * sizeof(uint64_t), {&NameOfCursor, "ring"})),
        writer_(link_),
        watch_(LinkReader(link_)) {
    for (uint32_t i = 0; i < Before; ++i) {
      writer_.CountPublication(RingOf(i));
    }
  }

  size_t Threads() const override { return 2; }
  const char* NameOf(size_t thread) const override { return thread == 0 ? "writer" : "reader"; }

  void Run(size_t thread) override {
    if (thread == 0) {
      for (uint32_t i = 0; i < Meanwhile; ++i) {
        CursorOf(i)->store(1, std::memory_order_release);
        writer_.CountPublication(RingOf(Before + i));
      }
      return;
    }
    while (Visited() < Before + Meanwhile) {
      watch_.TakeChanged([&](uint32_t first, uint32_t end) {
        for (uint32_t i = 0; i < Before + Meanwhile; ++i) {
          if (RingOf(i) >= first && RingOf(i) < end) {
            Visit(i);
          }
        }
      });
      // Who sees no news sleeps.
      while (!watch_.HasChanged()) {
        if (Visited() == Before + Meanwhile) {
          return;
        }
        Model().AwaitNewer(link_ + static_cast<size_t>(Layout::LinkSegmentOffset::Publications));
      }
    }
  }

  std::string AtRest() override {
    return Visited() == Before + Meanwhile ? ""
                                           : "a publication was passed over: " + std::to_string(Visited()) + " of " +
                                                 std::to_string(Before + Meanwhile) + " rings were drained";
  }

 private:
  std::atomic<uint64_t>* CursorOf(uint32_t i) { return shm::AtomicAt<uint64_t>(cursors_, i * sizeof(uint64_t)); }

  // Drained, if something is to be seen in it.
  void Visit(uint32_t publication) {
    if (publication < Before || CursorOf(publication - Before)->load(std::memory_order_acquire) != 0) {
      visited_[publication] = true;
    }
  }

  size_t Visited() const { return static_cast<size_t>(std::count(visited_.begin(), visited_.end(), true)); }

  uint8_t* const link_;
  uint8_t* const cursors_;
  LinkWriter writer_;
  PublicationWatch watch_;
  std::array<bool, Before + Meanwhile> visited_{};
};

}  // namespace

std::unique_ptr<World> MakeRecentRings(Fault fault) { return std::make_unique<RecentRingsWorld>(fault); }

}  // namespace mph::model
