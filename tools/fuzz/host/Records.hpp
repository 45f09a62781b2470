// Records for a verdict ring: sound in their shape and anything in their fields, or with a shape that no host would write.
#pragma once

#include "Known.hpp"
#include "Random.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace mph::fuzz {

class Records {
 public:
  struct Record {
    const uint8_t* bytes;
    uint32_t length;
    const char* what;
  };

  Records(Random& random, Known& known) : random_(random), known_(known) {}

  // Of records that the worker does not count as strikes, unless it decides otherwise about what they name.
  Record Sound();
  // The shortest that is sound: a verdict that nobody waits for.
  Record Short();
  // Of records that it must refuse.
  Record Unsound();
  // A header that must end the reading of the ring.
  Record Corrupt(uint32_t ringSize);

 private:
  Record Verdict();
  Record Bypass();
  Record InjectRtp();
  Record ReceiveRtp();
  Record InjectData();
  Record KeyFrame();
  Record Subscribe();

  Record Finish(const void* fixed, uint32_t fixedLength, uint32_t tailLength, const char* what);
  uint32_t Number(const std::vector<uint32_t>& known);
  uint32_t TailLength();
  uint64_t Cause();
  void PutNumbers(uint32_t offset, uint32_t count, const std::vector<uint32_t>& known);

  static constexpr uint32_t MaxLength = 16384;

  Random& random_;
  Known& known_;
  alignas(8) std::array<uint8_t, MaxLength> bytes_{};
};

}  // namespace mph::fuzz
