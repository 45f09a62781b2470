// What a plugin injects or asks for while it is replayed: it is taken, as by a verdict ring that is never full, and nobody hears of it.
#pragma once

#include "RingCalls.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mph::replay {

class UnheardCalls : public host::RingCalls::Rings {
 public:
  size_t Count() const { return count_; }

  host::RingCalls::ClaimResult Claim(uint32_t, uint32_t length, uint8_t*& bytes) override {
    bytes_.resize((length + sizeof(uint64_t) - 1) / sizeof(uint64_t));
    bytes = reinterpret_cast<uint8_t*>(bytes_.data());

    return host::RingCalls::ClaimResult::Ok;
  }

  void Commit(uint32_t) override { ++count_; }
  void OnLost(uint32_t, uint64_t) override {}

 private:
  // Records stand at multiples of 8.
  std::vector<uint64_t> bytes_;
  size_t count_{0};
};

}  // namespace mph::replay
