// What one would take otherwise.
#pragma once

#include "options.hpp"

Result runBoostRoundTrip(const Options& options);
Result runBoostOneWay1200(const Options& options);
Result runBoostOneWay100(const Options& options);
// A socket pair, both ends blocking in the kernel.
Result runUnixRoundTrip(const Options& options);
// A socket pair, both ends asking again and again.
Result runUnixRoundTripSpinning(const Options& options);
