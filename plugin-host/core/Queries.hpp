// Questions of plugins to their worker, over the control connection: handed over to the dispatch thread, which sends them and takes the
// answers.
#pragma once

#include "Messages.hpp"
#include "ServedRouters.hpp"
#include "Wakeup.hpp"
#include "mph_plugin.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

namespace mph::host {

class Queries {
 public:
  // Per connection: the worker takes no more.
  static constexpr size_t MaxUnanswered = 32;

  struct Asked {
    uint32_t router;
    uint64_t call;
  };

  // `wakeup` is rung for the dispatch thread.
  Queries(const ServedRouters& routers, Wakeup& wakeup) : routers_(routers), wakeup_(wakeup) {}

  Queries(const Queries&) = delete;
  Queries& operator=(const Queries&) = delete;

  // What mph_host.query() does. [any]
  mph_result Ask(uint32_t router, mph_query what, uint32_t object, uint64_t call);

  // Whether TakeUnsent() would find some. [instance thread]
  bool HasUnsent() const {
    // Relaxed: a query that is missed here rings the wakeup, and the mutex orders what TakeUnsent() reads.
    return hasUnsent_.load(std::memory_order_relaxed);
  }

  // Frames for the worker. [instance thread]
  std::vector<Bytes> TakeUnsent();

  // Whose answer came. Nothing: nobody has asked. [instance thread]
  std::optional<Asked> TakeAsked(uint32_t id);

 private:
  const ServedRouters& routers_;
  Wakeup& wakeup_;

  std::mutex mutex_;
  std::unordered_map<uint32_t, Asked> unanswered_;
  std::vector<Bytes> unsent_;
  uint32_t lastId_{0};
  std::atomic<bool> hasUnsent_{false};
};

// As the plugin hears it.
mph_result ToResult(Mph::Control::ErrorCode code);

}  // namespace mph::host
