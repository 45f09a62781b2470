// Opus packets, one behind the other, as an Ogg file (RFC 3533, RFC 7845). What does not follow in time is the caller's to fill.
#pragma once

#include "OutputFile.hpp"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace recorder {

class OggOpusFile {
 public:
  // `comments`: "NAME=value" each.
  OggOpusFile(const std::filesystem::path& stem, uint32_t serial, const std::vector<std::string>& comments);

  const std::filesystem::path& Path() const { return file_.Path(); }
  // Throws std::system_error, like Flush() and Finish().
  void Append(std::span<const uint8_t> packet, uint32_t samples);
  // Writes the pages that are whole; the last one waits, since it says that it is.
  void Flush() { file_.Flush(); }
  // Ends the stream and writes all of it.
  void Finish();

 private:
  void PutHeader(std::string_view packet, uint8_t flags);
  void AddPacket(std::span<const uint8_t> packet);
  void EndPage(uint8_t flags);

  OutputFile file_;
  const uint32_t serial_;
  uint32_t pages_{0};
  uint64_t position_{0};  // samples until here, those to be skipped included
  // The page that is being made.
  uint64_t pageBegin_{0};
  std::string segments_;
  std::string body_;
};

}  // namespace recorder
