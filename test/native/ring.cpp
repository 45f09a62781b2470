// A ring between a producer and a consumer who keep to the rules.
#include <deque>
#include <memory>
#include <vector>

#include "mph/shm/RingConsumer.hpp"
#include "mph/shm/RingProducer.hpp"
#include "tap.hpp"

namespace Layout = mph::shm::Layout;
using mph::shm::AlignedLength;
using mph::shm::RingConsumer;
using mph::shm::RingProducer;
using Claim = RingProducer::TryClaimResult;
using Peek = RingConsumer::PeekResult;

// Memory of exactly the ring's size, so that AddressSanitizer sees a byte too many.
struct Ring {
  explicit Ring(uint32_t size, uint64_t start = 0)
      : memory(new uint64_t[size / 8]{}),
        producer(reinterpret_cast<uint8_t*>(memory.get()), size, &producerCursor, start),
        consumer(reinterpret_cast<uint8_t*>(memory.get()), size, &producerCursor, start),
        producerCursor(start),
        consumerCursor(start) {}

  uint8_t* Data() { return reinterpret_cast<uint8_t*>(memory.get()); }

  // Commits a record whose payload consists of `fill`.
  Claim Write(uint32_t length, uint8_t fill = 0) {
    uint8_t* record = nullptr;
    const auto result = producer.TryClaim(length, record);
    if (result == Claim::Ok) {
      Fill(record, length, fill);
      producer.Commit();
    }
    return result;
  }

  static void Fill(uint8_t* record, uint32_t length, uint8_t fill) {
    const Layout::RecordHeader header(length, Layout::RecordType::Event, 0, 8);
    std::memcpy(record, &header, sizeof(header));
    std::memset(record + sizeof(header), fill, length - sizeof(header));
  }

  // Takes the next record and gives its room back. Its length, or 0 if there is none.
  uint32_t Read() {
    RingConsumer::RecordView view;
    if (consumer.Peek(view) != Peek::Ok) {
      return 0;
    }
    consumer.Consume(view);
    consumer.Release(&consumerCursor);
    producer.SetConsumed(RingProducer::ReadConsumerCursor(&consumerCursor));
    return view.header.length();
  }

  std::unique_ptr<uint64_t[]> memory;
  RingProducer producer;
  RingConsumer consumer;
  std::atomic<uint64_t> producerCursor;
  std::atomic<uint64_t> consumerCursor;
};

static void testOneRecord() {
  Ring ring(256);
  RingConsumer::RecordView view;

  tap::is(ring.consumer.Peek(view), Peek::Empty, "a new ring is empty");
  tap::is(ring.Write(21, 0xab), Claim::Ok, "a record can be written");
  tap::is(ring.consumer.Peek(view), Peek::Empty, "what is committed is invisible before it is published");
  ring.producer.Publish();
  tap::is(ring.consumer.Peek(view), Peek::Ok, "what is published is visible");
  tap::ok(view.header.length() == 21 && view.header.type() == Layout::RecordType::Event && view.data[8] == 0xab && view.data[20] == 0xab,
          "it comes out as it went in");
  tap::is(reinterpret_cast<uintptr_t>(view.data) % 8, 0, "it is aligned to 8");
  tap::is(view.position, 0, "it says where it stands");
  tap::is(ring.consumer.Peek(view), Peek::Ok, "it is the next one until it is consumed");
  ring.consumer.Consume(view);
  tap::is(ring.consumer.Peek(view), Peek::Empty, "then it is not");
  tap::is(ring.consumer.Position(), 24, "21 bytes take 24");
  tap::is(ring.consumerCursor.load(), 0, "consuming gives no room back");
  ring.consumer.Release(&ring.consumerCursor);
  tap::is(ring.consumerCursor.load(), 24, "releasing does");
  tap::is(ring.producer.Used(), 24, "the producer believes its cached cursor");
  ring.producer.SetConsumed(24);
  tap::ok(ring.producer.Used() == 0 && ring.producer.Consumed() == 24 && ring.producer.Position() == 24, "until it is told");
}

