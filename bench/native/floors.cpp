// What the machine can do with nothing in between: a cache line to and fro (F0), a packet out and an answer back (F1), a wake-up on one CPU
// (F2) and across (F3), and bytes in one direction (bulk).
#include "floors.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>

#include "payload.hpp"
#include "peer.hpp"
#include "samples.hpp"

// Half a round trip is a transfer of the line from one core's cache to the other's.
Result runF0(const Options& options) {
  struct Line {
    alignas(64) std::atomic<uint64_t> turn{0};
  };
  const Shared<Line> line;
  const Peer peer(Cpus::Across, [&line] {
    for (uint64_t turn = 1;; turn += 2) {
      while (line->turn.load(std::memory_order_acquire) != turn) {
      }
      line->turn.store(turn + 1, std::memory_order_release);
    }
  });
  uint64_t turn = 1;

  return measureRoundTrips(options, [&line, &turn] {
    line->turn.store(turn, std::memory_order_release);
    while (line->turn.load(std::memory_order_acquire) != turn + 1) {
    }
    turn += 2;
  });
}

// One place for the packet, one line that says that it is there, one line with the answer: 8 bytes that say to what, and 8 of verdict. Far
// enough from one another that no prefetcher takes two of them for one (64 bytes apart, 15 % slower).
Result runF1(const Options& options) {
  struct Place {
    alignas(128) Payload<PacketSize> packet;
    alignas(128) std::atomic<uint64_t> sent{0};
    alignas(128) uint64_t verdict{0};
    std::atomic<uint64_t> answered{0};
  };
  const Shared<Place> place;
  const Peer peer(Cpus::Across, [&place] {
    for (uint64_t number = 1;; ++number) {
      while (place->sent.load(std::memory_order_acquire) != number) {
      }
      touch(place->packet.data(), PacketSize);
      place->verdict = number & 1;
      place->answered.store(number, std::memory_order_release);
    }
  });
  const auto& source = sourcePayload<PacketSize>();
  uint64_t number = 0;

  return measureRoundTrips(options, [&] {
    std::memcpy(place->packet.data(), source.data(), PacketSize);
    place->sent.store(++number, std::memory_order_release);
    while (place->answered.load(std::memory_order_acquire) != number) {
    }
    touch(reinterpret_cast<const uint8_t*>(&place->verdict), sizeof(place->verdict));
  });
}

namespace {

class EventFd {
 public:
  EventFd() : fd_(::eventfd(0, EFD_CLOEXEC)) {
    if (fd_ < 0) {
      throw std::runtime_error("cannot make an eventfd");
    }
  }
  EventFd(const EventFd&) = delete;
  EventFd& operator=(const EventFd&) = delete;
  ~EventFd() { ::close(fd_); }

  void Ring() const { check(::eventfd_write(fd_, 1)); }
  void Await() const {
    eventfd_t count;
    check(::eventfd_read(fd_, &count));
  }

 private:
  static void check(int result) {
    if (result != 0) {
      throw std::runtime_error("an eventfd failed");
    }
  }

  int fd_;
};

struct Bells {
  EventFd out;
  EventFd back;

  void Answer() const {
    for (;;) {
      out.Await();
      back.Ring();
    }
  }
  void RoundTrip() const {
    out.Ring();
    back.Await();
  }
};

}  // namespace

Result runF2(const Options& options) {
  const Bells bells;
  const Peer peer(Cpus::Same, [&bells] { bells.Answer(); });

  return measureRoundTrips(options, [&bells] { bells.RoundTrip(); });
}

Result runF3(const Options& options) {
  const Bells bells;
  const Peer peer(Cpus::Across, [&bells] { bells.Answer(); });

  return measurePaced(options, [&bells] { bells.RoundTrip(); });
}

// A producer's memcpy from its own cache into a shared buffer that goes round, a consumer that reads every byte of it in place; a word from
// either side per block is all that they say to each other. The buffer is as large as the packet ring of the streams that are compared with
// it, a block as large as brings the most.
Result runBulk(const Options& options) {
  constexpr uint32_t maxBlockSize = 1 << 16;
  constexpr uint32_t maxSize = 1 << 22;
  const uint32_t blockSize = options.blockSize;
  const uint32_t blocks = options.packetRingSize / blockSize;
  struct Buffer {
    alignas(128) std::atomic<uint64_t> written{0};
    alignas(128) std::atomic<uint64_t> read{0};
    alignas(4096) uint8_t bytes[maxSize];
  };

  if (blocks < 2 || options.packetRingSize > maxSize || blockSize > maxBlockSize) {
    throw std::runtime_error("bulk needs a ring of at most 4 MiB, and blocks of at most 64 KiB and half of the ring");
  }

  const Shared<Buffer> buffer;
  const Peer peer(Cpus::Across, [&buffer, blocks, blockSize] {
    uint64_t written;

    for (uint64_t block = 0;; ++block) {
      while ((written = buffer->written.load(std::memory_order_acquire)) == block) {
        pauseBetweenLooks();
      }
      touch(buffer->bytes + block % blocks * blockSize, blockSize);
      buffer->read.store(block + 1, std::memory_order_release);
    }
  });
  const auto& source = sourcePayload<maxBlockSize>();
  uint64_t block = 0;
  uint64_t read = 0;

  return measureStream(options, blockSize, [&] {
    while (block - read == blocks) {
      read = buffer->read.load(std::memory_order_acquire);
    }
    std::memcpy(buffer->bytes + block % blocks * blockSize, source.data(), blockSize);
    buffer->written.store(++block, std::memory_order_release);
    return uint64_t{1};
  });
}
