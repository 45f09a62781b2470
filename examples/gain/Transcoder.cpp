#include "Transcoder.hpp"

#include <algorithm>
#include <stdexcept>

namespace {

// More than that in a row is a pause, not a loss.
constexpr uint16_t MaxConcealed = 5;
// The encoder follows the source's bitrate this slowly.
constexpr float BitrateWeight = 0.05F;

}  // namespace

Transcoder::Transcoder()
    : decoder_(opus_decoder_create(SampleRate, Channels, nullptr), opus_decoder_destroy),
      encoder_(opus_encoder_create(SampleRate, Channels, OPUS_APPLICATION_AUDIO, nullptr), opus_encoder_destroy) {
  if (!decoder_ || !encoder_) {
    throw std::runtime_error("libopus has no memory for another stream");
  }
  opus_encoder_ctl(encoder_.get(), OPUS_SET_COMPLEXITY(5));
}

int Transcoder::EncodableSamples(int samples) {
  for (const int encodable : {2'880, 1'920, 960, 480, 240}) {
    if (samples >= encodable) {
      return encodable;
    }
  }

  return 120;
}

int Transcoder::Decode(uint16_t sequenceNumber, std::span<const uint8_t> packet, float gain) {
  const auto ahead = static_cast<int16_t>(sequenceNumber - lastSequenceNumber_);

  if (hasBegun_ && ahead <= 0) {
    return 0;
  }
  if (hasBegun_ && ahead > 1) {
    Conceal(static_cast<uint16_t>(ahead - 1));
  }
  hasBegun_ = true;
  lastSequenceNumber_ = sequenceNumber;

  const int samples = opus_decode_float(decoder_.get(), packet.data(), static_cast<opus_int32>(packet.size()), pcm_.data(), MaxSamples, 0);

  if (samples <= 0) {
    return 0;
  }
  lastSamples_ = samples;
  Amplify(samples, gain);
  if (!IsSilence(packet)) {
    FollowSource(packet, samples);
  }

  return samples;
}

// What is lost on the way here stays lost, and the receiver conceals it; this decoder must only go on as the receiver's would.
void Transcoder::Conceal(uint16_t missing) {
  for (uint16_t i = 0; i < std::min(missing, MaxConcealed); ++i) {
    if (lastSamples_ == 0 || opus_decode_float(decoder_.get(), nullptr, 0, pcm_.data(), lastSamples_, 0) < 0) {
      return;
    }
  }
}

// From the last packet's gain to this one's, so that a change does not click.
void Transcoder::Amplify(int samples, float gain) {
  const float step = (gain - lastGain_) / static_cast<float>(samples);

  for (int i = 0; i < samples; ++i) {
    const float factor = lastGain_ + step * static_cast<float>(i + 1);

    for (int channel = 0; channel < Channels; ++channel) {
      pcm_[static_cast<size_t>(i * Channels + channel)] *= factor;
    }
  }
  lastGain_ = gain;
  opus_pcm_soft_clip(pcm_.data(), samples, Channels, clipState_.data());
}

void Transcoder::FollowSource(std::span<const uint8_t> packet, int samples) {
  const float bitrate = static_cast<float>(packet.size() * 8) * SampleRate / static_cast<float>(samples);

  bitrate_ = bitrate_ == 0 ? bitrate : bitrate_ + (bitrate - bitrate_) * BitrateWeight;
  opus_encoder_ctl(encoder_.get(), OPUS_SET_FORCE_CHANNELS(opus_packet_get_nb_channels(packet.data())));
  opus_encoder_ctl(encoder_.get(), OPUS_SET_MAX_BANDWIDTH(opus_packet_get_bandwidth(packet.data())));
  opus_encoder_ctl(encoder_.get(), OPUS_SET_BITRATE(std::clamp(static_cast<int>(bitrate_), 6'000, 510'000)));
}

std::span<const uint8_t> Transcoder::Encode(int begin, int samples) {
  const float* const pcm = &pcm_[static_cast<size_t>(begin * Channels)];
  const int length = opus_encode_float(encoder_.get(), pcm, samples, encoded_.data(), static_cast<opus_int32>(encoded_.size()));

  return {encoded_.data(), static_cast<size_t>(std::max(length, 0))};
}
