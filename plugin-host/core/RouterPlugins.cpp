#include "RouterPlugins.hpp"

#include "EventCopy.hpp"

#include <algorithm>

namespace mph::host {

using Mph::Control::Event;
using Mph::Control::EventType;

RouterPlugins::Plugin& RouterPlugins::Open(Instance& instance, uint64_t nowNs) {
  return plugins_.emplace_back(Plugin{&instance, RouterEvents(instance, router_, routerId_, nowNs, workerPid_, instance.PluginId())});
}

void RouterPlugins::Deliver(const Event& event, uint64_t atNs) {
  Remember(event);
  for (auto& plugin : plugins_) {
    plugin.instance->Tallies().events.Add(plugin.events.Deliver(event, atNs) ? 1 : 0);
  }
}

void RouterPlugins::Follow(const flatbuffers::Vector<flatbuffers::Offset<Event>>* state, uint64_t atNs) {
  if (!isOpen_) {
    isOpen_ = true;
    instances_.ForEach([&](Instance& instance) { Open(instance, atNs); });
  }
  announced_.clear();
  for (flatbuffers::uoffset_t i = 0; state != nullptr && i < state->size(); ++i) {
    Remember(*state->Get(i));
  }
  for (auto& plugin : plugins_) {
    plugin.instance->Tallies().events.Add(plugin.events.Follow(state, atNs));
  }
}

void RouterPlugins::Close(uint64_t nowNs) {
  for (auto& plugin : plugins_) {
    plugin.events.Close(nowNs);
  }
  announced_.clear();
}

void RouterPlugins::Add(Instance& instance, uint64_t nowNs) {
  if (!isOpen_) {
    return;
  }

  auto& plugin = Open(instance, nowNs);

  for (const auto& [key, bytes] : announced_) {
    plugin.instance->Tallies().events.Add(plugin.events.Deliver(*flatbuffers::GetRoot<Event>(bytes.data()), nowNs) ? 1 : 0);
  }
}

void RouterPlugins::Remove(const Instance& instance, uint64_t nowNs) {
  const auto found = std::ranges::find(plugins_, &instance, &Plugin::instance);

  if (found != plugins_.end()) {
    found->events.Close(nowNs);
    plugins_.erase(found);
  }
}

// As a plugin that is loaded later has to hear of it.
void RouterPlugins::Remember(const Event& event) {
  const auto about = ObjectEventOf(event.type());

  if (event.type() == EventType::RouterClosed) {
    announced_.clear();
  }
  if (!about) {
    return;
  }

  const std::pair key(about->kind, NumberOf(about->kind, event));
  const auto known = announced_.find(key);

  switch (about->change) {
    case ObjectChange::Created:
      announced_.try_emplace(key, CopyEvent(event, event.paused()));
      break;
    case ObjectChange::Closed:
      announced_.erase(key);
      break;
    case ObjectChange::Paused:
    case ObjectChange::Resumed:
      if (known != announced_.end()) {
        known->second = CopyEvent(*flatbuffers::GetRoot<Event>(known->second.data()), about->change == ObjectChange::Paused);
      }
      break;
  }
}

}  // namespace mph::host
