#include "MemoryLimit.hpp"

#include "Error.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

namespace mph::native::MemoryLimit {

namespace {

using host::Error;
using Mph::Control::ErrorCode;

// Relaxed: written before a plugin is there, and it hands over nothing else.
std::atomic<uint64_t> limit{0};

static_assert(std::atomic<uint64_t>::is_always_lock_free, "signal handlers may not wait for a lock");

// What counts for RLIMIT_DATA; 0: unknown. Async-signal-safe.
uint64_t BytesInUse() {
  constexpr std::string_view Field = "VmData:";
  std::array<char, 4096> text;
  const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

  if (fd < 0) {
    return 0;
  }

  const auto length = read(fd, text.data(), text.size());

  close(fd);

  const std::string_view status(text.data(), static_cast<size_t>(std::max<ssize_t>(length, 0)));
  const auto field = status.find(Field);
  const auto digits = field == std::string_view::npos ? field : status.find_first_of("0123456789", field);
  uint64_t kibibytes = 0;

  if (digits != std::string_view::npos) {
    std::from_chars(status.data() + digits, status.data() + status.size(), kibibytes);
  }

  return kibibytes * 1024;
}

}  // namespace

void Set(uint64_t bytes) {
  if (bytes == 0) {
    return;
  }

  const auto inUse = BytesInUse();

  if (bytes < inUse) {
    throw Error(ErrorCode::Malformed, "memory_limit is " + std::to_string(bytes) + " bytes, and the host itself has " +
                                          std::to_string(inUse) + " bytes already; give it more");
  }

  rlimit inherited{};

  getrlimit(RLIMIT_DATA, &inherited);

  const auto allowed = std::min<rlim_t>(bytes, inherited.rlim_max);
  // A limit that the plugin could lift would be none.
  const rlimit ours{allowed, allowed};

  if (setrlimit(RLIMIT_DATA, &ours) != 0) {
    throw Error::System("cannot limit the host to " + std::to_string(bytes) + " bytes of memory", errno);
  }
  limit.store(allowed, std::memory_order_relaxed);
}

void SayIfReached() {
  const int savedErrno = errno;
  const auto bytes = limit.load(std::memory_order_relaxed);

  // What did not fit was small, or the host had died of it before.
  if (bytes != 0 && BytesInUse() >= bytes - bytes / 16) {
    constexpr std::string_view Begin = "memory limit of ";
    constexpr std::string_view End = " bytes reached\n";
    std::array<char, Begin.size() + 20 + End.size()> line;
    auto* at = std::copy(Begin.begin(), Begin.end(), line.begin());

    at = std::to_chars(at, line.end(), bytes).ptr;
    at = std::copy(End.begin(), End.end(), at);

    // An app that does not read must not keep a dying host.
    pollfd writable{STDERR_FILENO, POLLOUT, 0};

    if (poll(&writable, 1, 0) == 1) {
      [[maybe_unused]] const auto written = write(STDERR_FILENO, line.data(), static_cast<size_t>(at - line.data()));
    }
  }
  errno = savedErrno;
}

}  // namespace mph::native::MemoryLimit
