#include "OggOpusFile.hpp"

#include "OpusPacket.hpp"

#include <array>

namespace recorder {

namespace {

// RFC 7845, section 4.2: what a stream that is joined on its way should leave out at its beginning, until the decoder has converged.
constexpr uint16_t PreSkip = 3'840;

constexpr uint8_t FirstPage = 2;
constexpr uint8_t LastPage = 4;
constexpr size_t MaxSegments = 255;
// RFC 7845, section 5.1.
constexpr uint64_t MaxPageSamples = opus::SampleRate;

constexpr std::array<uint32_t, 256> CrcTable = [] {
  std::array<uint32_t, 256> table{};

  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t value = i << 24;

    for (int bit = 0; bit < 8; ++bit) {
      value = value << 1 ^ (value & 0x8000'0000 ? 0x04C1'1DB7 : 0);
    }
    table[i] = value;
  }

  return table;
}();

uint32_t CrcOf(std::string_view bytes) {
  uint32_t crc = 0;

  for (const char byte : bytes) {
    crc = crc << 8 ^ CrcTable[(crc >> 24 ^ static_cast<uint8_t>(byte)) & 0xFF];
  }

  return crc;
}

// Ogg is little endian, as the machines are for which this is built.
template <typename T>
void Put(std::string& text, T value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void PutText(std::string& text, std::string_view value) {
  Put(text, static_cast<uint32_t>(value.size()));
  text.append(value);
}

}  // namespace

OggOpusFile::OggOpusFile(const std::filesystem::path& stem, uint32_t serial, const std::vector<std::string>& comments)
    : file_(stem, ".opus"), serial_(serial) {
  std::string head = "OpusHead";
  std::string tags = "OpusTags";

  Put(head, uint8_t{1});
  Put(head, uint8_t{2});  // channels to decode to; a packet says itself how many it has
  Put(head, PreSkip);
  Put(head, opus::SampleRate);
  Put(head, uint16_t{0});  // gain
  Put(head, uint8_t{0});   // mapping family
  PutHeader(head, FirstPage);

  PutText(tags, "mediasoup-plugin-host recorder");
  Put(tags, static_cast<uint32_t>(comments.size()));
  for (const auto& comment : comments) {
    PutText(tags, comment);
  }
  PutHeader(tags, 0);
}

void OggOpusFile::PutHeader(std::string_view packet, uint8_t flags) {
  AddPacket({reinterpret_cast<const uint8_t*>(packet.data()), packet.size()});
  EndPage(flags);
}

void OggOpusFile::Append(std::span<const uint8_t> packet, uint32_t samples) {
  const size_t segments = packet.size() / 255 + 1;

  if (!segments_.empty() && (segments_.size() + segments > MaxSegments || position_ + samples - pageBegin_ > MaxPageSamples)) {
    EndPage(0);
  }
  AddPacket(packet);
  position_ += samples;
}

void OggOpusFile::Finish() {
  EndPage(LastPage);
  file_.Flush();
}

void OggOpusFile::AddPacket(std::span<const uint8_t> packet) {
  segments_.append(packet.size() / 255, '\xFF');
  segments_.push_back(static_cast<char>(packet.size() % 255));
  body_.append(reinterpret_cast<const char*>(packet.data()), packet.size());
}

void OggOpusFile::EndPage(uint8_t flags) {
  constexpr size_t crcAt = 22;
  std::string page = "OggS";

  Put(page, uint8_t{0});
  Put(page, flags);
  Put(page, position_);
  Put(page, serial_);
  Put(page, pages_++);
  Put(page, uint32_t{0});
  Put(page, static_cast<uint8_t>(segments_.size()));
  page += segments_;
  page += body_;

  const uint32_t crc = CrcOf(page);

  page.replace(crcAt, sizeof crc, reinterpret_cast<const char*>(&crc), sizeof crc);
  file_.Put(page.data(), page.size());
  file_.EndPiece();
  segments_.clear();
  body_.clear();
  pageBegin_ = position_;
}

}  // namespace recorder
