// The records of a crash capture, mapped as a host maps its packet ring: read-only, so that a plugin that writes into a packet dies of it
// here, too.
#pragma once

#include "mph_plugin.h"

#include <cstddef>
#include <string>
#include <vector>

namespace mph::replay {

class CapturedPackets {
 public:
  // `file` has records of type Packet as they stood in a ring, each aligned to 8 bytes. Throws std::runtime_error.
  explicit CapturedPackets(const std::string& file);
  ~CapturedPackets();

  CapturedPackets(const CapturedPackets&) = delete;
  CapturedPackets& operator=(const CapturedPackets&) = delete;

  const std::vector<const mph_packet*>& All() const { return packets_; }

 private:
  void Map(const std::string& file);
  void Walk(const std::string& file);

  const std::byte* data_{nullptr};
  size_t size_{0};
  std::vector<const mph_packet*> packets_;
};

}  // namespace mph::replay
