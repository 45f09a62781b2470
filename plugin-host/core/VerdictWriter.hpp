// The writing end of a verdict ring: each record is claimed, filled and committed here; Publish() shows the worker all of them at once.
#pragma once

#include "mph/fbs/control.h"
#include "mph/fbs/layout.h"

#include <atomic>
#include <cstdint>
#include <mph/shm/RingProducer.hpp>
#include <mph/shm/Segment.hpp>

namespace mph::host {

// [instance thread]
class VerdictWriter {
 public:
  // Maps the segment. Throws what shm throws. `consumerCursor` is the worker's.
  VerdictWriter(shm::UniqueFd fd, uint32_t ringSize, const std::atomic<uint64_t>* consumerCursor);

  using ClaimResult = shm::RingProducer::TryClaimResult;

  // As RingProducer::TryClaim(), with the worker's cursor looked at when the ring seems full.
  [[nodiscard]] ClaimResult Claim(uint32_t length, uint8_t*& bytes);
  void Commit();

  // False, all of them: no room now.
  [[nodiscard]] bool WriteVerdict(uint64_t ticket, Mph::Layout::Verdict verdict, uint8_t decider, uint16_t errors, uint32_t argument = 0);
  [[nodiscard]] bool WriteReplace(uint64_t ticket, uint8_t decider, uint16_t errors, const uint8_t* payload, uint32_t length);
  [[nodiscard]] bool WriteBypass(uint32_t attachment, uint32_t producer, uint32_t ssrc, Mph::Layout::BypassUnit unit, uint32_t amount);

  // Shows the worker what was written.
  void Publish();

  // Whether anything was published since the last call.
  [[nodiscard]] bool TakePublished();

  // No longer record fits, ever.
  uint32_t MaxLength() const { return shm::MaxRecordLength(ring_.Size()); }

  std::atomic<uint64_t>* PacketConsumerCursor();
  std::atomic<uint64_t>* NowServing();

 private:
  template <typename Record>
  [[nodiscard]] bool Write(const Record& record, const uint8_t* payload = nullptr, uint32_t length = 0);

  shm::Segment segment_;
  shm::RingProducer ring_;
  const std::atomic<uint64_t>* const consumerCursor_;
  bool hasWritten_{false};
  bool hasPublished_{false};
};

}  // namespace mph::host
