// Explores the configurations, or one with a control; prints one line of JSON for each. test/model/main.ts reads them.
//
//   model                            all configurations as they are, but for the long ones; `--long true`: those
//   model --configuration NAME       this one
//   model --control NAME             the control's configuration without what the control takes away; `all`: each in turn
//   model --max-states N             gives up there
//   model --litmus all               the explorer's own tests; the outcomes of each, with and without its reductions
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "worlds/Litmus.hpp"
#include "worlds/Worlds.hpp"

namespace {

using namespace mph::model;

std::string Quote(const std::string& text) {
  std::string quoted = "\"";

  for (const char letter : text) {
    if (letter == '"' || letter == '\\') {
      quoted += '\\';
    }
    quoted += letter;
  }
  return quoted + '"';
}

void Explore(const Configuration& configuration, const Control* control, uint64_t maxStates) {
  const auto fault = control ? control->fault : Fault::None;
  const auto began = std::chrono::steady_clock::now();
  const auto outcome =
      Explorer::Instance().Explore([&] { return configuration.make(fault); }, control ? control->weakness : Weakness{}, maxStates);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::string steps;

  for (const auto& step : outcome.steps) {
    steps += (steps.empty() ? "" : ",") + Quote(step);
  }
  std::printf(
      "{\"configuration\":%s,\"what\":%s,\"control\":%s,\"lacks\":%s,\"states\":%llu,\"interleavings\":%llu,\"cut\":%llu,\"longest\":%u,"
      "\"seconds\":%.3f,\"complete\":%s,\"failure\":%s,\"steps\":[%s]}\n",
      Quote(configuration.name).c_str(), Quote(configuration.what).c_str(), control ? Quote(control->name).c_str() : "null",
      control ? Quote(control->lacks).c_str() : "null", static_cast<unsigned long long>(outcome.states),
      static_cast<unsigned long long>(outcome.executions), static_cast<unsigned long long>(outcome.cut), outcome.longest, took.count(),
      outcome.isIncomplete || !outcome.failure.empty() ? "false" : "true",
      outcome.failure.empty() ? "null" : Quote(outcome.failure).c_str(), steps.c_str());
  std::fflush(stdout);
}

void PrintLitmus(bool isReduced) {
  for (const auto& [name, outcomes, executions] : RunLitmus(isReduced)) {
    std::string text;

    for (const auto& outcome : outcomes) {
      text += (text.empty() ? "" : ",") + Quote(outcome);
    }
    std::printf("{\"%s%s\":[%s]}\n", name.c_str(), isReduced ? "" : " unreduced", text.c_str());
  }
}

const Configuration& Find(const char* name) {
  for (const auto& configuration : Configurations()) {
    if (std::strcmp(configuration.name, name) == 0) {
      return configuration;
    }
  }
  std::fprintf(stderr, "there is no configuration %s\n", name);
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  const char* only = nullptr;
  const char* control = nullptr;
  uint64_t maxStates = 0;
  bool isLong = false;

  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--configuration") == 0) {
      only = argv[i + 1];
    } else if (std::strcmp(argv[i], "--control") == 0) {
      control = argv[i + 1];
    } else if (std::strcmp(argv[i], "--max-states") == 0) {
      maxStates = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (std::strcmp(argv[i], "--litmus") == 0) {
      PrintLitmus(true);
      PrintLitmus(false);
      return 0;
    } else if (std::strcmp(argv[i], "--long") == 0) {
      isLong = std::strcmp(argv[i + 1], "true") == 0;
    } else {
      std::fprintf(stderr, "usage: model [--long true] [--configuration NAME] [--control NAME|all] [--max-states N] [--litmus all]\n");
      return 2;
    }
  }
  if (control) {
    bool isKnown = false;

    for (const auto& one : Controls()) {
      if ((std::strcmp(control, "all") == 0 && !one.isOwnBuild) || std::strcmp(control, one.name) == 0) {
        Explore(Find(one.configuration), &one, maxStates);
        isKnown = true;
      }
    }
    if (!isKnown) {
      std::fprintf(stderr, "there is no control %s\n", control);
      return 2;
    }
    return 0;
  }
  for (const auto& configuration : Configurations()) {
    if (only ? std::strcmp(only, configuration.name) == 0 : configuration.isLong == isLong) {
      Explore(configuration, nullptr, maxStates);
    }
  }
  return 0;
}
