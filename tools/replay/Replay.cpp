#include "Replay.hpp"

#include "Clock.hpp"

#include <poll.h>
#include <cstdio>
#include <set>
#include <utility>
#include <vector>

namespace mph::replay {

using Mph::Control::EventType;
using Mph::Layout::Codec;
using Mph::Layout::MediaKind;

namespace {

// The one router that there is.
constexpr uint32_t Router = 1;
// How long a plugin that answers late may take, once it has all packets.
constexpr int LateVerdictsMs = 1000;
constexpr int LookIntervalMs = 5;

struct CodecName {
  const char* mimeType;
  uint32_t clockRate;
};

// A capture has the codec of each packet, not the parameters of its producer.
CodecName NameOf(uint8_t codec) {
  switch (static_cast<Codec>(codec)) {
    case Codec::Opus:
      return {"audio/opus", 48000};
    case Codec::MultiOpus:
      return {"audio/multiopus", 48000};
    case Codec::Pcma:
      return {"audio/PCMA", 8000};
    case Codec::Pcmu:
      return {"audio/PCMU", 8000};
    case Codec::G722:
      return {"audio/G722", 8000};
    case Codec::Vp8:
      return {"video/VP8", 90000};
    case Codec::Vp9:
      return {"video/VP9", 90000};
    case Codec::H264:
      return {"video/H264", 90000};
    case Codec::Av1:
      return {"video/AV1", 90000};
    default:
      return {nullptr, 0};
  }
}

const char* ToText(uint8_t verdict) {
  switch (verdict) {
    case MPH_PENDING:
      return "pending";
    case MPH_ACCEPT:
      return "accept";
    case MPH_DROP:
      return "drop";
    default:
      return "no verdict that there is";
  }
}

void Deliver(host::RouterEvents& events, flatbuffers::FlatBufferBuilder& builder, flatbuffers::Offset<Mph::Control::Event> event,
             uint64_t atNs) {
  builder.Finish(event);
  events.Deliver(*flatbuffers::GetRoot<Mph::Control::Event>(builder.GetBufferPointer()), atNs);
}

}  // namespace

Replay::Replay(host::Instance& instance, std::string routerId, const CapturedPackets& packets, const Progress& progress)
    : instance_(instance),
      packets_(packets),
      progress_(progress),
      events_(instance, Router, std::move(routerId), packets.All().front()->received_at_ns) {
  instance_.GetLateVerdicts().OpenRouter(Router);
  TellState();
}

// Ids and contexts are not in a capture; numbers, which packets name, are.
void Replay::TellState() {
  std::set<uint32_t> producers;
  std::set<uint32_t> attachments;

  for (const auto* packet : packets_.All()) {
    if (attachments.insert(packet->run).second) {
      flatbuffers::FlatBufferBuilder builder;
      const auto id = "attachment-" + std::to_string(packet->run);
      const auto mode = packet->ticket == 0 ? Mph::Control::Mode::Observe : Mph::Control::Mode::Filter;

      Deliver(events_, builder,
              Mph::Control::CreateEventDirect(builder, EventType::AttachmentAdded, nullptr, 0, nullptr, MediaKind::None, nullptr, 0, false,
                                              nullptr, packet->run, id.c_str(), mode, "{}"),
              packet->received_at_ns);
    }
  }
  for (const auto* packet : packets_.All()) {
    if (producers.insert(packet->producer).second) {
      flatbuffers::FlatBufferBuilder builder;
      const auto id = "producer-" + std::to_string(packet->producer);
      const std::vector<uint32_t> ssrcs{packet->ssrc};
      const auto codec = NameOf(packet->codec);

      Deliver(events_, builder,
              Mph::Control::CreateEventDirect(builder, EventType::ProducerCreated, nullptr, packet->producer, id.c_str(),
                                              static_cast<MediaKind>(packet->kind), codec.mimeType, codec.clockRate, false, &ssrcs),
              packet->received_at_ns);
    }
  }
}

void Replay::OneByOne() {
  const std::span all(packets_.All());

  for (size_t i = 0; i < all.size(); ++i) {
    Hand(all.subspan(i, 1), i);
  }
  AwaitLateVerdicts();
  events_.Close(host::MonotonicNs());
}

void Replay::AtOnce() {
  Hand(packets_.All(), 0);
  AwaitLateVerdicts();
  events_.Close(host::MonotonicNs());
}

void Replay::Hand(std::span<const mph_packet* const> packets, size_t first) {
  std::vector<uint8_t> verdicts(packets.size(), MPH_ACCEPT);
  const mph_batch batch{
      .size = sizeof(mph_batch),
      .router = Router,
      .count = static_cast<uint32_t>(packets.size()),
      .reserved = 0,
      .packets = packets.data(),
      .verdicts = verdicts.data(),
  };

  // The line is out before the plugin gets the packet: it may be the last one.
  for (size_t i = 0; i < packets.size(); ++i) {
    const auto& packet = *packets[i];

    std::fprintf(stderr, "packet %zu of %zu: producer %u, ssrc %u, sequence number %u, %u bytes%s", first + i + 1, packets_.All().size(),
                 packet.producer, packet.ssrc, packet.sequence_number, packet.copied_length, packets.size() > 1 ? "\n" : "");
    progress_.Packet();
  }
  if (instance_.WantsPackets()) {
    instance_.OnPackets(batch);
  }
  if (packets.size() == 1) {
    std::fprintf(stderr, ": %s\n", packets.front()->ticket == 0 ? "observed" : ToText(verdicts.front()));
  }
  for (size_t i = 0; i < packets.size(); ++i) {
    pending_ += packets[i]->ticket != 0 && verdicts[i] == MPH_PENDING ? 1 : 0;
  }
}

// A plugin's own threads may be what crashes.
void Replay::AwaitLateVerdicts() {
  const auto endNs = host::MonotonicNs() + static_cast<uint64_t>(LateVerdictsMs) * 1'000'000;
  std::vector<host::LateVerdict> late;

  while (late.size() < pending_ && host::MonotonicNs() < endNs) {
    poll(nullptr, 0, LookIntervalMs);
    instance_.GetLateVerdicts().TakeInto(late);
  }
  if (pending_ > 0) {
    std::fprintf(stderr, "%zu of %zu pending packets were answered\n", late.size(), pending_);
  }
}

}  // namespace mph::replay
