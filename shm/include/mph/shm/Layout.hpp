// What two processes read in the same bytes: the structs and offsets of shm/fbs/layout.fbs, and the promises about them on which the
// rings rely. Everything that touches a segment includes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "mph/fbs/layout.h"

namespace mph::shm {

namespace Layout = ::Mph::Layout;

inline constexpr uint32_t RecordAlignment = static_cast<uint32_t>(Layout::Limit::RecordAlignment);
inline constexpr uint32_t RecordHeaderSize = sizeof(Layout::RecordHeader);

// Bytes that a record of this length takes in its ring.
constexpr uint32_t AlignedLength(uint32_t recordLength) noexcept { return (recordLength + RecordAlignment - 1) & ~(RecordAlignment - 1); }

constexpr bool IsPowerOfTwo(uint32_t value) noexcept { return value != 0 && (value & (value - 1)) == 0; }

// No longer record can be claimed: with the padding in front of it, it might exceed an empty ring.
constexpr uint32_t MaxRecordLength(uint32_t ringSize) noexcept { return ringSize / 2; }

// Records stand in shared memory as they are and are copied from there by bytes.
template <typename T, size_t Size, size_t Alignment>
inline constexpr bool IsSharedStruct = sizeof(T) == Size &&
                                       alignof(T) == Alignment&& std::is_standard_layout_v<T>&& std::is_trivially_copyable_v<T>;

static_assert(IsSharedStruct<Layout::SegmentHeader, 16, 4>);
static_assert(IsSharedStruct<Layout::RecordHeader, 8, 4>);
static_assert(IsSharedStruct<Layout::PacketRecord, 80, 8>);
static_assert(IsSharedStruct<Layout::EventRecord, 16, 8>);
static_assert(IsSharedStruct<Layout::VerdictRecord, 24, 8>);
static_assert(IsPowerOfTwo(RecordAlignment) && RecordAlignment == RecordHeaderSize,
              "a gap at a ring's end always has room for a padding record's header");

}  // namespace mph::shm
