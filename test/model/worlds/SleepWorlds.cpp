// Who sleeps while another publishes: the asleep flag, the look behind it, and the doorbell, one way and both ways.
#include <mph/shm/AtomicAt.hpp>
#include <mph/shm/Link.hpp>
#include <mph/shm/RingConsumer.hpp>
#include <mph/shm/RingProducer.hpp>

#include "Shared.hpp"
#include "Worlds.hpp"

namespace mph::model {

namespace {

using shm::LinkReader;
using shm::LinkWriter;
using shm::PublicationWatch;
using shm::RingConsumer;
using shm::RingProducer;

constexpr uint32_t RingSize = 256;
constexpr uint32_t RecordLength = 16;
constexpr uint32_t Worker = 0;

// One direction: a ring, the count of its publications, and the reader's flag and bell.
struct Way {
  uint8_t* ring;
  std::atomic<uint64_t>* producerCursor;
  std::atomic<uint64_t>* consumerCursor;
  uint8_t* writersLink;
  uint8_t* readersLink;
  size_t bell;
};

class Publisher {
 public:
  Publisher(const Way& way, LinkWriter& own, Fault fault)
      : way_(way), fault_(fault), own_(own), reader_(way.readersLink), ring_(way.ring, RingSize, way.producerCursor) {}

  void Publish(uint64_t number) {
    uint8_t* record = nullptr;

    Check(ring_.TryClaim(RecordLength, record) == RingProducer::TryClaimResult::Ok, "the ring is full");
    const Layout::RecordHeader header(RecordLength, Layout::RecordType::Packet, 0, sizeof(Layout::RecordHeader));
    std::memcpy(record, &header, sizeof header);
    std::memcpy(record + sizeof header, &number, sizeof number);
    ring_.Commit();
    ring_.Publish();
    own_.CountPublication(0);
  }

  void RingIfAsleep() {
    if (reader_.TakeSleep() || (fault_ == Fault::RingEachTime && reader_.IsAsleep())) {
      ++rings_;
      Model().Ring(way_.bell);
    }
  }

  size_t Rings() const { return rings_; }

 private:
  const Way& way_;
  const Fault fault_;
  LinkWriter& own_;
  LinkReader reader_;
  RingProducer ring_;
  size_t rings_{0};
};

class Reader {
 public:
  explicit Reader(const Way& way) : way_(way), watch_(LinkReader(way.writersLink)), ring_(way.ring, RingSize, way.producerCursor) {}

  // Everything that was published; true if there was something.
  template <typename Handle>
  bool Drain(Handle&& handle) {
    bool hasChanged = false;

    watch_.TakeChanged([&](uint32_t first, uint32_t) { hasChanged |= first == 0; });
    if (!hasChanged) {
      return false;
    }
    RingConsumer::RecordView view;
    const auto before = seen_;

    while (ring_.Peek(view) == RingConsumer::PeekResult::Ok) {
      uint64_t number = 0;
      std::memcpy(&number, view.data + sizeof view.header, sizeof number);
      Check(number == seen_, "record " + std::to_string(number) + " came where " + std::to_string(seen_) + " was due");
      ++seen_;
      ring_.Consume(view);
      handle(number);
    }
    if (seen_ != before) {
      ring_.Release(way_.consumerCursor);
    }
    return true;
  }

  bool HasNews() const { return watch_.HasChanged(); }
  uint64_t Seen() const { return seen_; }

 private:
  const Way& way_;
  PublicationWatch watch_;
  RingConsumer ring_;
  uint64_t seen_{0};
};

class SleepWorld : public World {
 public:
  explicit SleepWorld(Fault fault) : fault_(fault) {
    auto* packets = AllocatePacketSegment(RingSize);
    auto* verdicts = AllocateVerdictSegment(RingSize);
    auto* workerLink = AllocateLinkSegment("worker");
    auto* hostLink = AllocateLinkSegment("host");

    packets_ = {packets + static_cast<size_t>(Layout::PacketSegmentOffset::Ring),
                shm::AtomicAt<uint64_t>(packets, Layout::PacketSegmentOffset::ProducerCursor),
                shm::AtomicAt<uint64_t>(verdicts, Layout::VerdictSegmentOffset::PacketConsumerCursor), workerLink, hostLink,
                // The host's epoll is told of edges, and the pipe is emptied now and then (WorkerWait.cpp).
                Model().AddBell("the host's bell", Bell::Edge)};
    verdicts_ = {verdicts + static_cast<size_t>(Layout::VerdictSegmentOffset::Ring),
                 shm::AtomicAt<uint64_t>(verdicts, Layout::VerdictSegmentOffset::ProducerCursor),
                 shm::AtomicAt<uint64_t>(packets, Layout::PacketSegmentOffset::VerdictConsumerCursor),
                 hostLink,
                 workerLink,
                 Model().AddBell("the worker's bell", Bell::Level)};
  }

