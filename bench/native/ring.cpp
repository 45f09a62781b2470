// The ring over sealed memfd segments, each side with mappings of its own: a packet out and its verdict back, and streams of packets.
#include "ring.hpp"

#include <fcntl.h>

#include <memory>
#include <utility>

#include "mph/shm/AtomicAt.hpp"
#include "mph/shm/Link.hpp"
#include "mph/shm/RecordWalk.hpp"
#include "mph/shm/RingConsumer.hpp"
#include "mph/shm/RingProducer.hpp"
#include "mph/shm/Segment.hpp"
#include "payload.hpp"
#include "peer.hpp"
#include "samples.hpp"

namespace shm = mph::shm;
namespace Layout = shm::Layout;

namespace {

using Kind = Layout::SegmentKind;
using Claim = shm::RingProducer::TryClaimResult;
using Peek = shm::RingConsumer::PeekResult;
using PacketOffset = Layout::PacketSegmentOffset;
using VerdictOffset = Layout::VerdictSegmentOffset;

// What a real worker and host do besides: who wakes whom.
enum class Waking { No, Yes };

struct Segments {
  shm::Segment packet;
  shm::Segment verdict;
  shm::Segment workerLink;
  shm::Segment hostLink;

  static Segments Create(const Options& options) {
    const auto pid = static_cast<uint32_t>(::getpid());
    return {shm::Segment::CreateOwned(Kind::Packet, options.packetRingSize, pid, shm::Prefault::AtOnce),
            shm::Segment::CreateForPeer(Kind::Verdict, options.verdictRingSize, pid, shm::Prefault::AtOnce),
            shm::Segment::CreateOwned(Kind::WorkerLink, 0, pid, shm::Prefault::AtOnce),
            shm::Segment::CreateForPeer(Kind::HostLink, 0, pid, shm::Prefault::AtOnce)};
  }

  // In the host: the same memory once more, with the rights that a host has.
  Segments OpenAsHost(const Options& options) const {
    const auto duplicate = [](const shm::Segment& segment) { return shm::UniqueFd(::fcntl(segment.Fd(), F_DUPFD_CLOEXEC, 0)); };
    using shm::Access, shm::Prefault, shm::Segment;
    return {Segment::Open(duplicate(packet), Kind::Packet, options.packetRingSize, Access::ReadOnly, Prefault::AtOnce),
            Segment::Open(duplicate(verdict), Kind::Verdict, options.verdictRingSize, Access::ReadWrite, Prefault::AtOnce),
            Segment::Open(duplicate(workerLink), Kind::WorkerLink, 0, Access::ReadOnly, Prefault::AtOnce),
            Segment::Open(duplicate(hostLink), Kind::HostLink, 0, Access::ReadWrite, Prefault::AtOnce)};
  }
};

void mustBe(bool condition, const char* what) {
  if (!condition) {
    throw std::runtime_error(what);
  }
}

class Worker {
 public:
  Worker(const Options& options, const Segments& segments)
      : packets_(segments.packet.Data() + static_cast<size_t>(PacketOffset::Ring), options.packetRingSize,
                 shm::AtomicAt<uint64_t>(segments.packet.Data(), PacketOffset::ProducerCursor)),
        walk_(options.packetRingSize),
        packetsConsumed_(shm::AtomicAt<uint64_t>(segments.verdict.Data(), VerdictOffset::PacketConsumerCursor)),
        verdicts_(segments.verdict.Data() + static_cast<size_t>(VerdictOffset::Ring), options.verdictRingSize,
                  shm::AtomicAt<uint64_t>(segments.verdict.Data(), VerdictOffset::ProducerCursor)),
        verdictsConsumed_(shm::AtomicAt<uint64_t>(segments.packet.Data(), PacketOffset::VerdictConsumerCursor)),
        ownLink_(segments.workerLink.Data()),
        peerLink_(segments.hostLink.Data()) {}

  template <uint32_t Size>
  void Write(uint64_t ticket) {
    constexpr uint32_t headerLength = sizeof(Layout::PacketRecord);
    uint8_t* record = nullptr;

    while (packets_.TryClaim(headerLength + Size, record) != Claim::Ok) {
      const uint64_t cursor = shm::RingProducer::ReadConsumerCursor(packetsConsumed_);
      mustBe(walk_.Accept(cursor), "the host's cursor is on no record's end");
      packets_.SetConsumed(cursor);
    }

    const Layout::PacketRecord header(Layout::RecordHeader(headerLength + Size, Layout::RecordType::Packet, 0, headerLength), ticket, 0, 0,
                                      1, 2, 3, static_cast<uint32_t>(ticket), Size, Size, static_cast<uint16_t>(ticket), 12, 0, 100,
                                      Layout::MediaKind::Video, Layout::Codec::Vp8, 0, 0, 255, 255, 255, 0, 0);
    std::memcpy(record, &header, sizeof(header));
    std::memcpy(record + headerLength, sourcePayload<Size>().data(), Size);
    packets_.Commit();
  }

  void Publish() { packets_.Publish(); }

  // After each Write(). The peer does not wait for it, so where each record is published it comes last.
  void NoteEnd() { walk_.Push(packets_.Position()); }

  void TellPeer() {
    ownLink_.CountPublication(0);
    mustBe(!peerLink_.TakeSleep(), "the peer never sleeps");
  }

  void AwaitVerdict(uint64_t ticket) {
    shm::RingConsumer::RecordView view;
    Layout::VerdictRecord verdict;
    Peek result;

    while ((result = verdicts_.Peek(view)) == Peek::Empty) {
    }
    mustBe(
        result == Peek::Ok && shm::CopyRecord(view, verdict) && verdict.ticket() == ticket && verdict.verdict() == Layout::Verdict::Accept,
        "this is not the verdict");
    verdicts_.Consume(view);
    verdicts_.Release(verdictsConsumed_);
  }

