// Where all that a lane does comes from: the same seed makes the same decisions, as far as the worker's timing lets it.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mph::fuzz {

// xoshiro256**, seeded by splitmix64.
class Random {
 public:
  explicit Random(uint64_t seed) {
    for (auto& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      word = Mix(seed);
    }
  }

  uint64_t Next() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;

    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // 0 for 0.
  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(((Next() >> 32) * limit) >> 32); }
  bool OneIn(uint32_t count) { return Below(count) == 0; }
  bool PerMillion(uint32_t share) { return Below(1'000'000) < share; }

  // A value at which arithmetic breaks: around powers of two, around 0, or anything.
  uint64_t Edge() {
    const uint64_t near = (uint64_t{1} << Below(64)) + Below(17) - 8;

    switch (Below(4)) {
      case 0:
        return near;
      case 1:
        return ~near;
      case 2:
        return Below(64);
      default:
        return Next();
    }
  }

  template <typename T>
  T Of(const std::vector<T>& values, T otherwise) {
    return values.empty() ? otherwise : values[Below(static_cast<uint32_t>(values.size()))];
  }

  void Fill(uint8_t* bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
      bytes[i] = static_cast<uint8_t>(Next());
    }
  }

  static constexpr uint64_t Mix(uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
  }

 private:
  std::array<uint64_t, 4> state_;
};

}  // namespace mph::fuzz
