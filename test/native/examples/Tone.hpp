// A sine as Opus packets of 20 ms, and how loud Opus packets are.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <opus/opus.h>
#include <vector>

class Tone {
 public:
  static constexpr int PacketSamples = 960;

  // `amplitude` of 1 is as loud as it gets: -3.01 dBov.
  explicit Tone(float amplitude, int channels = 2)
      : amplitude_(amplitude), channels_(channels), encoder_(opus_encoder_create(48'000, channels, OPUS_APPLICATION_AUDIO, nullptr)) {}
  ~Tone() { opus_encoder_destroy(encoder_); }

  Tone(const Tone&) = delete;
  Tone& operator=(const Tone&) = delete;

  std::vector<uint8_t> Next(int samples = PacketSamples) {
    std::vector<float> pcm(static_cast<size_t>(samples * channels_));
    std::vector<uint8_t> packet(1'275);

    for (size_t i = 0; i < pcm.size(); ++i) {
      const auto at = static_cast<double>(position_ + i / static_cast<size_t>(channels_));

      pcm[i] = amplitude_ * static_cast<float>(std::sin(2 * std::numbers::pi * 440 * at / 48'000));
    }
    position_ += static_cast<uint64_t>(samples);
    packet.resize(static_cast<size_t>(opus_encode_float(encoder_, pcm.data(), samples, packet.data(), 1'275)));

    return packet;
  }

 private:
  const float amplitude_;
  const int channels_;
  uint64_t position_{0};
  OpusEncoder* const encoder_;
};

// In dBov, of the second half of what they decode to.
inline double LoudnessOf(const std::vector<std::vector<uint8_t>>& packets) {
  OpusDecoder* const decoder = opus_decoder_create(48'000, 2, nullptr);
  std::array<float, size_t{5'760} * 2> pcm{};
  double power = 0;
  size_t values = 0;

  for (size_t i = 0; i < packets.size(); ++i) {
    const int samples = opus_decode_float(decoder, packets[i].data(), static_cast<opus_int32>(packets[i].size()), pcm.data(), 5'760, 0);

    for (size_t at = 0; i >= packets.size() / 2 && at < static_cast<size_t>(samples) * 2; ++at, ++values) {
      power += double{pcm[at]} * pcm[at];
    }
  }
  opus_decoder_destroy(decoder);

  return 10 * std::log10(power / static_cast<double>(values));
}
