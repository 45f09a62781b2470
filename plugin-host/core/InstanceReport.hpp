// What of an instance is read from other threads, also while it is made or destroyed.
#pragma once

#include "Counters.hpp"
#include "ServingStats.hpp"

#include <string>

namespace mph::host {

struct InstanceReport {
  explicit InstanceReport(std::string id) : pluginId(std::move(id)) {}

  const std::string pluginId;
  InstanceTallies tallies;
  Counters counters;
};

}  // namespace mph::host
