// Links: flags, counters, and the order of things before a sleep. That no wake-up is lost under load is ring-stress's job.
#include "mph/shm/Link.hpp"

#include <memory>

#include "tap.hpp"

namespace Layout = mph::shm::Layout;
using mph::shm::LinkReader;
using mph::shm::LinkWriter;
using mph::shm::PublicationWatch;

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
  tap::ok(!watch.HasChanged() && watch.TakeChanged() == 0, "at first nothing was published");
  writer.CountPublication(0);
  writer.CountPublication(63);
  writer.CountPublication(64);
  writer.CountPublication(4095);
  tap::ok(reader.PublishCount(0) == 2 && reader.PublishCount(1) == 1 && reader.PublishCount(63) == 1 && reader.PublishCount(2) == 0,
          "64 rings share a counter");
  tap::ok(watch.HasChanged(), "a watch sees that something was published");
  tap::is(watch.TakeChanged(), (uint64_t{1} << 63) | 3, "and where");
  tap::ok(!watch.HasChanged() && watch.TakeChanged() == 0, "once");
  writer.CountPublication(5);
  tap::is(watch.TakeChanged(), 1, "what comes later is seen anew");

  watch.SetGroups(1);
  writer.CountPublication(64);
  tap::ok(!watch.HasChanged(), "counters that are not in use are not looked at");
  watch.SetGroups(2);
  tap::is(watch.TakeChanged(), 2, "and nothing is lost when they come into use");

  auto* counter = mph::shm::AtomicAt<uint32_t>(segment, Layout::LinkSegmentOffset::PublishCounters);
  *counter = 0xffffffff;
  static_cast<void>(watch.TakeChanged());
  writer.CountPublication(0);
  tap::is(reader.PublishCount(0), 0, "a counter may wrap");
  tap::ok(watch.HasChanged(), "which counts as changed");
  static_cast<void>(watch.TakeChanged());

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
  static_cast<void>(watch.TakeChanged());

  slept = SleepUnless(
      writer, [&] { return watch.HasChanged(); }, [&] { blocked = flag() % 2 == 1; });
  tap::ok(slept && blocked, "who sees nothing blocks with its flag up");
  tap::is(flag() % 2, 0, "and takes it down when awake");
  return tap::done();
}
