// The floors: no code of ours, nothing that could be left out.
#pragma once

#include "options.hpp"

Result runF0(const Options& options);
Result runF1(const Options& options);
Result runF2(const Options& options);
Result runF3(const Options& options);
Result runBulk(const Options& options);
