#include "Counters.hpp"

namespace mph::host {

void Counters::Add(std::string_view name, uint64_t add) {
  name = name.substr(0, MaxNameLength);

  const std::lock_guard lock(mutex_);

  if (const auto known = values_.find(name); known != values_.end()) {
    known->second += add;

    return;
  }
  values_[values_.size() < MaxNames ? std::string(name) : "otherCounters"] += add;
}

std::vector<std::pair<std::string, uint64_t>> Counters::Read() const {
  const std::lock_guard lock(mutex_);

  return {values_.begin(), values_.end()};
}

}  // namespace mph::host
