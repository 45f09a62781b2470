// What threads of a model call: each is a step, and hands over to the explorer before it is done.
#include <sstream>

#include "Explorer.hpp"
#include "Pool.hpp"

namespace mph::model {

uint64_t Explorer::Load(const volatile void* address, uint64_t plainValue, std::memory_order order) {
  if (!Memory::Contains(address)) {
    return plainValue;
  }
  Pool::Pause pause;
  const int location = memory_.FindLocation(address);

  if (location < 0) {
    // An atomic load of bytes that were written plainly: no excuse for reading them unordered.
    ReadPlain(address, sizeof plainValue);
    return plainValue;
  }
  return current_ < 0 ? memory_.Initial(location) : Perform({.kind = Kind::Load, .location = location, .order = order});
}

bool Explorer::Store(const volatile void* address, uint64_t value, std::memory_order order) {
  if (!Memory::Contains(address)) {
    return false;
  }
  Pool::Pause pause;
  const int location = memory_.FindLocation(address);

  if (location < 0) {
    return false;
  }
  if (current_ < 0) {
    memory_.Initialize(location, value);
  } else {
    Perform({.kind = Kind::Store, .location = location, .order = order, .value = value});
  }
  return true;
}

void Explorer::Fence() {
  if (current_ >= 0) {
    Pool::Pause pause;
    Perform({.kind = Kind::Fence});
  }
}

void Explorer::ReadPlain(const volatile void* address, size_t size) {
  if (current_ < 0 || !Memory::Contains(address)) {
    return;
  }
  Pool::Pause pause;
  const auto race = memory_.ReadPlain(static_cast<size_t>(current_), address, size);

  if (!race.empty()) {
    Fail("a torn record: thread " + std::to_string(current_) + " " + race);
  }
}

void Explorer::WritePlain(const volatile void* address, size_t size) {
  if (current_ < 0 || !Memory::Contains(address)) {
    return;
  }
  Pool::Pause pause;
  const auto race = memory_.WritePlain(static_cast<size_t>(current_), address, size);

  if (!race.empty()) {
    Fail("a torn record: thread " + std::to_string(current_) + " " + race);
  }
}

size_t Explorer::AddBell(const char* name, Bell kind) {
  Pool::Pause pause;
  bells_.push_back({name, kind, false, {}, {}});
  return bells_.size() - 1;
}

void Explorer::Ring(size_t bell) {
  if (current_ < 0) {
    bells_[bell].isRung = true;
    return;
  }
  Pool::Pause pause;
  Perform({.kind = Kind::Ring, .bells = 1u << bell});
}

uint32_t Explorer::Wait(uint32_t bells) {
  Pool::Pause pause;
  return static_cast<uint32_t>(Perform({.kind = Kind::Wait, .bells = bells}));
}

uint32_t Explorer::Poll(uint32_t bells) {
  Pool::Pause pause;
  return static_cast<uint32_t>(Perform({.kind = Kind::Poll, .bells = bells}));
}

void Explorer::MayDie(size_t bell) { threads_[static_cast<size_t>(current_)]->deathBell = static_cast<int>(bell); }

void Explorer::Reset(size_t bell) {
  Pool::Pause pause;
  Perform({.kind = Kind::Reset, .bells = 1u << bell});
}

void Explorer::AwaitNewer(const volatile void* address) {
  Pool::Pause pause;
  Perform({.kind = Kind::AwaitNewer, .location = memory_.FindLocation(address)});
}

size_t Explorer::Choose(size_t count) {
  Pool::Pause pause;
  bool isNew = false;
  auto& node = NextNode(isNew);

  if (isNew) {
    node.choices = static_cast<uint32_t>(count);
  }
  return node.chosen;
}

void Explorer::Fail(const std::string& what) {
  Pool::Pause pause;
  failure_ = what;
  // Nobody resumes it.
  threads_[static_cast<size_t>(current_)]->fiber.HandOver();
  std::abort();
}

void Explorer::Trace(const std::string& line) { outcome_.steps.push_back(line); }

std::string Explorer::Describe(size_t thread, const Step& step, uint64_t result) const {
  static constexpr std::array<const char*, 8> kinds{"load", "store", "fence", "ring", "wait for", "reset", "wait for news in", "look for"};
  static constexpr std::array<const char*, 6> orders{"relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst"};
  std::ostringstream text;

  text << kinds[static_cast<size_t>(step.kind)];
  if (step.location >= 0) {
    const auto& location = memory_.At(step.location);

    text << ' ' << location.name;
    if (step.kind == Kind::Load) {
      const auto read = memory_.OldestFor(thread, step.location);
      const auto newest = memory_.NewestOf(step.location);

      text << " = " << result << " (" << orders[static_cast<size_t>(step.order)] << (location.weakLoads ? ", weakened" : "");
      if (read < newest) {
        text << ", " << newest - read << " behind";
      }
      text << ')';
    } else if (step.kind == Kind::Store) {
      text << " := " << step.value << " (" << orders[static_cast<size_t>(step.order)] << (location.weakStores ? ", weakened" : "") << ')';
    }
  } else if (step.kind == Kind::Fence && IsLeftOut(thread)) {
    text << ", left out";
  }
  for (size_t i = 0; i < bells_.size(); ++i) {
    if ((step.bells >> i & 1) != 0) {
      text << ' ' << bells_[i].name;
    }
  }
  return text.str();
}

}  // namespace mph::model
