#include "Memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "Pool.hpp"

namespace mph::model {

namespace {

alignas(4096) std::array<uint8_t, ArenaSize> arena;

constexpr int16_t Unknown = 0;
constexpr int16_t Plain = -1;

size_t Offset(const volatile void* address) {
  return static_cast<size_t>(reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(arena.data()));
}

bool IsRelease(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}
bool IsAcquire(std::memory_order order) {
  return order == std::memory_order_acquire || order == std::memory_order_consume || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

bool EndsWith(const std::string& text, const std::string& end) { return !end.empty() && text.ends_with(end); }

}  // namespace

void JoinClock(Clock& clock, const Clock& other) {
  for (size_t i = 0; i < MaxThreads; ++i) {
    clock[i] = std::max(clock[i], other[i]);
  }
}

void Memory::Reset() {
  std::memset(arena.data(), 0, used_);
  std::fill_n(locationAt_.begin(), used_ / sizeof(uint32_t), Unknown);
  for (const auto word : touched_) {
    words_[word] = {};
  }
  touched_.clear();
  regions_.clear();
  used_ = 0;
  distrusted_ = 0;
  for (size_t i = 0; i < locationCount_; ++i) {
    locations_[i].messages.clear();
  }
  std::fill_n(fenced_.begin(), locationCount_, uint16_t{0});
  locationCount_ = 0;
  threads_ = {};
  for (size_t i = 0; i < MaxThreads; ++i) {
    threads_[i].now.clock[i] = 1;
  }
}

void Memory::Weaken(std::string stores, std::string loads) {
  weakStores_ = std::move(stores);
  weakLoads_ = std::move(loads);
}

uint8_t* Memory::Allocate(size_t size, Names names) {
  Pool::Pause pause;
  const size_t begin = used_;
  const auto number = static_cast<uint32_t>(std::count_if(
      regions_.begin(), regions_.end(), [&](const Region& region) { return std::strcmp(region.names.region, names.region) == 0; }));

  used_ += (size + 63) & ~size_t{63};
  if (used_ > ArenaSize) {
    std::abort();
  }
  regions_.push_back({begin, used_, names, number});
  return arena.data() + begin;
}

bool Memory::Contains(const volatile void* address) { return Offset(address) < ArenaSize; }
int Memory::OffsetOf(const volatile void* address) { return static_cast<int>(Offset(address)); }
uint8_t* Memory::AtOffset(int offset) { return arena.data() + offset; }

int Memory::FindLocation(const volatile void* address) {
  const size_t offset = Offset(address);
  auto& known = locationAt_[offset / sizeof(uint32_t)];

  if (known == Unknown) {
    known = Plain;
    for (const auto& region : regions_) {
      if (offset < region.begin || offset >= region.end) {
        continue;
      }
      const auto name = region.names.nameOf(static_cast<uint32_t>(offset - region.begin));

      if (!name.empty()) {
        if (locationCount_ == MaxLocations) {
          std::abort();
        }
        auto& location = locations_[locationCount_];

        location.name = std::string(region.names.region) + (region.number > 0 ? std::to_string(region.number + 1) : "") + "." + name;
        location.weakStores = EndsWith(location.name, weakStores_);
        location.weakLoads = EndsWith(location.name, weakLoads_);
        location.messages.resize(1);
        known = static_cast<int16_t>(++locationCount_);
      }
    }
  }
  return known == Plain ? -1 : known - 1;
}

void Memory::Initialize(int location, uint64_t value) { locations_[static_cast<size_t>(location)].messages.back().value = value; }

void Memory::Join(View& view, const View& other) const {
  for (size_t i = 0; i < locationCount_; ++i) {
    view.oldest[i] = std::max(view.oldest[i], other.oldest[i]);
  }
  JoinClock(view.clock, other.clock);
}

uint64_t Memory::Load(size_t thread, int location, uint16_t message, std::memory_order order) {
  auto& self = threads_[thread];
  const auto& from = At(location);
  const auto& read = from.messages[message];

  self.now.oldest[static_cast<size_t>(location)] = message;
  Join(IsAcquire(order) && !from.weakLoads ? self.now : self.pending, read.view);
  return read.value;
}

void Memory::Store(size_t thread, int location, uint64_t value, std::memory_order order, const Clock& cause) {
  auto& self = threads_[thread];
  auto& to = locations_[static_cast<size_t>(location)];
  const auto index = static_cast<uint16_t>(to.messages.size());

  self.now.oldest[static_cast<size_t>(location)] = index;
  to.messages.push_back({value, IsRelease(order) && !to.weakStores ? self.now : self.released, cause});
  to.messages.back().view.oldest[static_cast<size_t>(location)] = index;
  ++self.now.clock[thread];
}

void Memory::FenceSeqCst(size_t thread) {
  auto& self = threads_[thread];

  Join(self.now, self.pending);
  for (size_t i = 0; i < locationCount_; ++i) {
    fenced_[i] = self.now.oldest[i] = std::max(fenced_[i], self.now.oldest[i]);
  }
  self.released = self.now;
  ++self.now.clock[thread];
}

void Memory::Forget(size_t thread, int location) { ++threads_[thread].now.oldest[static_cast<size_t>(location)]; }

View Memory::Release(size_t thread) {
  const View view = threads_[thread].now;
  ++threads_[thread].now.clock[thread];
  return view;
}

void Memory::Acquire(size_t thread, const View& view) { Join(threads_[thread].now, view); }

std::string Memory::PlaceOf(size_t offset) const {
  for (const auto& region : regions_) {
    if (offset >= region.begin && offset < region.end) {
      return std::string(region.names.region) + "+" + std::to_string(offset - region.begin);
    }
  }
  return "nowhere";
}

Memory::Word& Memory::Touch(size_t word) {
  touched_.push_back(static_cast<uint32_t>(word));
  return words_[word];
}

std::string Memory::ReadPlain(size_t thread, const volatile void* address, size_t size) {
  const auto& clock = threads_[thread].now.clock;
  const size_t begin = Offset(address);

  if ((distrusted_ >> thread & 1) != 0) {
    return {};
  }
  for (size_t word = begin / 8; word <= (begin + size - 1) / 8; ++word) {
    auto& known = Touch(word);

    if (known.writer >= 0 && known.writer != static_cast<int8_t>(thread) && known.written > clock[static_cast<size_t>(known.writer)]) {
      return "reads " + PlaceOf(word * 8) + " while thread " + std::to_string(known.writer) + " may be writing it";
    }
    known.read[thread] = clock[thread];
  }
  return {};
}

std::string Memory::WritePlain(size_t thread, const volatile void* address, size_t size) {
  const auto& clock = threads_[thread].now.clock;
  const size_t begin = Offset(address);

  for (size_t word = begin / 8; word <= (begin + size - 1) / 8; ++word) {
    auto& known = Touch(word);

    if (known.writer >= 0 && known.writer != static_cast<int8_t>(thread) && known.written > clock[static_cast<size_t>(known.writer)]) {
      return "writes " + PlaceOf(word * 8) + " while thread " + std::to_string(known.writer) + " may be writing it";
    }
    for (size_t other = 0; other < MaxThreads; ++other) {
      if (other != thread && (distrusted_ >> other & 1) == 0 && known.read[other] > clock[other]) {
        return "writes " + PlaceOf(word * 8) + " while thread " + std::to_string(other) + " may be reading it";
      }
    }
    known.writer = static_cast<int8_t>(thread);
    known.written = clock[thread];
  }
  return {};
}

}  // namespace mph::model
