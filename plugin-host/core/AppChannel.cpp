#include "AppChannel.hpp"

#include "Clock.hpp"

#include <poll.h>
#include <utility>

namespace mph::host {

namespace {

Bytes MakeLog(Mph::Control::LogLevel level, const std::string& message, const std::string& pluginId = {}) {
  flatbuffers::FlatBufferBuilder builder;
  const auto text = builder.CreateString(message);
  const auto id = pluginId.empty() ? flatbuffers::Offset<flatbuffers::String>() : builder.CreateString(pluginId);

  return MakeFrame(builder, 0, Mph::Control::CreateLog(builder, level, text, id));
}

}  // namespace

void AppChannel::Post(Bytes frame, std::shared_ptr<const void> untilSent) {
  {
    const std::lock_guard lock(mutex_);

    if (untilSent == nullptr) {
      Push(std::move(frame));
    } else {
      outbox_.push_back({std::move(frame), std::move(untilSent)});
    }
  }
  wakeup_.Ring();
}

void AppChannel::Log(Mph::Control::LogLevel level, const std::string& message, const std::string& pluginId) {
  {
    const std::lock_guard lock(mutex_);

    if (outboxBytes_ > MaxOutboxBytesForLogs) {
      ++lostLogs_;

      return;
    }
    if (const auto lost = std::exchange(lostLogs_, 0); lost > 0) {
      Push(MakeLog(Mph::Control::LogLevel::Warn, std::to_string(lost) + " log messages were lost, since the app did not read its channel"));
    }
    Push(MakeLog(level, message, pluginId));
  }
  wakeup_.Ring();
}

void AppChannel::Push(Bytes frame) {
  outboxBytes_ += frame.size();
  outbox_.push_back({std::move(frame), nullptr});
}

void AppChannel::Flush() {
  const std::lock_guard sending(sendMutex_);

  while (const auto* first = First()) {
    switch (socket_.TrySend(first->frame, sentOfFirst_)) {
      case ControlSocket::SendResult::Sent:
        DropFirst();
        break;
      case ControlSocket::SendResult::Blocked:
        return;
      case ControlSocket::SendResult::Closed:
        // Nobody is there to read it; Receive() tells the main thread.
        while (First() != nullptr) {
          DropFirst();
        }
        return;
    }
  }
}

// Stays where it is until DropFirst(), whatever is put behind it.
const AppChannel::Unsent* AppChannel::First() const {
  const std::lock_guard lock(mutex_);

  return outbox_.empty() ? nullptr : &outbox_.front();
}

void AppChannel::DropFirst() {
  Unsent dropped;

  {
    const std::lock_guard lock(mutex_);

    dropped = std::move(outbox_.front());
    outboxBytes_ -= dropped.untilSent == nullptr ? dropped.frame.size() : 0;
    outbox_.pop_front();
  }
  sentOfFirst_ = 0;
}

void AppChannel::FlushFor(int ms) {
  const auto deadlineNs = MonotonicNs() + static_cast<uint64_t>(ms) * 1'000'000;

  Flush();
  while (IsBlocked() && MonotonicNs() < deadlineNs) {
    pollfd writable{socket_.Fd(), POLLOUT, 0};

    poll(&writable, 1, 10);
    Flush();
  }
}

bool AppChannel::IsBlocked() const {
  const std::lock_guard lock(mutex_);

  return !outbox_.empty();
}

}  // namespace mph::host
