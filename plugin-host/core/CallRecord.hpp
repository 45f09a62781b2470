// Records of the verdict ring by which a plugin asks for something: laid out here, copied to wherever they are to stand.
#pragma once

#include "mph_plugin.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mph/shm/Layout.hpp>
#include <optional>
#include <span>
#include <type_traits>

namespace mph::host {

// Refers to what the plugin has given, and lives as long as the plugin's call.
class CallRecord {
 public:
  // Each part begins at a multiple of 8; the last one is the payload. Nothing: a record cannot say where so long a list ends.
  template <typename Fixed>
  static std::optional<CallRecord> Make(Mph::Layout::RecordType type, Fixed fixed, std::span<const std::span<const uint8_t>> parts) {
    static_assert(std::is_trivially_copyable_v<Fixed> && sizeof(Fixed) <= MaxFixedLength && sizeof(Fixed) % shm::RecordAlignment == 0);

    CallRecord record;

    std::memcpy(record.fixed_.data(), &fixed, sizeof fixed);
    record.fixedLength_ = sizeof fixed;

    return record.Finish(type, parts) ? std::optional(record) : std::nullopt;
  }

  // With its header.
  uint32_t Length() const { return length_; }

  // `to` has room for Length() bytes.
  void CopyTo(uint8_t* to) const;

 private:
  static constexpr size_t MaxFixedLength = 64;
  static constexpr size_t MaxParts = 3;

  CallRecord() = default;
  bool Finish(Mph::Layout::RecordType type, std::span<const std::span<const uint8_t>> parts);

  std::array<uint8_t, MaxFixedLength> fixed_;
  std::array<std::span<const uint8_t>, MaxParts> parts_;
  uint32_t fixedLength_{0};
  size_t partCount_{0};
  uint32_t length_{0};
};

// `call` 0: no result is wanted. Nothing: the plugin's arguments make no sense.
std::optional<CallRecord> MakeInjectRtp(const mph_rtp* rtp, uint64_t call);
std::optional<CallRecord> MakeInjectData(const mph_data_out* data, uint64_t call);
std::optional<CallRecord> MakeReceiveRtp(const mph_received_rtp* rtp, uint64_t call);
std::optional<CallRecord> MakeKeyFrame(uint32_t producer, uint32_t ssrc, uint64_t call);
std::optional<CallRecord> MakeSubscribe(uint32_t attachment, uint32_t producer, bool wanted, uint64_t call);

}  // namespace mph::host
