// What there is in a router as far as one plugin has heard: transports, producers, consumers, attachments, by the numbers of their events.
#pragma once

#include "mph/fbs/control.h"
#include "mph_plugin.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace mph::host {

// In an order in which nothing refers to what comes later, and an attachment comes before what it brings.
enum class ObjectKind : uint8_t { Attachment, Transport, Producer, DataProducer, Consumer, DataConsumer };

inline constexpr size_t ObjectKinds = 6;

enum class ObjectChange : uint8_t { Created, Closed, Paused, Resumed };

// What an event of the worker's is about.
struct ObjectEvent {
  ObjectKind kind;
  ObjectChange change;
};

// Nothing: it is about no object, or of a type that only a newer host knows.
std::optional<ObjectEvent> ObjectEventOf(Mph::Control::EventType type);

// As the plugin hears it.
mph_event_type ToldAs(ObjectKind kind, ObjectChange change);

// The number that an event names an object of that kind by.
uint32_t NumberOf(ObjectKind kind, const Mph::Control::Event& event);

struct RouterObject {
  explicit RouterObject(ObjectKind kind, const Mph::Control::Event& event);

  // Sets what is known of it in every event. Its strings must live as long as `told` is used.
  void Describe(ObjectKind kind, mph_event& told) const;

  std::string id;
  Mph::Layout::MediaKind mediaKind;
  bool paused;
  // Of a consumer; 0 otherwise.
  uint32_t producer;
  std::string producerId;
  uint32_t transport;
  std::string transportId;
};

// [instance thread]
class RouterObjects {
 public:
  // Ordered, so that a close happens in the order of creation.
  using Table = std::map<uint32_t, RouterObject>;

  Table& Of(ObjectKind kind) { return tables_[static_cast<size_t>(kind)]; }

 private:
  std::array<Table, ObjectKinds> tables_;
};

// The numbers of a state, to be compared with what is known.
class RouterNumbers {
 public:
  void Add(ObjectKind kind, uint32_t number) { numbers_[static_cast<size_t>(kind)].insert(number); }
  bool Has(ObjectKind kind, uint32_t number) const { return numbers_[static_cast<size_t>(kind)].contains(number); }

 private:
  std::array<std::set<uint32_t>, ObjectKinds> numbers_;
};

}  // namespace mph::host
