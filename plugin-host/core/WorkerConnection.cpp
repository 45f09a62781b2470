#include "WorkerConnection.hpp"

#include "Error.hpp"

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

WorkerConnection::WorkerConnection(WorkerLinks links, std::string pluginId, Instance& instance, ServingStats& stats)
    : links_(std::move(links)),
      pluginId_(std::move(pluginId)),
      instance_(instance),
      stats_(stats),
      ownLink_(links_.hostLink.Data()),
      rings_(shm::LinkReader(links_.workerLink.Data()), ownLink_, links_.workerDoorbell.Get(), stats) {}

WorkerConnection::ServeResult WorkerConnection::Serve() {
  const auto result = rings_.Serve();

  if (result == ServeResult::Corrupt) {
    throw Error(ErrorCode::Malformed, "a packet ring of the worker is corrupt");
  }

  const bool hasRoom = WriteLateVerdicts();

  return result == ServeResult::Idle && !hasRoom ? ServeResult::Stalled : result;
}

// False: some wait for room in their ring.
bool WorkerConnection::WriteLateVerdicts() {
  auto& handedOver = instance_.GetLateVerdicts();

  if (!handedOver.IsEmpty() && lateVerdicts_.size() < LateVerdicts::Capacity) {
    handedOver.TakeInto(lateVerdicts_);
  }
  if (lateVerdicts_.empty()) {
    return true;
  }

  // Rings are announced when the next verdict is for another one: a burst for one router wakes the worker once.
  ServedRing* written = nullptr;
  size_t kept = 0;

  for (const auto& late : lateVerdicts_) {
    auto* const ring = rings_.FindRouter(late.router);

    if (ring == nullptr) {
      stats_.lateForNobody.Add(1);
      continue;
    }
    if (written != nullptr && written != ring) {
      rings_.Announce(*written);
    }
    written = ring;
    if (!ring->AnswerLate(late.ticket, late.verdict)) {
      lateVerdicts_[kept++] = late;
    }
  }
  lateVerdicts_.resize(kept);
  if (written != nullptr) {
    rings_.Announce(*written);
  }

  return kept == 0;
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

void WorkerConnection::Close(ServedRing::Farewell farewell) {
  WriteLateVerdicts();
  for (const auto& ring : rings_.TakeAll()) {
    CloseRing(*ring, farewell);
  }
}

void WorkerConnection::Follow(Frame frame) {
  const auto& envelope = *frame.envelope;

  switch (envelope.body_type()) {
    case Body::RingOffer:
      OnRingOffer(*envelope.body_as_RingOffer(), std::move(frame.fds));
      break;
    case Body::RingWithdrawn:
      OnRingWithdrawn(envelope.body_as_RingWithdrawn()->ring());
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
    instance_.Log(MPH_LOG_ERROR, error.what());
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
  if (ToString(offer.pluginId()) != pluginId_) {
    throw refuse(ErrorCode::NotFound, "this host has no plugin " + ToString(offer.pluginId()) + ", it has " + pluginId_);
  }

  const auto router = ++lastRouter_;

  instance_.GetLateVerdicts().OpenRouter(router);

  try {
    return std::make_unique<ServedRing>(offer, std::move(fds[0]), std::move(fds[1]), router, instance_, stats_);
  } catch (const std::exception& error) {
    instance_.GetLateVerdicts().CloseRouter(router);
    throw refuse(ErrorCode::System, error.what());
  }
}

void WorkerConnection::OnRingWithdrawn(uint32_t number) {
  if (const auto ring = rings_.Remove(number)) {
    CloseRing(*ring, ServedRing::Farewell::Silent);
  }
}

void WorkerConnection::CloseRing(ServedRing& ring, ServedRing::Farewell farewell) {
  ring.Close(farewell);
  rings_.Announce(ring);
  instance_.GetLateVerdicts().CloseRouter(ring.Router());
}

}  // namespace mph::host
