// One shared-memory segment: a sealed memfd and its mapping. The worker makes all of them and hands out the descriptors; a segment has a
// single writer, and the seals hold everybody else to reading. docs/shm-layout.md says why; all of it is set-up, nothing is packet path.
#pragma once

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "mph/shm/Layout.hpp"
#include "mph/shm/SystemError.hpp"
#include "mph/shm/UniqueFd.hpp"

namespace mph::shm {

enum class Access : uint8_t { ReadOnly, ReadWrite };

// OnTouch: a page is allocated when it is first used, which costs its user about 2.5 µs, once; a ring that never sees a packet takes no
// memory. AtOnce: all pages before the call returns, about 0.6 ms per MiB for the one who creates and 0.1 for the one who opens.
enum class Prefault : uint8_t { OnTouch, AtOnce };

class Segment {
 public:
  // [set-up, worker] A segment that the worker writes (Packet, WorkerLink). `ringSize` is 0 for links.
  static Segment CreateOwned(Layout::SegmentKind kind, uint32_t ringSize, uint32_t workerPid, Prefault prefault = Prefault::OnTouch);

  // [set-up, worker] A segment that a host writes (Verdict, HostLink) and the worker only reads.
  static Segment CreateForPeer(Layout::SegmentKind kind, uint32_t ringSize, uint32_t workerPid, Prefault prefault = Prefault::OnTouch);

  // [set-up, host] A segment that came from the worker; kind and size come from the message that brought it.
  static Segment Open(UniqueFd fd, Layout::SegmentKind kind, uint32_t ringSize, Access access, Prefault prefault = Prefault::OnTouch);

  // Throws std::runtime_error when the ring's size is not a power of two within Layout::Limit (or not 0 for a link).
  static size_t SizeFor(Layout::SegmentKind kind, uint32_t ringSize);

  Segment() = default;
  Segment(Segment&& other) noexcept : fd_(std::move(other.fd_)) { region_.swap(other.region_); }
  Segment& operator=(Segment&& other) noexcept {
    Segment moved(std::move(other));
    std::swap(fd_, moved.fd_);
    region_.swap(moved.region_);
    return *this;
  }

  // -1 after CloseFd().
  int Fd() const noexcept { return fd_.Get(); }
  // Memory that was mapped read-only faults when it is written to.
  uint8_t* Data() const noexcept { return static_cast<uint8_t*>(region_.get_address()); }
  size_t Size() const noexcept { return region_.get_size(); }
  // The mapping stays.
  void CloseFd() noexcept { fd_.Reset(); }

 private:
  // What boost's mapped_region takes: anything with a handle and a mode.
  struct Mappable {
    int fd;
    boost::interprocess::mode_t mode;
    boost::interprocess::mapping_handle_t get_mapping_handle() const {
      return boost::interprocess::ipcdetail::mapping_handle_from_file_handle(fd);
    }
    boost::interprocess::mode_t get_mode() const { return mode; }
  };

  Segment(UniqueFd fd, const std::string& name, size_t size, Access access, Prefault prefault);

  static std::string NameOf(Layout::SegmentKind kind);
  static bool IsWrittenByWorker(Layout::SegmentKind kind);
  static bool HasRing(Layout::SegmentKind kind);
  static int SealsFor(Layout::SegmentKind kind);
  static UniqueFd CreateMemfd(const std::string& name, size_t size);
  static void Seal(int fd, Layout::SegmentKind kind);
  static void CheckOpened(int fd, Layout::SegmentKind kind, size_t size);
  static void CheckHeader(const uint8_t* data, Layout::SegmentKind kind, uint32_t ringSize);
  static Layout::SegmentHeader HeaderFor(Layout::SegmentKind kind, uint32_t ringSize, uint32_t workerPid);

