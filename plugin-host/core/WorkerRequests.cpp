// What the worker says over its control connection: rings come, are served, and go. The half of WorkerConnection that knows the protocol.

#include "Clock.hpp"
#include "Error.hpp"
#include "WorkerConnection.hpp"

#include <algorithm>
#include <utility>

namespace mph::host {

namespace {

using Mph::Control::Body;
using Mph::Control::ErrorCode;

constexpr auto MaxRings = static_cast<uint32_t>(Mph::Layout::Limit::MaxRingsPerConnection);
constexpr size_t OfferFds = 2;

}  // namespace

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
    onRing_(ring->Router(), ring->PacketSegment());

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

void WorkerConnection::OnQueryAnswer(uint32_t id, const Mph::Control::QueryAnswer& answer) {
  const auto asked = calls_.queries.TakeAsked(id);

  if (!asked) {
    throw Error(ErrorCode::Malformed, "the worker answered query " + std::to_string(id) + ", which nobody has asked");
  }
  instances_.ForEach([&](Instance& instance) {
    instance.OnAnswer(asked->router, asked->call, ToResult(answer.code()), answer.body() == nullptr ? nullptr : answer.body()->c_str());
  });
}

}  // namespace mph::host
