// The routers that a dispatch thread serves now, by the numbers that its plugins know them by. For calls from other threads, which must
// know at once whether there is such a router.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace mph::host {

class ServedRouters {
 public:
  struct Router {
    // Number of its ring on the connection.
    uint32_t ring;
    // What fits into its verdict ring.
    uint32_t maxRecordLength;
  };

  // [instance thread]
  void Open(uint32_t number, Router router) {
    const std::lock_guard lock(mutex_);

    routers_.insert_or_assign(number, router);
  }

  // [instance thread]
  void Close(uint32_t number) {
    const std::lock_guard lock(mutex_);

    routers_.erase(number);
  }

  // [any]
  std::optional<Router> Find(uint32_t number) const {
    const std::lock_guard lock(mutex_);
    const auto found = routers_.find(number);

    return found == routers_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<uint32_t, Router> routers_;
};

}  // namespace mph::host
