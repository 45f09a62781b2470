// What crosses, and what both ends do with it: the same in every benchmark, so that only the way across differs.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

// The packet that the targets speak of, and a small one, an audio frame.
inline constexpr uint32_t PacketSize = 1200;
inline constexpr uint32_t SmallSize = 100;

template <uint32_t Size>
using Payload = std::array<uint8_t, Size>;

// As it lies in the sender's own memory, like a packet that came from a socket.
template <uint32_t Size>
inline const Payload<Size>& sourcePayload() {
  static const auto payload = [] {
    Payload<Size> bytes;
    bytes.fill(0x5a);
    return bytes;
  }();
  return payload;
}

// The receiver reads every byte where it lies, and no compiler may think otherwise.
inline void touch(const uint8_t* bytes, size_t size) {
  uint64_t sum = 0;
  size_t i = 0;

  for (; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, bytes + i, sizeof(word));
    sum += word;
  }
  for (; i < size; ++i) {
    sum += bytes[i];
  }
  asm volatile("" ::"r"(sum) : "memory");
}

// Where a consumer of a stream finds nothing. Looking again at once would take the line with the cursor away from the producer each time;
// it would fall behind for good (ring/oneway1200-single: 5.8 GB/s instead of 12.5). The same in every stream; a round trip does without.
inline void pauseBetweenLooks() {
#ifdef __x86_64__
  __builtin_ia32_pause();
#endif
}
