#include "Worker.hpp"

#include "../worlds/Shared.hpp"

namespace PluginHost {

void HostLink::Send(flatbuffers::FlatBufferBuilder& builder, Mph::Control::Body type, flatbuffers::Offset<void> body,
                    const std::vector<int>& fds) {
  builder.Finish(body);
  if (type == Mph::Control::Body::RingOffer) {
    packetFd = fds.at(0);
    verdictFd = fds.at(1);
  } else if (type == Mph::Control::Body::RingStart) {
    const auto* start = flatbuffers::GetRoot<Mph::Control::RingStart>(builder.GetBufferPointer());

    startPosition = start->startPosition();
    oldestLiveTicket = start->oldestLiveTicket();
  }
  onSent(type);
}

PluginPlace::PluginPlace(uint32_t packetRingSize, uint32_t verdictRingSize, bool ignores)
    : ignoresEpoch(ignores),
      packets(packetRingSize),
      verdictReader(&plugin, &tickets, packets.GetVerdictCursor(), &injector, &requests),
      succession(this, verdictRingSize) {}

size_t PluginPlace::DrainVerdicts(const HostLink* link, size_t max) {
  auto* epoch = ignoresEpoch ? succession.Find(link) : succession.IsServedBy(link) ? succession.GetServing() : nullptr;

  return epoch ? verdictReader.Drain(*epoch, max) : 0;
}

void PluginPlace::RefreshConsumed() {
  const auto* epoch = succession.GetServing();

  if (!epoch) {
    return;
  }
  const auto cursor = epoch->ReadPacketCursor();

  if (cursor == epoch->cursorAtStart) {
    return;
  }
  if (!packets.Accept(cursor)) {
    plugin.AddStrike(PluginStrike::BAD_CURSOR, epoch->link);
  }
}

bool PluginPlace::Claim(uint32_t length, uint8_t*& record) {
  using Result = mph::shm::RingProducer::TryClaimResult;

  if (packets.TryClaim(length, record) == Result::Ok) {
    return true;
  }
  RefreshConsumed();
  return packets.TryClaim(length, record) == Result::Ok;
}

void PluginPlace::Commit() {
  packets.Publish();
  if (const auto* epoch = succession.GetServing()) {
    epoch->link->onPublished();
  }
  packets.NoteEnd();
}

void Control::CountApplyError(const char* what) { mph::model::Model().Fail(std::string("an exception in the worker: ") + what); }

}  // namespace PluginHost
