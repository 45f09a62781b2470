// The other side: a process of its own, on a CPU of its own where two are there, over the same shared memory.
#pragma once

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

// Where measurement and peer run, of the CPUs that this process may use.
enum class Cpus { Same, Across };

namespace detail {

inline int allowedCpu(int index) {
  // As found at the start: pinning changes what the call says.
  static const cpu_set_t allowed = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    ::sched_getaffinity(0, sizeof(set), &set);
    return set;
  }();

  for (int cpu = 0, seen = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed) && seen++ == index) {
      return cpu;
    }
  }
  throw std::runtime_error("this needs " + std::to_string(index + 1) + " CPUs that the process may use");
}

inline void pinTo(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof(set), &set) != 0) {
    throw std::runtime_error(std::string("cannot pin to CPU ") + std::to_string(cpu) + ": " + std::strerror(errno));
  }
}

}  // namespace detail

// Runs `body`, which never returns, in a child that is killed with this object, or with this process. A protocol for ending would cost the
// measured loops a look each time.
class Peer {
 public:
  template <typename Body>
  Peer(Cpus cpus, Body&& body) {
    const int ownCpu = detail::allowedCpu(0);
    const int peerCpu = detail::allowedCpu(cpus == Cpus::Same ? 0 : 1);

    pid_ = ::fork();
    if (pid_ < 0) {
      throw std::runtime_error(std::string("cannot fork: ") + std::strerror(errno));
    }
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      try {
        detail::pinTo(peerCpu);
        body();
      } catch (const std::exception& error) {
        std::fprintf(stderr, "the peer failed: %s\n", error.what());
      }
      // Whoever measures would wait for ever.
      ::kill(::getppid(), SIGTERM);
      ::_exit(1);
    }
    detail::pinTo(ownCpu);
  }

  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_{-1};
};

// A T in memory that a peer made later shares. All pages are there when the constructor returns.
template <typename T>
class Shared {
 public:
  Shared() {
    void* memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
      throw std::runtime_error(std::string("cannot map shared memory: ") + std::strerror(errno));
    }
    object_ = new (memory) T;
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { ::munmap(object_, sizeof(T)); }

  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }

 private:
  T* object_;
};
