// The plugins of one dispatch thread: an instance of each, in the order in which they were loaded.
#pragma once

#include "Instance.hpp"
#include "Ticker.hpp"

#include <cstddef>
#include <list>
#include <memory>
#include <string_view>

namespace mph::host {

// [instance thread]
class Instances {
 public:
  // A set of them is a bit mask.
  static constexpr size_t Capacity = 64;

  Instances() = default;
  ~Instances() { Clear(); }

  Instances(const Instances&) = delete;
  Instances& operator=(const Instances&) = delete;

  // An index that no instance has. Throws Error when there are too many.
  uint32_t FreeIndex() const;

  Instance& Add(std::unique_ptr<Instance> instance);

  // Destroys it.
  void Remove(const Instance& instance);

  // Destroys them all.
  void Clear();

  // nullptr: there is none of that plugin that is ready.
  Instance* Find(std::string_view pluginId) const;

  // Ready or not.
  Instance* FindAny(std::string_view pluginId) const;

  // nullptr: none is there.
  Instance* FirstIn(Instance::Start state) const;

  // Of an attachment that does not say which plugin it is of. nullptr: there are several, or none.
  Instance* Only() const { return entries_.size() == 1 ? entries_.front().instance.get() : nullptr; }

  // That is ready.
  template <typename Do>
  void ForEach(Do&& body) const {
    for (const auto& entry : entries_) {
      if (IsReady(entry)) {
        body(*entry.instance);
      }
    }
  }

  void TickIfDue();

  // A timeout for poll(): -1 when no tick will ever be due.
  int MsUntilDue();

 private:
  struct Entry {
    std::unique_ptr<Instance> instance;
    Ticker ticker;
  };

  template <typename IsIt>
  Instance* FirstThat(IsIt&& isIt) const {
    for (const auto& entry : entries_) {
      if (isIt(entry)) {
        return entry.instance.get();
      }
    }

    return nullptr;
  }
  static bool IsReady(const Entry& entry) { return entry.instance->Started() == Instance::Start::Ready; }

  std::list<Entry> entries_;
};

}  // namespace mph::host
