// Goes in front of everything that is checked: GCC tells a sanitizer about atomics, but not about fences.
#pragma once

#include <atomic>

namespace mph::model {
void OnFence();
}

namespace std {
inline void ModelFence(memory_order) noexcept { mph::model::OnFence(); }
}  // namespace std

#define atomic_thread_fence ModelFence