  UniqueFd fd_;
  boost::interprocess::mapped_region region_;
};

inline Segment Segment::CreateOwned(Layout::SegmentKind kind, uint32_t ringSize, uint32_t workerPid, Prefault prefault) {
  if (!IsWrittenByWorker(kind)) {
    throw std::runtime_error("segment " + NameOf(kind) + " is written by a host: make it with CreateForPeer()");
  }
  const size_t size = SizeFor(kind, ringSize);
  Segment segment(CreateMemfd(NameOf(kind), size), NameOf(kind), size, Access::ReadWrite, prefault);
  const auto header = HeaderFor(kind, ringSize, workerPid);

  std::memcpy(segment.Data(), &header, sizeof(header));
  // Only now: the seal against future writing spares the mapping that is there already.
  Seal(segment.Fd(), kind);
  return segment;
}

inline Segment Segment::CreateForPeer(Layout::SegmentKind kind, uint32_t ringSize, uint32_t workerPid, Prefault prefault) {
  if (IsWrittenByWorker(kind)) {
    throw std::runtime_error("segment " + NameOf(kind) + " is written by the worker: make it with CreateOwned()");
  }
  const size_t size = SizeFor(kind, ringSize);
  auto fd = CreateMemfd(NameOf(kind), size);
  const auto header = HeaderFor(kind, ringSize, workerPid);

  if (::pwrite(fd.Get(), &header, sizeof(header), 0) != static_cast<ssize_t>(sizeof(header))) {
    ThrowSystemError(errno, "cannot write the header of segment " + NameOf(kind), RemedyFor(errno));
  }
  Seal(fd.Get(), kind);
  return Segment(std::move(fd), NameOf(kind), size, Access::ReadOnly, prefault);
}

inline Segment Segment::Open(UniqueFd fd, Layout::SegmentKind kind, uint32_t ringSize, Access access, Prefault prefault) {
  const size_t size = SizeFor(kind, ringSize);

  CheckOpened(fd.Get(), kind, size);
  Segment segment(std::move(fd), NameOf(kind), size, access, prefault);
  CheckHeader(segment.Data(), kind, ringSize);
  return segment;
}

inline size_t Segment::SizeFor(Layout::SegmentKind kind, uint32_t ringSize) {
  constexpr auto min = static_cast<uint32_t>(Layout::Limit::MinRingSize);
  constexpr auto max = static_cast<uint32_t>(Layout::Limit::MaxRingSize);

  if (!HasRing(kind)) {
    if (ringSize != 0) {
      throw std::runtime_error("segment " + NameOf(kind) + " has no ring: its ring size must be 0, not " + std::to_string(ringSize));
    }
    return static_cast<size_t>(Layout::LinkSegmentOffset::End);
  }
  if (!IsPowerOfTwo(ringSize) || ringSize < min || ringSize > max) {
    throw std::runtime_error("ring size " + std::to_string(ringSize) + " of segment " + NameOf(kind) + " is not a power of two from " +
                             std::to_string(min) + " to " + std::to_string(max));
  }
  static_assert(static_cast<uint32_t>(Layout::PacketSegmentOffset::Ring) == static_cast<uint32_t>(Layout::VerdictSegmentOffset::Ring));
  return static_cast<size_t>(Layout::PacketSegmentOffset::Ring) + ringSize;
}

inline Segment::Segment(UniqueFd fd, const std::string& name, size_t size, Access access, Prefault prefault) : fd_(std::move(fd)) {
  namespace ipc = boost::interprocess;
  const Mappable mappable{fd_.Get(), access == Access::ReadWrite ? ipc::read_write : ipc::read_only};
  const ipc::map_options_t options = prefault == Prefault::AtOnce ? MAP_POPULATE : ipc::default_map_options;

  try {
    ipc::mapped_region(mappable, mappable.mode, 0, size, nullptr, options).swap(region_);
  } catch (const ipc::interprocess_exception& exception) {
    const int error = exception.get_native_error();
    const char* how = access == Access::ReadWrite ? " for writing" : " for reading";
    ThrowSystemError(error, "cannot map " + std::to_string(size) + " bytes of segment " + name + how, RemedyFor(error));
  }
}

inline std::string Segment::NameOf(Layout::SegmentKind kind) {
  switch (kind) {
    case Layout::SegmentKind::Packet:
      return "mph-packet";
    case Layout::SegmentKind::Verdict:
      return "mph-verdict";
    case Layout::SegmentKind::WorkerLink:
      return "mph-worker-link";
    case Layout::SegmentKind::HostLink:
      return "mph-host-link";
    default:
      throw std::runtime_error("there is no segment of kind " + std::to_string(static_cast<unsigned>(kind)));
  }
}

inline bool Segment::IsWrittenByWorker(Layout::SegmentKind kind) {
  return kind == Layout::SegmentKind::Packet || kind == Layout::SegmentKind::WorkerLink;
}

inline bool Segment::HasRing(Layout::SegmentKind kind) {
  return kind == Layout::SegmentKind::Packet || kind == Layout::SegmentKind::Verdict;
}

inline int Segment::SealsFor(Layout::SegmentKind kind) {
  // Without F_SEAL_SEAL a peer could add seals, F_SEAL_WRITE among them.
  const int always = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  return IsWrittenByWorker(kind) ? always | F_SEAL_FUTURE_WRITE : always;
}

inline UniqueFd Segment::CreateMemfd(const std::string& name, size_t size) {
  // Systems with vm.memfd_noexec=2 insist on MFD_NOEXEC_SEAL, kernels before 6.3 do not know it.
#ifndef MFD_NOEXEC_SEAL
  constexpr unsigned MFD_NOEXEC_SEAL = 0x0008U;
#endif
  UniqueFd fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));

  if (!fd && errno == EINVAL) {
    fd.Reset(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  }
  if (!fd) {
    ThrowSystemError(errno, "cannot create segment " + name, RemedyFor(errno));
  }
  if (::ftruncate(fd.Get(), static_cast<off_t>(size)) != 0) {
    ThrowSystemError(errno, "cannot give segment " + name + " its " + std::to_string(size) + " bytes", RemedyFor(errno));
  }
  return fd;
}

