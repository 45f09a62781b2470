// RTP that comes from a plugin or goes to one: a packet that RtpBuilder makes of what was injected, a held packet whose payload is replaced, the record
// that a host reads. A packet that was built is parsed again and has to be the same, with a header that consumers can write into.

#include "FuzzInput.hpp"

#include "PluginHost/HeldPacket.hpp"
#include "PluginHost/PacketRecord.hpp"
#include "PluginHost/RtpBuilder.hpp"
#include "PluginHost/Vp8Picture.hpp"
#include "mph/fbs/layout.h"
#include "RTC/Consts.hpp"
#include "RTC/RTP/Codecs/Tools.hpp"

#include <array>
#include <memory>

namespace {

using mph::fuzz::FuzzInput;
using mph::fuzz::Require;
using RTC::RtpCodecMimeType;
using Packet = RTC::RTP::Packet;

struct Codec {
  RTC::Media::Kind kind;
  const char* mimeType;
};

constexpr std::array Codecs{
    Codec{RTC::Media::Kind::AUDIO, "audio/opus"}, Codec{RTC::Media::Kind::VIDEO, "video/VP8"},  Codec{RTC::Media::Kind::VIDEO, "video/VP9"},
    Codec{RTC::Media::Kind::VIDEO, "video/H264"}, Codec{RTC::Media::Kind::VIDEO, "video/AV1"}, Codec{RTC::Media::Kind::AUDIO, "audio/PCMU"},
};

RtpCodecMimeType MimeTypeOf(const Codec& codec) {
  RtpCodecMimeType mimeType;

  mimeType.SetMimeType(codec.mimeType);

  return mimeType;
}

// In memory of its own, exactly as long as it is.
std::vector<uint8_t> BytesOf(const Packet& packet) { return {packet.GetBuffer(), packet.GetBuffer() + packet.GetLength()}; }

void WriteRecord(const Packet& packet, const Codec& codec) {
  PluginHost::ProducerInfo producer;

  producer.number = 7;
  producer.kind = codec.kind == RTC::Media::Kind::VIDEO ? Mph::Layout::MediaKind::Video : Mph::Layout::MediaKind::Audio;

  for (const auto copy : {Mph::Control::Copy::Full, Mph::Control::Copy::Headers, Mph::Control::Copy::Meta}) {
    std::vector<uint8_t> record(PluginHost::PacketRecord::GetLength(&packet, copy));

    PluginHost::PacketRecord::Write(record.data(), &packet, producer, {.copy = copy});

    Mph::Layout::PacketRecord header;

    std::memcpy(&header, record.data(), sizeof header);
    Require(header.header().length() == record.size(), "a record does not say how long it is");
    Require(header.copiedLength() <= header.fullLength() && header.rtpHeaderLength() <= header.fullLength(),
            "a record says more than there is");
  }
}

// mediasoup gives a picture id of VP8 that has one byte a second one.
bool HasPayload(const Packet& packet, const std::vector<uint8_t>& payload) {
  const auto length = packet.GetPayloadLength();

  if (length == payload.size() + 1 && payload.size() >= 3 && (payload[0] & payload[1] & 0x80) != 0 && (payload[2] & 0x80) == 0) {
    const auto* const bytes = packet.GetPayload();

    return std::equal(payload.begin(), payload.begin() + 2, bytes) && (bytes[2] & 0x80) != 0 && bytes[3] == payload[2] &&
           std::equal(payload.begin() + 3, payload.end(), bytes + 4);
  }

  return length == payload.size() && (length == 0 || std::equal(payload.begin(), payload.end(), packet.GetPayload()));
}

void CheckSame(const Packet& built, const PluginHost::InjectedRtp& rtp, const std::vector<uint8_t>& payload) {
  const auto bytes = BytesOf(built);

  Require(bytes.size() <= 64 + PluginHost::RtpBuilder::MaxPayloadLength + 1, "a packet is longer than header and payload can be");

  const std::unique_ptr<Packet> parsed(Packet::Parse(bytes.data(), bytes.size()));

  Require(parsed != nullptr, "a packet that was built cannot be parsed");
  Require(parsed->GetSsrc() == rtp.ssrc && parsed->GetTimestamp() == rtp.timestamp && parsed->HasMarker() == rtp.marker &&
              parsed->GetPayloadType() == (rtp.payloadType & 0x7f),
          "a packet has another header than was asked for");
  Require(HasPayload(*parsed, payload), "a packet has another payload than was asked for");
}

void FuzzBuild(FuzzInput& input) {
  const auto& codec = Codecs[input.TakeBelow(Codecs.size())];
  const auto mimeType = MimeTypeOf(codec);
  PluginHost::InjectedRtp rtp{.ssrc = input.Take<uint32_t>(),
                              .timestamp = input.Take<uint32_t>(),
                              .payloadType = static_cast<uint8_t>(input.Take<uint8_t>() & 0x7f),
                              .marker = input.TakeBool(),
                              .audioLevel = input.Take<uint8_t>(),
                              .voice = input.TakeBool()};
  const bool hasPacketIds = input.TakeBool();
  auto payload = input.TakeRest();

  // The longest that there may be, now and then.
  if (rtp.timestamp % 64 == 1) {
    payload.resize(PluginHost::RtpBuilder::MaxPayloadLength);
  }
  rtp.payload = payload.data();
  rtp.payloadLength = payload.size();

  const auto packet = PluginHost::RtpBuilder::Build(rtp, {.kind = codec.kind, .mimeType = mimeType, .hasPacketIds = hasPacketIds});

  CheckSame(*packet, rtp, payload);
  PluginHost::Vp8Picture::GetId(payload.data(), payload.size());
  WriteRecord(*packet, codec);

  // As consumers do with what they are handed.
  Require(packet->UpdateMid(std::string(RTC::Consts::MidRtpExtensionMaxLength, 'm')), "a packet has no room for the longest MID");
  packet->SetSequenceNumber(static_cast<uint16_t>(rtp.ssrc));
}

void FuzzHeld(FuzzInput& input) {
  static PluginHost::HeldPacketPool pool;
  const auto& codec = Codecs[input.TakeBelow(Codecs.size())];
  const auto mimeType = MimeTypeOf(codec);
  auto bytes = input.TakeBytes(input.TakeBelow(200));
  const auto length = bytes.size();

  // A live packet has room behind it, which mediasoup's parser of VP8 makes use of.
  bytes.resize(length + 100);

  const std::unique_ptr<Packet> live(length == 0 ? nullptr : Packet::Parse(bytes.data(), length, bytes.size()));

  if (!live) {
    return;
  }

  std::unique_ptr<RTC::RTP::Codecs::DependencyDescriptor::TemplateDependencyStructure> structure;

  RTC::RTP::Codecs::Tools::ProcessRtpPacket(live.get(), mimeType, structure);
  WriteRecord(*live, codec);

  auto* const held = pool.Hold(live.get());
  auto payload = input.TakeRest();

  if (live->GetTimestamp() % 64 == 1) {
    // Longer than what the clone has room for.
    payload.resize(3000);
  }
  held->SetPayload(payload.data(), payload.size());
  held->ParsePayload(mimeType);
  Require(HasPayload(*held->GetPacket(), payload), "a held packet has another payload than it was given");
  Require(held->GetPacket()->GetSsrc() == live->GetSsrc(), "a held packet has another SSRC than the live one");
  WriteRecord(*held->GetPacket(), codec);
  pool.Free(held);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzInput input(data, size);

  if (input.TakeBool()) {
    FuzzBuild(input);
  } else {
    FuzzHeld(input);
  }

  return 0;
}
