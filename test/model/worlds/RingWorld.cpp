// A ring, and nothing that sleeps: records that wrap with padding, one or two at a time, through a ring that is full most of the time.
#include <mph/shm/AtomicAt.hpp>
#include <mph/shm/RingConsumer.hpp>
#include <mph/shm/RingProducer.hpp>

#include "Shared.hpp"
#include "Worlds.hpp"

namespace mph::model {

namespace {

using shm::RingConsumer;
using shm::RingProducer;

struct Shape {
  uint32_t ringSize;
  std::vector<uint32_t> lengths;
  // Records per Publish(), and per Release().
  size_t batch;
};

class RingWorld : public World {
 public:
  RingWorld(Shape shape, Fault fault)
      : shape_(std::move(shape)), fault_(fault), packets_(AllocatePacketSegment(shape_.ringSize)), verdicts_(AllocateVerdictSegment(64)) {}

  size_t Threads() const override { return 2; }
  const char* NameOf(size_t thread) const override { return thread == 0 ? "producer" : "consumer"; }
  void Run(size_t thread) override { thread == 0 ? Produce() : Consume(); }

  std::string AtRest() override {
    return seen_ == shape_.lengths.size() ? ""
                                          : std::to_string(seen_) + " of " + std::to_string(shape_.lengths.size()) + " records arrived";
  }

 private:
  std::atomic<uint64_t>* ProducerCursor() { return shm::AtomicAt<uint64_t>(packets_, Layout::PacketSegmentOffset::ProducerCursor); }
  std::atomic<uint64_t>* ConsumerCursor() { return shm::AtomicAt<uint64_t>(verdicts_, Layout::VerdictSegmentOffset::PacketConsumerCursor); }
  uint8_t* Ring() { return packets_ + static_cast<size_t>(Layout::PacketSegmentOffset::Ring); }

  void Produce() {
    RingProducer producer(Ring(), shape_.ringSize, ProducerCursor());
    uint64_t published = 0;

    for (size_t i = 0; i < shape_.lengths.size(); ++i) {
      uint8_t* record = nullptr;

      while (producer.TryClaim(shape_.lengths[i], record) == RingProducer::TryClaimResult::Full) {
        // What is committed must not wait for room.
        if (producer.Position() != published) {
          producer.Publish();
          published = producer.Position();
        }
        const auto consumed = RingProducer::ReadConsumerCursor(ConsumerCursor());

        if (consumed == producer.Consumed()) {
          Model().AwaitNewer(ConsumerCursor());
        } else {
          producer.SetConsumed(consumed);
        }
      }
      if (fault_ == Fault::PublishBeforeWriting) {
        producer.Commit();
        producer.Publish();
        Write(record, i);
        continue;
      }
      Write(record, i);
      producer.Commit();
      if (i % shape_.batch == shape_.batch - 1 || i + 1 == shape_.lengths.size()) {
        producer.Publish();
        published = producer.Position();
      }
    }
  }

  void Write(uint8_t* record, size_t number) const {
    const Layout::RecordHeader header(shape_.lengths[number], Layout::RecordType::Packet, 0, sizeof(Layout::RecordHeader));

    std::memcpy(record, &header, sizeof header);
    for (uint32_t at = sizeof header; at + sizeof(uint64_t) <= shape_.lengths[number]; at += sizeof(uint64_t)) {
      const uint64_t word = number * 1000 + at;
      std::memcpy(record + at, &word, sizeof word);
    }
  }

  void Consume() {
    RingConsumer consumer(Ring(), shape_.ringSize, ProducerCursor());
    RingConsumer::RecordView view;
    uint64_t released = 0;

    while (seen_ < shape_.lengths.size()) {
      const auto result = consumer.Peek(view);

      if (result == RingConsumer::PeekResult::Empty) {
        if (consumer.Position() != released) {
          consumer.Release(ConsumerCursor());
          released = consumer.Position();
        }
        Model().AwaitNewer(ProducerCursor());
        continue;
      }
      Check(result == RingConsumer::PeekResult::Ok, "the ring is corrupt");
      consumer.Consume(view);
      if (fault_ == Fault::ReleaseBeforeReading) {
        consumer.Release(ConsumerCursor());
      }
      Read(view);
      if (++seen_ % shape_.batch == 0) {
        consumer.Release(ConsumerCursor());
        released = consumer.Position();
      }
    }
  }

  void Read(const RingConsumer::RecordView& view) const {
    Check(view.header.length() == shape_.lengths[seen_], "record " + std::to_string(seen_) + " has another one's length");
    for (uint32_t at = sizeof view.header; at + sizeof(uint64_t) <= view.header.length(); at += sizeof(uint64_t)) {
      uint64_t word = 0;
      std::memcpy(&word, view.data + at, sizeof word);
      Check(word == seen_ * 1000 + at, "record " + std::to_string(seen_) + " has bytes of another one");
    }
  }

  const Shape shape_;
  const Fault fault_;
  uint8_t* const packets_;
  uint8_t* const verdicts_;
  size_t seen_{0};
};

}  // namespace

// 24 + 24 + (16 of padding) 24 + 32: the third one waits for the first two, the fourth for the third.
std::unique_ptr<World> MakeRing(Fault fault) { return std::make_unique<RingWorld>(Shape{64, {24, 24, 24, 32}, 1}, fault); }

std::unique_ptr<World> MakeLongRing(Fault fault) { return std::make_unique<RingWorld>(Shape{64, {24, 24, 24, 32, 24, 16}, 1}, fault); }

std::unique_ptr<World> MakeSmallRing(Fault fault) { return std::make_unique<RingWorld>(Shape{64, {16, 16, 24, 16, 32, 8}, 2}, fault); }

}  // namespace mph::model
