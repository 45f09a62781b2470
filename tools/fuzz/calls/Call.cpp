#include "Call.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace mph::fuzz {

namespace {

constexpr uint64_t NsPerMs = 1'000'000;
// A sender that was not run for that long between its look at the clock and the end of sendto() knows too little about this packet.
constexpr uint64_t MaxSendNs = 5 * NsPerMs;
constexpr std::array<uint8_t, 8> Magic{'M', 'P', 'H', 'F', 'U', 'Z', 'Z', '1'};
constexpr size_t HeaderLength = 12;
constexpr size_t DescriptorLength = 4;
constexpr size_t PayloadLength = 160;
constexpr int ReceiveBuffer = 8 << 20;

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void Put16(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

void Put32(uint8_t* at, uint32_t value) {
  Put16(at, value >> 16);
  Put16(at + 2, value);
}

uint64_t ArrivalOf(msghdr& message) {
  for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SO_TIMESTAMPNS) {
      timespec time{};

      std::memcpy(&time, CMSG_DATA(part), sizeof time);
      return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
    }
  }
  return WallNs();
}

}  // namespace

uint64_t WallNs() {
  timespec now{};

  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

Call::Call(Kind kind, uint32_t ssrc, bool isWhole, CpuDelay& cpuDelay)
    : kind_(kind),
      ssrc_(ssrc),
      isWhole_(isWhole),
      cpuDelay_(cpuDelay),
      sender_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
      receiver_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  const int on = 1;
  sockaddr_in address{};
  socklen_t length = sizeof address;

  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  target_ = address;
  // Only root may go past net.core.rmem_max; anyone else gets as much as there is.
  if (setsockopt(receiver_.Get(), SOL_SOCKET, SO_RCVBUFFORCE, &ReceiveBuffer, sizeof ReceiveBuffer) != 0) {
    setsockopt(receiver_.Get(), SOL_SOCKET, SO_RCVBUF, &ReceiveBuffer, sizeof ReceiveBuffer);
  }
  // When a packet came, and not when this process got a CPU to look.
  if (setsockopt(receiver_.Get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
      bind(receiver_.Get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      getsockname(receiver_.Get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    Fail("fuzz-calls: cannot open a socket to receive");
  }
  port_ = ntohs(address.sin_port);
}

void Call::Send() {
  const uint64_t counter = counter_.load(std::memory_order_relaxed);
  const bool isVideo = kind_ == Kind::Video;
  std::array<uint8_t, HeaderLength + DescriptorLength + PayloadLength> packet{};
  uint8_t* payload = packet.data() + HeaderLength;

  packet[0] = 2 << 6;
  packet[1] = static_cast<uint8_t>(isVideo ? 101 | 0x80 : 100);
  Put16(packet.data() + 2, static_cast<uint32_t>(counter));
  Put32(packet.data() + 4, static_cast<uint32_t>(counter * (isVideo ? 450 : 240)));
  Put32(packet.data() + 8, ssrc_);
  // VP8's descriptor and frame tag, a key frame now and then; of Opus it is a TOC.
  payload[0] = isVideo ? 0x10 : 0x08;
  payload[1] = counter % 32 == 0 ? 0 : 1;
  std::memcpy(payload + DescriptorLength, Magic.data(), Magic.size());
  std::memcpy(payload + DescriptorLength + Magic.size(), &counter, sizeof counter);

  const uint64_t atNs = WallNs();

  sentAtNs_[counter % History].store(atNs, std::memory_order_relaxed);
  counter_.store(counter + 1, std::memory_order_release);
  bool waited = false;

  while (sendto(sender_.Get(), packet.data(), packet.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&target_), sizeof target_) < 0) {
    // What the worker has not read yet fills the buffer: that it waited in here counts like any other wait.
    waited = waited || errno == EAGAIN;
    if (errno == EAGAIN) {
      poll(nullptr, 0, 1);
    } else if (errno != EINTR && errno != ENOBUFS && errno != ECONNREFUSED) {
      Fail("fuzz-calls: cannot send");
    }
  }
  if (!waited && WallNs() - atNs > MaxSendNs) {
    sentAtNs_[counter % History].store(0, std::memory_order_relaxed);
  }
}

void Call::Receive() {
  std::array<uint8_t, 2048> bytes;
  alignas(cmsghdr) std::array<char, 256> control;

  for (;;) {
    iovec vector{bytes.data(), bytes.size()};
    msghdr message{};

    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();

    const auto length = recvmsg(receiver_.Get(), &message, 0);

    if (length < 0) {
      return;
    }
    OnPacket(bytes.data(), static_cast<size_t>(length), ArrivalOf(message));
  }
}

CallReport Call::Report() const {
  return {.sent = counter_.load(), .received = received_.load(), .disordered = disordered_, .maxLatencyNs = maxLatencyNs_, .maxStallNs = maxStallNs_};
}

void Call::OnPacket(const uint8_t* bytes, size_t length, uint64_t atNs) {
  uint64_t counter = 0;

  // The payload is at the end, whatever extensions the worker has written.
  if (length < HeaderLength + DescriptorLength + PayloadLength || (bytes[1] >= 192 && bytes[1] <= 223)) {
    return;
  }

  const uint8_t* payload = bytes + length - PayloadLength;

  // What a plugin has injected is not ours.
  if (std::memcmp(payload, Magic.data(), Magic.size()) != 0) {
    return;
  }
  std::memcpy(&counter, payload + Magic.size(), sizeof counter);
  disordered_ += counter == expected_ ? 0 : 1;
  expected_ = counter + 1;
  received_.fetch_add(1);
  if (const uint64_t sentAtNs = sentAtNs_[counter % History].load(std::memory_order_relaxed); sentAtNs != 0) {
    Judge(sentAtNs, atNs);
  }
}

void Call::Judge(uint64_t sentAtNs, uint64_t atNs) {
  const uint64_t latency = atNs > sentAtNs ? atNs - sentAtNs : 0;

  maxLatencyNs_ = std::max(maxLatencyNs_, latency);
  if (latency > maxStallNs_) {
    cpuDelay_.Sample(WallNs());
    maxStallNs_ = std::max(maxStallNs_, latency - std::min(latency, cpuDelay_.Between(sentAtNs, atNs)));
  }
}

}  // namespace mph::fuzz
