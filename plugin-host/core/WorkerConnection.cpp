#include "WorkerConnection.hpp"

#include "Clock.hpp"
#include "Error.hpp"

#include <algorithm>
#include <mph/shm/Doorbell.hpp>
#include <utility>

namespace mph::host {

namespace {

using Mph::Control::Body;
using Mph::Control::ErrorCode;

// A worker that does not read for as long is as good as gone.
constexpr int SendTimeoutMs = 1000;
constexpr auto MaxRings = static_cast<uint32_t>(Mph::Layout::Limit::MaxRingsPerConnection);
constexpr size_t OfferFds = 2;

}  // namespace

WorkerConnection::WorkerConnection(WorkerLinks links, uint32_t workerPid, Instances& instances, WorkerCalls& calls, ServingStats& stats)
    : links_(std::move(links)),
      workerPid_(workerPid),
      instances_(instances),
      calls_(calls),
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
    throw Error(ErrorCode::Malformed, "a packet ring of the worker is corrupt");
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

void WorkerConnection::OnQueryAnswer(uint32_t id, const Mph::Control::QueryAnswer& answer) {
  const auto asked = calls_.queries.TakeAsked(id);

  if (!asked) {
    throw Error(ErrorCode::Malformed, "the worker answered query " + std::to_string(id) + ", which nobody has asked");
  }
  instances_.ForEach([&](Instance& instance) {
    instance.OnAnswer(asked->router, asked->call, ToResult(answer.code()), answer.body() == nullptr ? nullptr : answer.body()->c_str());
  });
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

void WorkerConnection::Follow(Frame frame) {
  const auto& envelope = *frame.envelope;

  switch (envelope.body_type()) {
    case Body::RingOffer:
      OnRingOffer(*envelope.body_as_RingOffer(), std::move(frame.fds));
      break;
    case Body::RingStart:
      OnRingStart(*envelope.body_as_RingStart());
      break;
    case Body::RingStop:
      OnRingStop(envelope.body_as_RingStop()->ring());
      break;
    case Body::RingWithdrawn:
      OnRingWithdrawn(envelope.body_as_RingWithdrawn()->ring());
      break;
    case Body::QueryAnswer:
      OnQueryAnswer(envelope.id(), *envelope.body_as_QueryAnswer());
      break;
    case Body::Failure:
      throw Error(envelope.body_as_Failure()->code(), "the worker cut this host off: " + ToString(envelope.body_as_Failure()->message()));
    default:
      throw Error(ErrorCode::Malformed,
                  std::string("the worker sent a message that is not for hosts: ") + Mph::Control::EnumNameBody(envelope.body_type()));
  }
}

void WorkerConnection::OnRingOffer(const Mph::Control::RingOffer& offer, std::vector<shm::UniqueFd> fds) {
  flatbuffers::FlatBufferBuilder builder;
  Bytes answer;

  try {
    rings_.Add(AcceptOffer(offer, std::move(fds)));
    answer = MakeFrame(builder, 0, Mph::Control::CreateRingReady(builder, offer.ring()));
  } catch (const Error& error) {
    instances_.ForEach([&](Instance& instance) { instance.Log(MPH_LOG_ERROR, error.what()); });
    answer =
        MakeFrame(builder, 0, Mph::Control::CreateRingRefused(builder, offer.ring(), error.Code(), builder.CreateString(error.what())));
  }
  links_.socket.Send(answer, SendTimeoutMs);
}

// Throws Error when the ring cannot be served; then nobody knows of it.
std::unique_ptr<ServedRing> WorkerConnection::AcceptOffer(const Mph::Control::RingOffer& offer, std::vector<shm::UniqueFd> fds) {
  const auto refuse = [&](ErrorCode code, const std::string& why) {
    return Error(code, "ring " + std::to_string(offer.ring()) + " of router " + ToString(offer.routerId()) + " cannot be served: " + why);
  };

  if (fds.size() != OfferFds) {
    throw refuse(ErrorCode::Malformed, "it came with " + std::to_string(fds.size()) + " descriptors instead of 2");
  }
  if (offer.ring() >= MaxRings) {
    throw refuse(ErrorCode::Malformed, "a connection has rings 0 to " + std::to_string(MaxRings - 1));
  }
  if (rings_.Has(offer.ring())) {
    throw refuse(ErrorCode::Exists, "it is served already");
  }

  const auto servedId = ToString(offer.pluginId());

  if (!servedId_.empty() && servedId != servedId_) {
    throw refuse(ErrorCode::NotFound, "it is of " + servedId + ", and this host serves " + servedId_);
  }

  try {
    auto ring = std::make_unique<ServedRing>(offer, std::move(fds[0]), std::move(fds[1]), ++lastRouter_, serving_);

    servedId_ = servedId;

    return ring;
  } catch (const std::exception& error) {
    throw refuse(ErrorCode::System, error.what());
  }
}

void WorkerConnection::OnRingStart(const Mph::Control::RingStart& start) {
  // The worker does not know yet that this host is about to go.
  if (isLeaving_) {
    return;
  }

  auto* const ring = rings_.Find(start.ring());

  if (ring == nullptr || !ring->IsWarm()) {
    throw Error(ErrorCode::Malformed, "the worker started ring " + std::to_string(start.ring()) + ", which is " +
                                          (ring == nullptr ? "none that it has offered" : "served already"));
  }
  calls_.routers.Open(ring->Router(), {ring->Number(), ring->Writer().MaxLength()});
  instances_.ForEach([&](Instance& instance) { Open(instance, *ring); });
  ring->Start(start);
  rings_.MarkReady(ring->Number());
}

void WorkerConnection::OnRingStop(uint32_t number) {
  if (isLeaving_) {
    return;
  }

  auto* const ring = rings_.Find(number);

  if (ring == nullptr || !ring->IsServing()) {
    throw Error(ErrorCode::Malformed, "the worker stopped ring " + std::to_string(number) + ", which this host does not serve");
  }
  StopRing(*ring, ServedRing::StopAt::Batch);
}

void WorkerConnection::StopRing(ServedRing& ring, ServedRing::StopAt where) {
  ring.Stop(where);
  stopping_.push_back(ring.Number());
  rings_.MarkReady(ring.Number());
}

void WorkerConnection::FinishStops() {
  if (stopping_.empty()) {
    return;
  }

  const auto now = MonotonicNs();

  std::erase_if(stopping_, [&](uint32_t number) {
    auto& ring = *rings_.Find(number);
    const bool isFinished = ring.TryFinishStop(now);

    if (isFinished) {
      FinishStop(ring);
    }

    return isFinished;
  });
}

void WorkerConnection::FinishStop(ServedRing& ring) {
  rings_.Announce(ring);
  CloseRouter(ring.Router());

  // One that leaves was not asked.
  if (!isLeaving_) {
    flatbuffers::FlatBufferBuilder builder;

    links_.socket.Send(MakeFrame(builder, 0, Mph::Control::CreateRingStopped(builder, ring.Number())), SendTimeoutMs);
  }
}

void WorkerConnection::OnRingWithdrawn(uint32_t number) {
  if (const auto ring = rings_.Remove(number)) {
    std::erase(stopping_, number);
    CloseRing(*ring);
  }
}

void WorkerConnection::CloseRing(ServedRing& ring) {
  ring.Close();
  rings_.Announce(ring);
  CloseRouter(ring.Router());
}

}  // namespace mph::host
