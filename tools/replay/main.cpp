// mediasoup-plugin-host-replay: gives the packets of a crash capture to a plugin, in this process and without a worker, and dies as the
// plugin dies. tools/cli/replay.ts starts it, by itself or under a debugger.

#include "CapturedRecords.hpp"
#include "PluginLibrary.hpp"
#include "Progress.hpp"
#include "Replay.hpp"

#include <getopt.h>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

namespace {

constexpr int UsageError = 2;

struct Options {
  std::string plugin;
  std::string records;
  std::string config;
  std::string router;
  int progressFd{-1};
  bool batch{false};
};

bool Parse(int argc, char** argv, Options& options) {
  static constexpr std::array Known{
      option{"plugin", required_argument, nullptr, 'p'},
      option{"records", required_argument, nullptr, 'r'},
      option{"config", required_argument, nullptr, 'c'},
      option{"router", required_argument, nullptr, 'o'},
      option{"progress-fd", required_argument, nullptr, 'f'},
      option{"batch", no_argument, nullptr, 'b'},
      option{nullptr, 0, nullptr, 0},
  };
  int found = 0;

  while ((found = getopt_long(argc, argv, "", Known.data(), nullptr)) != -1) {
    switch (found) {
      case 'p':
        options.plugin = optarg;
        break;
      case 'r':
        options.records = optarg;
        break;
      case 'c':
        options.config = optarg;
        break;
      case 'o':
        options.router = optarg;
        break;
      case 'f':
        options.progressFd = std::atoi(optarg);
        break;
      case 'b':
        options.batch = true;
        break;
      default:
        return false;
    }
  }

  return optind == argc && !options.plugin.empty() && !options.records.empty();
}

// A file, since a command line has less room than a config may need.
std::string ReadConfig(const std::string& file) {
  if (file.empty()) {
    return "{}";
  }

  std::ifstream stream(file, std::ios::binary);
  std::stringstream text;

  text << stream.rdbuf();
  if (!stream) {
    throw std::runtime_error("cannot read " + file);
  }

  return text.str();
}

int Run(const Options& options) {
  const mph::replay::CapturedRecords records(options.records);
  const mph::replay::Progress progress(options.progressFd);
  const mph::host::PluginLibrary library(options.plugin);
  mph::host::PostBudget postBudget;
  mph::host::Wakeup wakeup;
  mph::host::WorkerCalls calls(wakeup);

  {
    mph::host::Instance instance(library,
                                 {.config = ReadConfig(options.config),
                                  .log = [](auto, const std::string& message) { std::fprintf(stderr, "log: %s\n", message.c_str()); },
                                  .toApp = [](auto, auto) {},
                                  .takeSnapshot = [](auto) { return std::nullopt; },
                                  .onFatal =
                                      [](const std::string& message) {
                                        std::fprintf(stderr, "\n%s\n", message.c_str());
                                        std::abort();
                                      }},
                                 std::make_shared<mph::host::InstanceReport>("replay"), calls, postBudget, wakeup);

    progress.Loaded();

    mph::replay::Replay replay(instance, calls, options.router, records, progress);

    if (options.batch) {
      replay.AtOnce();
    } else {
      replay.OneByOne();
    }
  }
  progress.Done();

  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;

  if (!Parse(argc, argv, options)) {
    std::fprintf(
        stderr,
        "usage: mediasoup-plugin-host-replay --plugin FILE --records FILE [--config FILE] [--router ID] [--progress-fd N] [--batch]\n");

    return UsageError;
  }

  try {
    return Run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mediasoup-plugin-host-replay: %s\n", error.what());

    return UsageError;
  }
}
