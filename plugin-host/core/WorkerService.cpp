#include "WorkerService.hpp"

#include "Clock.hpp"

#include <utility>

namespace mph::host {

namespace {

using ServeResult = ServedRing::ServeResult;

// While packets keep coming, this many turns pass between two looks at the clock and at the control socket.
constexpr uint32_t TurnsBetweenLooks = 32;

}  // namespace

WorkerService::WorkerService(WorkerLinks links, uint32_t workerPid, PlacementSetting placement, WorkerConnection::RingListener onRing,
                             const Parts& parts)
    : connection_(std::move(links), workerPid, parts.instances, parts.calls, parts.stats, std::move(onRing)),
      stats_(parts.stats),
      placement_(placement, connection_.WorkerLink(), connection_.OwnLink(), parts.placement),
      wait_(connection_, placement_, parts.wakeup, parts.isStopping, parts.stats, parts.loopFd),
      now_(MonotonicNs()) {}

bool WorkerService::ReceiveControl() {
  return !mayHaveControl_ || connection_.ReceiveControl() == WorkerConnection::ControlResult::Open;
}

WorkerService::Result WorkerService::Serve() {
  const auto packetsBefore = stats_.records.Read();
  const auto served = connection_.Serve();

  if (const auto packets = stats_.records.Read() - packetsBefore; packets != 0) {
    const auto began = std::exchange(now_, MonotonicNs());

    placement_.OnServed(packets, began, now_, connection_.TakeRingingNs());
  }
  isTimeToLook_ = ++turn_ % TurnsBetweenLooks == 0;
  mayHaveControl_ = isTimeToLook_;

  if (connection_.HasLeft()) {
    return Result::Left;
  }

  return served == ServeResult::More ? Result::More : served == ServeResult::Stalled ? Result::Stalled : Result::Nothing;
}

void WorkerService::Rested(bool hasControl) {
  mayHaveControl_ |= hasControl;
  isTimeToLook_ = true;
  now_ = MonotonicNs();
  placement_.OnAwake(now_);
}

}  // namespace mph::host
