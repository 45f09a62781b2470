// Whom the records of one ring are for: the attachments, the plugin of each, and the runs by which records name them.
#pragma once

#include "Instances.hpp"
#include "RecordInHand.hpp"
#include "mph/fbs/control.h"

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace mph::host {

// Attachments that are next to one another in a chain, in their order.
struct Run {
  static constexpr size_t MaxMembers = static_cast<size_t>(Mph::Layout::Limit::MaxRunMembers);

  struct Member {
    uint32_t attachment{0};
    // nullptr: of a plugin that this host does not have, or has no more.
    Instance* instance{nullptr};
    // Whether its verdict counts.
    bool hasSay{false};
    // Whether those behind it are not to see what it failed at.
    bool endsByError{true};
  };

  // Bit i: member i has a plugin that wants to see such records.
  uint16_t Callable(RecordKind kind) const { return callable[static_cast<size_t>(kind)]; }

  std::array<Member, MaxMembers> members{};
  std::array<uint16_t, RecordKinds> callable{};
  // For each member the plugins of those behind it, by their indexes.
  std::array<uint64_t, MaxMembers> behind{};
  uint32_t count{0};
};

// [instance thread]
class RunTable {
 public:
  explicit RunTable(const Instances& instances) : instances_(instances) {}

  // AttachmentAdded, AttachmentRemoved and RunAdded; others do not concern it.
  void Deliver(const Mph::Control::Event& event);

  // All attachments that there are.
  void Follow(const flatbuffers::Vector<flatbuffers::Offset<Mph::Control::Event>>* state);

  // After a plugin was loaded, and before one goes.
  void Add() { ResolveAll(); }
  void Remove(const Instance& instance);

  // Never nothing: a number that was not announced is that of a lone attachment. Valid until the next event.
  const Run& Find(uint32_t number);

  // Who has a record that is pending.
  const Instance* MemberOf(const RecordInHand& record);

  // Whether the attachment is of that plugin.
  bool IsOf(uint32_t attachment, const Instance& instance) const;

 private:
  struct Attachment {
    // Empty: there is only one plugin.
    std::string member;
    bool hasSay;
    bool endsByError;
  };

  struct Entry {
    std::vector<uint32_t> attachments;
    bool isAnnounced;
    Run run;
  };

  void Apply(const Mph::Control::Event& event);
  Instance* InstanceOf(const Attachment& attachment) const;
  void Resolve(Entry& entry) const;
  void ResolveAll();
  void ForgetEnded();

  const Instances& instances_;
  std::unordered_map<uint32_t, Attachment> attachments_;
  std::unordered_map<uint32_t, Entry> runs_;
  // That of the last record, which mostly is that of the next.
  uint32_t lastNumber_{0};
  const Run* last_{nullptr};
};

}  // namespace mph::host
