// The host's channel with the app. Whoever has something to say puts it into an outbox; the main thread sends. So no dispatcher ever waits
// for an app that is busy.
#pragma once

#include "ControlSocket.hpp"
#include "Messages.hpp"
#include "Wakeup.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

namespace mph::host {

class AppChannel {
 public:
  // An app that does not read for long loses log messages beyond this; answers are never lost.
  static constexpr size_t MaxOutboxBytesForLogs = 1 << 20;

  // `wakeup` is rung for the main thread.
  AppChannel(shm::UniqueFd fd, Wakeup& wakeup) : socket_(std::move(fd)), wakeup_(wakeup) {}

  // Lets `untilSent` go when the frame is sent, or will never be. [any]
  void Post(Bytes frame, std::shared_ptr<const void> untilSent = nullptr);

  // `pluginId`: empty when the host itself says it. [any]
  void Log(Mph::Control::LogLevel level, const std::string& message, const std::string& pluginId = {});

  // Sends what the socket takes now. [any]
  void Flush();

  // Sends all that is in the outbox, for at most `ms`: for a process about to end. [any]
  void FlushFor(int ms);

  // For poll(). [main]
  int Fd() const { return socket_.Fd(); }

  // Whether Flush() waits for the socket to become writable. [main]
  bool IsBlocked() const;

  // The socket of requests: only Receive() and Next() are for others. [main]
  ControlSocket& Socket() { return socket_; }

 private:
  struct Unsent {
    Bytes frame;
    std::shared_ptr<const void> untilSent;
  };

  void Push(Bytes frame);
  const Unsent* First() const;
  void DropFirst();

  ControlSocket socket_;
  Wakeup& wakeup_;

  // Held while the socket takes bytes, by whoever removes from the outbox. The other one never is: to post something waits for no system
  // call.
  std::mutex sendMutex_;
  size_t sentOfFirst_{0};

  mutable std::mutex mutex_;
  std::deque<Unsent> outbox_;
  // Without what its sender bounds by `untilSent`.
  size_t outboxBytes_{0};
  uint64_t lostLogs_{0};
};

}  // namespace mph::host
