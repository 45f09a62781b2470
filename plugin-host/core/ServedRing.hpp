// One router's rings as this host serves them in one epoch: a record's way from the ring through the plugins to its verdict.
//
// A ring: WARM ──Start──► SERVING ──Stop──► STOPPING ──TryFinishStop──► WARM. Nothing of a ring that is warm reaches the plugin, and
// nothing is written to it.
//
// A batch: READ → IN HAND (of the plugins) → ANSWERED (verdicts published) → RELEASED (cursor published). In this order, so that whoever
// follows a dead host knows by its cursor which packets were answered, and by NowServing which it had in hand.
#pragma once

#include "Instances.hpp"
#include "LateDecisions.hpp"
#include "LateVerdicts.hpp"
#include "NowServing.hpp"
#include "PendingRecords.hpp"
#include "RecordBatch.hpp"
#include "RouterPlugins.hpp"
#include "RunTable.hpp"
#include "ServingStats.hpp"
#include "VerdictOutbox.hpp"
#include "VerdictWriter.hpp"
#include "mph/fbs/control.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mph/shm/RingConsumer.hpp>
#include <mph/shm/Segment.hpp>

namespace mph::host {

// What the rings of one connection share. [instance thread]
struct Serving {
  Serving(uint32_t pid, Instances& plugins, ServingStats& tallies) : workerPid(pid), instances(plugins), stats(tallies) {}

  const uint32_t workerPid;
  Instances& instances;
  ServingStats& stats;
  // Whatever the plugins have said outside of their batches goes to the rings that it is about: true, if there was something.
  std::function<bool()> sortLateVerdicts;
  // Only one ring at a time has something in hand: what was just read, and what was pending, by kind.
  RecordBatch batch;
  LateDecisions::Batches resumed;
};

// [instance thread]
class ServedRing {
 public:
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
  ServedRing(const Mph::Control::RingOffer& offer, shm::UniqueFd packetFd, shm::UniqueFd verdictFd, uint32_t router, Serving& serving);

  ServedRing(const ServedRing&) = delete;
  ServedRing& operator=(const ServedRing&) = delete;

  // The ring's number on its connection.
  uint32_t Number() const { return number_; }
  uint32_t Router() const { return router_; }
  // Where its records stand; whoever holds it may read them.
  std::shared_ptr<const shm::Segment> PacketSegment() const { return packetSegment_; }

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

  // What a plugin has said about a packet or a stream; followed by the next Serve().
  void Deliver(LateVerdict&& late);

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
  bool AddData(const shm::RingConsumer::RecordView& view);
  bool IsLive(uint64_t ticket) const;
  void AddToBatch(const shm::RingConsumer::RecordView& view, uint64_t ticket);
  void DeliverEvent(const shm::RingConsumer::RecordView& view);
  void DeliverResult(const shm::RingConsumer::RecordView& view);
  void HandToPlugins();
  bool FinishBatch();

  const uint32_t number_;
  const uint32_t router_;
  Serving& serving_;

  const std::shared_ptr<shm::Segment> packetSegment_;
  const std::atomic<uint64_t>* const packetProducerCursor_;
  shm::RingConsumer packetRing_;
  VerdictWriter writer_;
  std::atomic<uint64_t>* const packetConsumerCursor_;
  NowServing nowServing_;

  Phase phase_{Phase::Warm};
  uint64_t oldestLiveTicket_{0};
  uint64_t carefulUntil_{0};
  uint64_t released_{0};
  // Of a ring that stops.
  uint64_t readUntil_{0};
  uint64_t stopDeadlineNs_{0};
  RouterPlugins plugins_;
  RunTable runs_;
  PendingRecords pending_;
  VerdictOutbox outbox_;
  RecordBatch::Ring ring_;
  LateDecisions decisions_;
};

}  // namespace mph::host
