// A socket pair with message borders, the way across that needs no shared memory.
#include <sys/socket.h>

#include <array>

#include "others.hpp"
#include "payload.hpp"
#include "peer.hpp"
#include "samples.hpp"

namespace {

using Answer = std::array<uint8_t, 16>;

class Sockets {
 public:
  Sockets() {
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_.data()) != 0) {
      throw std::runtime_error(std::string("cannot make a socket pair: ") + std::strerror(errno));
    }
  }
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;
  ~Sockets() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  int Own() const { return ends_[0]; }
  int Peer() const { return ends_[1]; }

 private:
  std::array<int, 2> ends_{};
};

template <size_t Size>
void send(int fd, const std::array<uint8_t, Size>& bytes) {
  if (::send(fd, bytes.data(), Size, MSG_NOSIGNAL) != static_cast<ssize_t>(Size)) {
    throw std::runtime_error(std::string("cannot send: ") + std::strerror(errno));
  }
}

template <size_t Size>
void receive(int fd, int flags, std::array<uint8_t, Size>& bytes) {
  ssize_t length;

  do {
    length = ::recv(fd, bytes.data(), Size, flags);
  } while (length < 0 && errno == EAGAIN);
  if (length != static_cast<ssize_t>(Size)) {
    throw std::runtime_error(std::string("cannot receive: ") + std::strerror(errno));
  }
}

Result roundTrip(const Options& options, int receiveFlags) {
  const Sockets sockets;
  const Peer peer(Cpus::Across, [&sockets, receiveFlags] {
    Payload<PacketSize> packet;
    const Answer answer{};

    for (;;) {
      receive(sockets.Peer(), receiveFlags, packet);
      touch(packet.data(), PacketSize);
      send(sockets.Peer(), answer);
    }
  });
  Answer answer;

  return measureRoundTrips(options, [&] {
    send(sockets.Own(), sourcePayload<PacketSize>());
    receive(sockets.Own(), receiveFlags, answer);
  });
}

}  // namespace

Result runUnixRoundTrip(const Options& options) { return roundTrip(options, 0); }
Result runUnixRoundTripSpinning(const Options& options) { return roundTrip(options, MSG_DONTWAIT); }
