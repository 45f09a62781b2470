// The ring as worker and host use it, without what wakes them.
#pragma once

#include "options.hpp"

Result runRingRoundTrip(const Options& options);
// With publish counters, flags and fences, as if either side could be asleep.
Result runRingRoundTripWaking(const Options& options);
Result runRingOneWay1200(const Options& options);
Result runRingOneWay100(const Options& options);
