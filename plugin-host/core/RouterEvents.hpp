// Lifecycle of one router as its plugin hears it: events of the ring and of RingStart.state in, mph_event out. Each router opens
// once, nothing is announced twice, and whatever was opened is closed in the end, also when the worker is gone.
#pragma once

#include "Instance.hpp"
#include "RouterObjects.hpp"
#include "mph/fbs/control.h"

#include <cstdint>
#include <string>

namespace mph::host {

// [instance thread]
class RouterEvents {
 public:
  // `router` is the number in mph_batch.router, `member` the plugin whose attachments are told of; empty: there is no other. Tells the
  // plugin that the router is open.
  RouterEvents(Instance& instance, uint32_t router, std::string routerId, uint64_t nowNs, uint32_t workerPid = 0, std::string member = {});

  // What the worker reports, in order. Returns whether the plugin was told, which it is not of what it knows already.
  bool Deliver(const Mph::Control::Event& event, uint64_t atNs);

  // The state as the worker sees it at the start of the ring: all that there is, of which the plugin hears what it does not know. Returns
  // how many things it was told.
  uint64_t Follow(const flatbuffers::Vector<flatbuffers::Offset<Mph::Control::Event>>* state, uint64_t atNs);

  // Ends the story: closes whatever is open. Does nothing the second time.
  void Close(uint64_t nowNs);

 private:
  uint64_t CloseMissing(const RouterNumbers& there, uint64_t atNs);
  uint64_t FollowOne(ObjectKind kind, const Mph::Control::Event& event, uint64_t atNs);
  bool IsOthers(const Mph::Control::Event& event) const;
  bool Create(ObjectKind kind, const Mph::Control::Event& event, uint64_t atNs);
  bool Pause(ObjectKind kind, uint32_t number, bool paused, uint64_t atNs);
  bool CloseOne(ObjectKind kind, uint32_t number, uint64_t atNs);
  mph_event Make(mph_event_type type, uint64_t atNs) const;
  mph_event MakeOf(ObjectKind kind, ObjectChange change, uint32_t number, uint64_t atNs) const;

  Instance& instance_;
  const uint32_t router_;
  const std::string routerId_;
  const uint32_t workerPid_;
  const std::string member_;
  bool isOpen_{true};
  RouterObjects objects_;
};

}  // namespace mph::host
