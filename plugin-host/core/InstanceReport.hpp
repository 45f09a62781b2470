// What of an instance is read from other threads, also while it is made or destroyed.
#pragma once

#include "Counters.hpp"
#include "ServingStats.hpp"

#include <atomic>
#include <cstdint>
#include <string>

namespace mph::host {

struct InstanceReport {
  explicit InstanceReport(std::string id) : pluginId(std::move(id)) {}

  const std::string pluginId;
  InstanceTallies tallies;
  Counters counters;
  // Counted on any thread.
  std::atomic<uint64_t> injections{0};
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> posts{0};
};

}  // namespace mph::host
