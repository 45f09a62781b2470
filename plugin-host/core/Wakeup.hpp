// Wakes a thread that sleeps in poll(), from another thread of this process. Between processes it is a shm doorbell instead: an
// eventfd is one shared file description, which a peer could fill or make blocking.
#pragma once

#include "Error.hpp"

#include <sys/eventfd.h>
#include <unistd.h>
#include <cerrno>
#include <cstdint>
#include <mph/shm/UniqueFd.hpp>

namespace mph::host {

class Wakeup {
 public:
  Wakeup() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_.Get() < 0) {
      throw Error::System("cannot make an eventfd", errno);
    }
  }

  // Readable from Ring() until Reset(). [any]
  int Fd() const { return fd_.Get(); }

  // [any]
  void Ring() {
    const uint64_t one = 1;

    // It can fail only because the counter is full, and then it is readable.
    [[maybe_unused]] const auto written = write(fd_.Get(), &one, sizeof one);
  }

  // Reset first, then look for what there is to do. [the thread that sleeps]
  void Reset() {
    uint64_t count = 0;

    [[maybe_unused]] const auto got = read(fd_.Get(), &count, sizeof count);
  }

 private:
  shm::UniqueFd fd_;
};

}  // namespace mph::host
