// What the plugins of a host know of one router: each hears the events by itself, and one that is loaded later hears first of what is there.
#pragma once

#include "Instances.hpp"
#include "RouterEvents.hpp"
#include "mph/fbs/control.h"

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <utility>

namespace mph::host {

// [instance thread]
class RouterPlugins {
 public:
  RouterPlugins(const Instances& instances, uint32_t router, std::string routerId, uint32_t workerPid)
      : instances_(instances), router_(router), routerId_(std::move(routerId)), workerPid_(workerPid) {}

  // See RouterEvents. Before the first Follow() no plugin has heard of the router.
  void Deliver(const Mph::Control::Event& event, uint64_t atNs);
  void Follow(const flatbuffers::Vector<flatbuffers::Offset<Mph::Control::Event>>* state, uint64_t atNs);
  void Close(uint64_t nowNs);

  void Add(Instance& instance, uint64_t nowNs);
  void Remove(const Instance& instance, uint64_t nowNs);

 private:
  struct Plugin {
    Instance* instance;
    RouterEvents events;
  };

  Plugin& Open(Instance& instance, uint64_t nowNs);
  void Remember(const Mph::Control::Event& event);

  const Instances& instances_;
  const uint32_t router_;
  const std::string routerId_;
  const uint32_t workerPid_;
  bool isOpen_{false};
  std::list<Plugin> plugins_;
  // What there is, by kind and number: a copy of the event that announced it, in an order in which a plugin may hear of it.
  std::map<std::pair<ObjectKind, uint32_t>, Bytes> announced_;
};

}  // namespace mph::host
