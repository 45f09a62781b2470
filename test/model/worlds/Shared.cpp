#include "Shared.hpp"

namespace mph::model {

namespace {

using Packet = Layout::PacketSegmentOffset;
using Verdict = Layout::VerdictSegmentOffset;
using Link = Layout::LinkSegmentOffset;

std::string NameInPacketSegment(uint32_t offset) {
  switch (static_cast<Packet>(offset)) {
    case Packet::ProducerCursor:
      return "ProducerCursor";
    case Packet::VerdictConsumerCursor:
      return "VerdictConsumerCursor";
    default:
      return {};
  }
}

std::string NameInVerdictSegment(uint32_t offset) {
  switch (static_cast<Verdict>(offset)) {
    case Verdict::ProducerCursor:
      return "ProducerCursor";
    case Verdict::PacketConsumerCursor:
      return "PacketConsumerCursor";
    case Verdict::NowServing:
      return "NowServing";
    default:
      return {};
  }
}

std::string NameInLinkSegment(uint32_t offset) {
  const auto recent = static_cast<uint32_t>(Link::RecentRings);
  const auto counters = static_cast<uint32_t>(Link::PublishCounters);

  switch (static_cast<Link>(offset)) {
    case Link::Asleep:
      return "Asleep";
    case Link::Publications:
      return "Publications";
    default:
      break;
  }
  if (offset >= recent && offset < recent + shm::RecentRings * sizeof(uint32_t)) {
    return "[" + std::to_string((offset - recent) / sizeof(uint32_t)) + "].RecentRing";
  }
  if (offset >= counters && offset < counters + shm::PublishCounters * sizeof(uint32_t)) {
    return "[" + std::to_string((offset - counters) / sizeof(uint32_t)) + "].PublishCounter";
  }
  return {};
}

}  // namespace

uint8_t* AllocatePacketSegment(uint32_t ringSize) {
  return Model().GetMemory().Allocate(static_cast<size_t>(Packet::Ring) + ringSize, {&NameInPacketSegment, "packets"});
}

uint8_t* AllocateVerdictSegment(uint32_t ringSize) {
  return Model().GetMemory().Allocate(static_cast<size_t>(Verdict::Ring) + ringSize, {&NameInVerdictSegment, "verdicts"});
}

uint8_t* AllocateLinkSegment(const char* name) {
  return Model().GetMemory().Allocate(static_cast<size_t>(Link::End), {&NameInLinkSegment, name});
}

}  // namespace mph::model
