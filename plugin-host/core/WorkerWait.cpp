#include "WorkerWait.hpp"

#include "Clock.hpp"
#include "Error.hpp"

#include <sys/epoll.h>
#include <array>
#include <cerrno>
#include <mph/shm/Doorbell.hpp>
#include <mph/shm/Link.hpp>
#include <mph/shm/Pause.hpp>
#include <utility>

namespace mph::host {

namespace {

enum class Source : uint64_t { Control, Doorbell, Wakeup, Loop, Count };

// Between two looks at the clock.
constexpr int LooksPerClock = 16;
// Between two looks at the clock a spinning thread needs less than one of these, unless it lost its CPU.
constexpr uint64_t PreemptedNs = 50'000;
// The doorbell is edge-triggered: it need not be emptied each time, only before it is full. A sleep is rung once.
constexpr uint32_t SleepsPerReset = shm::DoorbellPipe::Capacity / 4;

void Watch(int epoll, int fd, Source source, uint32_t events) {
  epoll_event event{};

  event.events = events;
  event.data.u64 = static_cast<uint64_t>(source);
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
    throw Error::System("cannot watch a descriptor", errno);
  }
}

}  // namespace

WorkerWait::WorkerWait(WorkerConnection& connection, ThreadPlacement& placement, Wakeup& wakeup, const std::atomic<bool>& isStopping,
                       ServingStats& stats, int loopFd)
    : connection_(connection),
      placement_(placement),
      wakeup_(wakeup),
      isStopping_(isStopping),
      stats_(stats),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_.Get() < 0) {
    throw Error::System("cannot make an epoll", errno);
  }
  Watch(epoll_.Get(), connection_.ControlFd(), Source::Control, EPOLLIN);
  Watch(epoll_.Get(), connection_.DoorbellFd(), Source::Doorbell, EPOLLIN | EPOLLET);
  Watch(epoll_.Get(), wakeup_.Fd(), Source::Wakeup, EPOLLIN);
  if (loopFd >= 0) {
    Watch(epoll_.Get(), loopFd, Source::Loop, EPOLLIN);
  }
}

bool WorkerWait::Wait(uint64_t nowNs, int timeoutMs) { return SpinIfWorthIt(nowNs, timeoutMs) ? false : Sleep(timeoutMs); }

bool WorkerWait::LieDown(uint64_t nowNs, int timeoutMs) {
  if (timeoutMs == 0 || SpinIfWorthIt(nowNs, timeoutMs)) {
    return false;
  }
  // As in SleepUnless(), with what blocks elsewhere.
  connection_.OwnLink().SetAsleep(true);
  if (!connection_.HasPublications()) {
    stats_.sleeps.Add(1);

    return true;
  }
  connection_.OwnLink().SetAsleep(false);

  return false;
}

bool WorkerWait::Rest(int timeoutMs) {
  events_ = TakeEvents(timeoutMs);

  return !events_->hasLoop;
}

bool WorkerWait::Rise() {
  connection_.OwnLink().SetAsleep(false);

  const auto events = events_ ? *std::exchange(events_, std::nullopt) : TakeEvents(0);

  return events.hasControl;
}

// True: something was published.
bool WorkerWait::SpinIfWorthIt(uint64_t nowNs, int timeoutMs) {
  const auto spinNs = timeoutMs != 0 ? placement_.NsToSpin(nowNs) : 0;

  return spinNs != 0 && Spin(nowNs, spinNs);
}

// True: something was published.
bool WorkerWait::Spin(uint64_t nowNs, uint64_t forNs) {
  const auto endNs = nowNs + forNs;

  while (nowNs < endNs && !placement_.IsInTheWay() && !connection_.HasHandedOver() && !isStopping_.load(std::memory_order_relaxed)) {
    for (int look = 0; look < LooksPerClock; ++look) {
      if (connection_.HasPublications()) {
        stats_.spins.Add(1);

        return true;
      }
      shm::Pause();
    }

    const auto before = std::exchange(nowNs, MonotonicNs());

    if (nowNs - before > PreemptedNs) {
      placement_.OnPreempted(nowNs);
    }
  }

  return false;
}

bool WorkerWait::Sleep(int timeoutMs) {
  bool hasControl = false;

  const auto block = [&] { hasControl = TakeEvents(timeoutMs).hasControl; };

  stats_.sleeps.Add(shm::SleepUnless(
                        connection_.OwnLink(), [&] { return connection_.HasPublications(); }, block)
                        ? 1
                        : 0);

  return hasControl;
}

WorkerWait::Events WorkerWait::TakeEvents(int timeoutMs) {
  std::array<epoll_event, static_cast<size_t>(Source::Count)> events{};
  const int count = epoll_wait(epoll_.Get(), events.data(), events.size(), timeoutMs);
  Events taken;
  bool mustReset = ++sleepsSinceReset_ >= SleepsPerReset;

  for (int i = 0; i < count; ++i) {
    switch (static_cast<Source>(events[i].data.u64)) {
      case Source::Control:
        taken.hasControl = true;
        break;
      case Source::Doorbell:
        // Without anything to read it hung up.
        mustReset |= (events[i].events & EPOLLIN) == 0;
        break;
      case Source::Wakeup:
        wakeup_.Reset();
        break;
      case Source::Loop:
        taken.hasLoop = true;
        break;
      case Source::Count:
        break;
    }
  }
  // Before the rings are read: what is published from here on rings again.
  if (mustReset) {
    sleepsSinceReset_ = 0;
    connection_.ResetDoorbell();
  }

  return taken;
}

}  // namespace mph::host
