// Command line of ring-stress.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

struct Options {
  uint64_t records{200000};
  uint64_t seed{0};
  uint32_t maxPayload{65536};
  uint32_t packetRingSize{262144};
  uint32_t verdictRingSize{262144};
  // Records on their way at once.
  uint64_t window{~uint64_t{0}};
  uint32_t maxBatch{64};
  // While it can send, the worker looks at verdicts once in so many batches.
  uint32_t verdictEvery{16};
  // Both ends in one process, on one mapping of each segment, for ThreadSanitizer.
  bool threads{false};
  // One record at a time, both ends falling asleep while the other one publishes: the place to lose a wake-up.
  bool pingPong{false};
  unsigned hangSeconds{20};
};

inline Options parseOptions(int argc, char** argv) {
  static constexpr const char* usage =
      "usage: ring-stress [--records N] [--seed S] [--max-payload BYTES] [--packet-ring BYTES] [--verdict-ring BYTES]\n"
      "                   [--threads] [--ping-pong] [--hang-seconds N]\n"
      "exit code: 0 passed, 1 failed, 3 hang (the state of both ends is printed), 2 usage\n";
  Options options;
  const auto fail = [](const std::string& what) {
    std::fprintf(stderr, "ring-stress: %s\n%s", what.c_str(), usage);
    std::exit(2);
  };

  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--threads") {
      options.threads = true;
      continue;
    }
    if (name == "--ping-pong") {
      options.pingPong = true;
      options.window = 1;
      options.maxBatch = 1;
      options.verdictEvery = 1;
      options.maxPayload = 0;
      continue;
    }
    char* end = nullptr;
    const uint64_t value = i + 1 < argc ? std::strtoull(argv[++i], &end, 0) : 0;
    if (end == nullptr || end == argv[i] || *end != '\0') {
      fail(name + " is unknown or wants a number");
    }
    if (name == "--records") {
      options.records = value;
    } else if (name == "--seed") {
      options.seed = value;
    } else if (name == "--max-payload") {
      options.maxPayload = static_cast<uint32_t>(value);
    } else if (name == "--packet-ring") {
      options.packetRingSize = static_cast<uint32_t>(value);
    } else if (name == "--verdict-ring") {
      options.verdictRingSize = static_cast<uint32_t>(value);
    } else if (name == "--hang-seconds") {
      options.hangSeconds = static_cast<unsigned>(value);
    } else {
      fail("unknown option " + name);
    }
  }
  return options;
}