  size_t Threads() const override { return 2; }
  const char* NameOf(size_t thread) const override { return thread == Worker ? "worker" : "host"; }

 protected:
  const Fault fault_;
  Way packets_;
  Way verdicts_;
};

// The worker publishes and never looks back.
class WakingWorld : public SleepWorld {
 public:
  using SleepWorld::SleepWorld;

  void Run(size_t thread) override { thread == Worker ? RunWorker() : RunHost(); }

  std::string AtRest() override {
    if (seen_ != Records) {
      return "a lost wake-up: " + std::to_string(seen_) + " of " + std::to_string(Records) + " records were read";
    }
    return rings_ > sleeps_ ? std::to_string(rings_) + " rings for " + std::to_string(sleeps_) + " sleeps" : "";
  }

 private:
  void RunWorker() {
    LinkWriter own(packets_.writersLink);
    Publisher publisher(packets_, own, fault_);

    for (uint64_t i = 0; i < Records; ++i) {
      publisher.Publish(i);
      publisher.RingIfAsleep();
      rings_ = publisher.Rings();
    }
  }

  void RunHost() {
    LinkWriter own(packets_.readersLink);
    Reader reader(packets_);

    while (seen_ < Records) {
      reader.Drain([](uint64_t) {});
      seen_ = reader.Seen();
      if (seen_ == Records) {
        return;
      }
      ++sleeps_;
      shm::SleepUnless(
          own, [&] { return fault_ != Fault::NoSecondLook && reader.HasNews(); }, [&] { Model().Wait(1u << packets_.bell); });
    }
  }

  static constexpr uint64_t Records = 3;

  uint64_t seen_{0};
  size_t rings_{0};
  size_t sleeps_{0};
};

// A turn of the worker's loop as in VerdictPump.cpp: awake, drain, ring, arm, look again, and only then block.
class BothAsleepWorld : public SleepWorld {
 public:
  using SleepWorld::SleepWorld;

  void Run(size_t thread) override { thread == Worker ? RunWorker() : RunHost(); }

  std::string AtRest() override {
    return answered_ == Packets
               ? ""
               : "a lost wake-up: " + std::to_string(answered_) + " of " + std::to_string(Packets) + " packets were answered";
  }

 private:
  static constexpr uint64_t Packets = 2;

  void RunWorker() {
    LinkWriter own(packets_.writersLink);
    Publisher publisher(packets_, own, fault_);
    Reader reader(verdicts_);
    uint64_t published = 0;

    while (reader.Seen() < Packets) {
      // What a socket brings in a turn.
      if (published < Packets) {
        publisher.Publish(published++);
      }
      own.SetAsleep(false);
      reader.Drain([](uint64_t) {});
      answered_ = reader.Seen();
      publisher.RingIfAsleep();
      own.SetAsleep(true);
      if (published == Packets && !reader.HasNews() && answered_ < Packets) {
        if (fault_ == Fault::ResetAfterArming) {
          Model().Reset(verdicts_.bell);
        }
        Model().Wait(1u << verdicts_.bell);
        own.SetAsleep(false);
        if (fault_ != Fault::ResetAfterArming) {
          Model().Reset(verdicts_.bell);
        }
      }
    }
  }

  void RunHost() {
    LinkWriter own(packets_.readersLink);
    Reader reader(packets_);
    Publisher publisher(verdicts_, own, fault_);

    while (reader.Seen() < Packets) {
      if (reader.Drain([&](uint64_t number) { publisher.Publish(number); })) {
        publisher.RingIfAsleep();
      }
      if (reader.Seen() < Packets) {
        shm::SleepUnless(
            own, [&] { return reader.HasNews(); }, [&] { Model().Wait(1u << packets_.bell); });
      }
    }
  }

  uint64_t answered_{0};
};

}  // namespace

std::unique_ptr<World> MakeWaking(Fault fault) { return std::make_unique<WakingWorld>(fault); }
std::unique_ptr<World> MakeBothAsleep(Fault fault) { return std::make_unique<BothAsleepWorld>(fault); }

}  // namespace mph::model
