#include "Instances.hpp"

#include "Error.hpp"

#include <algorithm>
#include <string>

namespace mph::host {

// In the opposite order: a plugin may count on those that were loaded before it.
void Instances::Clear() {
  while (!entries_.empty()) {
    entries_.pop_back();
  }
}

uint32_t Instances::FreeIndex() const {
  for (uint32_t index = 0; index < Capacity; ++index) {
    if (std::ranges::none_of(entries_, [&](const auto& entry) { return entry.instance->Index() == index; })) {
      return index;
    }
  }
  throw Error(Mph::Control::ErrorCode::Budget, "a host takes at most " + std::to_string(Capacity) + " plugins; put some into another group");
}

Instance& Instances::Add(std::unique_ptr<Instance> instance) {
  auto& added = *instance;

  entries_.push_back({std::move(instance), Ticker(added)});

  return added;
}

void Instances::Remove(const Instance& instance) {
  std::erase_if(entries_, [&](const auto& entry) { return entry.instance.get() == &instance; });
}

Instance* Instances::Find(std::string_view pluginId) const {
  return FirstThat([&](const Entry& entry) { return IsReady(entry) && entry.instance->PluginId() == pluginId; });
}

Instance* Instances::FindAny(std::string_view pluginId) const {
  return FirstThat([&](const Entry& entry) { return entry.instance->PluginId() == pluginId; });
}

Instance* Instances::FirstIn(Instance::Start state) const {
  return FirstThat([&](const Entry& entry) { return entry.instance->Started() == state; });
}

void Instances::TickIfDue() {
  for (auto& entry : entries_) {
    if (IsReady(entry)) {
      entry.ticker.TickIfDue();
    }
  }
}

int Instances::MsUntilDue() {
  int earliest = -1;

  for (auto& entry : entries_) {
    if (const auto due = IsReady(entry) ? entry.ticker.MsUntilDue() : -1; due >= 0 && (earliest < 0 || due < earliest)) {
      earliest = due;
    }
  }

  return earliest;
}

}  // namespace mph::host
