// The memory that the threads of a model share, as weak as C++ allows it to be: a location is the list of what was ever stored there, and a
// load may return any of it that its thread has not seen to be overwritten.
//
// What a thread has seen is its view: per location the oldest store that it may still read. Release stores carry their thread's view, and
// acquire loads take it over; sequentially consistent fences pass theirs on from one to the next. Bytes that are not atomic (the records)
// stand in the arena as they are, and any two accesses that are not ordered by such an edge are a race, which is a finding.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace mph::model {

inline constexpr size_t MaxThreads = 4;
inline constexpr size_t MaxLocations = 192;
inline constexpr size_t ArenaSize = size_t{1} << 16;

using Clock = std::array<uint32_t, MaxThreads>;

void JoinClock(Clock& clock, const Clock& other);

// What is known of memory: of each location the oldest message that may still be read, and of each thread how far it is ordered before.
struct View {
  std::array<uint16_t, MaxLocations> oldest{};
  Clock clock{};
};

struct Message {
  uint64_t value{0};
  View view;
  // Of the transition that stored it, for the explorer's own order.
  Clock cause{};
};

struct Location {
  std::string name;
  // Of a control: what is asked for with release or acquire is done relaxed.
  bool weakStores{false};
  bool weakLoads{false};
  std::vector<Message> messages;
};

class Memory {
 public:
  struct Names {
    // Of a word at this offset in a region; empty: it is not atomic.
    std::string (*nameOf)(uint32_t offset);
    const char* region;
  };

  // Between two executions.
  void Reset();
  // `stores` and `loads`: name endings of the locations whose edges are weakened, one each or empty.
  void Weaken(std::string stores, std::string loads);

  // Zeroed memory of which some words are atomic, as `names` says.
  uint8_t* Allocate(size_t size, Names names);
  static bool Contains(const volatile void* address);
  static int OffsetOf(const volatile void* address);
  static uint8_t* AtOffset(int offset);

  // -1: bytes that are not atomic.
  int FindLocation(const volatile void* address);
  const Location& At(int location) const { return locations_[static_cast<size_t>(location)]; }

  // While the world is made, before there are threads.
  void Initialize(int location, uint64_t value);
  uint64_t Initial(int location) const { return At(location).messages.back().value; }

  uint16_t OldestFor(size_t thread, int location) const { return threads_[thread].now.oldest[static_cast<size_t>(location)]; }
  uint16_t NewestOf(int location) const { return static_cast<uint16_t>(At(location).messages.size() - 1); }

  uint64_t Load(size_t thread, int location, uint16_t message, std::memory_order order);
  void Store(size_t thread, int location, uint64_t value, std::memory_order order, const Clock& cause);
  void FenceSeqCst(size_t thread);
  // A store reaches everybody in the end: what was read last will not be read again.
  void Forget(size_t thread, int location);

  // Edges that the kernel makes: a message that is sent and received.
  View Release(size_t thread);
  void Acquire(size_t thread, const View& view);

  // What this thread reads from now on, and has read, is of no consequence: it may be anything.
  void Distrust(size_t thread) { distrusted_ |= 1u << thread; }

  // Empty, or what the access races with.
  std::string ReadPlain(size_t thread, const volatile void* address, size_t size);
  std::string WritePlain(size_t thread, const volatile void* address, size_t size);

 private:
  struct Region {
    size_t begin;
    size_t end;
    Names names;
    uint32_t number;
  };
  struct Thread {
    View now;
    // What an acquire fence would add, and what a relaxed store carries since the last release fence.
    View pending;
    View released;
  };
  struct Word {
    int8_t writer{-1};
    uint32_t written{0};
    Clock read{};
  };

  void Join(View& view, const View& other) const;
  std::string PlaceOf(size_t offset) const;
  Word& Touch(size_t word);

  std::string weakStores_;
  std::string weakLoads_;
  std::vector<Region> regions_;
  size_t used_{0};
  std::array<Location, MaxLocations> locations_;
  size_t locationCount_{0};
  std::array<int16_t, ArenaSize / sizeof(uint32_t)> locationAt_{};
  std::array<Thread, MaxThreads> threads_;
  std::array<uint16_t, MaxLocations> fenced_{};
  std::array<Word, ArenaSize / sizeof(uint64_t)> words_{};
  std::vector<uint32_t> touched_;
  uint32_t distrusted_{0};
};

}  // namespace mph::model
