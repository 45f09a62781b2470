#include "Progress.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace mph::replay {

Progress::Progress(int fd) : fd_(fd) {
  // A process that the plugin starts must not keep the pipe open.
  if (fd_ >= 0) {
    fcntl(fd_, F_SETFD, FD_CLOEXEC);
  }
}

void Progress::Tell(char what) const {
  if (fd_ >= 0) {
    // Whoever has gone needs no news.
    [[maybe_unused]] const auto written = write(fd_, &what, 1);
  }
}

}  // namespace mph::replay
