// In place of mediasoup's.
#pragma once

#include <cinttypes>
#include <cstddef>
#include <cstdint>
