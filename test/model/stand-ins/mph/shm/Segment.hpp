// A segment in the model's memory, in place of a memfd and its mapping: both sides have it at one address, and rings may be small.
#pragma once

#include <cstdint>
#include <utility>

#include "mph/shm/Layout.hpp"
#include "mph/shm/UniqueFd.hpp"

namespace mph::shm {

enum class Access : uint8_t { ReadOnly, ReadWrite };

class Segment {
 public:
  static Segment CreateOwned(Layout::SegmentKind kind, uint32_t ringSize, uint32_t workerPid);
  static Segment CreateForPeer(Layout::SegmentKind kind, uint32_t ringSize, uint32_t workerPid) {
    return CreateOwned(kind, ringSize, workerPid);
  }
  // The descriptor is what Fd() said.
  static Segment Open(UniqueFd fd, Layout::SegmentKind kind, uint32_t ringSize, Access access);

  Segment() = default;

  int Fd() const noexcept { return fd_; }
  uint8_t* Data() const noexcept { return data_; }
  void CloseFd() noexcept { fd_ = -1; }

 private:
  Segment(int fd, uint8_t* data) : fd_(fd), data_(data) {}

  int fd_{-1};
  uint8_t* data_{nullptr};
};

}  // namespace mph::shm
