// A connection to the worker that was let in as a host's: it maps what it is sent and answers as a host must. What is wrong with it, its
// user does.
#pragma once

#include "Known.hpp"
#include "Ring.hpp"

#include "ControlSocket.hpp"
#include "Messages.hpp"

#include <cstdint>
#include <memory>
#include <mph/shm/Doorbell.hpp>
#include <mph/shm/Link.hpp>
#include <mph/shm/Segment.hpp>
#include <mph/shm/UniqueFd.hpp>
#include <string>
#include <utility>
#include <vector>

namespace mph::fuzz {

// Not connected when the worker does not take it: it is gone, or has as many connections as it wants.
shm::UniqueFd ConnectTo(const std::string& path);

class Connection {
 public:
  explicit Connection(shm::UniqueFd fd) : socket_(std::move(fd)) {}

  // Says Hello with a token that was issued, and waits for the Welcome. False when the worker refused or is gone.
  bool Open(const std::string& token);
  // Takes in and answers what has arrived. False when the worker has ended the connection.
  bool Serve(Known& known);
  // As Serve(), until something has arrived or so many milliseconds have passed.
  bool Await(Known& known, int ms);

  // False when the worker does not read, or is gone.
  bool Send(const host::Bytes& frame);
  // With descriptors, which the worker never takes.
  bool SendWith(const host::Bytes& frame, const std::vector<int>& fds) const;
  int Fd() const { return socket_.Fd(); }

  const std::vector<std::unique_ptr<Ring>>& Rings() const { return rings_; }
  bool IsStarted() const;
  // Whether RingStop is answered.
  void SetObedient(bool obedient) { obedient_ = obedient; }

  // As a sound host does after Publish(): the publication is counted, and the worker rung if it sleeps.
  void Announce(const Ring& ring);
  void RingWorker() const;
  // The words of the host's link segment.
  std::atomic<uint32_t>* LinkWord(Mph::Layout::LinkSegmentOffset offset) const { return shm::AtomicAt<uint32_t>(hostLink_.Data(), offset); }

 private:
  void OnFrame(host::Frame& frame, Known& known);
  void OnOffer(host::Frame& frame);
  void OnStart(const Mph::Control::RingStart& start, Known& known);
  Ring* Find(uint32_t number) const;

  host::ControlSocket socket_;
  shm::Segment workerLink_;
  shm::Segment hostLink_;
  shm::UniqueFd doorbell_;
  shm::UniqueFd workerDoorbell_;
  std::unique_ptr<shm::LinkReader> reader_;
  std::vector<std::unique_ptr<Ring>> rings_;
  std::vector<std::unique_ptr<Ring>> withdrawn_;
  bool obedient_{true};
};

}  // namespace mph::fuzz
