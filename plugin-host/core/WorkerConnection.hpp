// This host's side of one worker: control messages in, rings served, late verdicts written, the worker woken when it sleeps.
#pragma once

#include "Instances.hpp"
#include "RingCalls.hpp"
#include "RingTable.hpp"
#include "ServingStats.hpp"
#include "WorkerCalls.hpp"
#include "WorkerHandshake.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mph/shm/Link.hpp>
#include <string>
#include <vector>

namespace mph::host {

// [instance thread]
class WorkerConnection : private RingCalls::Rings {
 public:
  // Hears where the records of a router stand from now on.
  using RingListener = std::function<void(uint32_t router, const std::shared_ptr<const shm::Segment>& packets)>;

  // The instances outlive the connection, or are removed before.
  WorkerConnection(WorkerLinks links, uint32_t workerPid, Instances& instances, WorkerCalls& calls, ServingStats& stats, RingListener onRing);
  ~WorkerConnection();

  WorkerConnection(const WorkerConnection&) = delete;
  WorkerConnection& operator=(const WorkerConnection&) = delete;

  using ServeResult = ServedRing::ServeResult;

  // One turn: a batch of every ring that has one, the late verdicts, and the end of rings that are to stop. Throws Error when a ring is
  // corrupt.
  [[nodiscard]] ServeResult Serve();

  enum class ControlResult : uint8_t { Open, Closed };

  // Takes in and follows the worker's messages. Throws Error when the worker sends what a worker does not send.
  [[nodiscard]] ControlResult ReceiveControl();

  // For epoll: readable when ReceiveControl() has something to do.
  int ControlFd() const { return links_.socket.Fd(); }

  // For epoll: readable when the worker has rung. -1 when it will not ring any more.
  int DoorbellFd() const { return links_.doorbell.Get(); }

  // After DoorbellFd() was readable, and before Serve().
  void ResetDoorbell();

  // The flag that makes the worker ring.
  shm::LinkWriter& OwnLink() { return ownLink_; }

  // Where the worker runs.
  shm::LinkReader WorkerLink() const { return shm::LinkReader(links_.workerLink.Data()); }

  // The look before going to sleep.
  bool HasPublications() const { return rings_.HasPublications(); }
  uint64_t TakeRingingNs() { return rings_.TakeRingingNs(); }
  // Whether other threads have left something to do.
  bool HasHandedOver() const;

  // nullptr: no such router, or one that this host does not serve now.
  ServedRing* FindServing(uint32_t router) const;

  // Shows the worker what was written into the ring, and wakes it if it sleeps.
  void Announce(ServedRing& ring) { rings_.Announce(ring); }

  // It hears what is there, and gets what comes.
  void AddInstance(Instance& instance);

  // It hears that all is over; what it owed goes on without it.
  void RemoveInstance(Instance& instance);

  // All rings are to stop behind what is published now; the worker is not told. Serve() goes on until HasLeft().
  void Leave();
  bool HasLeft() const { return isLeaving_ && stopping_.empty(); }

  // Closes all rings. Those that are still served are read to their end, though nobody waits for verdicts any more.
  void Close();

 private:
  // A worker that does not read for as long is as good as gone.
  static constexpr int SendTimeoutMs = 1000;

  void Follow(Frame frame);
  void OnRingOffer(const Mph::Control::RingOffer& offer, std::vector<shm::UniqueFd> fds);
  std::unique_ptr<ServedRing> AcceptOffer(const Mph::Control::RingOffer& offer, std::vector<shm::UniqueFd> fds);
  void OnRingStart(const Mph::Control::RingStart& start);
  void OnRingStop(uint32_t number);
  void OnRingWithdrawn(uint32_t number);
  void CloseRing(ServedRing& ring);
  void StopRing(ServedRing& ring, ServedRing::StopAt where);
  void FinishStops();
  void FinishStop(ServedRing& ring);
  bool SortLateVerdicts();
  bool MarkToldLate();
  void SendQueries();
  void AnnounceWritten();
  void OnQueryAnswer(uint32_t id, const Mph::Control::QueryAnswer& answer);

  RingCalls::ClaimResult Claim(uint32_t router, uint32_t length, uint8_t*& bytes) override;
  void Commit(uint32_t router) override;
  void OnLost(uint32_t router, uint64_t call) override;
  void Open(Instance& instance, ServedRing& ring);
  void CloseRouter(uint32_t router);

  WorkerLinks links_;
  const uint32_t workerPid_;
  // As the first offer names what the worker has this host for: a plugin, or a group of them.
  std::string servedId_;
  Instances& instances_;
  WorkerCalls& calls_;
  const RingListener onRing_;
  Serving serving_;
  shm::LinkWriter ownLink_;
  RingTable rings_;
  // A plugin never sees a router's number twice, or a verdict that comes very late could meet another router's ticket.
  uint32_t lastRouter_{0};
  // Empty but while they are sorted.
  std::vector<LateVerdict> lateVerdicts_;
  // Numbers of the rings that have got some in this turn.
  std::vector<uint32_t> toldLate_;
  // Numbers of the rings in which plugins' calls were written that the worker was not shown yet.
  std::vector<uint32_t> written_;
  // Numbers of the rings that are to stop.
  std::vector<uint32_t> stopping_;
  bool isLeaving_{false};
};

}  // namespace mph::host
