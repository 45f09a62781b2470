// One Opus stream with another gain: decoded, amplified, encoded. Timestamps stay; the encoder adds 6.5 ms of delay to what is heard.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <opus/opus.h>
#include <span>

class Transcoder {
 public:
  // Throws std::runtime_error.
  Transcoder();

  // `gain` is a factor. Calls emit(samples since the packet's begin, payload) for each packet that comes of it: one, but for packets of a length
  // that an encoder does not make. False: it is no Opus packet, or came too late.
  template <typename Emit>
  bool Process(uint16_t sequenceNumber, std::span<const uint8_t> packet, float gain, Emit emit) {
    const int samples = Decode(sequenceNumber, packet, gain);

    for (int begin = 0, length = 0; begin < samples; begin += length) {
      length = EncodableSamples(samples - begin);

      const auto payload = IsSilence(packet) ? packet : Encode(begin, length);

      if (!payload.empty()) {
        emit(static_cast<uint32_t>(begin), payload);
      }
      if (IsSilence(packet)) {
        break;
      }
    }

    return samples > 0;
  }

 private:
  static constexpr int SampleRate = 48'000;
  static constexpr int Channels = 2;
  static constexpr int MaxSamples = 5'760;

  // A sender with DTX says with it that nothing comes for a while; it goes on as it is.
  static bool IsSilence(std::span<const uint8_t> packet) { return packet.size() <= 2; }
  static int EncodableSamples(int samples);

  int Decode(uint16_t sequenceNumber, std::span<const uint8_t> packet, float gain);
  void Conceal(uint16_t missing);
  void Amplify(int samples, float gain);
  void FollowSource(std::span<const uint8_t> packet, int samples);
  std::span<const uint8_t> Encode(int begin, int samples);

  std::unique_ptr<OpusDecoder, decltype(&opus_decoder_destroy)> decoder_;
  std::unique_ptr<OpusEncoder, decltype(&opus_encoder_destroy)> encoder_;
  bool hasBegun_{false};
  uint16_t lastSequenceNumber_{0};
  int lastSamples_{0};
  float lastGain_{1};
  float bitrate_{0};
  std::array<float, Channels> clipState_{};
  std::array<float, size_t{MaxSamples} * Channels> pcm_;
  std::array<uint8_t, 1'275> encoded_;
};
