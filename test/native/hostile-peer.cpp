// RingConsumer against a peer that writes whatever it likes, whenever it likes. AddressSanitizer watches the ring's borders.
#include <memory>
#include <thread>
#include <vector>

#include "mph/shm/RingConsumer.hpp"
#include "tap.hpp"

namespace Layout = mph::shm::Layout;
using mph::shm::AlignedLength;
using mph::shm::RingConsumer;
using Peek = RingConsumer::PeekResult;
using Type = Layout::RecordType;

static constexpr uint32_t Size = 512;

struct HostileRing {
  explicit HostileRing(uint64_t start = 0) : memory(new uint64_t[Size / 8]{}), cursor(start), consumer(Data(), Size, &cursor, start) {}

  uint8_t* Data() { return reinterpret_cast<uint8_t*>(memory.get()); }
  void Header(uint32_t offset, uint32_t length, Type type) {
    const Layout::RecordHeader header(length, type, 0, 0);
    std::memcpy(Data() + offset, &header, sizeof(header));
  }
  Peek Peek_() {
    RingConsumer::RecordView view;
    return consumer.Peek(view);
  }

  std::unique_ptr<uint64_t[]> memory;
  std::atomic<uint64_t> cursor;
  RingConsumer consumer;
};

static void testCursors() {
  const auto refused = [](uint64_t start, uint64_t cursor, const char* name) {
    HostileRing ring(start);
    // A record that would pass.
    ring.Header(start % Size, 8, Type::Event);
    ring.cursor = cursor;
    tap::is(ring.Peek_(), Peek::Corrupt, name);
  };
  refused(1024, 1016, "a cursor that goes back is refused");
  refused(1024, 0, "a cursor that goes back to the beginning is refused");
  refused(0, ~uint64_t{0} - 7, "a cursor before the beginning is refused");
  refused(0, Size + 8, "a cursor more than a ring ahead is refused");
  refused(0, ~uint64_t{0}, "the largest cursor is refused");
  refused(0, 12, "a cursor that is not a multiple of 8 is refused");
}

static void testHeaders() {
  const auto peek = [](uint32_t offset, uint32_t length, Type type, uint32_t published) {
    HostileRing ring(offset);
    ring.Header(offset, length, type);
    ring.cursor = offset + published;
    return ring.Peek_();
  };
  tap::is(peek(0, 8, Type::Event, 8), Peek::Ok, "a mere header is a record");
  tap::is(peek(0, Size / 2, Type::Event, Size), Peek::Ok, "half a ring is one");
  tap::is(peek(0, 8, static_cast<Type>(200), 8), Peek::Ok, "a type that nobody knows is the caller's business");
  for (const uint32_t length : {0U, 1U, 7U}) {
    tap::is(peek(0, length, Type::Event, 64), Peek::Corrupt, "a length of " + std::to_string(length) + " is refused");
  }
  tap::is(peek(0, 24, Type::Event, 16), Peek::Corrupt, "a record beyond what is published is refused");
  tap::is(peek(0, 17, Type::Event, 16), Peek::Corrupt, "by a byte, too");
  tap::is(peek(0, Size / 2 + 1, Type::Event, Size), Peek::Corrupt, "more than half a ring is refused");
  tap::is(peek(0, 0xffffffff, Type::Event, Size), Peek::Corrupt, "the largest length is refused");
  tap::is(peek(0, 0xfffffff8, Type::Padding, Size), Peek::Corrupt, "of padding, too");
  tap::is(peek(Size - 16, 24, Type::Event, 64), Peek::Corrupt, "a record across the ring's end is refused");
  tap::is(peek(0, 16, Type::None, 16), Peek::Corrupt, "unwritten bytes are refused");
  tap::is(peek(0, 16, Type::Padding, 64), Peek::Corrupt, "padding that does not reach the ring's end is refused");
  tap::is(peek(Size - 16, 8, Type::Padding, 64), Peek::Corrupt, "nearly, too");
  tap::is(peek(0, Size, Type::Padding, Size), Peek::Corrupt, "padding for a whole ring is refused: no endless laps");
  tap::is(peek(Size - 16, 16, Type::Padding, 16), Peek::Empty, "padding with nothing behind it is nothing");

  HostileRing ring;
  ring.Header(0, 3, Type::Event);
  ring.cursor = 16;
  static_cast<void>(ring.Peek_());
  ring.Header(0, 16, Type::Event);
  tap::is(ring.Peek_(), Peek::Corrupt, "what was refused once stays refused");
  tap::is(ring.consumer.Position(), 0, "and the consumer stays where it stood");
}

// What must hold for whatever Peek() gave out.
static bool isWithin(HostileRing& ring, const RingConsumer::RecordView& view) {
  const uint32_t length = view.header.length();
  return view.data >= ring.Data() && view.data + AlignedLength(length) <= ring.Data() + Size && length >= 8 && length <= Size / 2 &&
         view.position == ring.consumer.Position() && (view.position & (Size - 1)) == static_cast<uint64_t>(view.data - ring.Data());
}

