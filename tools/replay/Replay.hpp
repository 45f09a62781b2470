// Hands captured packets to a plugin as a host would: the router opens, its producers and attachments are told, then the packets come.
#pragma once

#include "CapturedPackets.hpp"
#include "Instance.hpp"
#include "Progress.hpp"
#include "RouterEvents.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace mph::replay {

class Replay {
 public:
  Replay(host::Instance& instance, std::string routerId, const CapturedPackets& packets, const Progress& progress);

  // One packet per batch, as the packets that a dead host had in hand are given to the next one.
  void OneByOne();

  // All in one batch.
  void AtOnce();

 private:
  void TellState();
  void Hand(std::span<const mph_packet* const> packets, size_t first);
  void AwaitLateVerdicts();

  host::Instance& instance_;
  const CapturedPackets& packets_;
  const Progress& progress_;
  host::RouterEvents events_;
  size_t pending_{0};
};

}  // namespace mph::replay
