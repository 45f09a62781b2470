// Lifecycle of one router as its plugin hears it: events of the ring and of RingStart.state in, mph_event out. Each router opens
// once, nothing is announced twice, and whatever was opened is closed in the end, also when the worker is gone.
#pragma once

#include "Instance.hpp"
#include "mph/fbs/control.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace mph::host {

// [instance thread]
class RouterEvents {
 public:
  // `router` is the number in mph_batch.router. Tells the plugin that the router is open.
  RouterEvents(Instance& instance, uint32_t router, std::string routerId, uint64_t nowNs);

  // What the worker reports, in order. Returns whether the plugin was told, which it is not of what it knows already.
  bool Deliver(const Mph::Control::Event& event, uint64_t atNs);

  // The state as the worker sees it at the start of the ring: all that there is, of which the plugin hears what it does not know. Returns
  // how many things it was told.
  uint64_t Follow(const flatbuffers::Vector<flatbuffers::Offset<Mph::Control::Event>>* state, uint64_t atNs);

  // Ends the story: closes whatever is open. Does nothing the second time.
  void Close(uint64_t nowNs);

 private:
  struct Producer {
    std::string id;
    Mph::Layout::MediaKind kind;
    bool paused;
  };

  uint64_t CloseMissing(const std::set<uint32_t>& producers, const std::set<uint32_t>& attachments, uint64_t atNs);
  bool AddProducer(const Mph::Control::Event& event, uint64_t atNs);
  bool PauseProducer(const Mph::Control::Event& event, uint64_t atNs, bool paused);
  void CloseProducer(uint32_t number, uint64_t atNs);
  bool AddAttachment(const Mph::Control::Event& event, uint64_t atNs);
  void RemoveAttachment(uint32_t number, uint64_t atNs);
  mph_event Make(mph_event_type type, uint64_t atNs) const;

  Instance& instance_;
  const uint32_t router_;
  const std::string routerId_;
  bool isOpen_{true};
  // Ordered, so that a close happens in the order of creation.
  std::map<uint32_t, Producer> producers_;
  std::map<uint32_t, std::string> attachments_;
};

}  // namespace mph::host
