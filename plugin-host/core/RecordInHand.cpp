#include "RecordInHand.hpp"

#include <algorithm>
#include <cstring>

namespace mph::host {

namespace {

RecordCopy MakeCopy(size_t length) { return RecordCopy((length + sizeof(uint64_t) - 1) / sizeof(uint64_t)); }

uint8_t* BytesOf(RecordCopy& copy) { return reinterpret_cast<uint8_t*>(copy.data()); }

}  // namespace

void RecordInHand::Fail(uint8_t at, bool endsRun) {
  if (endsRun) {
    verdict = Mph::Layout::Verdict::Error;
    decider = at;
    left = 0;
  } else {
    errors = static_cast<uint16_t>(errors | 1U << at);
  }
}

void RecordInHand::Keep() {
  if (!copy.empty() && record == BytesOf(copy)) {
    return;
  }

  // Both kinds begin alike (LayoutChecks.cpp).
  const auto length = Packet()->record_length;

  copy = MakeCopy(length);
  std::memcpy(BytesOf(copy), record, length);
  record = BytesOf(copy);
}

void RecordInHand::Rewrite() {
  const auto* const old = Packet();
  const bool isPacket = kind == RecordKind::Packet;
  const auto room = old->record_length - std::min<uint32_t>(old->bytes_offset, old->record_length);
  // Header with extensions, of which nothing changes, or as much of it as is here.
  const auto headerLength = isPacket ? std::min({uint32_t{old->rtp_header_length}, old->copied_length, room}) : 0;
  const bool isWhole = isPacket ? old->copied_length == old->full_length : Data()->copied_length == Data()->full_length;
  const auto copied = isWhole ? replacement.Length() : 0;
  const auto before = old->record_length - room + headerLength;
  auto changed = MakeCopy(size_t{before} + copied);
  auto* const bytes = BytesOf(changed);

  std::memcpy(bytes, record, before);
  if (copied > 0) {
    std::memcpy(bytes + before, replacement.Data(), copied);
  }
  if (isPacket) {
    auto* const packet = reinterpret_cast<mph_packet*>(bytes);

    packet->full_length = uint32_t{packet->rtp_header_length} + replacement.Length();
    packet->copied_length = headerLength + copied;
    packet->rtp_padding_length = 0;
  } else {
    auto* const data = reinterpret_cast<mph_data*>(bytes);

    data->full_length = replacement.Length();
    data->copied_length = copied;
  }

  auto* const header = reinterpret_cast<mph_packet*>(bytes);

  header->record_length = before + copied;
  header->record_flags |= MPH_RECORD_REPLACED;
  copy = std::move(changed);
  record = BytesOf(copy);
  isRewritten = true;
}

}  // namespace mph::host
