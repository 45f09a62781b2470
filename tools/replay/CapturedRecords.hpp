// The records of a crash capture, mapped as a host maps its packet ring: read-only, so that a plugin that writes into a packet dies of it
// here, too.
#pragma once

#include "RecordInHand.hpp"
#include "mph_plugin.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mph::replay {

struct CapturedRecord {
  host::RecordKind kind;
  const std::byte* bytes;

  const mph_packet& Packet() const { return *reinterpret_cast<const mph_packet*>(bytes); }
  const mph_data& Data() const { return *reinterpret_cast<const mph_data*>(bytes); }

  uint64_t Ticket() const { return kind == host::RecordKind::Packet ? Packet().ticket : Data().ticket; }
  uint64_t ReceivedAtNs() const { return kind == host::RecordKind::Packet ? Packet().received_at_ns : Data().received_at_ns; }
  uint32_t Run() const { return kind == host::RecordKind::Packet ? Packet().run : Data().run; }
  uint32_t Producer() const { return kind == host::RecordKind::Packet ? Packet().producer : Data().data_producer; }
};

class CapturedRecords {
 public:
  // `file` has records of type Packet or Data as they stood in a ring, each aligned to 8 bytes. Throws std::runtime_error.
  explicit CapturedRecords(const std::string& file);
  ~CapturedRecords();

  CapturedRecords(const CapturedRecords&) = delete;
  CapturedRecords& operator=(const CapturedRecords&) = delete;

  // At least one.
  const std::vector<CapturedRecord>& All() const { return records_; }

 private:
  CapturedRecords() = default;

  void Map(const std::string& file);
  void Walk(const std::string& file);

  const std::byte* data_{nullptr};
  size_t size_{0};
  std::vector<CapturedRecord> records_;
};

}  // namespace mph::replay
