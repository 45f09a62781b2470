// What plugins ask of a worker by way of its verdict rings: injections, key frames, subscriptions. The dispatch thread writes them there
// and then; what other threads ask, and what finds no room, waits here until that thread has its next turn.
#pragma once

#include "CallRecord.hpp"
#include "ServedRouters.hpp"
#include "Wakeup.hpp"
#include "mph_plugin.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace mph::host {

class RingCalls {
 public:
  // As much waits to be taken over by the dispatch thread, and up to twice as much to be written. A single record may be longer.
  static constexpr size_t MaxWaitingBytes = 4 << 20;

  enum class ClaimResult : uint8_t {
    Ok,
    Full,
    // Longer than half the ring.
    TooLarge,
    // No router with that number is served.
    NotServing,
  };

  // The verdict rings of a connection. [instance thread]
  class Rings {
   public:
    // On Ok `bytes` has room for the record until the next call of Commit().
    [[nodiscard]] virtual ClaimResult Claim(uint32_t router, uint32_t length, uint8_t*& bytes) = 0;
    virtual void Commit(uint32_t router) = 0;
    // A call that waited here and will not be written any more.
    virtual void OnLost(uint32_t router, uint64_t call) = 0;

   protected:
    ~Rings() = default;
  };

  // To be made by the dispatch thread, whose `wakeup` is rung for what waits.
  RingCalls(const ServedRouters& routers, Wakeup& wakeup) : routers_(routers), wakeup_(wakeup) {}

  RingCalls(const RingCalls&) = delete;
  RingCalls& operator=(const RingCalls&) = delete;

  // nullptr: none any more. [instance thread]
  void Connect(Rings* rings) { rings_ = rings; }

  // Nothing for a record: its arguments make no sense. `call` is its number, 0 if it has none. [any]
  mph_result Submit(uint32_t router, const std::optional<CallRecord>& record, uint64_t call);

  // Whether Write() has something to do. [instance thread]
  bool HasWaiting() const {
    // Relaxed: a record that is missed here rings the wakeup, and the mutex orders what Write() reads.
    return hasWaiting_.load(std::memory_order_relaxed);
  }

  // Writes what waits, in order. False: some of it finds no room. [instance thread]
  bool Write();

 private:
  // In front of each record that waits.
  struct Entry {
    uint32_t router;
    uint32_t length;
    uint64_t call;
  };

  std::optional<mph_result> WriteNow(uint32_t router, const CallRecord& record);
  mph_result Keep(uint32_t router, const CallRecord& record, uint64_t call);
  ClaimResult WriteEntry(const Entry& entry, const uint8_t* record);
  bool TakeWaiting();

  const ServedRouters& routers_;
  Wakeup& wakeup_;
  const std::thread::id thread_{std::this_thread::get_id()};
  Rings* rings_{nullptr};

  // What the dispatch thread has taken over and not written yet; routers of which one was full in this turn.
  std::vector<uint8_t> taken_;
  std::vector<uint32_t> full_;

  std::mutex mutex_;
  std::vector<uint8_t> waiting_;
  std::atomic<bool> hasWaiting_{false};
};

// As the plugin hears it.
mph_result ToResult(Mph::Layout::ResultCode code);

}  // namespace mph::host
