#include "WorkerHandshake.hpp"

#include "Clock.hpp"
#include "Error.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace mph::host {

namespace {

using Mph::Control::Body;
using Mph::Control::ErrorCode;
using Mph::Control::ProtocolVersion;
using Mph::Layout::LayoutVersion;
using Mph::Layout::SegmentKind;

constexpr uint64_t TimeoutNs = 5'000'000'000;
constexpr int RetryMs = 10;
constexpr size_t WelcomeFds = 4;

std::string NameOf(const WorkerAddress& address) { return "worker " + std::to_string(address.pid) + " (" + address.socketPath + ")"; }

// One attempt's worth of patience, cut short when the host is told to stop.
class Patience {
 public:
  Patience(std::string what, const Cancellation& cancellation)
      : what_(std::move(what)), cancellation_(cancellation), deadlineNs_(MonotonicNs() + TimeoutNs) {}

  // Until `fd` is readable or `maxMs` have passed, or sooner. Throws when there is no patience left.
  void Wait(int fd, int maxMs) const {
    const auto now = MonotonicNs();

    if (now >= deadlineNs_) {
      throw Error(ErrorCode::System, what_ + " did not answer within 5 seconds; it hangs or is overloaded");
    }

    std::array<pollfd, 2> fds{pollfd{cancellation_.wakeup.Fd(), POLLIN, 0}, pollfd{fd, POLLIN, 0}};
    const auto leftMs = static_cast<int>((deadlineNs_ - now) / 1'000'000) + 1;

    poll(fds.data(), fds.size(), std::min(leftMs, maxMs));
    if (fds[0].revents != 0) {
      cancellation_.wakeup.Reset();
    }
    if (cancellation_.isCancelled()) {
      throw Error(ErrorCode::System, "connecting to " + what_ + " was cancelled");
    }
  }

 private:
  const std::string what_;
  const Cancellation& cancellation_;
  const uint64_t deadlineNs_;
};

shm::UniqueFd Connect(const WorkerAddress& address, const Patience& patience) {
  sockaddr_un name{};

  if (address.socketPath.size() >= sizeof name.sun_path) {
    throw Error(ErrorCode::Malformed, "the path of " + NameOf(address) + " is too long; a socket's path has at most " +
                                          std::to_string(sizeof name.sun_path - 1) + " bytes");
  }
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, address.socketPath.data(), address.socketPath.size());

  shm::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

  if (!fd) {
    throw Error::System("cannot make a socket for " + NameOf(address), errno);
  }
  // EAGAIN: more connections wait there than the worker takes at once.
  while (connect(fd.Get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    if (errno != EAGAIN && errno != EINTR) {
      throw Error(ErrorCode::System, Error::System("cannot connect to " + NameOf(address), errno).what() +
                                         std::string("; the worker is gone, or this is not the worker of mediasoup-plugin-host"));
    }
    patience.Wait(-1, RetryMs);
  }

  return fd;
}

Bytes MakeHello(const WorkerAddress& address) {
  flatbuffers::FlatBufferBuilder builder;

  return MakeFrame(
      builder, 1,
      Mph::Control::CreateHello(builder, static_cast<uint16_t>(ProtocolVersion::Current), static_cast<uint16_t>(LayoutVersion::Current),
                                Mph::Control::Role::Host, builder.CreateString(address.token), static_cast<uint32_t>(getpid())));
}

Frame ReceiveAnswer(ControlSocket& socket, const WorkerAddress& address, const Patience& patience) {
  for (;;) {
    const auto received = socket.Receive();

    if (auto frame = socket.Next()) {
      return std::move(*frame);
    }
    if (received == ControlSocket::ReceiveResult::Closed) {
      throw Error(ErrorCode::System, NameOf(address) + " closed the connection without an answer; it is gone, or does not know this host");
    }
    if (received == ControlSocket::ReceiveResult::Nothing) {
      patience.Wait(socket.Fd(), static_cast<int>(TimeoutNs / 1'000'000));
    }
  }
}

void CheckWelcome(const Frame& frame, const WorkerAddress& address) {
  if (const auto* failure = frame.envelope->body_as_Failure()) {
    throw Error(failure->code(), NameOf(address) + " refused this host: " + ToString(failure->message()));
  }

  const auto* welcome = frame.envelope->body_as_Welcome();

  if (welcome == nullptr || frame.fds.size() != WelcomeFds) {
    throw Error(ErrorCode::Malformed, NameOf(address) + " answered Hello with something else than a Welcome with four descriptors");
  }

  const auto protocol = static_cast<uint16_t>(ProtocolVersion::Current);
  const auto layout = static_cast<uint16_t>(LayoutVersion::Current);

  if (welcome->protocolVersion() != protocol || welcome->layoutVersion() != layout) {
    throw Error(ErrorCode::Version, NameOf(address) + " speaks protocol " + std::to_string(welcome->protocolVersion()) + " and layout " +
                                        std::to_string(welcome->layoutVersion()) + ", this host protocol " + std::to_string(protocol) +
                                        " and layout " + std::to_string(layout) + "; use a worker and a host of one release");
  }
}

}  // namespace

WorkerLinks ConnectToWorker(const WorkerAddress& address, const Cancellation& cancellation) {
  const Patience patience(NameOf(address), cancellation);
  ControlSocket socket(Connect(address, patience));

  socket.Send(MakeHello(address), static_cast<int>(TimeoutNs / 1'000'000));

  auto frame = ReceiveAnswer(socket, address, patience);

  CheckWelcome(frame, address);

  try {
    // Braces evaluate from left to right.
    return WorkerLinks{
        .socket = std::move(socket),
        .workerLink = shm::Segment::Open(std::move(frame.fds[0]), SegmentKind::WorkerLink, 0, shm::Access::ReadOnly),
        .hostLink = shm::Segment::Open(std::move(frame.fds[1]), SegmentKind::HostLink, 0, shm::Access::ReadWrite),
        .doorbell = std::move(frame.fds[2]),
        .workerDoorbell = std::move(frame.fds[3]),
    };
  } catch (const std::exception& error) {
    throw Error(ErrorCode::System, "what " + NameOf(address) + " sent cannot be used: " + error.what());
  }
}

}  // namespace mph::host