static void testMutations(uint64_t iterations) {
  auto random = tap::makeRandom();
  uint64_t records = 0;
  uint64_t corrupt = 0;
  uint64_t sum = 0;
  bool right = true;

  for (uint64_t i = 0; i < iterations && right; ++i) {
    // A sensible ring first, so that mutations reach deep.
    HostileRing ring((random() % 128) * 8);
    uint64_t end = ring.consumer.Position();
    for (int record = 0; record < 12; ++record) {
      const uint32_t length = 8 + static_cast<uint32_t>(random() % 64);
      const uint32_t offset = end & (Size - 1);
      const bool wraps = offset + AlignedLength(length) > Size;
      ring.Header(offset, wraps ? Size - offset : length, wraps ? Type::Padding : Type::Event);
      end += wraps ? Size - offset : AlignedLength(length);
    }
    ring.cursor = std::min(end, ring.consumer.Position() + Size);

    for (auto mutations = random() % 4; mutations > 0; --mutations) {
      const auto where = random() % Size;
      switch (random() % 4) {
        case 0:
          ring.Data()[where] = static_cast<uint8_t>(random());
          break;
        case 1:
          ring.Data()[where] ^= static_cast<uint8_t>(1U << (random() % 8));
          break;
        case 2:
          ring.memory[where / 8] = random();
          break;
        default:
          ring.cursor = random() % 2 == 0 ? random() : ring.cursor + random() % 1024 - 512;
      }
    }

    RingConsumer::RecordView view;
    // A ring holds no more than this many headers, so more records than that would be an endless loop.
    for (uint32_t taken = 0; right; ++taken) {
      const auto result = ring.consumer.Peek(view);
      if (result != Peek::Ok) {
        corrupt += result == Peek::Corrupt;
        break;
      }
      right = isWithin(ring, view) && taken <= Size / 8;
      for (uint32_t byte = 0; right && byte < view.header.length(); ++byte) {
        sum += view.data[byte];
      }
      ++records;
      ring.consumer.Consume(view);
    }
  }
  tap::ok(right, "of mutated rings only records within bounds come out");
  tap::ok(records > iterations / 2 && corrupt > iterations / 10, "and the mutations reach both ends");
  tap::comment(std::to_string(iterations) + " rings, " + std::to_string(records) + " records, " + std::to_string(corrupt) +
               " refused, sum " + std::to_string(sum));
}

// The peer scribbles while the consumer reads. Under ThreadSanitizer, too: every read of shared memory is atomic, so there is no race to
// report.
static void testScribbler(uint64_t wanted) {
  auto random = tap::makeRandom();
  std::unique_ptr<uint64_t[]> memory(new uint64_t[Size / 8]{});
  auto* words = reinterpret_cast<std::atomic<uint64_t>*>(memory.get());
  std::atomic<uint64_t> cursor{uint64_t{1} << 32};
  std::atomic<bool> stop{false};

  std::thread scribbler([&, seed = random()] {
    std::mt19937_64 own(seed);
    while (!stop.load(std::memory_order_relaxed)) {
      const uint64_t value = own();
      // Now and then something that passes, or nothing would ever be read.
      const Layout::RecordHeader header(8 + static_cast<uint32_t>(value % 40), value % 16 == 0 ? Type::Padding : Type::Verdict, 0, 0);
      words[(value >> 8) % (Size / 8)].store(value % 64 == 0 ? own() : std::bit_cast<uint64_t>(header), std::memory_order_relaxed);
      if (value % 4 == 0) {
        cursor.store(cursor.load(std::memory_order_relaxed) + ((value >> 20) % 16) * 8, std::memory_order_relaxed);
      }
    }
  });

  bool right = true;
  uint64_t records = 0;
  uint64_t sum = 0;
  uint64_t rounds = 0;
  for (; records < wanted && right; ++rounds) {
    const uint64_t start = cursor.load(std::memory_order_relaxed) - Size / 2;
    RingConsumer consumer(reinterpret_cast<uint8_t*>(memory.get()), Size, &cursor, start);
    RingConsumer::RecordView view;
    Layout::VerdictRecord verdict;

    for (int taken = 0; taken < 64 && consumer.Peek(view) == Peek::Ok; ++taken) {
      const auto offset = static_cast<uint64_t>(view.data - reinterpret_cast<uint8_t*>(memory.get()));
      right = right && view.header.length() >= 8 && offset + AlignedLength(view.header.length()) <= Size;
      if (CopyRecord(view, verdict)) {
        right = right && verdict.header().length() == view.header.length();
        sum += verdict.ticket();
      }
      consumer.Consume(view);
      ++records;
    }
  }
  stop = true;
  scribbler.join();
  tap::ok(right, "while the peer scribbles, what comes out is within bounds");
  tap::comment(std::to_string(records) + " records in " + std::to_string(rounds) + " rounds, sum " + std::to_string(sum));
}

int main(int argc, char** argv) {
  const uint64_t iterations = argc > 1 ? std::strtoull(argv[1], nullptr, 0) : 200000;

  testCursors();
  testHeaders();
  testMutations(iterations);
  testScribbler(iterations);
  return tap::done();
}
