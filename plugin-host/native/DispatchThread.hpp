// A thread of its own for a dispatcher.
#pragma once

#include "AlternateStack.hpp"
#include "Dispatcher.hpp"

#include <pthread.h>
#include <thread>

namespace mph::native {

class DispatchThread : public host::Dispatcher::Thread {
 public:
  // Throws std::system_error when there can be none. [main]
  explicit DispatchThread(host::Dispatcher& dispatcher)
      : thread_([&dispatcher] {
          const host::AlternateStack stack;

          // As `top -H` shows it; at most 15 characters.
          pthread_setname_np(pthread_self(), "mph-dispatch");
          dispatcher.Run();
        }) {}

  ~DispatchThread() override { thread_.join(); }

  DispatchThread(const DispatchThread&) = delete;
  DispatchThread& operator=(const DispatchThread&) = delete;

 private:
  std::thread thread_;
};

}  // namespace mph::native
