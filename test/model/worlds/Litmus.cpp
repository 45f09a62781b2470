// Small programs whose outcomes are known, for the explorer itself: those that C++ allows must all come out, and no others.
#include <array>
#include <map>
#include <set>

#include "Litmus.hpp"
#include "Shared.hpp"

namespace mph::model {

namespace {

using Atomic = std::atomic<uint64_t>;
constexpr auto Relaxed = std::memory_order_relaxed;
constexpr auto Acquire = std::memory_order_acquire;
constexpr auto Release = std::memory_order_release;

void Fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }

struct Cells {
  Atomic& x;
  Atomic& y;
  std::array<uint64_t, 4>& results;
};

struct Program {
  const char* name;
  std::vector<void (*)(Cells)> threads;
};

const std::array programs{
    Program{"store-buffering",
            {[](Cells c) { c.x.store(1, Release), c.results[0] = c.y.load(Acquire); },
             [](Cells c) { c.y.store(1, Release), c.results[1] = c.x.load(Acquire); }}},
    Program{"store-buffering-fences",
            {[](Cells c) { c.x.store(1, Relaxed), Fence(), c.results[0] = c.y.load(Relaxed); },
             [](Cells c) { c.y.store(1, Relaxed), Fence(), c.results[1] = c.x.load(Relaxed); }}},
    Program{"store-buffering-one-fence",
            {[](Cells c) { c.x.store(1, Relaxed), Fence(), c.results[0] = c.y.load(Relaxed); },
             [](Cells c) { c.y.store(1, Relaxed), c.results[1] = c.x.load(Relaxed); }}},
    Program{"message-passing",
            {[](Cells c) { c.x.store(1, Relaxed), c.y.store(1, Release); },
             [](Cells c) { c.results[0] = c.y.load(Acquire), c.results[1] = c.x.load(Relaxed); }}},
    Program{"message-passing-relaxed",
            {[](Cells c) { c.x.store(1, Relaxed), c.y.store(1, Relaxed); },
             [](Cells c) { c.results[0] = c.y.load(Acquire), c.results[1] = c.x.load(Relaxed); }}},
    Program{"coherence",
            {[](Cells c) { c.x.store(1, Relaxed), c.x.store(2, Relaxed); },
             [](Cells c) { c.results[0] = c.x.load(Relaxed), c.results[1] = c.x.load(Relaxed); }}},
    Program{"independent-reads",
            {[](Cells c) { c.x.store(1, Release); }, [](Cells c) { c.y.store(1, Release); },
             [](Cells c) { c.results[0] = c.x.load(Acquire), c.results[1] = c.y.load(Acquire); },
             [](Cells c) { c.results[2] = c.y.load(Acquire), c.results[3] = c.x.load(Acquire); }}},
    Program{"independent-reads-fences",
            {[](Cells c) { c.x.store(1, Release); }, [](Cells c) { c.y.store(1, Release); },
             [](Cells c) { c.results[0] = c.x.load(Acquire), Fence(), c.results[1] = c.y.load(Acquire); },
             [](Cells c) { c.results[2] = c.y.load(Acquire), Fence(), c.results[3] = c.x.load(Acquire); }}},
    Program{"load-buffering",
            {[](Cells c) { c.results[0] = c.x.load(Relaxed), c.y.store(1, Relaxed); },
             [](Cells c) { c.results[1] = c.y.load(Relaxed), c.x.store(1, Relaxed); }}},
};

std::string NameOfCell(uint32_t offset) { return offset == 0 ? "x" : offset == 64 ? "y" : ""; }

class LitmusWorld : public World {
 public:
  LitmusWorld(const Program& program, std::set<std::string>& outcomes)
      : program_(program), outcomes_(outcomes), memory_(Model().GetMemory().Allocate(128, {&NameOfCell, "cell"})) {}

  size_t Threads() const override { return program_.threads.size(); }
  const char* NameOf(size_t) const override { return program_.name; }
  void Run(size_t thread) override {
    program_.threads[thread]({*reinterpret_cast<Atomic*>(memory_), *reinterpret_cast<Atomic*>(memory_ + 64), results_});
  }
  std::string AtRest() override {
    std::string outcome;
    const size_t count = program_.threads.size() > 2 ? 4 : 2;

    for (size_t i = 0; i < count; ++i) {
      outcome += std::to_string(results_[i]);
    }
    outcomes_.insert(outcome);
    return {};
  }

 private:
  const Program& program_;
  std::set<std::string>& outcomes_;
  uint8_t* const memory_;
  std::array<uint64_t, 4> results_{};
};

}  // namespace

std::vector<LitmusOutcome> RunLitmus(bool isReduced) {
  std::vector<LitmusOutcome> all;

  for (const auto& program : programs) {
    std::set<std::string> outcomes;

    Model().SetReduced(isReduced);
    const auto outcome = Model().Explore([&] { return std::make_unique<LitmusWorld>(program, outcomes); }, {}, 0);
    Model().SetReduced(true);
    all.push_back({program.name, {outcomes.begin(), outcomes.end()}, outcome.executions});
  }
  return all;
}

}  // namespace mph::model
