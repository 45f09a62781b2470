#include "InHand.hpp"

namespace mph::host::InHand {

constinit thread_local std::atomic<uint64_t>* nowServing = nullptr;

}  // namespace mph::host::InHand
