// All by which the plugins of one dispatch thread may ask something of the worker.
#pragma once

#include "Queries.hpp"
#include "RingCalls.hpp"
#include "ServedRouters.hpp"
#include "Wakeup.hpp"

namespace mph::host {

struct WorkerCalls {
  // To be made by the dispatch thread.
  explicit WorkerCalls(Wakeup& wakeup) : rings(routers, wakeup), queries(routers, wakeup) {}

  // Whether there is something for the dispatch thread to do. [instance thread]
  bool HasHandedOver() const { return rings.HasWaiting() || queries.HasUnsent(); }

  ServedRouters routers;
  RingCalls rings;
  Queries queries;
};

}  // namespace mph::host
