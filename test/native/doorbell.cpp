// Doorbells: what one end can and cannot do to the other.
#include "mph/shm/Doorbell.hpp"

#include <poll.h>

#include <csignal>

#include "tap.hpp"

using mph::shm::DoorbellPipe;
using mph::shm::ResetResult;
using mph::shm::RingResult;

static bool isRung(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

int main() {
  std::signal(SIGPIPE, SIG_IGN);
  auto bell = DoorbellPipe::Create();
  const int in = bell.readEnd.Get();
  const int out = bell.writeEnd.Get();

  tap::ok((::fcntl(in, F_GETFL) & O_NONBLOCK) != 0 && (::fcntl(out, F_GETFL) & O_NONBLOCK) != 0, "both ends are non-blocking");
  tap::ok((::fcntl(in, F_GETFD) & FD_CLOEXEC) != 0 && (::fcntl(out, F_GETFD) & FD_CLOEXEC) != 0, "both ends are closed on exec");
  tap::is(::fcntl(out, F_GETPIPE_SZ), DoorbellPipe::Capacity, "a doorbell takes one page of the user's budget");

  tap::ok(!isRung(in), "a new doorbell is silent");
  tap::is(mph::shm::ResetDoorbell(in), ResetResult::NotRung, "resetting a silent one says so");
  tap::is(mph::shm::RingDoorbell(out), RingResult::Rung, "it can be rung");
  tap::ok(isRung(in), "then poll() reports it");
  tap::is(mph::shm::ResetDoorbell(in), ResetResult::Reset, "it can be reset");
  tap::ok(!isRung(in), "then it is silent again");

  int rings = 0;
  while (rings <= DoorbellPipe::Capacity && mph::shm::RingDoorbell(out) == RingResult::Rung) {
    ++rings;
  }
  tap::is(rings, DoorbellPipe::Capacity, "a sleeper that never resets makes the pipe full");
  errno = 0;
  tap::is(mph::shm::RingDoorbell(out), RingResult::AlreadyRung, "which means: already rung");
  tap::is(errno, 0, "errno stays as it was");
  tap::is(mph::shm::ResetDoorbell(in), ResetResult::Reset, "one reset");
  tap::ok(!isRung(in), "silences any number of rings");

  // The peer's end is a file description of its own.
  ::fcntl(in, F_SETFL, 0);
  tap::ok((::fcntl(out, F_GETFL) & O_NONBLOCK) != 0, "a reader that clears its O_NONBLOCK leaves the writer's alone");
  ::fcntl(in, F_SETFL, O_NONBLOCK);
  ::fcntl(out, F_SETFL, 0);
  tap::is(mph::shm::ResetDoorbell(in), ResetResult::NotRung, "and the other way round");
  ::fcntl(out, F_SETFL, O_NONBLOCK);

  bell.writeEnd.Reset();
  tap::is(mph::shm::ResetDoorbell(in), ResetResult::PeerGone, "a reader is told that nobody can ring any more");

  auto other = DoorbellPipe::Create();
  other.readEnd.Reset();
  tap::is(mph::shm::RingDoorbell(other.writeEnd.Get()), RingResult::PeerGone, "ringing at a dead peer's door is harmless");
  tap::is(mph::shm::RingDoorbell(-1), RingResult::Failed, "ringing at no door is reported");
  tap::is(mph::shm::ResetDoorbell(-1), ResetResult::Failed, "so is resetting none");
  return tap::done();
}
