// StreamNumbers, ProducerNumbers: which numbers a stream has into which packets are inserted and out of which some are taken.
#include "PluginHost/StreamNumbers.hpp"

#include <algorithm>
#include <deque>
#include <set>

#include "PluginHost/ProducerNumbers.hpp"
#include "tap.hpp"

using PluginHost::ProducerNumbers;
using PluginHost::StreamNumbers;
using Number = std::optional<uint16_t>;

static constexpr int64_t window = StreamNumbers::Window;

static void testRules() {
  StreamNumbers numbers(100);
  tap::ok(numbers.Pass(101) == 101, "numbers stay as they are until something is done");
  tap::is(numbers.Insert(), 102, "an inserted packet gets the next number behind the highest");
  tap::is(numbers.Insert(), 103, "and so does the next one");
  tap::ok(numbers.Pass(102) == 104, "what comes then follows");
  tap::ok(numbers.Pass(105) == 107 && numbers.Pass(104) == 106 && numbers.Pass(103) == 105, "the numbers of missing ones are kept for them");
  tap::ok(numbers.Pass(104) == std::nullopt, "nothing goes out twice");
  tap::ok(numbers.Pass(100) == 100 && numbers.Pass(99) == 99, "one from before the insertion keeps its own");
  tap::ok(numbers.Remove(106) == std::nullopt && numbers.Pass(107) == 108, "behind one that is taken no number is empty");
  tap::ok(numbers.Pass(106) == std::nullopt && numbers.Remove(106) == std::nullopt, "one that was taken comes no more");
  tap::ok(numbers.Pass(110) == 111, "with two missing");
  tap::ok(numbers.Remove(108) == 109, "the number of one that is taken late is named, for the consumers to leave out");
  tap::ok(numbers.Pass(108) == std::nullopt && numbers.Pass(109) == 110, "and it is gone, while the other one finds its own");

  StreamNumbers ahead(100);
  tap::ok(ahead.Remove(103) == std::nullopt, "one is taken before those in front of it come");
  tap::is(ahead.Insert(), 103, "an insertion leaves their numbers free");
  tap::ok(ahead.Pass(102) == 102 && ahead.Pass(101) == 101 && ahead.Pass(104) == 104, "they have their own");
}

static void testBeginnings() {
  StreamNumbers inserted(std::nullopt);
  const uint16_t first = inserted.Insert();
  tap::ok(inserted.Pass(40000) == static_cast<uint16_t>(first + 1), "the first packet of a stream follows what was inserted before it");
  tap::ok(inserted.Pass(39999) == std::nullopt, "no number is left for what should have come before it");

  StreamNumbers taken(std::nullopt);
  tap::ok(taken.Remove(500) == std::nullopt && taken.Pass(501) == 500, "a stream may begin with a packet that is taken");

  StreamNumbers swapped(std::nullopt);
  tap::ok(swapped.Remove(501) == std::nullopt && swapped.Pass(500) == 500 && swapped.Pass(502) == 501, "one in front of it that comes late has its own number");
  tap::ok(swapped.Pass(500) == std::nullopt, "once");

  StreamNumbers untouched(std::nullopt);
  tap::ok(untouched.Pass(500) == 500 && untouched.Pass(501) == 501, "and with one that keeps its number");
}

static void testRestarts() {
  StreamNumbers numbers(30000);
  tap::is(numbers.Insert(), 30001, "a stream with an insertion");
  tap::ok(numbers.Pass(20000) == 30002 && numbers.Pass(20001) == 30003, "goes on when the sender begins anew far behind");
  tap::ok(numbers.Pass(19999) == std::nullopt, "with nothing from before it");
  tap::ok(numbers.Pass(20001 - window) == std::nullopt, "one that is too late is dropped");
  tap::ok(numbers.Pass(20002) == 30004, "and changes nothing");
  tap::ok(numbers.Pass(17000) == std::nullopt && numbers.Pass(17001) == 30005, "two in a row are a sender that begins anew");
}

