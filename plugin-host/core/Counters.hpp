// The named counters of one instance: what a plugin adds to with mph_host.count() and the app reads in plugin.getStats().
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mph::host {

class Counters {
 public:
  // A plugin that made a name per producer would otherwise grow without end. Further names count as `otherCounters`.
  static constexpr size_t MaxNames = 256;
  static constexpr size_t MaxNameLength = 128;

  // Allocates only when it sees a name for the first time. [any]
  void Add(std::string_view name, uint64_t add);

  // [any]
  std::vector<std::pair<std::string, uint64_t>> Read() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t, std::less<>> values_;
};

}  // namespace mph::host
