// Measures one thing once and prints it as a line of JSON: bench/lib/native.ts runs it again and again, interleaved with others.
//
//   mph-bench --list                        names and units
//   mph-bench ring/rtt1200 --ms 300         one repetition
//
// Two processes on the first two CPUs that it may use (F2: both on the first).
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

#include "floors.hpp"
#include "options.hpp"
#include "others.hpp"
#include "ring.hpp"

static constexpr Benchmark benchmarks[] = {
    {"floor/F0", "us", runF0},
    {"floor/F1", "us", runF1},
    {"floor/F2", "us", runF2},
    {"floor/F3", "us", runF3},
    {"floor/bulk", "MB/s", runBulk},
    {"ring/rtt1200", "us", runRingRoundTrip},
    {"ring/rtt1200-waking", "us", runRingRoundTripWaking},
    {"ring/oneway1200", "MB/s", runRingOneWay1200},
    {"ring/oneway100", "MB/s", runRingOneWay100},
    {"boost/rtt1200", "us", runBoostRoundTrip},
    {"boost/oneway1200", "MB/s", runBoostOneWay1200},
    {"boost/oneway100", "MB/s", runBoostOneWay100},
    {"unix/rtt1200", "us", runUnixRoundTrip},
    {"unix/rtt1200-spinning", "us", runUnixRoundTripSpinning},
};

static const Benchmark& findBenchmark(std::string_view name) {
  for (const auto& benchmark : benchmarks) {
    if (name == benchmark.name) {
      return benchmark;
    }
  }
  throw std::runtime_error("there is no benchmark \"" + std::string(name) + "\"; --list names them");
}

static void list() {
  for (const auto& benchmark : benchmarks) {
    std::printf("%s %s\n", benchmark.name, benchmark.unit);
  }
}

static void print(const Result& result, const char* unit) {
  std::printf("{\"unit\":\"%s\"", unit);
  for (const auto& [name, figure] : {std::pair("p50", result.p50), std::pair("p99", result.p99), std::pair("value", result.value),
                                     std::pair("perSecond", result.perSecond)}) {
    if (!std::isnan(figure)) {
      std::printf(",\"%s\":%.6g", name, figure);
    }
  }
  std::printf("}\n");
}

template <typename T>
static T parseNumber(std::string_view option, std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) {
    throw std::runtime_error(std::string(option) + " wants a positive number, not \"" + std::string(text) + "\"");
  }
  return number;
}

static Options parseOptions(int argc, char** argv) {
  Options options;

  for (int i = 2; i < argc; i += 2) {
    const std::string_view option = argv[i];
    const std::string_view text = i + 1 < argc ? argv[i + 1] : "";

    if (option == "--ms") {
      options.milliseconds = parseNumber<uint64_t>(option, text);
    } else if (option == "--packet-ring") {
      options.packetRingSize = parseNumber<uint32_t>(option, text);
    } else if (option == "--verdict-ring") {
      options.verdictRingSize = parseNumber<uint32_t>(option, text);
    } else if (option == "--batch") {
      options.batch = parseNumber<uint32_t>(option, text);
    } else if (option == "--block") {
      options.blockSize = parseNumber<uint32_t>(option, text);
    } else {
      throw std::runtime_error("there is no option " + std::string(option) +
                               "; there are --ms, --packet-ring, --verdict-ring, --batch, --block");
    }
  }
  return options;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s --list | <name> [--ms N] [--packet-ring BYTES] [--verdict-ring BYTES] [--batch N] [--block BYTES]\n",
                 argv[0]);
    return 2;
  }
  try {
    if (std::strcmp(argv[1], "--list") == 0) {
      list();
      return 0;
    }

    const auto& benchmark = findBenchmark(argv[1]);
    const auto options = parseOptions(argc, argv);
    // Should a peer fail without a word, nobody waits here for ever.
    ::alarm(static_cast<unsigned>(options.milliseconds / 500 + 20));
    print(benchmark.run(options), benchmark.unit);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[1], error.what());
    return 1;
  }
}