static void testProducer() {
  ProducerNumbers numbers({11, 22});
  tap::ok(!numbers.IsRenumbering() && numbers.Pass(11, 7) == 7 && numbers.Pass(11, 6) == 6 && numbers.Pass(11, 6) == 6,
          "a stream that nothing is done to keeps its numbers, repeated ones, too");
  tap::ok(numbers.Pass(33, 9) == 9 && numbers.Insert(33) == std::nullopt && numbers.Remove(33, 9) == 9, "what is no stream of the producer's is left alone");
  tap::ok(!numbers.IsRenumbering() && numbers.Insert(11) == 8 && numbers.IsRenumbering(), "an insertion comes behind the highest that has passed");
  tap::ok(numbers.Pass(11, 8) == 9 && numbers.Pass(22, 8) == 8, "each stream has its own numbers");
  numbers.Begin(22, 500);
  numbers.Begin(11, 500);
  tap::ok(numbers.Insert(22) == 501, "what was received before the chain was there counts");
  tap::ok(numbers.Pass(11, 9) == 10, "but not for a stream that is renumbered");

  ProducerNumbers restarted({11});
  (void)restarted.Pass(11, 60000);
  (void)restarted.Pass(11, 55000);
  tap::ok(restarted.Insert(11) == 55001, "a sender may begin anew before anything is done to its stream");
}

// The model is the list of everything that went out or still may, in order: an input, or something inserted. An output number is a place in it.
class Model {
 public:
  explicit Model(int64_t highest) : highest_(highest) {
    for (int64_t in = highest - window + 1; in <= highest; ++in) {
      slots_.push_back(in);
    }
    base_ = highest - window + 1;
  }

  Number Pass(int64_t in) {
    Extend(in);
    const auto slot = std::find(slots_.begin(), slots_.end(), in);
    if (in <= highest_ - window || gone_.contains(in) || slot == slots_.end()) {
      return std::nullopt;
    }
    gone_.insert(in);
    return static_cast<uint16_t>(base_ + (slot - slots_.begin()));
  }

  Number Remove(int64_t in) {
    if (in <= highest_) {
      return Pass(in);
    }
    Extend(in);
    slots_.pop_back();
    return std::nullopt;
  }

  uint16_t Insert() {
    slots_.push_back(inserted);
    return static_cast<uint16_t>(base_ + static_cast<int64_t>(slots_.size()) - 1);
  }

  int64_t highest() const { return highest_; }

 private:
  static constexpr int64_t inserted = -1'000'000;

  void Extend(int64_t in) {
    for (; highest_ < in;) {
      slots_.push_back(++highest_);
    }
    // Kept short; far more than the window can ask for.
    while (slots_.size() > 30'000) {
      slots_.pop_front();
      ++base_;
    }
  }

  int64_t base_ = 0;
  int64_t highest_;
  std::deque<int64_t> slots_;
  std::set<int64_t> gone_;
};

static void testAgainstModel() {
  auto random = tap::makeRandom();
  bool right = true;
  uint64_t steps = 0;

  for (int round = 0; round < 12 && right; ++round) {
    const auto start = static_cast<int64_t>(100'000 + random() % 65'536);
    StreamNumbers numbers(static_cast<uint16_t>(start));
    Model model(start);
    // Some rounds go round the numbers more than once.
    const int length = round % 4 == 0 ? 60'000 : 8'000;

    for (int step = 0; step < length && right; ++step, ++steps) {
      const auto what = random() % 16;
      Number found;
      Number wanted;
      if (what == 0) {
        found = numbers.Insert();
        wanted = model.Insert();
      } else {
        int64_t in = model.highest() + 1;
        if (what == 1) {
          in += static_cast<int64_t>(random() % (random() % 64 == 0 ? 5'000 : 8));
        } else if (what == 2) {
          in -= static_cast<int64_t>(random() % (random() % 4 == 0 ? 4'000 : 12));
        } else if (what == 3 && round % 4 == 0) {
          in += static_cast<int64_t>(random() % 3);
        }
        if (in <= model.highest() - window) {
          // Two in a row that are too late are a sender that begins anew (testRestarts()), which the model knows nothing of.
          in &= ~int64_t{1};
        }

        const bool remove = random() % 8 == 0;
        found = remove ? numbers.Remove(static_cast<uint16_t>(in)) : numbers.Pass(static_cast<uint16_t>(in));
        wanted = remove ? model.Remove(in) : model.Pass(in);
      }
      right = found == wanted;
      if (!right) {
        tap::comment("step " + std::to_string(step) + ": found " + std::to_string(found.value_or(0)) + ", wanted " + std::to_string(wanted.value_or(0)));
      }
    }
  }
  tap::ok(right, "whatever passes, is taken and is inserted, in any order, has the number that it has in a plain list, once");
  tap::comment(std::to_string(steps) + " steps");
}

int main() {
  testRules();
  testBeginnings();
  testRestarts();
  testProducer();
  testAgainstModel();
  return tap::done();
}
