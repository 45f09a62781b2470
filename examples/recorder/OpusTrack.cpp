#include "OpusTrack.hpp"

#include "OpusPacket.hpp"

#include <algorithm>

namespace recorder {

namespace {

// How long it is waited for a packet that is missing, in samples.
constexpr int64_t Patience = opus::SampleRate / 5;
// Timestamps that jump by more against the time of arrival are those of a sender that has begun anew.
constexpr int64_t MaxDrift = 2 * opus::SampleRate;

}  // namespace

bool OpusTrack::Add(uint32_t timestamp, uint64_t receivedAtNs, std::span<const uint8_t> packet) {
  if (opus::SamplesOf(packet) == 0) {
    return false;
  }

  const int64_t position = hasBegun_ ? PositionOf(timestamp, receivedAtNs) : 0;

  if (position < writtenUntil_ || !waiting_.try_emplace(position, packet.begin(), packet.end()).second) {
    return false;
  }
  if (!hasBegun_ || position > newestPosition_) {
    hasBegun_ = true;
    newestTimestamp_ = timestamp;
    newestPosition_ = position;
    newestReceivedAtNs_ = receivedAtNs;
  }
  const auto isDue = [&](int64_t next) { return next - writtenUntil_ < opus::SamplesUnit || newestPosition_ - next >= Patience; };

  while (!waiting_.empty() && isDue(waiting_.begin()->first)) {
    WriteNext();
  }

  return true;
}

void OpusTrack::Finish() {
  while (!waiting_.empty()) {
    WriteNext();
  }
  file_.Finish();
}

int64_t OpusTrack::PositionOf(uint32_t timestamp, uint64_t receivedAtNs) const {
  const int64_t byTimestamp = static_cast<int32_t>(timestamp - newestTimestamp_);
  const int64_t elapsedNs = static_cast<int64_t>(receivedAtNs - newestReceivedAtNs_);
  const int64_t byArrival = elapsedNs / 1000 * opus::SampleRate / 1'000'000;

  if (std::abs(byTimestamp - byArrival) <= MaxDrift) {
    return newestPosition_ + byTimestamp;
  }

  return newestPosition_ + std::max<int64_t>(byArrival, opus::SamplesUnit);
}

void OpusTrack::WriteNext() {
  const auto node = waiting_.extract(waiting_.begin());
  const auto& packet = node.mapped();
  const uint32_t samples = opus::SamplesOf(packet);

  Fill(node.key() - writtenUntil_);
  file_.Append(packet, samples);
  writtenUntil_ += samples;
  lastToc_ = packet[0];
}

// RFC 7845, section 4.1: with frames like those before, and what is left with shorter ones of CELT. Less than 2.5 ms stays open.
void OpusTrack::Fill(int64_t samples) {
  const auto fill = [&](uint8_t toc) {
    const uint32_t length = opus::FrameSamples(toc);

    file_.Append({&toc, 1}, length);
    writtenUntil_ += length;
    samples -= length;
  };

  while (samples >= opus::FrameSamples(lastToc_)) {
    fill(opus::LostLike(lastToc_));
  }
  while (samples >= opus::SamplesUnit) {
    fill(opus::LostOf(lastToc_, static_cast<uint32_t>(samples)));
  }
}

}  // namespace recorder
