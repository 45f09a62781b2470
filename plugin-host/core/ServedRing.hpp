// One router's rings as this host serves them in one epoch: a packet's way from the ring through the plugin to its verdict.
//
// A ring: WARM ──Start──► SERVING ──Stop──► STOPPING ──TryFinishStop──► WARM. Nothing of a ring that is warm reaches the plugin, and
// nothing is written to it.
//
// A batch: READ → IN HAND (of the plugin) → ANSWERED (verdicts published) → RELEASED (cursor published). In this order, so that whoever
// follows a dead host knows by its cursor which packets were answered, and by NowServing which it had in hand.
#pragma once

#include "Instances.hpp"
#include "RouterPlugins.hpp"
#include "ServingStats.hpp"
#include "VerdictWriter.hpp"
#include "mph/fbs/control.h"
#include "mph_plugin.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <mph/shm/RingConsumer.hpp>
#include <mph/shm/RingProducer.hpp>
#include <mph/shm/Segment.hpp>
#include <optional>
#include <string>

namespace mph::host {

// [instance thread]
class ServedRing {
 public:
  static constexpr uint32_t BatchSize = 64;

  enum class ServeResult : uint8_t {
    // All that was published is read and answered.
    Idle,
    // There may be more.
    More,
    // The verdict ring is full: nothing more is read until the worker has drained it.
    Stalled,
    // What stands in the packet ring cannot come from a worker.
    Corrupt,
  };

  // How long a ring that is to stop waits for verdicts that are pending, and for room in the verdict ring.
  static constexpr uint64_t StopPatienceNs = 250'000'000;

  // Maps both segments. `router` is the number under which the plugin knows the router. Throws what shm throws.
  ServedRing(const Mph::Control::RingOffer& offer, shm::UniqueFd packetFd, shm::UniqueFd verdictFd, uint32_t router, uint32_t workerPid,
             Instances& instances, ServingStats& stats);

  ServedRing(const ServedRing&) = delete;
  ServedRing& operator=(const ServedRing&) = delete;

  // The ring's number on its connection.
  uint32_t Number() const { return number_; }
  uint32_t Router() const { return router_; }

  bool IsWarm() const { return phase_ == Phase::Warm; }
  bool IsServing() const { return phase_ == Phase::Serving; }

  // Tells the plugin the state, or how it differs from what the plugin knows of this router already, and reads on from where it says.
  // Throws Error when there is no such place. [a ring that is warm]
  void Start(const Mph::Control::RingStart& start);

  enum class StopAt : uint8_t {
    // Behind the batch in hand: somebody else reads on there.
    Batch,
    // Behind what is published now.
    Published,
  };

  // Serve() goes on until there. [a ring that serves]
  void Stop(StopAt where);

  // To be asked after each turn. True: all is answered and given back, or patience is at its end; the ring is warm. [a ring that stops]
  [[nodiscard]] bool TryFinishStop(uint64_t nowNs);

  // Reads at most one batch, has it answered, and gives it back.
  [[nodiscard]] ServeResult Serve();

  enum class AnswerResult : uint8_t {
    Ok,
    // The verdict ring is full.
    Full,
    // The ring is warm: whoever serves it now answers for its packets.
    NotServing,
  };

  // Writes a verdict on a packet that was pending; shown to the worker by the next Publish().
  [[nodiscard]] AnswerResult AnswerLate(uint64_t ticket, mph_verdict verdict);

  // A plugin that is loaded, or is about to go, while the ring is there.
  void AddInstance(Instance& instance);
  void RemoveInstance(const Instance& instance);

  // For records of other kinds; of a ring that is not warm.
  VerdictWriter& Writer() { return writer_; }

  // Shows the worker what was written.
  void Publish() { writer_.Publish(); }

  // Whether anything was published since the last call: then the worker may have to be woken.
  [[nodiscard]] bool TakePublished() { return writer_.TakePublished(); }

  // Ring withdrawn or worker gone: packets that waited for a verdict were resolved there. Observed ones are still delivered if this host
  // was the one to read them, then whatever the plugin knows of the router is closed for it.
  void Close();

 private:
  enum class Phase : uint8_t { Warm, Serving, Stopping };

  ServeResult ReadBatch();
  bool IsToBeAlone(uint64_t position) const;
  bool HasMoreToRead() const { return phase_ == Phase::Serving || packetRing_.Position() < readUntil_; }
  bool AddPacket(const shm::RingConsumer::RecordView& view);
  void DeliverEvent(const shm::RingConsumer::RecordView& view);
  void DeliverResult(const shm::RingConsumer::RecordView& view);
  void HandToPlugin();
  bool WriteVerdicts();
  bool WriteVerdict(uint64_t ticket, uint8_t verdict);
  bool FinishBatch();
  void SetNowServing(uint64_t value);

  const uint32_t number_;
  const uint32_t router_;
  Instances& instances_;
  ServingStats& stats_;

  shm::Segment packetSegment_;
  const std::atomic<uint64_t>* const packetProducerCursor_;
  shm::RingConsumer packetRing_;
  VerdictWriter writer_;
  std::atomic<uint64_t>* const packetConsumerCursor_;
  std::atomic<uint64_t>* const nowServing_;

  Phase phase_{Phase::Warm};
  uint64_t oldestLiveTicket_{0};
  uint64_t carefulUntil_{0};
  uint64_t released_{0};
  // Of a ring that stops.
  uint64_t readUntil_{0};
  uint64_t stopDeadlineNs_{0};
  RouterPlugins plugins_;

  // The batch: packets up to count_, of which those up to answered_ have their verdict in the ring.
  std::array<const mph_packet*, BatchSize> packets_{};
  std::array<uint8_t, BatchSize> verdicts_{};
  uint32_t count_{0};
  uint32_t answered_{0};
  uint64_t batchPosition_{0};
  // How many verdicts the plugin still owes since the start.
  uint64_t pending_{0};
};

}  // namespace mph::host
