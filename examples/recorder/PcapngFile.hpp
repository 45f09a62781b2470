// RTP packets as a pcapng file: each one as the payload of an IPv4 and UDP packet of its own, from port 5004 to a port per producer. An SDP
// (in a SAP packet, RFC 2974) says which payload type is which codec, so that Wireshark decodes it as what it is.
#pragma once

#include "OutputFile.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <tuple>

namespace recorder {

struct RtpPacket {
  uint32_t producer;
  uint8_t codec;  // mph_codec
  uint8_t payloadType;
  uint32_t fullLength;
  std::span<const uint8_t> bytes;  // maybe not all of it
};

// SSRC, sequence number and timestamp.
using PacketName = std::tuple<uint32_t, uint16_t, uint32_t>;

class PcapngFile {
 public:
  PcapngFile(const std::filesystem::path& stem, const std::string& routerId);

  const std::filesystem::path& Path() const { return file_.Path(); }
  // `atNs`: since 1970. Throws std::system_error, like Flush().
  void Append(const RtpPacket& packet, const std::string& producerId, uint64_t atNs);
  void Flush() { file_.Flush(); }

  // Names of the packets at the end of a file like this one that were received at `sinceNs` or later. A file that is not one has none.
  static std::set<PacketName> ReadTail(const std::filesystem::path& file, uint64_t sinceNs);

 private:
  void Announce(const RtpPacket& packet, const std::string& producerId, uint64_t atNs);
  void AppendUdp(uint64_t atNs, uint32_t destination, uint16_t sourcePort, uint16_t destinationPort, std::span<const uint8_t> payload,
                 uint32_t fullLength);

  OutputFile file_;
  std::map<uint32_t, std::map<uint8_t, uint8_t>> announced_;  // per producer: payload type → mph_codec
};

}  // namespace recorder
