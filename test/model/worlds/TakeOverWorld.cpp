// A packet ring that goes from one host to the next: the first one dies in front of any of its steps, or is cut off and goes on, or stops
// as it is told. The worker's side is Succession, PacketRing, VerdictReader and TicketTable as they are; the host's is VerdictWriter and
// NowServing, in the order of ServedRing::Serve().
#include <NowServing.hpp>
#include <VerdictWriter.hpp>
#include <mph/shm/AtomicAt.hpp>
#include <mph/shm/RingConsumer.hpp>

#include <cstring>
#include <deque>

#include "../stand-ins/Worker.hpp"
#include "Shared.hpp"
#include "Worlds.hpp"

namespace mph::model {

namespace {

using Mph::Control::Body;
using Mph::Layout::Verdict;
using PluginHost::Held;
using PluginHost::HostLink;
using PluginHost::PluginPlace;
using shm::RingConsumer;

enum class Ending : uint8_t { Death, Hang, Stop };

constexpr uint32_t PacketRingSize = 512;
constexpr uint32_t VerdictRingSize = 128;
// Two fit, the third one wraps, with padding in front of it.
constexpr uint32_t RecordLength = 232;
constexpr size_t NumberOffset = sizeof(Layout::PacketRecord);
constexpr size_t MaxPackets = 3;
// It is copied, and nobody waits for it.
constexpr size_t Observed = 1;

enum Threads : size_t { Worker, First, Second };

struct HostSide {
  HostLink link;
  size_t started;
  size_t stop;
  // Something to read; something to be read.
  size_t work;
  size_t news;
  std::array<bool, MaxPackets> seen{};
  std::array<bool, MaxPackets> answered{};
  // The cursor went past it.
  std::array<bool, MaxPackets> released{};
};

class TakeOverWorld : public World {
 public:
  TakeOverWorld(Ending ending, size_t packets, Fault fault)
      : ending_(ending), packets_(packets), fault_(fault), place_(PacketRingSize, VerdictRingSize, fault == Fault::IgnoreEpoch) {
    gone_ = Model().AddBell("the end of the first host", Bell::Message);
    stopped_ = Model().AddBell("RingStopped", Bell::Message);
    chain_.onVerdict = [this](Held& held, const Mph::Layout::VerdictRecord& record) { return Apply(held, record); };
    chain_.onRepublish = [this](Held& held) {
      if (Publish(held.number, held.ticket, static_cast<uint8_t>(Layout::RecordFlag::Redelivered))) {
        held.recordEnd = place_.GetPosition();
      } else {
        // As in the worker: a ring that is full leaves it to its deadline. Of a host that died nothing was pending.
        Check(ending_ != Ending::Death, "packet " + std::to_string(held.number) + " was given back without an answer");
        expired_[held.number] = true;
        place_.GetTickets().Release(held.ticket);
      }
    };

    for (auto& host : hosts_) {
      host.started = Model().AddBell("RingStart", Bell::Message);
      host.stop = Model().AddBell("RingStop", Bell::Message);
      host.work = Model().AddBell("a host's bell", Bell::Message);
      host.news = Model().AddBell("the worker's bell", Bell::Message);
      host.link.onSent = [&host](Body type) {
        if (type == Body::RingStart || type == Body::RingStop) {
          Model().Ring(type == Body::RingStart ? host.started : host.stop);
        }
      };
      host.link.onPublished = [&host] { Model().Ring(host.work); };
      place_.GetSuccession().Offer(&host.link, 0);
      place_.GetSuccession().OnReady(&host.link);
    }
    place_.GetSuccession().Start(&hosts_[0].link);
  }

  size_t Threads() const override { return 3; }
  const char* NameOf(size_t thread) const override { return thread == Worker ? "worker" : thread == First ? "first host" : "second host"; }
  void Run(size_t thread) override { thread == Worker ? RunWorker() : RunHost(hosts_[thread - First], thread); }

  std::string AtRest() override {
    for (size_t i = 0; i < packets_; ++i) {
      const auto name = "packet " + std::to_string(i);

      if (i == Observed ? !hosts_[0].seen[i] && !hosts_[1].seen[i] : applied_[i] + (expired_[i] ? 1 : 0) != 1) {
        return i == Observed ? name + " is lost: no host has seen it" : name + " had " + std::to_string(applied_[i]) + " verdicts";
      }
    }
    return place_.GetPlugin()->strikes > 0 ? "a sound host was given a strike" : "";
  }

