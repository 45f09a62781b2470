// The two ends of a connection: the segments and doorbells as the real worker makes them and the real host opens them.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstring>
#include <utility>

#include "mph/shm/AtomicAt.hpp"
#include "mph/shm/Doorbell.hpp"
#include "mph/shm/Segment.hpp"
#include "options.hpp"

namespace shm = mph::shm;
namespace Layout = mph::shm::Layout;
using Kind = Layout::SegmentKind;

// What one end has: memory as it maps it, and its two ends of doorbells.
struct End {
  uint8_t* packet;
  uint8_t* verdict;
  uint8_t* workerLink;
  uint8_t* hostLink;
  int bellIn;
  int bellOut;

  std::atomic<uint64_t>* At(Layout::PacketSegmentOffset offset) const { return shm::AtomicAt<uint64_t>(packet, offset); }
  std::atomic<uint64_t>* At(Layout::VerdictSegmentOffset offset) const { return shm::AtomicAt<uint64_t>(verdict, offset); }
};

struct Segments {
  shm::Segment packet;
  shm::Segment verdict;
  shm::Segment workerLink;
  shm::Segment hostLink;

  static Segments Create(const Options& options) {
    const auto pid = static_cast<uint32_t>(::getpid());
    return {shm::Segment::CreateOwned(Kind::Packet, options.packetRingSize, pid),
            shm::Segment::CreateForPeer(Kind::Verdict, options.verdictRingSize, pid), shm::Segment::CreateOwned(Kind::WorkerLink, 0, pid),
            shm::Segment::CreateForPeer(Kind::HostLink, 0, pid)};
  }

  static Segments Open(const Options& options, std::array<int, 6> fds) {
    using shm::Access;
    using shm::UniqueFd;
    return {shm::Segment::Open(UniqueFd(fds[0]), Kind::Packet, options.packetRingSize, Access::ReadOnly),
            shm::Segment::Open(UniqueFd(fds[1]), Kind::Verdict, options.verdictRingSize, Access::ReadWrite),
            shm::Segment::Open(UniqueFd(fds[2]), Kind::WorkerLink, 0, Access::ReadOnly),
            shm::Segment::Open(UniqueFd(fds[3]), Kind::HostLink, 0, Access::ReadWrite)};
  }

  End EndWith(int bellIn, int bellOut) const {
    return {packet.Data(), verdict.Data(), workerLink.Data(), hostLink.Data(), bellIn, bellOut};
  }
};

// Six descriptors over a unix socket, as the worker hands them out.
inline void sendFds(int socket, const std::array<int, 6>& fds) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(fds))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(fds));
  std::memcpy(CMSG_DATA(header), fds.data(), sizeof(fds));

  if (::sendmsg(socket, &message, MSG_NOSIGNAL) != 1) {
    shm::ThrowSystemError(errno, "cannot send descriptors", "is the host alive?");
  }
}

inline std::array<int, 6> receiveFds(int socket) {
  std::array<int, 6> fds{};
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(fds))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();

  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || CMSG_FIRSTHDR(&message) == nullptr) {
    shm::ThrowSystemError(errno, "cannot receive descriptors", "is the worker alive?");
  }
  std::memcpy(fds.data(), CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fds));
  return fds;
}
