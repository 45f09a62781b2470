// The other ends of a worker's control socket: anybody who connects, the controller, a host with its rings.
#pragma once

#include "ControlSocket.hpp"
#include "Messages.hpp"
#include "WorkerStage.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mph/shm/Link.hpp>
#include <mph/shm/RingConsumer.hpp>
#include <mph/shm/RingProducer.hpp>
#include <mph/shm/Segment.hpp>
#include <optional>
#include <string>
#include <vector>

namespace mph::fuzz {

class Peer {
 public:
  // Connected, and known to the worker.
  explicit Peer(WorkerStage& stage);

  // The worker takes it in with its next turns. Nothing happens if the connection is over.
  void Send(const host::Bytes& bytes);
  // What the worker has sent. False: it has closed the connection.
  bool Receive(const std::function<void(host::Frame&)>& onFrame);
  bool IsOpen();

  // Turns until a frame of that type came, which it is a finding to miss.
  host::Frame Await(Mph::Control::Body type);

  void Hello(Mph::Control::Role role, const std::string& token);

 protected:
  WorkerStage& stage_;
  host::ControlSocket socket_;

 private:
  // Came with what was awaited, or before it.
  std::deque<host::Frame> inbox_;
};

class Controller : public Peer {
 public:
  static constexpr const char* PluginId = "plugin";

  explicit Controller(WorkerStage& stage);

  // A plugin with two attachments in filter mode, next to one another, to all that is in the router.
  void Attach();
  // And a third, to what the transport sends.
  void AttachToTransport();
  void IssueToken(const std::string& token);
  void Drain();
};

class HostPeer : public Peer {
 public:
  // Serves when it is there.
  HostPeer(WorkerStage& stage, Controller& controller);

  // Tickets that the worker waits for, as the records of the packet ring say, the oldest first.
  const std::vector<uint64_t>& Tickets();

  // False: it fits in no more.
  bool Write(const uint8_t* record, uint32_t length);
  void Publish();
  // All that was read is answered.
  void AcceptAll();

  uint32_t Ring() const { return ring_; }
  uint64_t Position() const { return producer_->Position(); }
  std::atomic<uint64_t>* VerdictCursor() const;
  std::atomic<uint64_t>* PacketCursor() const;
  std::atomic<uint64_t>* NowServing() const;
  uint64_t Read() const { return packets_->Position(); }
  // Whether the worker has read all that was published.
  bool IsRead() const;
  // What stands in the packet ring of producers and attachments.
  uint32_t LastProducer() const { return lastProducer_; }
  uint32_t LastAttachment() const { return lastAttachment_; }
  shm::LinkWriter& Link() { return *link_; }
  int Doorbell() const { return doorbell_.Get(); }

 private:
  void OnOffer(host::Frame& frame);
  uint64_t VerdictsRead() const;

  shm::Segment hostLink_;
  shm::Segment packetSegment_;
  shm::Segment verdictSegment_;
  shm::UniqueFd doorbell_;
  std::optional<shm::LinkWriter> link_;
  std::optional<shm::RingConsumer> packets_;
  std::optional<shm::RingProducer> producer_;
  uint32_t ring_{0};
  uint32_t packetRingSize_{0};
  uint32_t lastProducer_{1};
  uint32_t lastAttachment_{1};
  std::vector<uint64_t> tickets_;
};

}  // namespace mph::fuzz
