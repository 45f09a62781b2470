// The explorer's own proof: litmus tests, with and without its reductions.
#pragma once

#include <string>
#include <vector>

#include "../explorer/Explorer.hpp"

namespace mph::model {

struct LitmusOutcome {
  std::string name;
  // What the loads returned, a digit each.
  std::vector<std::string> outcomes;
  uint64_t executions;
};

std::vector<LitmusOutcome> RunLitmus(bool isReduced);

}  // namespace mph::model
