#include "PcapngFile.hpp"

#include "mph_plugin.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <vector>

namespace recorder {

namespace {

// https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html. All in this machine's byte order, which the section header tells.
constexpr uint32_t SectionHeaderBlock = 0x0A0D0D0A;
constexpr uint32_t InterfaceBlock = 1;
constexpr uint32_t EnhancedPacketBlock = 6;
constexpr uint16_t LinkTypeRaw = 101;  // begins with the IP header
constexpr uint16_t EndOfOptions = 0;
constexpr uint16_t InterfaceName = 2;
constexpr uint16_t TimestampResolution = 9;
constexpr uint16_t UserApplication = 4;

constexpr size_t IpHeaderLength = 20;
constexpr size_t UdpHeaderLength = 8;
constexpr size_t HeadersLength = IpHeaderLength + UdpHeaderLength;
constexpr uint32_t Source = 0xC0000201;       // 192.0.2.1, of the range for documentation (RFC 5737)
constexpr uint32_t Destination = 0xC0000202;  // 192.0.2.2
constexpr uint32_t SapGroup = 0xE0027FFE;     // 224.2.127.254
constexpr uint16_t SapPort = 9875;
constexpr uint16_t RtpPort = 5004;
constexpr size_t RtpHeaderLength = 12;

// A redelivered packet has the same time in both files, but for what each host made of the machine's clock.
constexpr uint64_t ClockToleranceNs = 2'000'000'000;

uint16_t PortOf(uint32_t producer) { return static_cast<uint16_t>(10'000 + producer % 50'000); }

// Length of a block, padded, with its type and both lengths.
uint32_t BlockLength(size_t body) { return static_cast<uint32_t>(12 + (body + 3) / 4 * 4); }

void PutOption(std::string& body, uint16_t code, std::string_view value) {
  const std::array<uint16_t, 2> head{code, static_cast<uint16_t>(value.size())};

  body.append(reinterpret_cast<const char*>(head.data()), sizeof head);
  body.append(value);
  body.resize((body.size() + 3) / 4 * 4);
}

void PutBlock(OutputFile& file, uint32_t type, std::string body) {
  const uint32_t length = BlockLength(body.size());

  body.resize(length - 12);
  file.Put(type);
  file.Put(length);
  file.Put(body.data(), body.size());
  file.Put(length);
  file.EndPiece();
}

void WriteBig(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

void WriteBig(uint8_t* at, uint32_t value) {
  WriteBig(at, static_cast<uint16_t>(value >> 16));
  WriteBig(at + 2, static_cast<uint16_t>(value));
}

uint16_t ReadBig16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }
uint32_t ReadBig32(const uint8_t* at) { return uint32_t{ReadBig16(at)} << 16 | ReadBig16(at + 2); }

template <typename T>
T Read(const uint8_t* at) {
  T value;

  std::memcpy(&value, at, sizeof value);

  return value;
}

uint16_t IpChecksum(const uint8_t* header) {
  uint32_t sum = 0;

  for (size_t i = 0; i < IpHeaderLength; i += 2) {
    sum += ReadBig16(header + i);
  }
  while (sum > 0xFFFF) {
    sum = (sum & 0xFFFF) + (sum >> 16);
  }

  return static_cast<uint16_t>(~sum);
}

std::array<uint8_t, HeadersLength> Headers(uint32_t destination, uint16_t sourcePort, uint16_t destinationPort, size_t length) {
  std::array<uint8_t, HeadersLength> bytes{};
  uint8_t* const ip = bytes.data();
  uint8_t* const udp = ip + IpHeaderLength;

  ip[0] = 0x45;
  WriteBig(ip + 2, static_cast<uint16_t>(HeadersLength + length));
  ip[8] = 64;
  ip[9] = 17;
  WriteBig(ip + 12, Source);
  WriteBig(ip + 16, destination);
  WriteBig(ip + 10, IpChecksum(ip));
  WriteBig(udp, sourcePort);
  WriteBig(udp + 2, destinationPort);
  WriteBig(udp + 4, static_cast<uint16_t>(UdpHeaderLength + length));  // no checksum, as IPv4 allows

  return bytes;
}

// As in an SDP's rtpmap; empty: none that it knows.
std::string_view EncodingOf(uint8_t codec) {
  switch (codec) {
    case MPH_CODEC_OPUS: return "opus/48000/2";
    case MPH_CODEC_PCMA: return "PCMA/8000";
    case MPH_CODEC_PCMU: return "PCMU/8000";
    case MPH_CODEC_G722: return "G722/8000";
    case MPH_CODEC_VP8: return "VP8/90000";
    case MPH_CODEC_VP9: return "VP9/90000";
    case MPH_CODEC_H264: return "H264/90000";
    case MPH_CODEC_AV1: return "AV1/90000";
    default: return "";
  }
}

}  // namespace

PcapngFile::PcapngFile(const std::filesystem::path& stem, const std::string& routerId) : file_(stem, ".pcapng") {
  std::string section;
  std::string interface;
  const auto put = [](std::string& body, auto value) { body.append(reinterpret_cast<const char*>(&value), sizeof value); };

  put(section, uint32_t{0x1A2B3C4D});
  put(section, uint16_t{1});
  put(section, uint16_t{0});
  put(section, int64_t{-1});
  PutOption(section, UserApplication, "mediasoup-plugin-host recorder");
  PutOption(section, EndOfOptions, "");
  PutBlock(file_, SectionHeaderBlock, std::move(section));

  put(interface, LinkTypeRaw);
  put(interface, uint16_t{0});
  put(interface, uint32_t{0});
  PutOption(interface, InterfaceName, "router " + routerId);
  PutOption(interface, TimestampResolution, "\x09");  // nanoseconds
  PutOption(interface, EndOfOptions, "");
  PutBlock(file_, InterfaceBlock, std::move(interface));
}

void PcapngFile::Append(const RtpPacket& packet, const std::string& producerId, uint64_t atNs) {
  Announce(packet, producerId, atNs);
  AppendUdp(atNs, Destination, RtpPort, PortOf(packet.producer), packet.bytes, packet.fullLength);
}

void PcapngFile::Announce(const RtpPacket& packet, const std::string& producerId, uint64_t atNs) {
  auto& payloadTypes = announced_[packet.producer];

  if (EncodingOf(packet.codec).empty() || !payloadTypes.try_emplace(packet.payloadType, packet.codec).second) {
    return;
  }

  const std::string version = std::to_string(payloadTypes.size());
  std::string media = packet.codec < MPH_CODEC_VP8 ? "m=audio " : "m=video ";
  std::string maps;

  media.append(std::to_string(PortOf(packet.producer))).append(" RTP/AVP");
  for (const auto& [payloadType, codec] : payloadTypes) {
    media.append(" ").append(std::to_string(payloadType));
    maps.append("a=rtpmap:").append(std::to_string(payloadType)).append(" ").append(EncodingOf(codec)).append("\r\n");
  }

  // Version 1, IPv4, no authentication, a hash of this message, its source.
  const auto hash = static_cast<uint16_t>(packet.producer + payloadTypes.size());
  std::string sap{'\x20', '\0', static_cast<char>(hash >> 8), static_cast<char>(hash), '\xC0', '\0', '\x02', '\x01'};

  sap.append("application/sdp").push_back('\0');
  sap.append("v=0\r\no=- ").append(std::to_string(packet.producer)).append(" ").append(version).append(" IN IP4 192.0.2.1\r\n");
  sap.append("s=").append(producerId).append("\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n").append(media).append("\r\n").append(maps);
  AppendUdp(atNs, SapGroup, SapPort, SapPort, {reinterpret_cast<const uint8_t*>(sap.data()), sap.size()}, static_cast<uint32_t>(sap.size()));
}

void PcapngFile::AppendUdp(uint64_t atNs, uint32_t destination, uint16_t sourcePort, uint16_t destinationPort,
                           std::span<const uint8_t> payload, uint32_t fullLength) {
  const auto headers = Headers(destination, sourcePort, destinationPort, fullLength);
  const size_t captured = HeadersLength + payload.size();
  const uint32_t length = BlockLength(20 + captured);

  file_.Put(EnhancedPacketBlock);
  file_.Put(length);
  file_.Put(uint32_t{0});  // the interface
  file_.Put(static_cast<uint32_t>(atNs >> 32));
  file_.Put(static_cast<uint32_t>(atNs));
  file_.Put(static_cast<uint32_t>(captured));
  file_.Put(static_cast<uint32_t>(HeadersLength + fullLength));
  file_.Put(headers.data(), headers.size());
  file_.Put(payload.data(), payload.size());
  file_.Put("\0\0\0", length - 12 - 20 - captured);
  file_.Put(length);
  file_.EndPiece();
}

std::set<PacketName> PcapngFile::ReadTail(const std::filesystem::path& path, uint64_t sinceNs) {
  constexpr size_t packetAt = 28;
  std::set<PacketName> names;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::streamoff end = file.tellg();
  std::vector<uint8_t> block;

  // Each block ends with its length, so the file can be read backwards.
  while (file && end >= 12) {
    uint32_t length = 0;

    file.seekg(end - 4);
    file.read(reinterpret_cast<char*>(&length), sizeof length);
    if (!file || length < 12 || length % 4 != 0 || length > end) {
      break;
    }
    block.resize(length);
    end -= length;
    file.seekg(end);
    file.read(reinterpret_cast<char*>(block.data()), length);
    if (!file || Read<uint32_t>(block.data()) != EnhancedPacketBlock || length < packetAt + HeadersLength + RtpHeaderLength + 4) {
      break;
    }

    const uint8_t* const udp = &block[packetAt + IpHeaderLength];
    const uint8_t* const rtp = udp + UdpHeaderLength;
    const uint64_t atNs = uint64_t{Read<uint32_t>(&block[12])} << 32 | Read<uint32_t>(&block[16]);

    if (atNs + ClockToleranceNs < sinceNs) {
      break;
    }
    if (ReadBig16(udp) == RtpPort) {
      names.emplace(ReadBig32(rtp + 8), ReadBig16(rtp + 2), ReadBig32(rtp + 4));
    }
  }

  return names;
}

}  // namespace recorder
