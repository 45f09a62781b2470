// The word in shared memory that tells whoever follows a dead host what its plugins had in hand.
#pragma once

#include "InHand.hpp"

#include <atomic>
#include <cstdint>

namespace mph::host {

// [instance thread]
class NowServing {
 public:
  explicit NowServing(std::atomic<uint64_t>* word) : word_(word) {}

  // The record at that position is the first that the plugins get.
  void Begin(uint64_t position) { Set(position + 1); }
  void End() { Set(0); }

 private:
  // What the worker finds here after this process has died was in the plugin's hands.
  void Set([[maybe_unused]] uint64_t value) {
#ifndef MPH_SABOTAGE_NO_NOW_SERVING
    // N1: what was answered and released before is visible to whoever sees the value. Read by the worker after the host's death, or when it
    // looks for progress.
    word_->store(value, std::memory_order_release);
    InHand::nowServing = value != 0 ? word_ : nullptr;
#endif
  }

  std::atomic<uint64_t>* const word_;
};

}  // namespace mph::host