static void testBatch() {
  Ring ring(256);
  std::vector<RingConsumer::RecordView> batch;
  RingConsumer::RecordView view;

  for (uint8_t i = 1; i <= 5; ++i) {
    static_cast<void>(ring.Write(8U + i, i));
  }
  ring.producer.Publish();
  while (ring.consumer.Peek(view) == Peek::Ok) {
    batch.push_back(view);
    ring.consumer.Consume(view);
  }
  bool same = batch.size() == 5;
  for (size_t i = 0; i < batch.size(); ++i) {
    same = same && batch[i].header.length() == 9 + i && batch[i].data[8] == i + 1;
  }
  tap::ok(same, "a batch is published at once, comes out in order, and stays readable until it is released");
  tap::is(ring.Write(120), Claim::Ok, "a record of nearly half the ring fits next to it");
  tap::is(ring.Write(64), Claim::Full, "what is not released is not overwritten");
}

static void testSizes() {
  Ring ring(256);
  uint8_t* record = nullptr;

  tap::is(ring.producer.TryClaim(129, record), Claim::TooLarge, "more than half the ring is too large");
  tap::is(ring.producer.TryClaim(0xffffffff, record), Claim::TooLarge, "the largest number is too large");
  tap::is(ring.Write(128), Claim::Ok, "half the ring is not");
  tap::is(ring.Write(128), Claim::Ok, "two halves fill the ring to its last byte");
  tap::is(ring.producer.Used(), 256, "a full ring is used whole");
  tap::is(ring.Write(8), Claim::Full, "then not even a header fits");
  ring.producer.Publish();
  tap::is(ring.Read(), 128, "the first comes out");
  tap::is(ring.Write(8), Claim::Ok, "and makes room");

  bool always = true;
  for (uint32_t offset = 0; offset < 256; offset += 8) {
    Ring empty(256, offset);
    always = always && empty.Write(128, 1) == Claim::Ok;
    empty.producer.Publish();
    always = always && empty.Read() == 128 && empty.producer.Used() == 0;
  }
  tap::ok(always, "half the ring can be claimed at every offset of an empty ring");
}

static void testPadding() {
  Ring ring(256);
  for (const uint32_t length : {120U, 72U}) {
    static_cast<void>(ring.Write(length));
    ring.producer.Publish();
    static_cast<void>(ring.Read());
  }
  // 192 of 256.
  tap::is(ring.Write(64, 3), Claim::Ok, "a record that fits exactly goes to the ring's end");
  tap::is(ring.producer.Position(), 256, "without padding");
  ring.producer.Publish();
  static_cast<void>(ring.Read());

  for (const uint32_t length : {120U, 72U}) {
    static_cast<void>(ring.Write(length));
    ring.producer.Publish();
    static_cast<void>(ring.Read());
  }
  uint8_t* record = nullptr;
  tap::is(ring.producer.TryClaim(72, record), Claim::Ok, "a record that does not fit can be claimed");
  tap::ok(record == ring.Data(), "at the ring's beginning");
  ring.producer.Abort();
  tap::is(ring.producer.Position(), 448, "aborted, it has taken no room, nor has its padding");
  ring.producer.Publish();
  tap::is(ring.Read(), 0, "aborted, it is invisible, and so is its padding");
  tap::is(ring.Write(64, 5), Claim::Ok, "what fits takes the place of the padding");
  tap::is(ring.producer.Position(), 512, "without padding");
  ring.producer.Publish();
  tap::is(ring.Read(), 64, "and is read");

  for (const uint32_t length : {120U, 72U}) {
    static_cast<void>(ring.Write(length));
    ring.producer.Publish();
    static_cast<void>(ring.Read());
  }
  static_cast<void>(ring.Write(72, 6));
  ring.producer.Publish();
  RingConsumer::RecordView view;
  tap::is(ring.consumer.Peek(view), Peek::Ok, "a record behind padding is found");
  tap::ok(view.data == ring.Data() && view.position == 768 && view.data[8] == 6, "at the ring's beginning");
  Layout::RecordHeader padding;
  std::memcpy(&padding, ring.Data() + 192, sizeof(padding));
  tap::ok(padding.type() == Layout::RecordType::Padding && padding.length() == 64, "padding has a header that says how long it is");

  Ring tight(256, 248);
  static_cast<void>(tight.Write(16, 7));
  tight.producer.Publish();
  tap::is(tight.Read(), 16, "padding of a mere header works");

  Ring full(256, 192);
  for (const uint32_t length : {64U, 64U, 128U}) {
    static_cast<void>(full.Write(length));
  }
  full.producer.Publish();
  static_cast<void>(full.Read());
  static_cast<void>(full.Read());
  tap::is(full.producer.Used(), 128, "with 64 bytes free at the ring's end and 64 at its beginning");
  tap::is(full.Write(72), Claim::Full, "a record of 72 finds no room: padding counts");
  tap::is(full.Write(64), Claim::Ok, "one of 64 does");
}

