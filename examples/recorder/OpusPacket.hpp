// What the first bytes of an Opus packet say (RFC 6716, section 3.1). Samples are those of 48 kHz.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace recorder::opus {

constexpr uint32_t SampleRate = 48'000;
// A packet has at most 120 ms.
constexpr uint32_t MaxSamples = 5'760;
// Frames are a multiple of 2.5 ms long.
constexpr uint32_t SamplesUnit = 120;

inline uint32_t FrameSamples(uint8_t toc) {
  const uint8_t config = toc >> 3;

  if (config < 12) {
    return std::array{480u, 960u, 1920u, 2880u}[config & 3];
  }

  return config < 16 ? std::array{480u, 960u}[config & 1] : SamplesUnit << (config & 3);
}

// 0: it is no Opus packet.
inline uint32_t SamplesOf(std::span<const uint8_t> packet) {
  if (packet.empty()) {
    return 0;
  }

  const uint8_t code = packet[0] & 3;

  if (code == 3 && packet.size() < 2) {
    return 0;
  }

  const uint32_t frames = code == 0 ? 1 : code < 3 ? 2 : packet[1] & 0x3F;
  const uint32_t samples = frames * FrameSamples(packet[0]);

  return samples <= MaxSamples ? samples : 0;
}

// A packet of one frame without a byte, for which a decoder conceals: as the one with this first byte, or as long as `samples` say (CELT, at
// most 20 ms).
inline uint8_t LostLike(uint8_t toc) { return toc & 0xFC; }

inline uint8_t LostOf(uint8_t toc, uint32_t samples) {
  const uint8_t size = samples >= 960 ? 3 : samples >= 480 ? 2 : samples >= 240 ? 1 : 0;

  return static_cast<uint8_t>((28 + size) << 3 | (toc & 4));
}

}  // namespace recorder::opus
