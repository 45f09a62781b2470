#include "ControlSocket.hpp"

#include "Error.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace mph::host {

namespace {

using Mph::Control::ErrorCode;
using Mph::Control::Limit;

constexpr size_t LengthBytes = sizeof(uint32_t);
constexpr size_t ReadChunk = 16384;
constexpr auto MaxFrameBytes = static_cast<size_t>(Limit::MaxFrameBytes);
constexpr auto MaxFdsPerMessage = static_cast<size_t>(Limit::MaxFdsPerMessage);

}  // namespace

ControlSocket::ControlSocket(shm::UniqueFd fd) : fd_(std::move(fd)) {
  const int flags = fcntl(fd_.Get(), F_GETFL);

  if (flags < 0 || fcntl(fd_.Get(), F_SETFL, flags | O_NONBLOCK) < 0) {
    throw Error::System("cannot use descriptor " + std::to_string(fd_.Get()) + " as a control socket", errno);
  }
}

ControlSocket::ReceiveResult ControlSocket::Receive() {
  // What was handed out already makes room first, so that the buffer stays as long as one frame.
  received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(readOffset_));
  readOffset_ = 0;

  const auto filled = received_.size();

  received_.resize(filled + ReadChunk);

  alignas(cmsghdr) std::array<char, CMSG_SPACE(MaxFdsPerMessage * sizeof(int))> control;
  iovec bytes{received_.data() + filled, ReadChunk};
  msghdr message{};

  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();

  ssize_t got = 0;

  do {
    got = recvmsg(fd_.Get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);

  const int errorNumber = errno;

  received_.resize(filled + static_cast<size_t>(std::max<ssize_t>(got, 0)));

  if (got > 0) {
    TakeFds(message);

    return ReceiveResult::Received;
  }
  if (got == 0 || errorNumber == ECONNRESET || errorNumber == EPIPE) {
    return ReceiveResult::Closed;
  }
  if (errorNumber == EAGAIN) {
    return ReceiveResult::Nothing;
  }
  throw Error::System("cannot receive control messages", errorNumber);
}

void ControlSocket::TakeFds(const msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(const_cast<msghdr*>(&message), part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const auto count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t i = 0; i < count; ++i) {
      int fd = -1;

      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      fds_.emplace_back(fd);
    }
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    throw Error(ErrorCode::System,
                "descriptors from the worker were lost: this process has too many open files; raise its limit (ulimit -n)");
  }
}

std::optional<Frame> ControlSocket::Next() {
  const auto available = received_.size() - readOffset_;

  if (available < LengthBytes) {
    return std::nullopt;
  }

  const auto length = flatbuffers::ReadScalar<uint32_t>(received_.data() + readOffset_);

  if (length > MaxFrameBytes) {
    throw Error(ErrorCode::Malformed,
                "the peer sent a frame of " + std::to_string(length) + " bytes; at most " + std::to_string(MaxFrameBytes) + " are allowed");
  }
  if (available - LengthBytes < length) {
    return std::nullopt;
  }

  Frame frame;
  const auto begin = received_.begin() + static_cast<std::ptrdiff_t>(readOffset_ + LengthBytes);

  // A copy, which is aligned as FlatBuffers wants it and outlives the next Receive().
  frame.bytes.assign(begin, begin + static_cast<std::ptrdiff_t>(length));
  readOffset_ += LengthBytes + length;

  flatbuffers::Verifier verifier(frame.bytes.data(), frame.bytes.size());

  if (!Mph::Control::VerifyEnvelopeBuffer(verifier)) {
    throw Error(ErrorCode::Malformed, "the peer sent " + std::to_string(length) + " bytes that are no control message");
  }
  frame.envelope = Mph::Control::GetEnvelope(frame.bytes.data());

  if (frame.envelope->fds() > fds_.size()) {
    throw Error(ErrorCode::Malformed, "a message came with " + std::to_string(fds_.size()) + " descriptors and says that it has " +
                                          std::to_string(frame.envelope->fds()));
  }
  for (unsigned i = 0; i < frame.envelope->fds(); ++i) {
    frame.fds.push_back(std::move(fds_.front()));
    fds_.pop_front();
  }

  return frame;
}

ControlSocket::SendResult ControlSocket::TrySend(const Bytes& frame, size_t& offset) {
  while (offset < frame.size()) {
    const auto sent = send(fd_.Get(), frame.data() + offset, frame.size() - offset, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent >= 0) {
      offset += static_cast<size_t>(sent);
    } else if (errno == EAGAIN) {
      return SendResult::Blocked;
    } else if (errno != EINTR) {
      return SendResult::Closed;
    }
  }

  return SendResult::Sent;
}

void ControlSocket::Send(const Bytes& frame, int timeoutMs) {
  size_t offset = 0;

  for (;;) {
    switch (TrySend(frame, offset)) {
      case SendResult::Sent:
        return;
      case SendResult::Closed:
        throw Error::System("cannot send a control message", EPIPE);
      case SendResult::Blocked:
        break;
    }

    pollfd writable{fd_.Get(), POLLOUT, 0};

    if (poll(&writable, 1, timeoutMs) == 0) {
      throw Error::System("the peer does not read its control messages", ETIMEDOUT);
    }
  }
}

}  // namespace mph::host
