#include "RunTable.hpp"

#include "Messages.hpp"

#include <algorithm>
#include <bit>

namespace mph::host {

using Mph::Control::Event;
using Mph::Control::EventType;

void RunTable::Deliver(const Event& event) {
  Apply(event);
  ForgetEnded();
  ResolveAll();
}

// Runs stay: records of one that the state does not name any more may still come.
void RunTable::Follow(const flatbuffers::Vector<flatbuffers::Offset<Event>>* state) {
  attachments_.clear();
  for (flatbuffers::uoffset_t i = 0; state != nullptr && i < state->size(); ++i) {
    Apply(*state->Get(i));
  }
  ForgetEnded();
  ResolveAll();
}

void RunTable::Apply(const Event& event) {
  switch (event.type()) {
    case EventType::AttachmentAdded:
      attachments_.insert_or_assign(event.attachment(), Attachment{.member = ToString(event.member()),
                                                                   .hasSay = event.mode() == Mph::Control::Mode::Filter,
                                                                   .endsByError = event.onError() != Mph::Control::Policy::Accept});
      break;
    case EventType::AttachmentRemoved:
      attachments_.erase(event.attachment());
      break;
    case EventType::RunAdded: {
      std::vector<uint32_t> members;

      if (event.members() != nullptr) {
        members.assign(event.members()->begin(), event.members()->end());
      }
      members.resize(std::min(members.size(), Run::MaxMembers));
      runs_.insert_or_assign(event.attachment(), Entry{std::move(members), true, {}});
      break;
    }
    default:
      break;
  }
}

// There is no event for the end of a run: it has ended with the last of its members.
void RunTable::ForgetEnded() {
  std::erase_if(runs_, [this](const auto& entry) {
    return std::ranges::none_of(entry.second.attachments, [this](uint32_t number) { return attachments_.contains(number); });
  });
}

void RunTable::Remove(const Instance& instance) {
  for (auto& [number, entry] : runs_) {
    for (auto& member : entry.run.members) {
      if (member.instance == &instance) {
        member.instance = nullptr;
      }
    }
    Resolve(entry);
  }
  last_ = nullptr;
}

void RunTable::ResolveAll() {
  for (auto& [number, entry] : runs_) {
    auto& run = entry.run;

    run.count = static_cast<uint32_t>(entry.attachments.size());
    for (uint32_t i = 0; i < run.count; ++i) {
      const auto number_ = entry.attachments[i];
      const auto found = attachments_.find(number_);

      if (found != attachments_.end()) {
        run.members[i] = {number_, InstanceOf(found->second), found->second.hasSay, found->second.endsByError};
      } else {
        // A lone one that was not announced can only be of the only plugin.
        run.members[i] = {number_, entry.isAnnounced ? nullptr : instances_.Only(), true, true};
      }
    }
    Resolve(entry);
  }
  last_ = nullptr;
}

void RunTable::Resolve(Entry& entry) const {
  auto& run = entry.run;
  uint64_t behind = 0;

  run.callable = {};
  for (auto i = run.count; i-- > 0;) {
    const auto* const instance = run.members[i].instance;

    run.behind[i] = behind;
    if (instance == nullptr) {
      continue;
    }
    behind |= uint64_t{1} << instance->Index();

    const auto bit = static_cast<uint16_t>(1U << i);

    run.callable[static_cast<size_t>(RecordKind::Packet)] |= instance->WantsPackets() ? bit : 0;
    run.callable[static_cast<size_t>(RecordKind::Data)] |= instance->WantsData() ? bit : 0;
  }
}

Instance* RunTable::InstanceOf(const Attachment& attachment) const {
  return attachment.member.empty() ? instances_.Only() : instances_.Find(attachment.member);
}

const Run& RunTable::Find(uint32_t number) {
  if (last_ != nullptr && lastNumber_ == number) {
    return *last_;
  }
  if (!runs_.contains(number)) {
    runs_.emplace(number, Entry{{number}, false, {}});
    ResolveAll();
  }
  lastNumber_ = number;
  last_ = &runs_.at(number).run;

  return *last_;
}

const Instance* RunTable::MemberOf(const RecordInHand& record) {
  return Find(record.run).members[static_cast<size_t>(std::countr_zero(record.left))].instance;
}

bool RunTable::IsOf(uint32_t attachment, const Instance& instance) const {
  const auto found = attachments_.find(attachment);

  return found == attachments_.end() ? instances_.Only() == &instance : InstanceOf(found->second) == &instance;
}

}  // namespace mph::host
