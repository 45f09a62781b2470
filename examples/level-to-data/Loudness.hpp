// How loud a stream of Opus packets is: the mean power of what has been decoded since it was last asked.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <opus/opus.h>
#include <span>
#include <stdexcept>

class Loudness {
 public:
  // Throws std::runtime_error.
  Loudness() : decoder_(opus_decoder_create(SampleRate, Channels, nullptr), opus_decoder_destroy) {
    if (!decoder_) {
      throw std::runtime_error("libopus has no memory for another stream");
    }
  }

  // False: it is no Opus packet.
  bool Add(std::span<const uint8_t> packet) {
    const int samples = opus_decode_float(decoder_.get(), packet.data(), static_cast<opus_int32>(packet.size()), pcm_.data(), MaxSamples, 0);

    for (int i = 0; i < samples * Channels; ++i) {
      power_ += double{pcm_[static_cast<size_t>(i)]} * pcm_[static_cast<size_t>(i)];
    }
    values_ += samples > 0 ? static_cast<uint64_t>(samples) * Channels : 0;

    return samples > 0;
  }

  // In dBov (RFC 6465: 0 is the loudest there is, -127 silence) since the last call; nothing was added: silence.
  double Take() {
    const double mean = values_ == 0 ? 0 : power_ / static_cast<double>(values_);

    power_ = 0;
    values_ = 0;

    return mean > 0 ? std::fmin(std::fmax(10 * std::log10(mean), -127), 0) : -127;
  }

 private:
  static constexpr int SampleRate = 48'000;
  static constexpr int Channels = 2;
  static constexpr int MaxSamples = 5'760;

  std::unique_ptr<OpusDecoder, decltype(&opus_decoder_destroy)> decoder_;
  std::array<float, size_t{MaxSamples} * Channels> pcm_;
  double power_{0};
  uint64_t values_{0};
};
