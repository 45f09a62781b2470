#include "Fibers.hpp"

#include <cstdint>
#include <utility>

namespace mph::model {

Fiber::Fiber() : stack_(new char[StackSize]) {}

void Fiber::Begin(std::function<void()> body) {
  body_ = std::move(body);
  isFresh_ = true;
  hasEnded_ = false;
}

void Fiber::Resume() {
  if (_setjmp(outside_) != 0) {
    return;
  }
  if (!isMade_) {
    isMade_ = true;
    getcontext(&context_);
    context_.uc_stack.ss_sp = stack_.get();
    context_.uc_stack.ss_size = StackSize;
    context_.uc_link = nullptr;
    const auto self = reinterpret_cast<uintptr_t>(this);
    makecontext(&context_, reinterpret_cast<void (*)()>(&Enter), 2, static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
    setcontext(&context_);
  }
  _longjmp(std::exchange(isFresh_, false) ? base_ : inside_, 1);
}

void Fiber::HandOver() {
  if (_setjmp(inside_) == 0) {
    _longjmp(outside_, 1);
  }
}

void Fiber::Enter(unsigned high, unsigned low) { reinterpret_cast<Fiber*>((uintptr_t{high} << 32) | low)->Run(); }

void Fiber::Run() {
  // Comes back here for each body, whatever stands on the stack.
  static_cast<void>(_setjmp(base_));
  isFresh_ = false;
  body_();
  hasEnded_ = true;
  _longjmp(outside_, 1);
}

}  // namespace mph::model
