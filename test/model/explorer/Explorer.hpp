// Runs a world, over and over, in every order of its threads' steps that can make a difference, with every value that a load may return.
//
// A step is an operation on what threads share: an atomic load or store, a fence, a bell. Each thread stands before its next one; the
// explorer says whose is done. What a thread does in between touches nothing that others see, or it is a race (Memory.hpp).
//
// Search is depth first and keeps nothing but the path (stateless). Two reductions leave out orders that end in a state that another order
// reaches: steps are put in another order only where they were seen to conflict (dynamic partial-order reduction, Flanagan and Godefroid),
// and what was tried before a sibling is not tried again behind it until something happened that matters to it (sleep sets, Godefroid). A
// load and a later store conflict, since the load could read it; a store and a later load do not, since the load may return what was there
// before.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "Fibers.hpp"
#include "Memory.hpp"

namespace mph::model {

// What runs: made afresh for each execution.
class World {
 public:
  World() = default;
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  virtual ~World() = default;

  virtual size_t Threads() const = 0;
  virtual const char* NameOf(size_t thread) const = 0;
  // The body of a thread. [in its fiber]
  virtual void Run(size_t thread) = 0;
  // Nobody can go on: all ended, or wait. Empty, or what is wrong with that.
  virtual std::string AtRest() = 0;
};

enum class Bell : uint8_t {
  // Rung until it is reset; carries nothing else from one side to the other, although a pipe does.
  Level,
  // Rung until somebody who waited was told; likewise.
  Edge,
  // Edge, of a message: who is told sees what was done before it was sent.
  Message,
};

struct Weakness {
  // Endings of names of locations: stores, or loads, there are done relaxed.
  std::string stores;
  std::string loads;
  // A fence is left out that follows a store to a location with this ending; or, with "!", any other one.
  std::string fence;
};

struct Outcome {
  // Empty: nothing was found.
  std::string failure;
  // The path to it, a line for each step.
  std::vector<std::string> steps;
  uint64_t states{0};
  uint64_t executions{0};
  // Given up, since all that could follow had been seen.
  uint64_t cut{0};
  uint32_t longest{0};
  // The limit was reached: not all was seen.
  bool isIncomplete{false};
};

class Explorer {
 public:
  using MakeWorld = std::function<std::unique_ptr<World>()>;

  static Explorer& Instance();

  // Up to the first failure. `maxStates` 0: no limit.
  Outcome Explore(const MakeWorld& make, const Weakness& weakness, uint64_t maxStates);

  // Without: every order, whatever comes of it. For the explorer's own tests.
  void SetReduced(bool isReduced) { isReduced_ = isReduced; }

  // All of the following: [in a fiber], or while a world is made, when bells and choices are not there yet.

  uint64_t Load(const volatile void* address, uint64_t plainValue, std::memory_order order);
  // False: not atomic here.
  bool Store(const volatile void* address, uint64_t value, std::memory_order order);
  void Fence();
  void ReadPlain(const volatile void* address, size_t size);
  void WritePlain(const volatile void* address, size_t size);

  size_t AddBell(const char* name, Bell kind);
  void Ring(size_t bell);
  // Bit i: bell i. Returns those of them that are rung.
  uint32_t Wait(uint32_t bells);
  // The same, without waiting.
  uint32_t Poll(uint32_t bells);
  void Reset(size_t bell);
  // Until something was stored behind what this thread has read last; it will not read that again.
  void AwaitNewer(const volatile void* address);
  // The thread that calls may end in front of any of its steps from here on; the bell tells.
  void MayDie(size_t bell);
  // A number below `count`, each in its turn.
  size_t Choose(size_t count);
  // Ends the execution.
  [[noreturn]] void Fail(const std::string& what);
  Memory& GetMemory() { return memory_; }

 private:
  enum class Kind : uint8_t { Load, Store, Fence, Ring, Wait, Reset, AwaitNewer, Poll };

  struct Step {
    Kind kind{Kind::Fence};
    int location{-1};
    uint32_t bells{0};
    std::memory_order order{std::memory_order_relaxed};
    uint64_t value{0};
  };

  // Nothing of this thread is to be done, or (of a load) only what is stored from this message on.
  static constexpr uint16_t Asleep = 0xffff;
  using SleepSet = std::array<uint16_t, MaxThreads>;

  struct Node {
    // 0: a node where a thread is chosen; otherwise one where a value is.
    uint32_t choices{0};
    uint32_t chosen{0};
    // Of the threads that could go on, those that were not asleep.
    uint8_t enabled{0};
    uint8_t awake{0};
    uint8_t tried{0};
    uint8_t toTry{0};
  };

  struct Done {
    Step step;
    size_t thread{0};
    // Node at which its thread was chosen.
    size_t node{0};
    uint32_t tick{0};
  };

  struct Thread {
    Fiber fiber;
    Step next;
    uint64_t result{0};
    bool hasEnded{false};
    // -1: does not die.
    int deathBell{-1};
    bool isDead{false};
    int lastStore{-1};
    Clock cause{};
  };

  struct BellState {
    const char* name;
    Bell kind;
    bool isRung{false};
    View view;
    Clock cause{};
  };

  void Execute(const MakeWorld& make);
  void RunToNextStep(size_t thread);
  uint64_t Perform(const Step& step);
  bool ChooseThread(size_t& thread);
  void Do(size_t thread);
  uint64_t DoLoad(size_t thread, const Step& step);
  void DoBell(size_t thread, const Step& step);
  bool IsEnabled(size_t thread) const;
  bool IsFullyAsleep(size_t thread) const;
  static bool Conflict(const Step& earlier, const Step& later);
  static bool WakesUp(const Step& done, const Step& sleeping);
  void NoteConflicts(size_t thread);
  void TryAt(const Done& done, size_t thread);
  Node& NextNode(bool& isNew);
  bool Backtrack();
  bool IsLeftOut(size_t thread) const;
  void Finish(World& world);
  void Stand(const Step& step);
  std::string Describe(size_t thread, const Step& step, uint64_t result) const;
  void Trace(const std::string& line);

  Memory memory_;
  std::vector<std::unique_ptr<Thread>> threads_;
  size_t threadCount_{0};
  std::vector<BellState> bells_;
  World* world_{nullptr};
  Weakness weakness_;
  int current_{-1};

  std::vector<Node> path_;
  size_t depth_{0};
  std::vector<Done> done_;
  SleepSet sleep_{};
  Clock fenceCause_{};
  bool isNewStep_{false};

  std::string failure_;
  bool isCut_{false};
  bool isTracing_{false};
  bool isReduced_{true};
  Outcome outcome_;
};

}  // namespace mph::model
