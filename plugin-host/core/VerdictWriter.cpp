#include "VerdictWriter.hpp"

#include <cstring>
#include <mph/shm/AtomicAt.hpp>
#include <utility>

namespace mph::host {

using Mph::Layout::RecordHeader;
using Mph::Layout::RecordType;
using Mph::Layout::VerdictSegmentOffset;

VerdictWriter::VerdictWriter(shm::UniqueFd fd, uint32_t ringSize, const std::atomic<uint64_t>* consumerCursor)
    : segment_(shm::Segment::Open(std::move(fd), Mph::Layout::SegmentKind::Verdict, ringSize, shm::Access::ReadWrite)),
      ring_(segment_.Data() + static_cast<size_t>(VerdictSegmentOffset::Ring), ringSize,
            shm::AtomicAt<uint64_t>(segment_.Data(), VerdictSegmentOffset::ProducerCursor)),
      consumerCursor_(consumerCursor) {
  // The mapping does not need it, and a host of many routers would run out.
  segment_.CloseFd();
}

VerdictWriter::ClaimResult VerdictWriter::Claim(uint32_t length, uint8_t*& bytes) {
  const auto result = ring_.TryClaim(length, bytes);

  if (result != ClaimResult::Full) {
    return result;
  }
  ring_.SetConsumed(shm::RingProducer::ReadConsumerCursor(consumerCursor_));

  return ring_.TryClaim(length, bytes);
}

void VerdictWriter::Commit() {
  ring_.Commit();
  hasWritten_ = true;
}

template <typename Record>
bool VerdictWriter::Write(const Record& record, const uint8_t* payload, uint32_t length) {
  uint8_t* bytes = nullptr;

  if (Claim(sizeof record + length, bytes) != ClaimResult::Ok) {
    return false;
  }
  std::memcpy(bytes, &record, sizeof record);
  if (length > 0) {
    std::memcpy(bytes + sizeof record, payload, length);
  }
  Commit();

  return true;
}

bool VerdictWriter::WriteVerdict(uint64_t ticket, Mph::Layout::Verdict verdict, uint8_t decider, uint16_t errors, uint32_t argument) {
  using Mph::Layout::VerdictRecord;

  return Write(VerdictRecord(RecordHeader(sizeof(VerdictRecord), RecordType::Verdict, 0, sizeof(VerdictRecord)), ticket, verdict, decider, errors,
                             argument));
}

bool VerdictWriter::WriteReplace(uint64_t ticket, uint8_t decider, uint16_t errors, const uint8_t* payload, uint32_t length) {
  using Mph::Layout::VerdictRecord;

  return Write(VerdictRecord(RecordHeader(static_cast<uint32_t>(sizeof(VerdictRecord)) + length, RecordType::Verdict, 0, sizeof(VerdictRecord)),
                             ticket, Mph::Layout::Verdict::Replace, decider, errors, length),
               payload, length);
}

bool VerdictWriter::WriteBypass(uint32_t attachment, uint32_t producer, uint32_t ssrc, Mph::Layout::BypassUnit unit, uint32_t amount) {
  using Mph::Layout::BypassRecord;

  return Write(BypassRecord(RecordHeader(sizeof(BypassRecord), RecordType::Bypass, 0, sizeof(BypassRecord)), attachment, producer, ssrc,
                            amount, unit, 0, 0, 0));
}

void VerdictWriter::Publish() {
  if (std::exchange(hasWritten_, false)) {
    ring_.Publish();
    hasPublished_ = true;
  }
}

bool VerdictWriter::TakePublished() { return std::exchange(hasPublished_, false); }

std::atomic<uint64_t>* VerdictWriter::PacketConsumerCursor() {
  return shm::AtomicAt<uint64_t>(segment_.Data(), VerdictSegmentOffset::PacketConsumerCursor);
}

std::atomic<uint64_t>* VerdictWriter::NowServing() { return shm::AtomicAt<uint64_t>(segment_.Data(), VerdictSegmentOffset::NowServing); }

}  // namespace mph::host
