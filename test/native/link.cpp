// Links: flags, counters, and the order of things before a sleep. That no wake-up is lost under load is ring-stress's job.
#include "mph/shm/Link.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "tap.hpp"

namespace Layout = mph::shm::Layout;
using mph::shm::LinkReader;
using mph::shm::LinkWriter;
using mph::shm::PublicationWatch;

// A writer publishes in bursts in many rings while the reader looks; after each burst the reader must have seen the last publication of
// every ring.
static void testNothingIsMissed() {
  constexpr uint32_t Rings = 300;
  constexpr uint32_t Bursts = 50000;
  const std::unique_ptr<uint64_t[]> memory(new uint64_t[static_cast<size_t>(Layout::LinkSegmentOffset::End) / 8]{});
  auto* segment = reinterpret_cast<uint8_t*>(memory.get());
  std::array<std::atomic<uint32_t>, Rings> cursors{};
  std::atomic<uint32_t> begun{0};
  std::atomic<uint32_t> ended{0};

  std::thread writing([&] {
    LinkWriter writer(segment);
    std::minstd_rand random(1);

    for (uint32_t burst = 1; burst <= Bursts; ++burst) {
      while (begun.load(std::memory_order_acquire) < burst) {
        std::this_thread::yield();
      }
      for (uint32_t left = random() % 400; left > 0; --left) {
        const uint32_t ring = random() % Rings;
        // Relaxed: CountPublication() orders it.
        cursors[ring].store(cursors[ring].load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        writer.CountPublication(ring);
      }
      ended.store(burst, std::memory_order_release);
    }
  });

  PublicationWatch watch{LinkReader(segment)};
  std::array<uint32_t, Rings> seen{};
  uint32_t missed = 0;
  uint64_t single = 0;
  uint64_t grouped = 0;
  const auto look = [&] {
    watch.TakeChanged([&](uint32_t first, uint32_t end) {
      (end - first == 1 ? single : grouped) += 1;
      for (uint32_t ring = first; ring < std::min(end, Rings); ++ring) {
        seen[ring] = cursors[ring].load(std::memory_order_relaxed);
      }
    });
  };

  for (uint32_t burst = 1; burst <= Bursts; ++burst) {
    begun.store(burst, std::memory_order_release);
    while (ended.load(std::memory_order_acquire) < burst) {
      look();
    }
    look();
    for (uint32_t ring = 0; ring < Rings; ++ring) {
      missed += seen[ring] != cursors[ring].load(std::memory_order_relaxed);
    }
  }
  writing.join();
  tap::is(missed, 0u, "no publication is missed, however far the reader is behind");
  tap::ok(single > 0 && grouped > 0, "in single rings and in groups");
}

int main() {
  const std::unique_ptr<uint64_t[]> memory(new uint64_t[static_cast<size_t>(Layout::LinkSegmentOffset::End) / 8]{});
  auto* segment = reinterpret_cast<uint8_t*>(memory.get());
  LinkWriter writer(segment);
  LinkReader reader(segment);
  const auto flag = [&] { return segment[static_cast<size_t>(Layout::LinkSegmentOffset::Asleep)]; };

  tap::ok(!reader.IsAsleep(), "at first nobody sleeps");
  writer.SetAsleep(true);
  tap::ok(reader.IsAsleep(), "a sleeper is seen");
  tap::is(flag(), 1, "at the offset of the layout");
  writer.SetAsleep(false);
  tap::ok(!reader.IsAsleep(), "and so is one who woke up");
  tap::ok(!reader.TakeSleep(), "who is awake is not rung");
  writer.SetAsleep(true);
  writer.SetAsleep(true);
  tap::is(flag(), 3, "each sleep has a number");
  tap::ok(reader.TakeSleep() && !reader.TakeSleep(), "a sleeper is rung once");
  writer.SetAsleep(false);
  writer.SetAsleep(false);
  tap::is(flag(), 4, "waking up counts once");
  tap::ok(!reader.TakeSleep(), "and who woke up is not rung");
  writer.SetAsleep(true);
  tap::ok(reader.TakeSleep(), "the next sleep is rung anew");
  writer.SetAsleep(false);

  tap::is(reader.Cpu(), -1, "at first nobody says where it runs");
  writer.SetCpu(0);
  tap::is(reader.Cpu(), 0, "a CPU is told");
  writer.SetCpu(-1);
  tap::is(reader.Cpu(), -1, "and untold");
  writer.SetTurnNs(1234567);
  tap::is(reader.TurnNs(), 1234567u, "the length of a turn is told");

  PublicationWatch watch(reader);
  using Ranges = std::vector<std::pair<uint32_t, uint32_t>>;
  const auto changed = [&] {
    Ranges ranges;
    watch.TakeChanged([&](uint32_t first, uint32_t end) { ranges.emplace_back(first, end); });
    return ranges;
  };

  tap::ok(!watch.HasChanged() && changed().empty(), "at first nothing was published");
  writer.CountPublication(0);
  writer.CountPublication(63);
  writer.CountPublication(64);
  writer.CountPublication(4095);
  tap::ok(reader.PublishCount(0) == 2 && reader.PublishCount(1) == 1 && reader.PublishCount(63) == 1 && reader.PublishCount(2) == 0,
          "64 rings share a counter");
  tap::ok(watch.HasChanged(), "a watch sees that something was published");
  tap::ok(changed() == Ranges{{0, 1}, {63, 64}, {64, 65}, {4095, 4096}}, "and where");
  tap::ok(!watch.HasChanged() && changed().empty(), "once");
  writer.CountPublication(5);
  tap::ok(changed() == Ranges{{5, 6}}, "what comes later is seen anew");

  for (uint32_t i = 0; i < 63; ++i) {
    writer.CountPublication(700);
  }
  tap::is(changed().size(), size_t{63}, "as many publications as are listed are told one by one");
  for (uint32_t i = 0; i < 64; ++i) {
    writer.CountPublication(i % 2 == 0 ? 700 : 130);
  }
  const auto groups = changed();
  tap::ok(std::ranges::find(groups, Ranges::value_type{640, 704}) != groups.end() &&
              std::ranges::find(groups, Ranges::value_type{128, 192}) != groups.end(),
          "of more than are listed the groups are told");
  writer.CountPublication(701);
  tap::ok(changed() == Ranges{{701, 702}}, "and afterwards single rings again");

  for (uint32_t i = 0; i < 40; ++i) {
    writer.CountPublication(9);
  }
  auto* recent = mph::shm::AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::RecentRings);
  for (uint32_t i = 0; i < 64; ++i) {
    recent[i].store(0xfffffff0 + i % 8);
  }
  tap::ok(changed().empty(), "numbers that no ring can have are not told");

  auto* publications = mph::shm::AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::Publications);
  *publications = 0xffffffff;
  static_cast<void>(changed());
  writer.CountPublication(77);
  tap::is(reader.Publications(), 0u, "the count may wrap");
  tap::ok(watch.HasChanged() && changed() == Ranges{{77, 78}}, "which counts as changed");
  writer.CountPublication(78);
  tap::ok(changed() == Ranges{{78, 79}}, "and the list goes on");

  bool looked = false;
  bool blocked = false;
  bool slept = SleepUnless(
      writer,
      [&] {
        looked = flag() % 2 == 1;
        writer.CountPublication(0);
        return watch.HasChanged();
      },
      [&] { blocked = true; });
  tap::ok(looked, "who goes to sleep has armed the flag before the last look");
  tap::ok(!slept && !blocked && flag() % 2 == 0, "who sees something then does not block");
  static_cast<void>(changed());

  slept = SleepUnless(
      writer, [&] { return watch.HasChanged(); }, [&] { blocked = flag() % 2 == 1; });
  tap::ok(slept && blocked, "who sees nothing blocks with its flag up");
  tap::is(flag() % 2, 0, "and takes it down when awake");
  testNothingIsMissed();
  return tap::done();
}
