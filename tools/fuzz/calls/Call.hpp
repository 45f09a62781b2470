// One stream through the worker: sent, received, and judged packet by packet.
#pragma once

#include "CpuDelay.hpp"

#include <netinet/in.h>
#include <array>
#include <atomic>
#include <cstdint>
#include <mph/shm/UniqueFd.hpp>

namespace mph::fuzz {

struct CallReport {
  uint64_t sent{0};
  uint64_t received{0};
  // That did not come next to the one before them.
  uint64_t disordered{0};
  uint64_t maxLatencyNs{0};
  // Without the time in which the worker had no CPU.
  uint64_t maxStallNs{0};
};

class Call {
 public:
  enum class Kind : uint8_t { Audio, Video };

  // `isWhole`: all its packets should come.
  Call(Kind kind, uint32_t ssrc, bool isWhole, CpuDelay& cpuDelay);

  uint16_t Port() const { return port_; }
  int ReceiveFd() const { return receiver_.Get(); }
  void SendTo(uint16_t port) { target_.sin_port = htons(port); }

  // [sender]
  void Send();
  // All that has come. [receiver]
  void Receive();
  // Whether all has come that should.
  bool IsComplete() const { return !isWhole_ || received_.load() >= counter_.load(); }
  CallReport Report() const;

 private:
  void OnPacket(const uint8_t* bytes, size_t length, uint64_t atNs);
  void Judge(uint64_t sentAtNs, uint64_t atNs);

  // When packets left, for longer than any stall that could be told from a loss.
  static constexpr size_t History = 1 << 16;

  Kind kind_;
  uint32_t ssrc_;
  bool isWhole_;
  CpuDelay& cpuDelay_;
  shm::UniqueFd sender_;
  shm::UniqueFd receiver_;
  uint16_t port_{0};
  sockaddr_in target_{};
  std::array<std::atomic<uint64_t>, History> sentAtNs_{};
  std::atomic<uint64_t> counter_{0};
  std::atomic<uint64_t> received_{0};
  // Of the receiver.
  uint64_t expected_{0};
  uint64_t disordered_{0};
  uint64_t maxLatencyNs_{0};
  uint64_t maxStallNs_{0};
};

// The clock of SO_TIMESTAMPNS.
uint64_t WallNs();

}  // namespace mph::fuzz
