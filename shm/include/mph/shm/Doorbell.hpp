// What wakes a sleeping peer: a non-blocking pipe, one end each. (Of an eventfd both sides would share one file description, and a host
// that clears its O_NONBLOCK could freeze the worker.)
//
// What a pipe does not withstand: its kernel lock is held while bytes are copied, so a peer that reads into memory whose page faults it
// serves itself (userfaultfd, which needs privileges, or a FUSE mapping) holds up our write() meanwhile. A socket pair would withstand it,
// at 1.8 µs instead of 0.7 for a ring and its reset.
//
// A ring at a dead peer's door raises SIGPIPE: whoever rings must ignore that signal. The worker does; so must a host.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "mph/shm/SystemError.hpp"
#include "mph/shm/UniqueFd.hpp"

namespace mph::shm {

enum class RingResult : uint8_t {
  Rung,
  // The pipe is full, so the peer has something to wake up for.
  AlreadyRung,
  // Nobody holds the other end. The socket or pidfd tells about the death; nothing has to be done here.
  PeerGone,
  // Nothing that the kernel documents for a pipe's write end.
  Failed,
};

enum class ResetResult : uint8_t {
  Reset,
  NotRung,
  // Nobody holds the other end: poll() would report the descriptor for ever, so stop polling it.
  PeerGone,
  Failed,
};

struct DoorbellPipe {
  UniqueFd readEnd;
  UniqueFd writeEnd;

  // [set-up, worker]
  static DoorbellPipe Create() {
    std::array<int, 2> ends{};

    if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) {
      ThrowSystemError(errno, "cannot create a doorbell pipe", RemedyFor(errno));
    }

    DoorbellPipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
    // One page, so that one read empties it, and a user's budget of pipe pages (fs.pipe-user-pages-soft) lasts for many doorbells. A
    // refusal harms nothing: the pipe is larger then, or has shrunk to a page already.
    static_cast<void>(::fcntl(pipe.writeEnd.Get(), F_SETPIPE_SZ, Capacity));
    return pipe;
  }

  static constexpr int Capacity = 4096;
};

// [any] Never blocks, leaves errno as it was.
inline RingResult RingDoorbell(int writeFd) noexcept {
  const int savedErrno = errno;
  const uint8_t byte = 1;
  const bool written = ::write(writeFd, &byte, sizeof(byte)) == static_cast<ssize_t>(sizeof(byte));
  const int error = std::exchange(errno, savedErrno);

  if (written) {
    return RingResult::Rung;
  }
  return error == EAGAIN ? RingResult::AlreadyRung : error == EPIPE ? RingResult::PeerGone : RingResult::Failed;
}

// [owner's thread] Silences the bell; *then* drain the rings, or a ring in between would be lost. One read: a peer that rings without end
// keeps nobody here.
inline ResetResult ResetDoorbell(int readFd) noexcept {
  const int savedErrno = errno;
  std::array<uint8_t, DoorbellPipe::Capacity> sink;
  const ssize_t count = ::read(readFd, sink.data(), sink.size());
  const int error = std::exchange(errno, savedErrno);

  if (count > 0) {
    return ResetResult::Reset;
  }
  return count == 0 ? ResetResult::PeerGone : error == EAGAIN ? ResetResult::NotRung : ResetResult::Failed;
}

}  // namespace mph::shm
