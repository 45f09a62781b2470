// When an end pauses, and how it waits: chosen at random, so that every interleaving comes up, real sleep included.
#pragma once

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "mph/shm/Doorbell.hpp"
#include "mph/shm/Link.hpp"
#include "options.hpp"
#include "records.hpp"

namespace shm = mph::shm;

inline void spin(uint64_t turns) {
  for (uint64_t i = 0; i < turns; ++i) {
    asm volatile("" ::: "memory");
  }
}

// Between two batches.
inline void pause(const Options& options, Random& random) {
  if (options.pingPong) {
    // A record's way to the other end takes about as long.
    spin(random.below(256));
    return;
  }
  switch (const uint64_t choice = random.below(1024)) {
    case 0:
      ::usleep(static_cast<useconds_t>(random.below(2000)));
      break;
    case 1:
    case 2:
    case 3:
    case 4:
      ::usleep(static_cast<useconds_t>(random.below(100)));
      break;
    default:
      if (choice < 48) {
        ::sched_yield();
      } else if (choice < 256) {
        spin(random.below(4096));
      }
  }
}

// The scheduler likes to put two threads that wake each other on one CPU, where neither can overtake the other's stores.
inline void pinTo(int which) {
  cpu_set_t allowed;
  cpu_set_t own;
  CPU_ZERO(&own);
  ::sched_getaffinity(0, sizeof(allowed), &allowed);
  for (int cpu = 0, seen = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed) && seen++ == which) {
      CPU_SET(cpu, &own);
      ::sched_setaffinity(0, sizeof(own), &own);
    }
  }
}

// How one end tells the other one, and waits for it.
class Waking {
 public:
  Waking(const Options& options, uint8_t* ownLink, const uint8_t* peerLink, int bellIn, int bellOut)
      : pingPong_(options.pingPong),
        own_(ownLink),
        peer_(peerLink),
        watch_(shm::LinkReader(peerLink)),
        bellIn_(bellIn),
        bellOut_(bellOut) {}

  // Before a turn's work: what comes later than this is seen by Sleep().
  void BeginTurn() { watch_.TakeChanged([](uint32_t, uint32_t) {}); }

  // After it.
  void Tell() {
    own_.CountPublication(0);
    if (peer_.TakeSleep()) {
      static_cast<void>(shm::RingDoorbell(bellOut_));
      ++rings;
    }
  }

  // `patient`: looks for a long time before it goes to sleep. False when nobody will ring any more.
  [[nodiscard]] bool Wait(Random& random, bool patient) {
    if (Look(patient ? LongLook : random.below(64))) {
      return true;
    }
    sleeps += SleepUnless(
        own_, [this] { return watch_.HasChanged(); }, [this] { Block(); });
    return shm::ResetDoorbell(bellIn_) != shm::ResetResult::PeerGone;
  }

  uint64_t sleeps{0};
  uint64_t rings{0};

 private:
  // Longer than a wake-up takes, or both ends would end up waking each other from the kernel in turn.
  static constexpr uint64_t LongLook = 200000;

  bool Look(uint64_t times) const {
    while (times-- > 0) {
      if (watch_.HasChanged()) {
        return true;
      }
    }
    return false;
  }

  void Block() const {
    if (pingPong_) {
      // Having seen nothing, this end is owed a ring; whether it comes can be told without the long way into the kernel and back, so
      // that a lost one turns up within thousands of rounds and not millions.
      static_cast<void>(Look(LongLook));
    }
    // For ever: a wake-up that is lost must show.
    pollfd entry{bellIn_, POLLIN, 0};
    ::poll(&entry, 1, -1);
  }

  bool pingPong_;
  shm::LinkWriter own_;
  shm::LinkReader peer_;
  shm::PublicationWatch watch_;
  int bellIn_;
  int bellOut_;
};
