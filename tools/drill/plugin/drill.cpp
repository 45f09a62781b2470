// drill: drops what a rule says that the receiver can check, and dies on order. Orders come by a file that the drill and all hosts have
// mapped (orders.ts has the same layout); whoever follows one takes it back first, so that the next host does not do likewise.
//
// Config: {"orders": path, "dropEvery": n, "dropRest": r, "counter": "rtp-send" | "number"}: packets and messages whose counter leaves r when divided
// by n are dropped. The counter is that of rtp-send's packets, which are told from all others, or the number that every payload begins with (uint32,
// big endian).
#include "mph_plugin.h"
#include "payload.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string>

namespace {

enum class Order : uint32_t {
  None = 0,
  // Stand still with the packets in hand: the end comes from outside.
  Wait = 1,
  Loop = 2,
  OutOfMemory = 3,
  Exit = 4,
};

struct Orders {
  // Written by the drill; taken back by whoever follows it.
  std::atomic<uint32_t> order;
  // Who followed the last order, with how many packets in hand, and when.
  std::atomic<uint32_t> follower;
  std::atomic<uint64_t> followedAtNs;
  std::atomic<uint32_t> inHand;
  // Which process had packets last, and when it had answered its first ones.
  std::atomic<uint32_t> server;
  std::atomic<uint64_t> servesSinceNs;
};

static_assert(sizeof(Orders) == 32 && std::atomic<uint64_t>::is_always_lock_free);

// What a plugin may allocate where no limit is set.
constexpr size_t MostBytes = size_t{1} << 30;
constexpr size_t ChunkBytes = size_t{1} << 20;
constexpr int ExitCode = 3;

uint64_t NowNs() {
  timespec now{};

  clock_gettime(CLOCK_MONOTONIC, &now);

  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

class Drill {
 public:
  explicit Drill(const std::string& config) {
    const auto parsed = nlohmann::json::parse(config);
    const std::string file = parsed.at("orders");
    const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC);

    dropEvery_ = parsed.at("dropEvery");
    dropRest_ = parsed.at("dropRest");
    isNumbered_ = parsed.value("counter", "rtp-send") == "number";
    if (fd < 0) {
      throw std::runtime_error("cannot open " + file + ": " + std::strerror(errno));
    }

    void* const mapped = mmap(nullptr, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    close(fd);
    if (mapped == MAP_FAILED) {
      throw std::runtime_error("cannot map " + file + ": " + std::strerror(errno));
    }
    orders_ = static_cast<Orders*>(mapped);
  }

  ~Drill() { munmap(orders_, sizeof(Orders)); }

  Drill(const Drill&) = delete;
  Drill& operator=(const Drill&) = delete;

  void OnPackets(const mph_batch& batch) {
    Decide(batch, [&](uint32_t i) {
      const auto& packet = *batch.packets[i];

      return packet.copied_length < packet.rtp_header_length ? Bytes{}
                                                              : Bytes{mph_packet_bytes(&packet), packet.copied_length}.subspan(packet.rtp_header_length);
    });
  }

  void OnData(const mph_data_batch& batch) {
    Decide(batch, [&](uint32_t i) { return Bytes{mph_data_bytes(batch.messages[i]), batch.messages[i]->copied_length}; });
  }

 private:
  using Bytes = std::span<const uint8_t>;

  template <typename Batch, typename PayloadOf>
  void Decide(const Batch& batch, PayloadOf payloadOf) {
    for (uint32_t i = 0; i < batch.count; ++i) {
      // In the middle: some have their verdict, none is answered.
      if (i == batch.count / 2) {
        FollowOrder(batch.count);
      }
      batch.verdicts[i] = IsDropped(payloadOf(i)) ? MPH_DROP : MPH_ACCEPT;
    }
    if (!serves_) {
      serves_ = true;
      orders_->servesSinceNs = NowNs();
      orders_->server = static_cast<uint32_t>(getpid());
    }
  }

  bool IsDropped(Bytes payload) const { return isNumbered_ ? IsNumberDropped(payload) : IsCounterDropped(payload); }

  bool IsNumberDropped(Bytes payload) const {
    return payload.size() >= 4 &&
           (uint32_t{payload[0]} << 24 | uint32_t{payload[1]} << 16 | uint32_t{payload[2]} << 8 | payload[3]) % dropEvery_ == dropRest_;
  }

  bool IsCounterDropped(Bytes bytes) const {
    rtp_test_payload payload;

    if (bytes.size() < sizeof payload) {
      return false;
    }
    std::memcpy(&payload, bytes.data(), sizeof payload);

    return std::memcmp(payload.magic, RTP_TEST_MAGIC, RTP_TEST_MAGIC_LENGTH) == 0 && payload.counter % dropEvery_ == dropRest_;
  }

  void FollowOrder(uint32_t inHand) {
    // A read per batch; the exchange is for orders only.
    if (orders_->order.load(std::memory_order_relaxed) == 0) {
      return;
    }

    const auto order = static_cast<Order>(orders_->order.exchange(0));

    orders_->inHand = inHand;
    switch (order) {
      case Order::None:
        return;
      case Order::Wait:
        Tell();
        for (;;) {
          pause();
        }
      case Order::Loop:
        Tell();
        for (std::atomic<uint64_t> turns{0};; turns.fetch_add(1, std::memory_order_relaxed)) {
        }
      case Order::OutOfMemory:
        // Again when there is none left: this host may not live to see it.
        Tell();
        EatMemory();
      case Order::Exit:
        Tell();
        std::exit(ExitCode);
    }
  }

  [[noreturn]] void EatMemory() {
    size_t eaten = 0;

    for (; eaten < MostBytes; eaten += ChunkBytes) {
      void* const chunk = std::malloc(ChunkBytes);

      if (chunk == nullptr) {
        // As `new` does for who does not catch it.
        Tell();
        std::abort();
      }
      std::memset(chunk, 1, ChunkBytes);
    }
    // Nobody limits us: the system's own remedy.
    Tell();
    std::raise(SIGKILL);
    std::abort();
  }

  // The time last, the follower behind it: whoever reads the follower has the rest.
  void Tell() {
    orders_->followedAtNs = NowNs();
    orders_->follower = static_cast<uint32_t>(getpid());
  }

  Orders* orders_{nullptr};
  uint64_t dropEvery_{0};
  uint64_t dropRest_{0};
  bool isNumbered_{false};
  bool serves_{false};
};

int Create(const mph_host*, mph_instance*, const mph_instance_info* info, void** self, char* error, size_t errorSize) {
  try {
    *self = new Drill(info->config);

    return 0;
  } catch (const std::exception& reason) {
    std::snprintf(error, errorSize, "%s", reason.what());

    return 1;
  }
}

constexpr mph_plugin Plugin{
    .size = sizeof(mph_plugin),
    .abi_version = MPH_ABI_VERSION,
    .name = "drill",
    .version = "1.0.0",
    .create = Create,
    .destroy = [](void* self) { delete static_cast<Drill*>(self); },
    .on_packets = [](void* self, const mph_batch* batch) { static_cast<Drill*>(self)->OnPackets(*batch); },
    .on_event = nullptr,
    .on_tick = nullptr,
    .tick_interval_ms = 0,
    .reserved = 0,
    .on_restore = nullptr,
    .on_data = [](void* self, const mph_data_batch* batch) { static_cast<Drill*>(self)->OnData(*batch); },
};

}  // namespace

extern "C" const mph_plugin* mph_plugin_entry(void) { return &Plugin; }
