#include "Explorer.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>

#include "Pool.hpp"

namespace mph::model {

Explorer& Explorer::Instance() {
  static Explorer explorer;
  return explorer;
}

Outcome Explorer::Explore(const MakeWorld& make, const Weakness& weakness, uint64_t maxStates) {
  weakness_ = weakness;
  memory_.Weaken(weakness.stores, weakness.loads);
  path_.clear();
  outcome_ = {};
  isTracing_ = false;

  do {
    Execute(make);
    if (!failure_.empty()) {
      outcome_.failure = failure_;
      // The same path once more, told step by step.
      isTracing_ = true;
      Execute(make);
      break;
    }
    ++(isCut_ ? outcome_.cut : outcome_.executions);
    outcome_.longest = std::max(outcome_.longest, static_cast<uint32_t>(done_.size()));
    if (maxStates != 0 && outcome_.states >= maxStates) {
      outcome_.isIncomplete = true;
      break;
    }
  } while (Backtrack());
  return std::exchange(outcome_, {});
}

void Explorer::Execute(const MakeWorld& make) {
  memory_.Reset();
  depth_ = 0;
  done_.clear();
  bells_.clear();
  sleep_ = {};
  fenceCause_ = {};
  failure_.clear();
  isCut_ = false;
  current_ = -1;

  Pool::Reset();
  Pool::Enter();
  auto world = make();
  Pool::Leave();

  world_ = world.get();
  threadCount_ = world->Threads();
  while (threads_.size() < threadCount_) {
    threads_.push_back(std::make_unique<Thread>());
  }
  for (size_t i = 0; i < threadCount_; ++i) {
    threads_[i]->fiber.Begin([world = world.get(), i] { world->Run(i); });
    threads_[i]->hasEnded = false;
    threads_[i]->deathBell = -1;
    threads_[i]->isDead = false;
    threads_[i]->lastStore = -1;
    threads_[i]->cause = {};
  }
  for (size_t i = 0; i < threadCount_ && failure_.empty(); ++i) {
    RunToNextStep(i);
  }

  size_t thread = 0;
  while (failure_.empty() && ChooseThread(thread)) {
    Do(thread);
    if (failure_.empty()) {
      RunToNextStep(thread);
    }
  }
  if (failure_.empty() && !isCut_) {
    Finish(*world);
  }
  if (isTracing_) {
    Trace(failure_);
  }
}

void Explorer::Finish(World& world) {
  failure_ = world.AtRest();
  if (failure_.empty()) {
    return;
  }
  for (size_t i = 0; i < threadCount_; ++i) {
    if (!threads_[i]->hasEnded) {
      failure_ += "; " + std::string(world.NameOf(i)) + " waits for ever: " + Describe(i, threads_[i]->next, 0);
    }
  }
}

// Until it stands before a step of its own, or ends.
void Explorer::RunToNextStep(size_t thread) {
  auto& self = *threads_[thread];

  current_ = static_cast<int>(thread);
  Pool::Enter();
  self.fiber.Resume();
  Pool::Leave();
  current_ = -1;
  self.hasEnded = self.fiber.HasEnded() || self.isDead;
  if (!self.hasEnded && failure_.empty()) {
    NoteConflicts(thread);
  }
}

uint64_t Explorer::Perform(const Step& step) {
  auto& self = *threads_[static_cast<size_t>(current_)];

  if (self.deathBell >= 0 && Choose(2) == 1) {
    Stand({.kind = Kind::Ring, .bells = 1u << self.deathBell});
    self.isDead = true;
    // Nobody resumes it.
    self.fiber.HandOver();
  }
  Stand(step);
  return self.result;
}

// Until the explorer has done it.
void Explorer::Stand(const Step& step) {
  auto& self = *threads_[static_cast<size_t>(current_)];

  self.next = step;
  self.fiber.HandOver();
}

bool Explorer::IsEnabled(size_t thread) const {
  const auto& self = *threads_[thread];

  if (self.hasEnded) {
    return false;
  }
  switch (self.next.kind) {
    case Kind::Wait:
      for (size_t i = 0; i < bells_.size(); ++i) {
        if (bells_[i].isRung && (self.next.bells >> i & 1) != 0) {
          return true;
        }
      }
      return false;
    case Kind::AwaitNewer:
      return memory_.NewestOf(self.next.location) > memory_.OldestFor(thread, self.next.location);
    default:
      return true;
  }
}

bool Explorer::IsFullyAsleep(size_t thread) const {
  const auto& next = threads_[thread]->next;

  return sleep_[thread] == Asleep || (sleep_[thread] != 0 && next.kind == Kind::Load && memory_.NewestOf(next.location) < sleep_[thread]);
}

// False: nobody can go on, or need not.
bool Explorer::ChooseThread(size_t& thread) {
  uint8_t enabled = 0;
  uint8_t awake = 0;

  for (size_t i = 0; i < threadCount_; ++i) {
    if (IsEnabled(i)) {
      enabled |= static_cast<uint8_t>(1u << i);
      if (!IsFullyAsleep(i)) {
        awake |= static_cast<uint8_t>(1u << i);
      }
    }
  }
  if (awake == 0) {
    isCut_ = enabled != 0;
    return false;
  }

  auto& node = NextNode(isNewStep_);

  if (isNewStep_) {
    node.enabled = enabled;
    node.awake = awake;
    node.chosen = static_cast<uint32_t>(std::countr_zero(awake));
    node.toTry = isReduced_ ? static_cast<uint8_t>(1u << node.chosen) : awake;
  }
  // What was tried here before need not be tried behind this one.
  for (size_t i = 0; i < threadCount_; ++i) {
    if (isReduced_ && (node.tried >> i & 1) != 0) {
      const auto& next = threads_[i]->next;
      sleep_[i] = next.kind == Kind::Load ? static_cast<uint16_t>(memory_.NewestOf(next.location) + 1) : Asleep;
    }
  }
  thread = node.chosen;
  return true;
}

void Explorer::Do(size_t thread) {
  auto& self = *threads_[thread];
  const Step step = self.next;
  const size_t node = depth_ - 1;

  outcome_.states += isNewStep_ ? 1 : 0;
  ++self.cause[thread];
  switch (step.kind) {
    case Kind::Load:
      self.result = DoLoad(thread, step);
      break;
    case Kind::Store:
      memory_.Store(thread, step.location, step.value, step.order, self.cause);
      self.lastStore = step.location;
      break;
    case Kind::Fence:
      if (!IsLeftOut(thread)) {
        memory_.FenceSeqCst(thread);
        JoinClock(self.cause, fenceCause_);
        fenceCause_ = self.cause;
      }
      break;
    case Kind::AwaitNewer:
      memory_.Forget(thread, step.location);
      break;
    default:
      DoBell(thread, step);
  }
  if (isTracing_) {
    Trace(std::string(world_->NameOf(thread)) + ": " + Describe(thread, step, self.result));
  }

  done_.push_back({step, thread, node, self.cause[thread]});
  sleep_[thread] = 0;
  for (size_t i = 0; i < threadCount_; ++i) {
    if (i == thread || threads_[i]->hasEnded) {
      continue;
    }
    if (sleep_[i] != 0 && WakesUp(step, threads_[i]->next)) {
      sleep_[i] = 0;
    }
    if (Conflict(step, threads_[i]->next)) {
      TryAt(done_.back(), i);
    }
  }
}

uint64_t Explorer::DoLoad(size_t thread, const Step& step) {
  const uint16_t oldest = std::max(memory_.OldestFor(thread, step.location), sleep_[thread]);
  const uint16_t newest = memory_.NewestOf(step.location);
  uint16_t message = newest;

  if (newest > oldest) {
    bool isNew = false;
    auto& node = NextNode(isNew);

    if (isNew) {
      node.choices = newest - oldest + 1u;
    }
    message = static_cast<uint16_t>(newest - node.chosen);
  }
  JoinClock(threads_[thread]->cause, memory_.At(step.location).messages[message].cause);
  return memory_.Load(thread, step.location, message, step.order);
}

void Explorer::DoBell(size_t thread, const Step& step) {
  auto& self = *threads_[thread];

  self.result = 0;
  for (size_t i = 0; i < bells_.size(); ++i) {
    if ((step.bells >> i & 1) == 0) {
      continue;
    }
    auto& bell = bells_[i];

    JoinClock(self.cause, bell.cause);
    bell.cause = self.cause;
    switch (step.kind) {
      case Kind::Ring:
        bell.isRung = true;
        if (bell.kind == Bell::Message) {
          bell.view = memory_.Release(thread);
        }
        break;
      case Kind::Wait:
      case Kind::Poll:
        if (bell.isRung) {
          self.result |= uint64_t{1} << i;
          bell.isRung = bell.kind == Bell::Level;
          if (bell.kind == Bell::Message) {
            memory_.Acquire(thread, bell.view);
          }
        }
        break;
      default:
        bell.isRung = false;
    }
  }
}

bool Explorer::IsLeftOut(size_t thread) const {
  if (weakness_.fence.empty()) {
    return false;
  }
  const bool isOther = weakness_.fence.front() == '!';
  const int last = threads_[thread]->lastStore;
  const bool matches = last >= 0 && memory_.At(last).name.ends_with(weakness_.fence.substr(isOther ? 1 : 0));

  return matches != isOther;
}

// Whether the later one, done first, could lead to something else.
bool Explorer::Conflict(const Step& earlier, const Step& later) {
  if (earlier.kind == Kind::Fence || later.kind == Kind::Fence) {
    return earlier.kind == later.kind;
  }
  if ((earlier.bells & later.bells) != 0) {
    return true;
  }
  return later.kind == Kind::Store && later.location == earlier.location && (earlier.kind == Kind::Load || earlier.kind == Kind::Store);
}

// Whether what is asleep can do something new behind it. A load that sleeps is told from which message on it is awake instead.
bool Explorer::WakesUp(const Step& done, const Step& sleeping) {
  if (sleeping.kind == Kind::Fence) {
    return done.kind == Kind::Fence;
  }
  return (done.bells & sleeping.bells) != 0 ||
         (done.kind == Kind::Store && sleeping.kind == Kind::Store && done.location == sleeping.location);
}

// The thread stands before a new step: with what was done before does it conflict, and was not bound to come after it?
void Explorer::NoteConflicts(size_t thread) {
  const auto& self = *threads_[thread];

  for (const auto& done : done_) {
    if (done.thread != thread && done.tick > self.cause[done.thread] && Conflict(done.step, self.next)) {
      TryAt(done, thread);
    }
  }
}

void Explorer::TryAt(const Done& done, size_t thread) {
  auto& node = path_[done.node];
  const auto bit = static_cast<uint8_t>(1u << thread);

  // One that slept there was tried before. One that could not go on there may have been able to behind any of the others.
  node.toTry |= (node.enabled & bit) != 0 ? bit & node.awake : node.awake;
}

Explorer::Node& Explorer::NextNode(bool& isNew) {
  isNew = depth_ == path_.size();
  if (isNew) {
    path_.emplace_back();
  }
  return path_[depth_++];
}

// To the last node at which something is left to be tried.
bool Explorer::Backtrack() {
  while (!path_.empty()) {
    auto& node = path_.back();

    if (node.choices != 0) {
      if (++node.chosen < node.choices) {
        return true;
      }
    } else {
      node.tried |= static_cast<uint8_t>(1u << node.chosen);
      const auto left = static_cast<uint8_t>(node.toTry & ~node.tried);

      if (left != 0) {
        node.chosen = static_cast<uint32_t>(std::countr_zero(left));
        return true;
      }
    }
    path_.pop_back();
  }
  return false;
}

}  // namespace mph::model