inline void Segment::Seal(int fd, Layout::SegmentKind kind) {
  if (::fcntl(fd, F_ADD_SEALS, SealsFor(kind)) != 0) {
    ThrowSystemError(errno, "cannot seal segment " + NameOf(kind), RemedyFor(errno));
  }
}

// A host trusts its worker; these checks are against mistakes, such as descriptors that arrive in the wrong order.
inline void Segment::CheckOpened(int fd, Layout::SegmentKind kind, size_t size) {
  struct stat status {};

  if (::fstat(fd, &status) != 0) {
    ThrowSystemError(errno, "cannot open segment " + NameOf(kind), "descriptor " + std::to_string(fd) + " is not one");
  }
  if (status.st_size != static_cast<off_t>(size)) {
    throw std::runtime_error("segment " + NameOf(kind) + " has " + std::to_string(status.st_size) + " bytes instead of " +
                             std::to_string(size) + ": the worker sent another descriptor");
  }
  const int seals = ::fcntl(fd, F_GET_SEALS);

  if (seals < 0 || (seals & SealsFor(kind)) != SealsFor(kind)) {
    throw std::runtime_error("segment " + NameOf(kind) + " is not sealed: it does not come from a worker of this version");
  }
}

inline void Segment::CheckHeader(const uint8_t* data, Layout::SegmentKind kind, uint32_t ringSize) {
  Layout::SegmentHeader header;
  std::memcpy(&header, data, sizeof(header));

  if (header.magic() != static_cast<uint32_t>(Layout::SegmentMagic::Value)) {
    throw std::runtime_error("segment " + NameOf(kind) + " does not begin with its magic number: the worker sent another descriptor");
  }
  if (header.layoutVersion() != static_cast<uint16_t>(Layout::LayoutVersion::Current)) {
    throw std::runtime_error("segment " + NameOf(kind) + " has layout version " + std::to_string(header.layoutVersion()) +
                             ", this process has " + std::to_string(static_cast<uint16_t>(Layout::LayoutVersion::Current)) +
                             ": use a worker and a host of one release");
  }
  if (header.kind() != kind || header.ringSize() != ringSize) {
    throw std::runtime_error("segment " + NameOf(kind) + " with ring size " + std::to_string(ringSize) + " says that it is of kind " +
                             std::to_string(static_cast<unsigned>(header.kind())) + " with ring size " + std::to_string(header.ringSize()) +
                             ": the worker sent another descriptor");
  }
}

inline Layout::SegmentHeader Segment::HeaderFor(Layout::SegmentKind kind, uint32_t ringSize, uint32_t workerPid) {
  return {static_cast<uint32_t>(Layout::SegmentMagic::Value),
          static_cast<uint16_t>(Layout::LayoutVersion::Current),
          kind,
          0,
          ringSize,
          workerPid};
}

}  // namespace mph::shm
