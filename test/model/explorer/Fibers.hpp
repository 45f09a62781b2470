// The threads of a model, all on one real thread: each runs until it hands over, and can be left where it stands.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <functional>
#include <memory>
#include <vector>

namespace mph::model {

class Fiber {
 public:
  Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Whatever it was at is left as it is; the next Resume() begins the body.
  void Begin(std::function<void()> body);
  // Returns when the body hands over or ends. [outside of fibers]
  void Resume();
  // [in this fiber]
  void HandOver();
  bool HasEnded() const { return hasEnded_; }

 private:
  static void Enter(unsigned high, unsigned low);
  [[noreturn]] void Run();

  static constexpr size_t StackSize = size_t{256} * 1024;

  std::unique_ptr<char[]> stack_;
  ucontext_t context_{};
  ucontext_t origin_{};
  // A jump costs no system call, swapcontext() two.
  jmp_buf outside_{};
  jmp_buf inside_{};
  jmp_buf base_{};
  std::function<void()> body_;
  bool isMade_{false};
  bool isFresh_{true};
  bool hasEnded_{true};
};

}  // namespace mph::model
