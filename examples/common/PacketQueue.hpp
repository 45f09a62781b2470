// A bounded queue from the thread of on_packets() to a thread of the plugin's own. Between its ends nothing is locked or allocated, and what does
// not fit is refused, never waited for. One writer, one reader.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

template <typename Header>
class PacketQueue {
  static_assert(std::is_trivially_copyable_v<Header>);

 public:
  struct Item {
    Header header;
    std::span<const uint8_t> bytes;  // valid until the next Pop()
  };

  // At least so many bytes; all of them are allocated here.
  explicit PacketQueue(size_t capacity)
      : capacity_(std::bit_ceil(std::max<size_t>(capacity, 4096))), storage_(std::make_unique<uint8_t[]>(capacity_)) {}

  // [host's thread] False: there is no room. `reserve` bytes are left free, for what must not be lost.
  bool Push(const Header& header, const void* bytes, size_t length, size_t reserve = 0) {
    const size_t size = Aligned(sizeof(Prefix) + sizeof(Header) + length);
    uint64_t written = written_.load(std::memory_order_relaxed);
    // Q2: what the reader has given back may be overwritten. Pairs with Q2 in Pop().
    const size_t room = capacity_ - static_cast<size_t>(written - read_.load(std::memory_order_acquire));
    const size_t untilEnd = capacity_ - Offset(written);
    const size_t skipped = size > untilEnd ? untilEnd : 0;

    if (skipped + size + reserve > room) {
      return false;
    }
    if (skipped > 0) {
      Write(written, Prefix{.size = static_cast<uint32_t>(skipped), .length = Skip});
      written += skipped;
    }

    uint8_t* const at = Write(written, Prefix{.size = static_cast<uint32_t>(size), .length = static_cast<uint32_t>(length)});

    std::memcpy(at, &header, sizeof header);
    if (length > 0) {
      std::memcpy(at + sizeof header, bytes, length);
    }
    // Q1: publishes the item. Pairs with Q1 in Pop().
    written_.store(written + size, std::memory_order_release);
    Wake();

    return true;
  }

  // [any] After it, Pop() returns what is left, then nothing.
  void Close() {
    isClosed_.store(true, std::memory_order_release);
    Wake();
  }

  // [own thread] Waits for the next item; nothing: the queue is closed and empty. `onIdle` is called each time before it waits.
  template <typename OnIdle>
  std::optional<Item> Pop(OnIdle onIdle) {
    uint64_t read = read_.load(std::memory_order_relaxed) + std::exchange(inHand_, 0);

    read_.store(read, std::memory_order_release);  // Q2

    for (bool hasIdled = false;;) {
      // Taken before the look at what they tell of: news that come after that look end the wait.
      const uint32_t news = news_.load(std::memory_order_acquire);
      const bool isClosed = isClosed_.load(std::memory_order_acquire);

      if (read != written_.load(std::memory_order_acquire)) {  // Q1
        Prefix prefix;

        std::memcpy(&prefix, &storage_[Offset(read)], sizeof prefix);
        if (prefix.length == Skip) {
          read += prefix.size;
          read_.store(read, std::memory_order_release);  // Q2
          continue;
        }

        const uint8_t* const at = &storage_[Offset(read) + sizeof prefix];
        Item item;

        inHand_ = prefix.size;
        std::memcpy(&item.header, at, sizeof item.header);
        item.bytes = {at + sizeof item.header, prefix.length};

        return item;
      }
      if (isClosed) {
        return std::nullopt;
      }
      if (!std::exchange(hasIdled, true)) {
        onIdle();
        continue;
      }
      news_.wait(news, std::memory_order_acquire);
    }
  }

  std::optional<Item> Pop() {
    return Pop([] {});
  }

 private:
  struct Prefix {
    uint32_t size;  // of the whole item
    uint32_t length;
  };

  static constexpr uint32_t Skip = UINT32_MAX;

  static size_t Aligned(size_t size) { return (size + 7) & ~size_t{7}; }
  size_t Offset(uint64_t position) const { return static_cast<size_t>(position) & (capacity_ - 1); }

  uint8_t* Write(uint64_t position, Prefix prefix) {
    uint8_t* const at = &storage_[Offset(position)];

    std::memcpy(at, &prefix, sizeof prefix);

    return at + sizeof prefix;
  }

  void Wake() {
    news_.fetch_add(1, std::memory_order_release);
    news_.notify_one();
  }

  const size_t capacity_;
  const std::unique_ptr<uint8_t[]> storage_;
  size_t inHand_{0};
  alignas(64) std::atomic<uint64_t> written_{0};
  std::atomic<uint32_t> news_{0};
  std::atomic<bool> isClosed_{false};
  alignas(64) std::atomic<uint64_t> read_{0};
};
