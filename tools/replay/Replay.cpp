#include "Replay.hpp"

#include "Clock.hpp"

#include <poll.h>
#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>
#include <vector>

namespace mph::replay {

using host::RecordKind;
using Mph::Control::EventType;
using Mph::Layout::Codec;
using Mph::Layout::MediaKind;

namespace {

// The one router that there is.
constexpr uint32_t Router = 1;
// There is no ring that something could be too long for.
constexpr auto MaxRecordLength = static_cast<uint32_t>(Mph::Layout::Limit::MaxRingSize) / 2;
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
    case MPH_TAKE:
      return "take";
    case MPH_BYPASS:
      return "bypass";
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

Replay::Replay(host::Instance& instance, host::WorkerCalls& calls, std::string routerId, const CapturedRecords& records,
               const Progress& progress)
    : instance_(instance),
      calls_(calls),
      records_(records),
      progress_(progress) {
  calls_.routers.Open(Router, {.ring = 0, .maxRecordLength = MaxRecordLength});
  calls_.rings.Connect(&unheard_);
  instance_.GetLateVerdicts().OpenRouter(Router, MaxRecordLength);
  // What a plugin is told, it may answer at once.
  events_.emplace(instance, Router, std::move(routerId), records.All().front().ReceivedAtNs());
  TellState();
}

Replay::~Replay() {
  instance_.GetLateVerdicts().CloseRouter(Router);
  calls_.routers.Close(Router);
  calls_.rings.Connect(nullptr);
}

// Ids and contexts are not in a capture; numbers, which packets name, are.
void Replay::TellState() {
  std::set<uint32_t> producers;
  std::set<uint32_t> attachments;

  for (const auto& record : records_.All()) {
    if (attachments.insert(record.Run()).second) {
      TellAttachment(record);
    }
  }
  for (const auto& record : records_.All()) {
    if (producers.insert(record.Producer()).second) {
      TellProducer(record);
    }
  }
}

void Replay::TellAttachment(const CapturedRecord& record) {
  flatbuffers::FlatBufferBuilder builder;
  const auto id = "attachment-" + std::to_string(record.Run());
  const auto mode = record.Ticket() == 0 ? Mph::Control::Mode::Observe : Mph::Control::Mode::Filter;

  Deliver(*events_, builder,
          Mph::Control::CreateEventDirect(builder, EventType::AttachmentAdded, nullptr, 0, nullptr, MediaKind::None, nullptr, 0, false,
                                          nullptr, record.Run(), id.c_str(), mode, "{}"),
          record.ReceivedAtNs());
}

void Replay::TellProducer(const CapturedRecord& record) {
  flatbuffers::FlatBufferBuilder builder;
  const auto number = record.Producer();

  if (record.kind == RecordKind::Data) {
    const auto id = "data-producer-" + std::to_string(number);

    Deliver(*events_, builder,
            Mph::Control::CreateEventDirect(builder, EventType::DataProducerCreated, nullptr, number, id.c_str(), MediaKind::Data),
            record.ReceivedAtNs());

    return;
  }

  const auto& packet = record.Packet();
  const auto id = "producer-" + std::to_string(number);
  const std::vector<uint32_t> ssrcs{packet.ssrc};
  const auto codec = NameOf(packet.codec);

  Deliver(*events_, builder,
          Mph::Control::CreateEventDirect(builder, EventType::ProducerCreated, nullptr, number, id.c_str(),
                                          static_cast<MediaKind>(packet.kind), codec.mimeType, codec.clockRate, false, &ssrcs),
          record.ReceivedAtNs());
}

void Replay::OneByOne() {
  const std::span all(records_.All());

  for (size_t i = 0; i < all.size(); ++i) {
    Hand(all.subspan(i, 1), i);
  }
  Finish();
}

// Batches are of one kind.
void Replay::AtOnce() {
  const std::span all(records_.All());

  for (size_t i = 0; i < all.size();) {
    const auto rest = all.subspan(i);
    const auto end = std::ranges::find_if(rest, [&](const auto& record) { return record.kind != rest.front().kind; });
    const auto count = static_cast<size_t>(end - rest.begin());

    Hand(rest.first(count), i);
    i += count;
  }
  Finish();
}

void Replay::Finish() {
  AwaitLateVerdicts();
  events_->Close(host::MonotonicNs());
  calls_.rings.Write();
  if (unheard_.Count() > 0) {
    std::fprintf(stderr, "%zu calls of the plugin were for a worker, which is not there\n", unheard_.Count());
  }
}

void Replay::Hand(std::span<const CapturedRecord> records, size_t first) {
  std::vector<uint8_t> verdicts(records.size(), MPH_ACCEPT);

  // The line is out before the plugin gets the packet: it may be the last one.
  for (size_t i = 0; i < records.size(); ++i) {
    Announce(records[i], first + i);
    std::fputs(records.size() > 1 ? "\n" : "", stderr);
    progress_.Packet();
  }
  Call(records, first, verdicts.data());
  if (records.size() == 1) {
    std::fprintf(stderr, ": %s\n", records.front().Ticket() == 0 ? "observed" : ToText(verdicts.front()));
  }
  for (size_t i = 0; i < records.size(); ++i) {
    pending_ += records[i].Ticket() != 0 && verdicts[i] == MPH_PENDING ? 1 : 0;
  }
  calls_.rings.Write();
}

void Replay::Announce(const CapturedRecord& record, size_t index) const {
  const auto all = records_.All().size();

  if (record.kind == RecordKind::Packet) {
    const auto& packet = record.Packet();

    std::fprintf(stderr, "packet %zu of %zu: producer %u, ssrc %u, sequence number %u, %u bytes", index + 1, all, packet.producer,
                 packet.ssrc, packet.sequence_number, packet.copied_length);
  } else {
    const auto& data = record.Data();

    std::fprintf(stderr, "packet %zu of %zu: a message of data producer %u, PPID %u, %u bytes", index + 1, all, data.data_producer,
                 data.ppid, data.copied_length);
  }
}

void Replay::Call(std::span<const CapturedRecord> records, size_t first, uint8_t* verdicts) {
  const auto count = static_cast<uint32_t>(records.size());
  std::vector<uint32_t> attachments;
  std::vector<uint64_t> causes;

  for (size_t i = 0; i < records.size(); ++i) {
    attachments.push_back(records[i].Run());
    // Where a packet without a ticket stood in its ring is not in a capture.
    causes.push_back(host::RecordInHand{.position = first + i, .ticket = records[i].Ticket()}.Cause());
  }
  if (records.front().kind == RecordKind::Packet) {
    std::vector<const mph_packet*> packets;

    for (const auto& record : records) {
      packets.push_back(&record.Packet());
    }
    if (instance_.WantsPackets()) {
      instance_.OnPackets({.size = sizeof(mph_batch),
                           .router = Router,
                           .count = count,
                           .reserved = 0,
                           .packets = packets.data(),
                           .verdicts = verdicts,
                           .attachments = attachments.data(),
                           .causes = causes.data()});
    }
  } else {
    std::vector<const mph_data*> messages;

    for (const auto& record : records) {
      messages.push_back(&record.Data());
    }
    if (instance_.WantsData()) {
      instance_.OnData({.size = sizeof(mph_data_batch),
                        .router = Router,
                        .count = count,
                        .reserved = 0,
                        .messages = messages.data(),
                        .verdicts = verdicts,
                        .attachments = attachments.data(),
                        .causes = causes.data()});
    }
  }
}

// A plugin's own threads may be what crashes.
void Replay::AwaitLateVerdicts() {
  const auto endNs = host::MonotonicNs() + static_cast<uint64_t>(LateVerdictsMs) * 1'000'000;
  size_t answered = 0;

  for (;;) {
    answered += TakeLateVerdicts();
    if (answered >= pending_ || host::MonotonicNs() >= endNs) {
      break;
    }
    poll(nullptr, 0, LookIntervalMs);
    calls_.rings.Write();
  }
  if (pending_ > 0) {
    std::fprintf(stderr, "%zu of %zu pending packets were answered\n", answered, pending_);
  }
}

size_t Replay::TakeLateVerdicts() {
  using Kind = host::LateVerdict::Kind;

  std::vector<host::LateVerdict> late;

  instance_.GetLateVerdicts().TakeInto(late);

  return static_cast<size_t>(
      std::ranges::count_if(late, [](const auto& verdict) { return verdict.kind == Kind::Verdict || verdict.kind == Kind::Replace; }));
}

}  // namespace mph::replay
