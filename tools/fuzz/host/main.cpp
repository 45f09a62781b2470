// A lane of the fuzzer (tools/fuzz): a process that the worker takes for a host.
//
//   fuzz-lane SOCKET SEED JOURNAL [PLAN]
//
// It asks for a token ("token") for each session and is given it as a line; an empty line, or the end, is the end. JOURNAL is written when
// the worker is gone.
#include "Lane.hpp"
#include "Orders.hpp"

#include <signal.h>
#include <cstdio>
#include <cstdlib>
#include <string>

int main(int argc, char** argv) {
  const std::string plan = argc == 5 ? argv[4] : "";

  if (argc != 4 && argc != 5) {
    std::fputs("usage: fuzz-lane SOCKET SEED JOURNAL [PLAN]\n", stderr);
    return 2;
  }
  if (!plan.empty() && mph::fuzz::FindPlan(plan) == nullptr) {
    std::fprintf(stderr, "fuzz-lane: there is no plan \"%s\"; they stand in tools/fuzz/host/Lane.cpp\n", plan.c_str());
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);

  mph::fuzz::Orders orders;
  mph::fuzz::Lane lane(argv[1], std::strtoull(argv[2], nullptr, 10), plan, orders);
  const bool isThere = lane.Run();

  orders.Report(lane.GetTally(), true);
  if (!isThere) {
    if (FILE* file = std::fopen(argv[3], "w")) {
      lane.GetJournal().Write(file);
      std::fclose(file);
    }
  }
  return isThere ? 0 : 3;
}
