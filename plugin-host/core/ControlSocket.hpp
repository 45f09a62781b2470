// One unix stream connection that carries frames, and descriptors along with them: to a worker, or to the app.
#pragma once

#include "Messages.hpp"

#include <sys/socket.h>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mph/shm/UniqueFd.hpp>
#include <optional>
#include <vector>

namespace mph::host {

// A verified message; owns the bytes that `envelope` points into, and the descriptors that came with it.
struct Frame {
  Bytes bytes;
  const Mph::Control::Envelope* envelope{nullptr};
  std::vector<shm::UniqueFd> fds;
};

// Receiving is for one thread, sending for one at a time.
class ControlSocket {
 public:
  enum class ReceiveResult { Received, Nothing, Closed };

  // Makes the descriptor non-blocking.
  explicit ControlSocket(shm::UniqueFd fd);

  int Fd() const { return fd_.Get(); }

  // Takes in what has arrived, without waiting. Frames that came before a Closed can still be had from Next(). Throws Error.
  [[nodiscard]] ReceiveResult Receive();

  // The next whole frame. Throws Error when the peer sent what is none; the connection is of no use afterwards.
  std::optional<Frame> Next();

  // Waits while the peer does not read, at most `timeoutMs`. Throws Error.
  void Send(const Bytes& frame, int timeoutMs);

  enum class SendResult { Sent, Blocked, Closed };

  // Sends what fits from `offset` on and moves `offset`; Sent when all of the frame went.
  [[nodiscard]] SendResult TrySend(const Bytes& frame, size_t& offset);

 private:
  void TakeFds(const msghdr& message);

  shm::UniqueFd fd_;
  Bytes received_;
  size_t readOffset_{0};
  // In order of arrival, which is the order of the frames that they belong to.
  std::deque<shm::UniqueFd> fds_;
};

}  // namespace mph::host
