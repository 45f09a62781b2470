// Errors of the set-up path: thrown once, with the name of the thing, errno and what to do. Nothing on the packet path throws.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace mph::shm {

[[noreturn]] inline void ThrowSystemError(int error, const std::string& what, const std::string& remedy) {
  throw std::system_error(error, std::generic_category(), what + " (" + remedy + ")");
}

// What usually helps against this errno; set-up calls fail for few reasons.
inline std::string RemedyFor(int error) {
  switch (error) {
    case EMFILE:
      return "this process has too many open files: raise RLIMIT_NOFILE, e.g. with ulimit -n";
    case ENFILE:
      return "the system has too many open files: raise fs.file-max";
    case ENOMEM:
      return "out of memory or mappings: use smaller rings or raise vm.max_map_count";
    case ENOSYS:
    case EINVAL:
      return "Linux 5.1 or newer with memfd sealing is needed";
    case EPERM:
      return "the kernel or a sandbox forbids it: allow memfd_create, mmap and pipe2 with file seals";
    default:
      return "see errno";
  }
}

}  // namespace mph::shm
