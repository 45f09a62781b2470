// The way into a worker: connect, Hello, Welcome with its four descriptors.
#pragma once

#include "ControlSocket.hpp"
#include "Wakeup.hpp"

#include <cstdint>
#include <functional>
#include <mph/shm/Segment.hpp>
#include <mph/shm/UniqueFd.hpp>
#include <string>

namespace mph::host {

struct WorkerAddress {
  uint32_t pid{0};
  std::string socketPath;
  std::string token;
};

// What a connection to a worker is made of.
struct WorkerLinks {
  ControlSocket socket;
  shm::Segment workerLink;
  shm::Segment hostLink;
  // Read end of this host's doorbell.
  shm::UniqueFd doorbell;
  // Write end of the worker's.
  shm::UniqueFd workerDoorbell;
};

// How a thread that waits learns that it should not any more.
struct Cancellation {
  // Rung for any reason; then `isCancelled` is asked.
  Wakeup& wakeup;
  std::function<bool()> isCancelled;
};

// Waits for the worker's answer, at most five seconds. Throws Error: the worker's own code when it refused. [instance thread]
WorkerLinks ConnectToWorker(const WorkerAddress& address, const Cancellation& cancellation);

}  // namespace mph::host
