// One router's rings as this host serves them in one epoch: a packet's way from the ring through the plugin to its verdict.
//
// A batch: READ → IN HAND (of the plugin) → ANSWERED (verdicts published) → RELEASED (cursor published). In this order, so that whoever
// follows a dead host knows by its cursor which packets were answered, and by NowServing which it had in hand.
#pragma once

#include "Instance.hpp"
#include "RouterEvents.hpp"
#include "ServingStats.hpp"
#include "mph/fbs/control.h"
#include "mph_plugin.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <mph/shm/RingConsumer.hpp>
#include <mph/shm/RingProducer.hpp>
#include <mph/shm/Segment.hpp>

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

  // Maps both segments and tells the plugin the state at the start. `router` is the number under which the plugin knows the router.
  // Throws what shm throws.
  ServedRing(const Mph::Control::RingOffer& offer, shm::UniqueFd packetFd, shm::UniqueFd verdictFd, uint32_t router, Instance& instance,
             ServingStats& stats);

  ServedRing(const ServedRing&) = delete;
  ServedRing& operator=(const ServedRing&) = delete;

  // The ring's number on its connection.
  uint32_t Number() const { return number_; }
  uint32_t Router() const { return router_; }

  // Reads at most one batch, has it answered, and gives it back.
  [[nodiscard]] ServeResult Serve();

  // Writes a verdict on a packet that was pending; shown to the worker by the next Publish(). False: the verdict ring is full.
  [[nodiscard]] bool AnswerLate(uint64_t ticket, mph_verdict verdict);

  // Shows the worker what was written.
  void Publish();

  // Whether anything was published since the last call: then the worker may have to be woken.
  [[nodiscard]] bool TakePublished();

  enum class Farewell : uint8_t {
    // The worker still listens: what it has published is answered.
    Answer,
    // Ring withdrawn or worker gone: packets that waited for a verdict were resolved there, observed ones are still delivered.
    Silent,
  };

  // Reads what is left, then closes for the plugin what it knows of the router.
  void Close(Farewell farewell);

 private:
  ServeResult ReadBatch();
  bool AddPacket(const shm::RingConsumer::RecordView& view);
  void DeliverEvent(const shm::RingConsumer::RecordView& view);
  void HandToPlugin();
  bool WriteVerdicts();
  bool WriteVerdict(uint64_t ticket, uint8_t verdict);
  bool FinishBatch();
  void SetNowServing(uint64_t value);

  const uint32_t number_;
  const uint32_t router_;
  Instance& instance_;
  ServingStats& stats_;

  shm::Segment packetSegment_;
  shm::Segment verdictSegment_;
  shm::RingConsumer packetRing_;
  shm::RingProducer verdictRing_;
  const std::atomic<uint64_t>* const packetProducerCursor_;
  const std::atomic<uint64_t>* const verdictConsumerCursor_;
  std::atomic<uint64_t>* const packetConsumerCursor_;
  std::atomic<uint64_t>* const nowServing_;

  uint64_t oldestLiveTicket_;
  uint64_t released_;
  RouterEvents events_;

  // The batch: packets up to count_, of which those up to answered_ have their verdict in the ring.
  std::array<const mph_packet*, BatchSize> packets_{};
  std::array<uint8_t, BatchSize> verdicts_{};
  uint32_t count_{0};
  uint32_t answered_{0};
  uint64_t batchPosition_{0};
  bool hasWritten_{false};
  bool hasPublished_{false};
};

}  // namespace mph::host