 private:
  // [worker]

  void RunWorker() {
    const uint32_t all = 1u << gone_ | 1u << stopped_ | 1u << hosts_[0].news | 1u << hosts_[1].news;
    const size_t stopBefore = ending_ == Ending::Stop ? Model().Choose(packets_ + 1) : packets_ + 1;
    bool mayHang = ending_ == Ending::Hang;
    size_t published = 0;
    bool isFull = false;

    // It never ends, and rests when nothing rings any more.
    for (;;) {
      if (published == stopBefore && !isStopping_) {
        isStopping_ = true;
        place_.GetSuccession().Stop();
      }
      const uint32_t rung = published < packets_ && !isFull ? Model().Poll(all) : Model().Wait(all);

      for (auto& host : hosts_) {
        if ((rung >> host.news & 1) != 0) {
          place_.DrainVerdicts(&host.link, 16);
        }
      }
      if (mayHang && Model().Choose(2) == 1) {
        mayHang = false;
        Model().GetMemory().Distrust(First);
        OnGone(true);
      }
      if ((rung >> gone_ & 1) != 0) {
        OnGone(false);
      }
      if ((rung >> stopped_ & 1) != 0) {
        place_.GetSuccession().OnStopped(&hosts_[0].link);
        Start();
      }
      if (published < packets_) {
        isFull = !PublishNext(published);
        published += isFull ? 0 : 1;
      }
    }
  }

  void OnGone(bool hung) {
    place_.GetSuccession().OnLinkGone(&hosts_[0].link, hung);
    for (size_t i = 0; i < packets_ && !hung; ++i) {
      Check(!hosts_[0].answered[i] || applied_[i] == 1,
            "the verdict on packet " + std::to_string(i) + " died with its host, which had published it");
    }
    Start();
  }

  void Start() {
    seenBefore_ = hosts_[0].seen;
    releasedBefore_ = hosts_[0].released;
    isTakenOver_ = true;
    place_.GetSuccession().Start(&hosts_[1].link);
  }

  bool PublishNext(size_t number) {
    uint64_t ticket = 0;

    if (number != Observed) {
      // A ring that is full leaves its ticket for the next try.
      ticket = helds_[number].ticket != 0 ? helds_[number].ticket : place_.GetTickets().Claim();
      helds_[number] = {};
      helds_[number].chain = &chain_;
      helds_[number].ticket = ticket;
      helds_[number].number = number;
      place_.GetTickets().Bind(ticket, &helds_[number]);
      // Until it is published it is nobody's.
      helds_[number].recordEnd = std::numeric_limits<uint64_t>::max();
    }
    if (!Publish(number, ticket, 0)) {
      return false;
    }
    helds_[number].recordEnd = place_.GetPosition();
    return true;
  }

  bool Publish(size_t number, uint64_t ticket, uint8_t flags) {
    uint8_t* record = nullptr;

    if (!place_.Claim(RecordLength, record)) {
      return false;
    }
    const Layout::RecordHeader header(RecordLength, Layout::RecordType::Packet, flags, sizeof(Layout::PacketRecord));
    std::memcpy(record, &header, sizeof header);
    std::memcpy(record + sizeof header, &ticket, sizeof ticket);
    std::memcpy(record + NumberOffset, &number, sizeof number);
    place_.Commit();
    return true;
  }

  bool Apply(Held& held, const Mph::Layout::VerdictRecord& record) {
    Check(++applied_[held.number] == 1, "a verdict on packet " + std::to_string(held.number) + " was applied twice");
    Check(record.verdict() == Verdict::Accept || !isTakenOver_,
          "a verdict on packet " + std::to_string(held.number) + " was taken from a host that does not serve");
    if (fault_ != Fault::KeepTickets) {
      place_.GetTickets().Release(held.ticket);
    }
    return true;
  }

  // [hosts]

