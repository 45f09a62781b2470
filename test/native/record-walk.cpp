// RecordWalk: which consumer cursors the worker believes.
#include "mph/shm/RecordWalk.hpp"

#include <set>
#include <vector>

#include "mph/shm/RingProducer.hpp"
#include "tap.hpp"

using mph::shm::RecordWalk;
using mph::shm::RingProducer;

static void testRules() {
  RecordWalk walk(1024);
  tap::ok(walk.Accept(0), "the beginning is accepted");
  tap::ok(!walk.Accept(8), "nothing beyond what was pushed is");
  walk.Push(24);
  walk.Push(104);
  walk.Push(112);
  tap::ok(!walk.Accept(16), "a place within a record is not accepted");
  tap::ok(!walk.Accept(25), "nor one that is not a multiple of 8");
  tap::ok(!walk.Accept(120), "nor one beyond the last record");
  tap::ok(!walk.Accept(~uint64_t{0}), "nor the largest number");
  tap::is(walk.Position(), 0, "what is refused changes nothing");
  tap::ok(walk.Accept(24), "a record's end is accepted");
  tap::is(walk.Position(), 24, "and is the position from then on");
  tap::ok(walk.Accept(24), "it may be told again");
  tap::ok(!walk.Accept(0), "going back is not accepted");
  tap::ok(walk.Accept(112), "records may be skipped over");
  tap::ok(!walk.Accept(104), "and not be visited afterwards");
}

static void testPadding() {
  RecordWalk walk(1024, 4096 + 1000);
  // 24 bytes of padding, then a record of 40.
  walk.Push(4096 + 1024 + 40);
  tap::ok(walk.Accept(4096 + 1000), "a consumer may stand before padding");
  tap::ok(!walk.Accept(4096 + 1008), "not within it");
  tap::ok(walk.Accept(4096 + 1024), "it may stand behind it");
  tap::ok(!walk.Accept(4096 + 1032), "not within the record that follows");
  tap::ok(walk.Accept(4096 + 1064), "and may go on");

  RecordWalk exact(1024, 512);
  exact.Push(1024);
  exact.Push(1100 - 4);
  tap::ok(exact.Accept(1024), "a record that ends with the ring is no padding");
  tap::ok(exact.Accept(1096), "and the next one begins the ring");
}

static void testWholeRing() {
  RecordWalk walk(1024, 64);
  walk.Push(576);
  walk.Push(1024);
  walk.Push(1088);
  tap::ok(!walk.Accept(72), "of a full ring only ends are accepted");
  tap::ok(walk.Accept(1088), "its last one, a ring further than the position, is");
  walk.Push(1600);
  tap::ok(!walk.Accept(1088 + 8), "ends of the lap before are forgotten");
  tap::ok(!walk.Accept(1536), "all of them");
  tap::ok(walk.Accept(1600), "those of this lap are not");
}

// With a producer in front, and a set of numbers as the model; every place in the ring is tried.
static void testAgainstModel() {
  auto random = tap::makeRandom();
  bool right = true;
  uint64_t tried = 0;

  for (int round = 0; round < 60 && right; ++round) {
    const uint32_t size = 512U << (random() % 4);
    const uint64_t start = ((random() % 2) << 32) + random() % 512 * 8;
    std::vector<uint64_t> memory(size / 8);
    std::atomic<uint64_t> cursor{start};
    RingProducer producer(reinterpret_cast<uint8_t*>(memory.data()), size, &cursor, start);
    RecordWalk walk(size, start);
    std::set<uint64_t> ends{start};

    for (int step = 0; step < 400 && right; ++step) {
      uint8_t* record = nullptr;
      const uint32_t longest = random() % 4 == 0 ? size / 2 : 64;
      const uint64_t before = producer.Position();
      if (producer.TryClaim(8 + static_cast<uint32_t>(random() % (longest - 7)), record) == RingProducer::TryClaimResult::Ok) {
        producer.Commit();
        walk.Push(producer.Position());
        const auto begin = before + ((static_cast<uint64_t>(record - reinterpret_cast<uint8_t*>(memory.data())) - before) & (size - 1));
        ends.insert(begin);
        ends.insert(producer.Position());
      }
      if (random() % 3 != 0) {
        continue;
      }
      // First every wrong place, then the walk goes on from one of those that are right.
      for (uint64_t place = 0; place <= size + 64 && right; place += 4) {
        const uint64_t asked = walk.Position() - 32 + place;
        const bool forward = asked - walk.Position() <= producer.Position() - walk.Position();
        if (!(forward && ends.contains(asked))) {
          right = !walk.Accept(asked);
          ++tried;
        }
      }
      auto next = ends.lower_bound(walk.Position());
      std::advance(next, random() % static_cast<uint64_t>(std::distance(next, ends.end())));
      right = right && walk.Accept(*next) && walk.Position() == *next;
      producer.SetConsumed(walk.Position());
    }
  }
  tap::ok(right, "of all places exactly the ends of records not yet consumed are accepted");
  tap::comment(std::to_string(tried) + " places refused");
}

static std::vector<uint64_t> backFrom(const RecordWalk& walk, uint64_t position) {
  std::vector<uint64_t> ends;
  for (auto previous = walk.Previous(position); previous; previous = walk.Previous(*previous)) {
    ends.push_back(*previous);
  }
  return ends;
}

static void testLookingBack() {
  using Ends = std::vector<uint64_t>;
  RecordWalk walk(1024);
  tap::ok(walk.IsOutstanding(0) && !walk.IsOutstanding(8), "of a ring that nothing was pushed into only the beginning is outstanding");
  walk.Push(24);
  walk.Push(104);
  walk.Push(112);
  tap::ok(walk.IsOutstanding(24) && walk.IsOutstanding(112) && !walk.IsOutstanding(16) && !walk.IsOutstanding(120),
          "ends of records are outstanding, places within and beyond are not");
  tap::ok(backFrom(walk, 104) == Ends{24, 0}, "one can go back to the first record");
  tap::ok(walk.Accept(104) && !walk.IsOutstanding(24) && walk.IsOutstanding(104), "what was read is outstanding no more");
  tap::ok(backFrom(walk, 112) == Ends{104, 24, 0}, "and can be gone back to, as long as the ring holds it");
  // 40 bytes of padding, then a record of 80.
  walk.Push(984);
  walk.Push(1024 + 80);
  tap::ok(backFrom(walk, 1104) == Ends{1024, 984, 112, 104}, "back over the ring's end, as far as nothing was overwritten");
  tap::ok(walk.Previous(24) == std::nullopt, "nothing is known of what was");
}

int main() {
  testRules();
  testLookingBack();
  testPadding();
  testWholeRing();
  testAgainstModel();
  return tap::done();
}
