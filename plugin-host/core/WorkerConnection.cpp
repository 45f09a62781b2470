#include "WorkerConnection.hpp"

#include "Clock.hpp"
#include "Error.hpp"

#include <algorithm>
#include <mph/shm/Doorbell.hpp>
#include <utility>

namespace mph::host {

WorkerConnection::WorkerConnection(WorkerLinks links, uint32_t workerPid, Instances& instances, WorkerCalls& calls, ServingStats& stats,
                                   RingListener onRing)
    : links_(std::move(links)),
      workerPid_(workerPid),
      instances_(instances),
      calls_(calls),
      onRing_(std::move(onRing)),
      serving_(workerPid, instances, stats),
      ownLink_(links_.hostLink.Data()),
      rings_(shm::LinkReader(links_.workerLink.Data()), ownLink_, links_.workerDoorbell.Get(), stats) {
  instances_.ForEach([this](Instance& instance) { instance.SetWorker(workerPid_); });
  serving_.sortLateVerdicts = [this] { return SortLateVerdicts(); };
  calls_.rings.Connect(this);
}

WorkerConnection::~WorkerConnection() { calls_.rings.Connect(nullptr); }

bool WorkerConnection::HasHandedOver() const {
  bool has = calls_.HasHandedOver();

  instances_.ForEach([&](Instance& instance) { has = has || !instance.GetLateVerdicts().IsEmpty(); });

  return has;
}

ServedRing* WorkerConnection::FindServing(uint32_t router) const {
  auto* const ring = rings_.FindRouter(router);

  return ring == nullptr || ring->IsWarm() ? nullptr : ring;
}

void WorkerConnection::AddInstance(Instance& instance) {
  instance.SetWorker(workerPid_);
  rings_.ForEach([&](ServedRing& ring) {
    if (!ring.IsWarm()) {
      Open(instance, ring);
    }
    ring.AddInstance(instance);
  });
}

void WorkerConnection::RemoveInstance(Instance& instance) {
  rings_.ForEach([&](ServedRing& ring) {
    ring.RemoveInstance(instance);
    rings_.Announce(ring);
    rings_.MarkReady(ring.Number());
  });
}

// A plugin's part in a router that is served from here on.
void WorkerConnection::Open(Instance& instance, ServedRing& ring) {
  instance.Restore(workerPid_);
  instance.GetLateVerdicts().OpenRouter(ring.Router(), ring.Writer().MaxLength());
  instance.GetSnapshots().Open(ring.Router());
}

void WorkerConnection::CloseRouter(uint32_t router) {
  calls_.routers.Close(router);
  instances_.ForEach([&](Instance& instance) {
    instance.GetLateVerdicts().CloseRouter(router);
    instance.GetSnapshots().Close(router);
  });
}

WorkerConnection::ServeResult WorkerConnection::Serve() {
  SortLateVerdicts();
  MarkToldLate();

  auto result = rings_.Serve();

  if (result == ServeResult::Corrupt) {
    throw Error(Mph::Control::ErrorCode::Malformed, "a packet ring of the worker is corrupt");
  }

  // Also what was said in a callback that has just returned.
  SortLateVerdicts();
  if (MarkToldLate()) {
    result = ServeResult::More;
  }

  const bool hasWritten = calls_.rings.Write();

  SendQueries();
  AnnounceWritten();
  FinishStops();

  // Whoever waits for verdicts of a plugin looks as often as one who waits for room.
  return result == ServeResult::Idle && (!hasWritten || !stopping_.empty()) ? ServeResult::Stalled : result;
}

// What plugins have said outside of their batches, to the rings that it is about. True: there was something.
bool WorkerConnection::SortLateVerdicts() {
  bool hasAny = false;

  instances_.ForEach([&](Instance& instance) {
    auto& handedOver = instance.GetLateVerdicts();

    if (handedOver.IsEmpty()) {
      return;
    }
    hasAny = true;
    handedOver.TakeInto(lateVerdicts_);
    for (auto& late : lateVerdicts_) {
      auto* const ring = FindServing(late.router);

      if (ring == nullptr) {
        instance.Tallies().lateForNobody.Add(1);
        continue;
      }
      late.instance = &instance;
      ring->Deliver(std::move(late));
      if (toldLate_.empty() || toldLate_.back() != ring->Number()) {
        toldLate_.push_back(ring->Number());
      }
    }
    lateVerdicts_.clear();
  });

  return hasAny;
}

// Rings are looked at in the next turn; not before, since this one may go over them right now.
bool WorkerConnection::MarkToldLate() {
  const bool hasAny = !toldLate_.empty();

  for (const auto number : toldLate_) {
    if (rings_.Has(number)) {
      rings_.MarkReady(number);
    }
  }
  toldLate_.clear();

  return hasAny;
}

void WorkerConnection::SendQueries() {
  if (calls_.queries.HasUnsent()) {
    for (const auto& frame : calls_.queries.TakeUnsent()) {
      links_.socket.Send(frame, SendTimeoutMs);
    }
  }
}

RingCalls::ClaimResult WorkerConnection::Claim(uint32_t router, uint32_t length, uint8_t*& bytes) {
  auto* const ring = FindServing(router);

  if (ring == nullptr) {
    return RingCalls::ClaimResult::NotServing;
  }
  switch (ring->Writer().Claim(length, bytes)) {
    case VerdictWriter::ClaimResult::Ok:
      return RingCalls::ClaimResult::Ok;
    case VerdictWriter::ClaimResult::Full:
      return RingCalls::ClaimResult::Full;
    case VerdictWriter::ClaimResult::TooLarge:
      break;
  }

  return RingCalls::ClaimResult::TooLarge;
}

void WorkerConnection::Commit(uint32_t router) {
  auto& ring = *FindServing(router);

  ring.Writer().Commit();
  if (std::ranges::find(written_, ring.Number()) == written_.end()) {
    written_.push_back(ring.Number());
  }
}

void WorkerConnection::OnLost(uint32_t router, uint64_t call) {
  instances_.ForEach([&](Instance& instance) { instance.OnAnswer(router, call, MPH_UNKNOWN, nullptr); });
}

void WorkerConnection::AnnounceWritten() {
  for (const auto number : written_) {
    if (auto* const ring = rings_.Find(number)) {
      rings_.Announce(*ring);
    }
  }
  written_.clear();
}

WorkerConnection::ControlResult WorkerConnection::ReceiveControl() {
  for (;;) {
    const auto received = links_.socket.Receive();

    while (auto frame = links_.socket.Next()) {
      Follow(std::move(*frame));
    }
    switch (received) {
      case ControlSocket::ReceiveResult::Received:
        continue;
      case ControlSocket::ReceiveResult::Nothing:
        return ControlResult::Open;
      case ControlSocket::ReceiveResult::Closed:
        return ControlResult::Closed;
    }
  }
}

void WorkerConnection::ResetDoorbell() {
  if (shm::ResetDoorbell(links_.doorbell.Get()) == shm::ResetResult::PeerGone) {
    // The socket tells the rest; this descriptor would only keep poll() from sleeping.
    links_.doorbell.Reset();
  }
}

void WorkerConnection::Leave() {
  if (std::exchange(isLeaving_, true)) {
    return;
  }
  rings_.ForEach([this](ServedRing& ring) {
    if (ring.IsServing()) {
      StopRing(ring, ServedRing::StopAt::Published);
    }
  });
}

void WorkerConnection::Close() {
  calls_.rings.Write();
  AnnounceWritten();
  for (const auto& ring : rings_.TakeAll()) {
    CloseRing(*ring);
  }
}

}  // namespace mph::host