  void RunHost(HostSide& host, size_t thread) {
    if (thread == First && ending_ == Ending::Death) {
      Model().MayDie(gone_);
    }
    Model().Wait(1u << host.started);

    auto packets =
        shm::Segment::Open(shm::UniqueFd(host.link.packetFd), Layout::SegmentKind::Packet, PacketRingSize, shm::Access::ReadOnly);
    const auto* const published = shm::AtomicAt<uint64_t>(packets.Data(), Layout::PacketSegmentOffset::ProducerCursor);
    RingConsumer ring(packets.Data() + static_cast<size_t>(Layout::PacketSegmentOffset::Ring), PacketRingSize, published,
                      host.link.startPosition);
    host::VerdictWriter writer(shm::UniqueFd(host.link.verdictFd), VerdictRingSize,
                               shm::AtomicAt<uint64_t>(packets.Data(), Layout::PacketSegmentOffset::VerdictConsumerCursor));
    host::NowServing nowServing(writer.NowServing());
    // What it gave back to answer it later.
    uint64_t pending = 0;

    ring.Release(writer.PacketConsumerCursor());
    // What is there as it starts, nobody rings for.
    for (uint32_t rung = 0;; rung = Model().Wait(1u << host.work | 1u << host.stop)) {
      RingConsumer::RecordView view;

      while (ring.Peek(view) == RingConsumer::PeekResult::Ok) {
        Serve(host, thread, view, ring, writer, nowServing, pending);
      }
      if ((rung >> host.stop & 1) != 0) {
        Model().Ring(stopped_);
        // Too late: somebody else was asked.
        if (pending != 0 && writer.WriteVerdict(pending, Verdict::Drop, 0, 0)) {
          writer.Publish();
          Model().Ring(host.news);
        }
        return;
      }
    }
  }

  void Serve(HostSide& host, size_t thread, const RingConsumer::RecordView& view, RingConsumer& ring, host::VerdictWriter& writer,
             host::NowServing& nowServing, uint64_t& pending) {
    uint64_t ticket = 0;
    size_t number = 0;

    nowServing.Begin(view.position);
    std::memcpy(&ticket, view.data + sizeof view.header, sizeof ticket);
    std::memcpy(&number, view.data + NumberOffset, sizeof number);
    if (thread == First && isTakenOver_ && ending_ == Ending::Hang) {
      // Whatever it reads now may be overwritten.
      number = std::min(number, packets_ - 1);
    } else {
      See(host, thread, view, number);
    }
    ring.Consume(view);

    const bool isAnswered = ticket != 0 && !(thread == First && ending_ == Ending::Stop && number == 0);

    if (fault_ == Fault::CursorBeforeVerdicts) {
      ring.Release(writer.PacketConsumerCursor());
      host.released[number] = true;
    }
    if (isAnswered) {
      Check(writer.WriteVerdict(ticket, Verdict::Accept, 0, 0), "the verdict ring is full");
      writer.Publish();
      host.answered[number] = true;
    } else if (ticket != 0) {
      pending = ticket;
    }
    ring.Release(writer.PacketConsumerCursor());
    host.released[number] = true;
    nowServing.End();
    Model().Ring(host.news);
  }

  void See(HostSide& host, size_t thread, const RingConsumer::RecordView& view, size_t number) {
    const auto name = "packet " + std::to_string(number);

    Check(number < packets_, "a record has bytes that nobody wrote");
    Check(!host.seen[number], name + " was shown to one host twice");
    host.seen[number] = true;
    if (thread == First || !seenBefore_[number]) {
      return;
    }
    Check((view.header.flags() & static_cast<uint8_t>(Layout::RecordFlag::Redelivered)) != 0,
          name + " was shown to both hosts, and is not marked as redelivered");
    Check(ending_ != Ending::Death || !releasedBefore_[number], name + " was given back, and shown again");
  }

  const Ending ending_;
  const size_t packets_;
  const Fault fault_;
  size_t gone_{0};
  size_t stopped_{0};
  std::array<HostSide, 2> hosts_;
  PluginPlace place_;
  PluginHost::Chain chain_;
  std::array<Held, MaxPackets> helds_;
  std::array<size_t, MaxPackets> applied_{};
  std::array<bool, MaxPackets> expired_{};
  bool isStopping_{false};
  bool isTakenOver_{false};
  std::array<bool, MaxPackets> seenBefore_{};
  std::array<bool, MaxPackets> releasedBefore_{};
};

}  // namespace

std::unique_ptr<World> MakeDeath(Fault fault) { return std::make_unique<TakeOverWorld>(Ending::Death, 3, fault); }
std::unique_ptr<World> MakeHang(Fault fault) { return std::make_unique<TakeOverWorld>(Ending::Hang, 2, fault); }
std::unique_ptr<World> MakeStop(Fault fault) { return std::make_unique<TakeOverWorld>(Ending::Stop, 2, fault); }
std::unique_ptr<World> MakeLongStop(Fault fault) { return std::make_unique<TakeOverWorld>(Ending::Stop, 3, fault); }

}  // namespace mph::model
