// Hands captured packets to a plugin as a host would: the router opens, its producers and attachments are told, then the packets come.
#pragma once

#include "CapturedRecords.hpp"
#include "Instance.hpp"
#include "Progress.hpp"
#include "RouterEvents.hpp"
#include "UnheardCalls.hpp"
#include "WorkerCalls.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace mph::replay {

class Replay {
 public:
  Replay(host::Instance& instance, host::WorkerCalls& calls, std::string routerId, const CapturedRecords& records,
         const Progress& progress);
  ~Replay();

  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  // One packet per batch, as the packets that a dead host had in hand are given to the next one.
  void OneByOne();

  // As few batches as there can be.
  void AtOnce();

 private:
  void TellState();
  void TellAttachment(const CapturedRecord& record);
  void TellProducer(const CapturedRecord& record);
  void Hand(std::span<const CapturedRecord> records, size_t first);
  void Announce(const CapturedRecord& record, size_t index) const;
  void Call(std::span<const CapturedRecord> records, size_t first, uint8_t* verdicts);
  void Finish();
  void AwaitLateVerdicts();
  size_t TakeLateVerdicts();

  host::Instance& instance_;
  host::WorkerCalls& calls_;
  const CapturedRecords& records_;
  const Progress& progress_;
  UnheardCalls unheard_;
  std::optional<host::RouterEvents> events_;
  size_t pending_{0};
};

}  // namespace mph::replay