static void testPositions() {
  for (const uint64_t start : {uint64_t{0xfffffff8}, ~uint64_t{0} - 63}) {
    Ring ring(128, start);
    bool right = true;
    for (uint8_t i = 0; i < 100; ++i) {
      right = right && ring.Write(24, i) == Claim::Ok;
      ring.producer.Publish();
      right = right && ring.Read() == 24;
    }
    tap::ok(right, "positions may pass " + std::string(start >> 32 == 0 ? "2^32" : "2^64"));
  }
}

// Random work on a small ring against a queue, which is what a ring pretends to be.
static void testAgainstModel() {
  auto random = tap::makeRandom();
  struct Expected {
    uint32_t length;
    uint8_t fill;
  };
  bool right = true;
  uint64_t records = 0;

  for (int round = 0; round < 200 && right; ++round) {
    const uint32_t size = 64U << (random() % 6);
    Ring ring(size, (random() % 1000) * 8);
    std::deque<Expected> committed;
    std::deque<Expected> published;

    for (int step = 0; step < 2000 && right; ++step) {
      const uint32_t length = 8 + static_cast<uint32_t>(random() % (size / 2 - 7));
      const auto fill = static_cast<uint8_t>(random());
      uint8_t* record = nullptr;
      RingConsumer::RecordView view;

      switch (random() % 6) {
        case 0:
        case 1:
          if (ring.Write(length, fill) == Claim::Ok) {
            committed.push_back({length, fill});
          } else {
            right = !committed.empty() || !published.empty() || ring.producer.Used() != 0;
          }
          break;
        case 2:
          if (ring.producer.TryClaim(length, record) == Claim::Ok) {
            Ring::Fill(record, length, fill);
            ring.producer.Abort();
          }
          break;
        case 3:
          ring.producer.Publish();
          published.insert(published.end(), committed.begin(), committed.end());
          committed.clear();
          break;
        case 4:
          while (right && ring.consumer.Peek(view) == Peek::Ok) {
            right = !published.empty() && view.header.length() == published.front().length;
            for (uint32_t i = 8; right && i < view.header.length(); ++i) {
              right = view.data[i] == published.front().fill;
            }
            ring.consumer.Consume(view);
            published.pop_front();
            ++records;
          }
          right = right && published.empty();
          break;
        default:
          ring.consumer.Release(&ring.consumerCursor);
          ring.producer.SetConsumed(RingProducer::ReadConsumerCursor(&ring.consumerCursor));
      }
    }
  }
  tap::ok(right && records > 10000, "under random work a ring is a queue");
  tap::comment(std::to_string(records) + " records");
}

static void testCopy() {
  Ring ring(256);
  uint8_t* record = nullptr;
  RingConsumer::RecordView view;
  const Layout::RecordHeader header(24, Layout::RecordType::Verdict, 0, 0);
  const Layout::VerdictRecord verdict(header, 77, Layout::Verdict::Drop, 0, 0, 5);
  Layout::VerdictRecord copy;

  static_cast<void>(ring.producer.TryClaim(sizeof(verdict), record));
  std::memcpy(record, &verdict, sizeof(verdict));
  ring.producer.Commit();
  ring.producer.Publish();
  static_cast<void>(ring.consumer.Peek(view));
  // A hostile peer changes its mind after the check.
  ring.Data()[0] = 255;
  tap::ok(CopyRecord(view, copy) && copy.ticket() == 77 && copy.verdict() == Layout::Verdict::Drop && copy.argument() == 5,
          "a record's fixed part can be copied out");
  tap::is(copy.header().length(), 24, "with the header that was checked, whatever stands in the ring by now");

  Layout::PacketRecord tooLong;
  tap::ok(!CopyRecord(view, tooLong), "a record that is shorter than what is asked for is not copied");
}

int main() {
  testOneRecord();
  testBatch();
  testSizes();
  testPadding();
  testPositions();
  testCopy();
  testAgainstModel();
  return tap::done();
}
