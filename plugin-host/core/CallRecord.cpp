#include "CallRecord.hpp"

#include <limits>

namespace mph::host {

namespace {

using Mph::Layout::RecordHeader;
using Mph::Layout::RecordType;

using Part = std::span<const uint8_t>;

// Set when the rest of the record is known.
const RecordHeader NoHeader{};

constexpr uint64_t Aligned(uint64_t length) { return (length + shm::RecordAlignment - 1) & ~uint64_t{shm::RecordAlignment - 1}; }

template <typename T>
Part Bytes(const T* values, size_t count) {
  return {reinterpret_cast<const uint8_t*>(values), count * sizeof(T)};
}

// A plugin that was built before it was there knows of none.
int32_t IgnoredSubchannel(const mph_data_out& data) {
  return MPH_HAS(mph_data_out, &data, ignored_subchannel) && data.has_ignored_subchannel != 0 ? data.ignored_subchannel : -1;
}

uint8_t IsReceived(const mph_data_out& data) { return MPH_HAS(mph_data_out, &data, as_received) && data.as_received != 0 ? 1 : 0; }

// A plugin may say that something is there and give no address.
bool IsThere(const void* address, size_t count) { return address != nullptr || count == 0; }

}  // namespace

// False: longer than the fields of the header can say.
bool CallRecord::Finish(RecordType type, std::span<const Part> parts) {
  uint64_t payloadOffset = fixedLength_;
  uint64_t length = fixedLength_;

  for (const auto& part : parts) {
    parts_[partCount_++] = part;
    payloadOffset = Aligned(length);
    length = payloadOffset + part.size();
  }
  if (payloadOffset > std::numeric_limits<uint16_t>::max() || length > std::numeric_limits<uint32_t>::max()) {
    return false;
  }
  length_ = static_cast<uint32_t>(length);

  const RecordHeader header(length_, type, 0, static_cast<uint16_t>(payloadOffset));

  std::memcpy(fixed_.data(), &header, sizeof header);

  return true;
}

void CallRecord::CopyTo(uint8_t* to) const {
  size_t end = fixedLength_;

  std::memcpy(to, fixed_.data(), fixedLength_);
  for (size_t i = 0; i < partCount_; ++i) {
    const auto& part = parts_[i];
    const auto begin = Aligned(end);

    std::memset(to + end, 0, begin - end);
    if (!part.empty()) {
      std::memcpy(to + begin, part.data(), part.size());
    }
    end = begin + part.size();
  }
}

std::optional<CallRecord> MakeInjectRtp(const mph_rtp* rtp, uint64_t call) {
  if (rtp == nullptr || !MPH_HAS(mph_rtp, rtp, cause) || !IsThere(rtp->payload, rtp->payload_length) ||
      !IsThere(rtp->consumers, rtp->consumer_count) || rtp->consumer_count > std::numeric_limits<uint16_t>::max()) {
    return std::nullopt;
  }

  const Mph::Layout::InjectRtpRecord fixed(NoHeader, call, rtp->cause, rtp->producer, rtp->ssrc, rtp->timestamp, rtp->payload_length,
                                           static_cast<uint16_t>(rtp->consumer_count), rtp->payload_type, rtp->marker != 0 ? 1 : 0,
                                           rtp->audio_level, rtp->voice != 0 ? 1 : 0, 0);
  const std::array parts{Bytes(rtp->consumers, rtp->consumer_count), Bytes(static_cast<const uint8_t*>(rtp->payload), rtp->payload_length)};

  return CallRecord::Make(RecordType::InjectRtp, fixed, parts);
}

std::optional<CallRecord> MakeInjectData(const mph_data_out* data, uint64_t call) {
  constexpr auto MaxSubchannels = static_cast<uint32_t>(Mph::Layout::Limit::MaxSubchannels);

  if (data == nullptr || !MPH_HAS(mph_data_out, data, cause) || !IsThere(data->message, data->message_length) ||
      !IsThere(data->consumers, data->consumer_count) || data->consumer_count > std::numeric_limits<uint16_t>::max() ||
      !IsThere(data->subchannels, data->subchannel_count) || data->subchannel_count > MaxSubchannels) {
    return std::nullopt;
  }

  const Mph::Layout::InjectDataRecord fixed(NoHeader, call, data->cause, data->data_producer, data->ppid, data->message_length,
                                            static_cast<uint16_t>(data->consumer_count), static_cast<uint16_t>(data->subchannel_count),
                                            data->required_subchannel, IgnoredSubchannel(*data), IsReceived(*data), 0, 0, 0);
  const std::array parts{Bytes(data->consumers, data->consumer_count), Bytes(data->subchannels, data->subchannel_count),
                         Bytes(static_cast<const uint8_t*>(data->message), data->message_length)};

  return CallRecord::Make(RecordType::InjectData, fixed, parts);
}

std::optional<CallRecord> MakeReceiveRtp(const mph_received_rtp* rtp, uint64_t call) {
  if (rtp == nullptr || !MPH_HAS(mph_received_rtp, rtp, cause) || !IsThere(rtp->packet, rtp->packet_length)) {
    return std::nullopt;
  }

  const Mph::Layout::ReceiveRtpRecord fixed(NoHeader, call, rtp->cause, rtp->producer, rtp->packet_length);
  const std::array parts{Bytes(static_cast<const uint8_t*>(rtp->packet), rtp->packet_length)};

  return CallRecord::Make(RecordType::ReceiveRtp, fixed, parts);
}

std::optional<CallRecord> MakeKeyFrame(uint32_t producer, uint32_t ssrc, uint64_t call) {
  return CallRecord::Make(RecordType::KeyFrame, Mph::Layout::KeyFrameRecord(NoHeader, call, producer, ssrc), {});
}

std::optional<CallRecord> MakeSubscribe(uint32_t attachment, uint32_t producer, bool wanted, uint64_t call) {
  return CallRecord::Make(RecordType::Subscribe,
                          Mph::Layout::SubscribeRecord(NoHeader, call, attachment, producer, wanted ? 1 : 0, 0, 0, 0), {});
}

}  // namespace mph::host
