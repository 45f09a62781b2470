// What is recorded of one router: a pcapng file, and an Ogg file for each producer of Opus. [own thread]
#pragma once

#include "OggOpusFile.hpp"
#include "OpusTrack.hpp"
#include "PcapngFile.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>

namespace recorder {

// One packet as it goes through the queue.
struct PacketFacts {
  uint64_t receivedAtNs;  // CLOCK_MONOTONIC
  uint32_t producer;
  uint32_t ssrc;
  uint32_t timestamp;
  uint32_t fullLength;
  uint16_t sequenceNumber;
  uint16_t headerLength;
  uint8_t paddingLength;
  uint8_t payloadType;
  uint8_t codec;
  bool isRedelivered;
};

enum class RecordResult { Recorded, HadAlready, NotInOgg };

class RouterRecording {
 public:
  RouterRecording(std::filesystem::path directory, std::string routerId);

  // Files are made when there is something to write. All of these throw std::system_error.
  RecordResult Record(const PacketFacts& packet, const std::string& producerId, std::span<const uint8_t> bytes);
  void EndProducer(uint32_t producer);
  void Flush();
  void Finish();

 private:
  struct Audio {
    Audio(const std::filesystem::path& stem, uint32_t serial, const std::vector<std::string>& comments) : file(stem, serial, comments), track(file) {}

    OggOpusFile file;
    OpusTrack track;
  };

  bool IsInEarlierFile(const PacketFacts& packet, uint64_t atNs);
  bool AddToAudio(const PacketFacts& packet, const std::string& producerId, std::span<const uint8_t> payload);
  std::filesystem::path StemOf(const std::string& id) const;

  const std::filesystem::path directory_;
  const std::string routerId_;
  // From CLOCK_MONOTONIC to the time since 1970, once, so that steps of the machine's clock do not show.
  const uint64_t wallOffsetNs_;
  std::unique_ptr<PcapngFile> capture_;
  std::map<uint32_t, Audio> audio_;
  std::optional<std::set<PacketName>> earlier_;
};

}  // namespace recorder
