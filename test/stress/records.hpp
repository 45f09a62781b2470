// What record number n looks like: its length and every byte follow from the seed, so that each end can tell by itself.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "options.hpp"

// splitmix64
inline uint64_t mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

class Random {
 public:
  explicit Random(uint64_t seed) : state_(mix(seed)) {}
  uint64_t operator()() { return mix(state_++); }
  uint64_t below(uint64_t bound) { return (*this)() % bound; }

 private:
  uint64_t state_;
};

struct Plan {
  uint64_t key;
  uint32_t payload;
};

// Lengths are spread evenly over their logarithm, with both ends of the range now and then.
inline Plan planFor(const Options& options, uint64_t number) {
  const uint64_t key = mix(options.seed ^ (number << 1));
  const uint32_t bits = static_cast<uint32_t>(std::bit_width(options.maxPayload));
  uint32_t payload = 0;

  if (key % 64 == 1) {
    payload = options.maxPayload;
  } else if (key % 64 != 0 && bits != 0) {
    const uint32_t magnitude = static_cast<uint32_t>((key >> 8) % bits);
    payload = std::min(options.maxPayload, static_cast<uint32_t>((key >> 16) & ((uint64_t{2} << magnitude) - 1)));
  }
  return {key, payload};
}

inline uint64_t wordAt(uint64_t key, uint32_t index) { return key + index * uint64_t{0x9e3779b97f4a7c15}; }

// Both return the sum of the payload's words.
inline uint32_t fill(uint8_t* payload, const Plan& plan) {
  uint64_t sum = plan.key;
  uint32_t at = 0;
  for (uint32_t index = 0; at + 8 <= plan.payload; ++index, at += 8) {
    const uint64_t word = wordAt(plan.key, index);
    std::memcpy(payload + at, &word, 8);
    sum += word;
  }
  const uint64_t last = wordAt(plan.key, at / 8);
  std::memcpy(payload + at, &last, plan.payload - at);
  return static_cast<uint32_t>(sum ^ (sum >> 32));
}

inline bool check(const uint8_t* payload, const Plan& plan, uint32_t& checksum) {
  uint64_t sum = plan.key;
  uint64_t wrong = 0;
  uint32_t at = 0;
  for (uint32_t index = 0; at + 8 <= plan.payload; ++index, at += 8) {
    uint64_t word;
    std::memcpy(&word, payload + at, 8);
    sum += word;
    wrong |= word ^ wordAt(plan.key, index);
  }
  const uint64_t last = wordAt(plan.key, at / 8);
  checksum = static_cast<uint32_t>(sum ^ (sum >> 32));
  return wrong == 0 && std::memcmp(payload + at, &last, plan.payload - at) == 0;
}
