// The last that a lane did. Written out when the worker is gone, so that somebody can see what it died of.
#pragma once

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace mph::fuzz {

class Journal {
 public:
  // Of one thread: what the racer scribbles follows from the session's seed.
  void Note(const char* what, uint64_t number = 0, const uint8_t* bytes = nullptr, size_t length = 0) {
    auto& entry = entries_[count_++ % entries_.size()];

    entry.what = what;
    entry.number = number;
    entry.length = length;
    if (length != 0) {
      std::memcpy(entry.bytes.data(), bytes, std::min(length, entry.bytes.size()));
    }
  }

  void Write(FILE* file) const {
    for (uint64_t i = count_ - std::min<uint64_t>(count_, entries_.size()); i < count_; i++) {
      const auto& entry = entries_[i % entries_.size()];

      std::fprintf(file, "%" PRIu64 " %s %" PRIu64, i, entry.what, entry.number);
      if (entry.length != 0) {
        std::fprintf(file, " [%zu]", entry.length);
        for (size_t j = 0; j < std::min(entry.length, entry.bytes.size()); j++) {
          std::fprintf(file, "%s%02x", j % 8 == 0 ? " " : "", entry.bytes[j]);
        }
      }
      std::fputc('\n', file);
    }
  }

 private:
  struct Entry {
    const char* what;
    uint64_t number;
    size_t length;
    std::array<uint8_t, 96> bytes;
  };

  std::array<Entry, 1024> entries_{};
  uint64_t count_{0};
};

}  // namespace mph::fuzz
