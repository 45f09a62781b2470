// What the fuzzer tells a lane, and hears from it: lines on standard input and output.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

namespace mph::fuzz {

struct Tally {
  // That the worker has read.
  uint64_t records{0};
  uint64_t sessions{0};
  uint64_t connections{0};
};

class Orders {
 public:
  // One that was issued for this lane's plugin; asks for the next one, too. Empty when it is over.
  std::string TakeToken();
  // Whether it is over: the fuzzer says so, or is gone. Looks once in a while only.
  bool IsOver();
  // Once in a while, or when `now`.
  void Report(const Tally& tally, bool now = false);

 private:
  void Listen(int ms);

  std::string received_;
  std::deque<std::string> tokens_;
  bool asked_{false};
  bool over_{false};
  uint64_t listenedAtNs_{0};
  uint64_t reportedAtNs_{0};
};

}  // namespace mph::fuzz
