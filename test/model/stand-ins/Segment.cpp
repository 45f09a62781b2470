#include "mph/shm/Segment.hpp"

#include "../worlds/Shared.hpp"

namespace mph::shm {

namespace {

// No process has that many descriptors, so closing one of ours closes nothing.
constexpr int FirstFd = 1 << 20;

}  // namespace

Segment Segment::CreateOwned(Layout::SegmentKind kind, uint32_t ringSize, uint32_t) {
  auto* const data = kind == Layout::SegmentKind::Packet ? model::AllocatePacketSegment(ringSize) : model::AllocateVerdictSegment(ringSize);

  return {FirstFd + model::Model().GetMemory().OffsetOf(data), data};
}

Segment Segment::Open(UniqueFd fd, Layout::SegmentKind, uint32_t, Access) {
  return {fd.Get(), model::Model().GetMemory().AtOffset(fd.Get() - FirstFd)};
}

}  // namespace mph::shm