 private:
  shm::RingProducer packets_;
  shm::RecordWalk walk_;
  const std::atomic<uint64_t>* packetsConsumed_;
  shm::RingConsumer verdicts_;
  std::atomic<uint64_t>* verdictsConsumed_;
  shm::LinkWriter ownLink_;
  shm::LinkReader peerLink_;
};

class Host {
 public:
  explicit Host(const Options& options, const Segments& segments)
      : packets_(segments.packet.Data() + static_cast<size_t>(PacketOffset::Ring), options.packetRingSize,
                 shm::AtomicAt<uint64_t>(segments.packet.Data(), PacketOffset::ProducerCursor)),
        packetsConsumed_(shm::AtomicAt<uint64_t>(segments.verdict.Data(), VerdictOffset::PacketConsumerCursor)),
        verdicts_(segments.verdict.Data() + static_cast<size_t>(VerdictOffset::Ring), options.verdictRingSize,
                  shm::AtomicAt<uint64_t>(segments.verdict.Data(), VerdictOffset::ProducerCursor)),
        verdictsConsumed_(shm::AtomicAt<uint64_t>(segments.packet.Data(), PacketOffset::VerdictConsumerCursor)),
        ownLink_(segments.hostLink.Data()),
        peerLink_(segments.workerLink.Data()) {}

  template <Waking waking>
  [[noreturn]] void Answer() {
    for (;;) {
      const auto batch = ReadBatch([this](const uint8_t* record) { WriteVerdict(record); });
      if (batch != 0) {
        verdicts_.Publish();
        if constexpr (waking == Waking::Yes) {
          ownLink_.CountPublication(0);
          mustBe(!peerLink_.TakeSleep(), "the peer never sleeps");
        }
        packets_.Release(packetsConsumed_);
      }
    }
  }

  [[noreturn]] void Read() {
    for (;;) {
      if (ReadBatch([](const uint8_t*) {}) != 0) {
        packets_.Release(packetsConsumed_);
      } else {
        pauseBetweenLooks();
      }
    }
  }

 private:
  // As ServedRing::ReadBatch() has it.
  static constexpr uint32_t BatchSize = 64;

  template <typename Handle>
  uint32_t ReadBatch(Handle&& handle) {
    shm::RingConsumer::RecordView view;
    uint32_t count = 0;

    while (count < BatchSize) {
      const Peek result = packets_.Peek(view);
      if (result == Peek::Empty) {
        break;
      }
      mustBe(result == Peek::Ok && view.header.type() == Layout::RecordType::Packet, "this is not a packet");
      touch(view.data + view.header.payloadOffset(), view.header.length() - view.header.payloadOffset());
      handle(view.data);
      packets_.Consume(view);
      ++count;
    }
    return count;
  }

  void WriteVerdict(const uint8_t* record) {
    const auto* packet = reinterpret_cast<const Layout::PacketRecord*>(record);
    uint8_t* bytes = nullptr;

    while (verdicts_.TryClaim(sizeof(Layout::VerdictRecord), bytes) != Claim::Ok) {
      verdicts_.SetConsumed(shm::RingProducer::ReadConsumerCursor(verdictsConsumed_));
    }

    const Layout::RecordHeader header(sizeof(Layout::VerdictRecord), Layout::RecordType::Verdict, 0, sizeof(Layout::VerdictRecord));
    const Layout::VerdictRecord verdict(header, packet->ticket(), Layout::Verdict::Accept, 0, 0, 0);
    std::memcpy(bytes, &verdict, sizeof(verdict));
    verdicts_.Commit();
  }

  shm::RingConsumer packets_;
  std::atomic<uint64_t>* packetsConsumed_;
  shm::RingProducer verdicts_;
  const std::atomic<uint64_t>* verdictsConsumed_;
  shm::LinkWriter ownLink_;
  shm::LinkReader peerLink_;
};

template <Waking waking>
Result roundTrip(const Options& options) {
  const auto segments = Segments::Create(options);
  const Peer peer(Cpus::Across, [&] {
    const auto own = segments.OpenAsHost(options);
    Host(options, own).Answer<waking>();
  });
  Worker worker(options, segments);
  uint64_t ticket = 0;

  return measureRoundTrips(options, [&] {
    worker.Write<PacketSize>(++ticket);
    worker.Publish();
    if constexpr (waking == Waking::Yes) {
      worker.TellPeer();
    }
    worker.NoteEnd();
    worker.AwaitVerdict(ticket);
  });
}

template <uint32_t Size>
Result oneWay(const Options& options) {
  const auto segments = Segments::Create(options);
  const Peer peer(Cpus::Across, [&] {
    const auto own = segments.OpenAsHost(options);
    Host(options, own).Read();
  });
  Worker worker(options, segments);
  uint64_t number = 0;

  return measureStream(options, Size, [&] {
    for (uint32_t i = 0; i < options.batch; ++i) {
      worker.Write<Size>(++number);
      worker.NoteEnd();
    }
    worker.Publish();
    return uint64_t{options.batch};
  });
}

}  // namespace

Result runRingRoundTrip(const Options& options) { return roundTrip<Waking::No>(options); }
Result runRingRoundTripWaking(const Options& options) { return roundTrip<Waking::Yes>(options); }
Result runRingOneWay1200(const Options& options) { return oneWay<PacketSize>(options); }
Result runRingOneWay100(const Options& options) { return oneWay<SmallSize>(options); }
