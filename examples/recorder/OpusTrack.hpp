// One producer's Opus stream, brought into order and without holes: the file's time is that of the RTP timestamps.
#pragma once

#include "OggOpusFile.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace recorder {

class OpusTrack {
 public:
  explicit OpusTrack(OggOpusFile& file) : file_(file) {}

  // False: it is no Opus packet, came too late or twice, and is left out. Throws std::system_error, like Finish().
  bool Add(uint32_t timestamp, uint64_t receivedAtNs, std::span<const uint8_t> packet);
  void Finish();

 private:
  int64_t PositionOf(uint32_t timestamp, uint64_t receivedAtNs) const;
  void WriteNext();
  void Fill(int64_t samples);

  OggOpusFile& file_;
  bool hasBegun_{false};
  // The packet that is furthest in time.
  uint32_t newestTimestamp_{0};
  int64_t newestPosition_{0};
  uint64_t newestReceivedAtNs_{0};
  // Those that came before one that is missing, by position.
  std::map<int64_t, std::vector<uint8_t>> waiting_;
  int64_t writtenUntil_{0};
  uint8_t lastToc_{0};
};

}  // namespace recorder
