// Takes an input apart into numbers and bytes. At its end there are zeros, so that every input is a whole one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace mph::fuzz {

class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  bool IsEmpty() const { return left_ == 0; }
  size_t Left() const { return left_; }

  template <typename Number>
  Number Take() {
    Number number{};

    static_assert(std::is_integral_v<Number>);
    CopyTo(&number, sizeof number);

    return number;
  }

  bool TakeBool() { return (Take<uint8_t>() & 1) != 0; }

  // Below `end`.
  size_t TakeBelow(size_t end) { return end == 0 ? 0 : Take<uint16_t>() % end; }

  // In memory of exactly that size, so that a read behind it is seen. As much of it as there is.
  std::vector<uint8_t> TakeBytes(size_t size) {
    size = std::min(size, left_);

    std::vector<uint8_t> bytes(data_, data_ + size);

    Skip(size);
    bytes.shrink_to_fit();

    return bytes;
  }

  std::vector<uint8_t> TakeRest() { return TakeBytes(left_); }

  std::string TakeString(size_t maxSize) {
    const auto bytes = TakeBytes(TakeBelow(maxSize + 1));

    return {bytes.begin(), bytes.end()};
  }

  void CopyTo(void* to, size_t size) {
    const auto there = std::min(size, left_);

    std::memset(to, 0, size);
    if (there > 0) {
      std::memcpy(to, data_, there);
    }
    Skip(there);
  }

 private:
  void Skip(size_t size) {
    data_ += size;
    left_ -= size;
  }

  const uint8_t* data_;
  size_t left_;
};

// Says what is wrong and ends the process, which is a finding.
inline void Require(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "FINDING: %s\n", what);
    std::abort();
  }
}

}  // namespace mph::fuzz
