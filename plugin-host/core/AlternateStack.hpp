// A stack for signal handlers, so that the one for SIGSEGV can run when a plugin has used up its thread's own.
#pragma once

#include <csignal>
#include <cstddef>
#include <memory>

namespace mph::host {

// For the thread that makes it, while it lives.
class AlternateStack {
 public:
  AlternateStack() : memory_(new std::byte[Size]) {
    const stack_t stack{.ss_sp = memory_.get(), .ss_flags = 0, .ss_size = Size};

    // Without it an overflow is seen a little later, when the kernel has closed the sockets.
    static_cast<void>(sigaltstack(&stack, &previous_));
  }

  ~AlternateStack() { static_cast<void>(sigaltstack(&previous_, nullptr)); }

  AlternateStack(const AlternateStack&) = delete;
  AlternateStack& operator=(const AlternateStack&) = delete;

 private:
  // Above what the kernel saves with AVX-512.
  static constexpr size_t Size = 32768;

  const std::unique_ptr<std::byte[]> memory_;
  // A sanitizer's, or none.
  stack_t previous_{};
};

}  // namespace mph::host
