// A second thread that writes where the worker reads at that moment, as long as it lives.
#pragma once

#include "Connection.hpp"
#include "Random.hpp"
#include "Ring.hpp"

#include <atomic>
#include <cstdint>
#include <thread>

namespace mph::fuzz {

// What is scribbled on, as bits.
enum Prey : uint32_t {
  // The fields of records that are published, their headers left alone.
  Bodies = 1,
  Headers = 2,
  VerdictCursor = 4,
  PacketCursor = 8,
  NowServing = 16,
  // Flags, CPU, counters and lists of the link segment.
  Link = 32,
};

class Racer {
 public:
  Racer(const Connection& connection, const Ring& ring, uint32_t prey, uint64_t seed)
      : connection_(connection), ring_(ring), prey_(prey), random_(seed), thread_([this] { Run(); }) {}
  ~Racer() {
    stop_.store(true, std::memory_order_relaxed);
    thread_.join();
  }
  Racer(const Racer&) = delete;
  Racer& operator=(const Racer&) = delete;

 private:
  void Run();
  void Bite(uint32_t prey);
  // Somewhere in what is published and not read yet; nullptr when all is read.
  uint8_t* Unread();

  const Connection& connection_;
  const Ring& ring_;
  const uint32_t prey_;
  Random random_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Anything into any word of the host's link segment.
void ScribbleLink(Random& random, const Connection& connection);

}  // namespace mph::fuzz
