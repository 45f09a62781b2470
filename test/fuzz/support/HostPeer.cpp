#include "HostPeer.hpp"

#include "FuzzInput.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <algorithm>
#include <cstring>
#include <mph/shm/AtomicAt.hpp>

namespace mph::fuzz {

using Mph::Control::Body;
using Mph::Layout::PacketSegmentOffset;
using Mph::Layout::RecordType;
using Mph::Layout::SegmentKind;
using Mph::Layout::VerdictSegmentOffset;

namespace {

constexpr int MaxTurns = 100;

shm::UniqueFd Connect(const std::string& path) {
  shm::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};

  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  Require(connect(fd.Get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "the worker takes connections");

  return fd;
}

}  // namespace

Peer::Peer(WorkerStage& stage) : stage_(stage), socket_(Connect(stage.SocketPath())) { stage.Turn(); }

void Peer::Send(const host::Bytes& bytes) {
  size_t offset = 0;

  while (socket_.TrySend(bytes, offset) == host::ControlSocket::SendResult::Blocked) {
    stage_.Turn();
  }
}

bool Peer::Receive(const std::function<void(host::Frame&)>& onFrame) {
  for (;;) {
    const auto received = socket_.Receive();

    while (auto frame = socket_.Next()) {
      onFrame(*frame);
    }
    if (received != host::ControlSocket::ReceiveResult::Received) {
      return received == host::ControlSocket::ReceiveResult::Nothing;
    }
  }
}

bool Peer::IsOpen() {
  return Receive([](auto& /*frame*/) {});
}

host::Frame Peer::Await(Body type) {
  for (int turn = 0; turn < MaxTurns; ++turn) {
    const auto found = std::ranges::find_if(inbox_, [&](const auto& frame) { return frame.envelope->body_type() == type; });

    if (found != inbox_.end()) {
      auto frame = std::move(*found);

      // What came before it is of no interest.
      inbox_.erase(inbox_.begin(), found + 1);

      return frame;
    }
    stage_.Turn();
    Receive([&](host::Frame& frame) { inbox_.push_back(std::move(frame)); });
  }
  Require(false, "the worker does not say what it has to say");
  std::abort();
}

void Peer::Hello(Mph::Control::Role role, const std::string& token) {
  flatbuffers::FlatBufferBuilder builder;

  Send(host::MakeFrame(builder, 1,
                       Mph::Control::CreateHelloDirect(builder, static_cast<uint16_t>(Mph::Control::ProtocolVersion::Current),
                                                       static_cast<uint16_t>(Mph::Layout::LayoutVersion::Current), role, token.c_str(),
                                                       static_cast<uint32_t>(getpid()))));
}

Controller::Controller(WorkerStage& stage) : Peer(stage) {
  Hello(Mph::Control::Role::Controller, stage.Token());
  Await(Body::Welcome);
}

void Controller::IssueToken(const std::string& token) {
  flatbuffers::FlatBufferBuilder builder;

  // It is never to be taken for one that hangs: between two inputs there may be any time.
  Send(host::MakeFrame(builder, 2, Mph::Control::CreateIssueHostTokenDirect(builder, PluginId, token.c_str(), UINT32_MAX)));
  Await(Body::Ok);
}

void Controller::Attach() {
  for (const auto* id : {"first", "second"}) {
    flatbuffers::FlatBufferBuilder builder;
    const auto attachment = builder.CreateString(id);
    const auto plugin = builder.CreateString(PluginId);
    const auto router = builder.CreateString(WorkerStage::RouterId);
    Mph::Control::AttachBuilder attach(builder);

    attach.add_attachmentId(attachment);
    attach.add_pluginId(plugin);
    attach.add_routerId(router);
    attach.add_member(attachment);
    attach.add_audio(true);
    attach.add_video(true);
    attach.add_data(true);
    attach.add_mode(Mph::Control::Mode::Filter);
    attach.add_order(std::strcmp(id, "first") == 0 ? 0 : 1);
    attach.add_deadlineUs(10'000'000);
    attach.add_onTimeout(Mph::Control::Policy::Accept);
    attach.add_onAbsent(Mph::Control::Policy::Accept);
    attach.add_onOverflow(Mph::Control::Policy::Accept);
    attach.add_wholeFrames(true);
    Send(host::MakeFrame(builder, 3, attach.Finish()));
    Await(Body::Ok);
  }

  flatbuffers::FlatBufferBuilder builder;

  Send(host::MakeFrame(builder, 4, Mph::Control::CreateSetLimitsDirect(builder, PluginId, UINT32_MAX, UINT32_MAX)));
  Await(Body::Ok);
}

void Controller::AttachToTransport() {
  flatbuffers::FlatBufferBuilder builder;
  const auto attachment = builder.CreateString("third");
  const auto plugin = builder.CreateString(PluginId);
  const auto router = builder.CreateString(WorkerStage::RouterId);
  const auto transport = builder.CreateString(WorkerStage::TransportId);
  Mph::Control::AttachBuilder attach(builder);

  attach.add_attachmentId(attachment);
  attach.add_pluginId(plugin);
  attach.add_routerId(router);
  attach.add_member(attachment);
  attach.add_targeted(true);
  attach.add_transportId(transport);
  attach.add_mode(Mph::Control::Mode::Divert);
  attach.add_order(2);
  attach.add_onTimeout(Mph::Control::Policy::Accept);
  attach.add_onAbsent(Mph::Control::Policy::Accept);
  attach.add_onOverflow(Mph::Control::Policy::Accept);
  Send(host::MakeFrame(builder, 5, attach.Finish()));
  Await(Body::Ok);
}

void Controller::Drain() {
  Require(IsOpen(), "the worker keeps its controller");
}

HostPeer::HostPeer(WorkerStage& stage, Controller& controller) : Peer(stage) {
  static uint64_t lastToken = 0;
  const auto token = "host-" + std::to_string(++lastToken);

  controller.IssueToken(token);
  Hello(Mph::Control::Role::Host, token);

  auto welcome = Await(Body::Welcome);

  Require(welcome.fds.size() == 4, "a host gets four descriptors");
  hostLink_ = shm::Segment::Open(std::move(welcome.fds[1]), SegmentKind::HostLink, 0, shm::Access::ReadWrite);
  doorbell_ = std::move(welcome.fds[3]);
  link_.emplace(hostLink_.Data());

  // Offered with the welcome, or when something is attached; what came with it is still to be read.
  auto offer = Await(Body::RingOffer);

  OnOffer(offer);

  flatbuffers::FlatBufferBuilder builder;

  Send(host::MakeFrame(builder, 0, Mph::Control::CreateRingReady(builder, ring_)));

  const auto started = Await(Body::RingStart);
  const auto start = started.envelope->body_as_RingStart()->startPosition();

  packets_.emplace(packetSegment_.Data() + static_cast<size_t>(PacketSegmentOffset::Ring), packetRingSize_,
                   shm::AtomicAt<uint64_t>(std::as_const(packetSegment_).Data(), PacketSegmentOffset::ProducerCursor), start);
  packets_->Release(PacketCursor());
}

void HostPeer::OnOffer(host::Frame& frame) {
  const auto& offer = *frame.envelope->body_as_RingOffer();

  ring_ = offer.ring();
  packetRingSize_ = offer.packetRingSize();
  packetSegment_ = shm::Segment::Open(std::move(frame.fds.at(0)), SegmentKind::Packet, offer.packetRingSize(), shm::Access::ReadOnly);
  verdictSegment_ = shm::Segment::Open(std::move(frame.fds.at(1)), SegmentKind::Verdict, offer.verdictRingSize(), shm::Access::ReadWrite);
  producer_.emplace(verdictSegment_.Data() + static_cast<size_t>(VerdictSegmentOffset::Ring), offer.verdictRingSize(), VerdictCursor());
}

std::atomic<uint64_t>* HostPeer::VerdictCursor() const {
  return shm::AtomicAt<uint64_t>(verdictSegment_.Data(), VerdictSegmentOffset::ProducerCursor);
}

std::atomic<uint64_t>* HostPeer::PacketCursor() const {
  return shm::AtomicAt<uint64_t>(verdictSegment_.Data(), VerdictSegmentOffset::PacketConsumerCursor);
}

std::atomic<uint64_t>* HostPeer::NowServing() const {
  return shm::AtomicAt<uint64_t>(verdictSegment_.Data(), VerdictSegmentOffset::NowServing);
}

bool HostPeer::IsRead() const { return VerdictsRead() == producer_->Position(); }

uint64_t HostPeer::VerdictsRead() const {
  return shm::RingProducer::ReadConsumerCursor(
      shm::AtomicAt<uint64_t>(std::as_const(packetSegment_).Data(), PacketSegmentOffset::VerdictConsumerCursor));
}

const std::vector<uint64_t>& HostPeer::Tickets() {
  shm::RingConsumer::RecordView view;

  while (packets_->Peek(view) == shm::RingConsumer::PeekResult::Ok) {
    // Packets and messages begin alike.
    if (view.header.type() == RecordType::Packet || view.header.type() == RecordType::Data) {
      Mph::Layout::DataRecord record;

      Require(shm::CopyRecord(view, record), "a record has its fixed part");
      lastProducer_ = record.dataProducer();
      lastAttachment_ = record.attachment();
      if (record.ticket() != 0) {
        tickets_.push_back(record.ticket());
      }
    }
    packets_->Consume(view);
  }

  return tickets_;
}

bool HostPeer::Write(const uint8_t* record, uint32_t length) {
  uint8_t* bytes = nullptr;
  const auto consumed = VerdictsRead();

  if (consumed > producer_->Consumed() && consumed <= producer_->Position()) {
    producer_->SetConsumed(consumed);
  }
  if (producer_->TryClaim(length, bytes) != shm::RingProducer::TryClaimResult::Ok) {
    return false;
  }
  std::memcpy(bytes, record, length);
  producer_->Commit();

  return true;
}

void HostPeer::Publish() {
  producer_->Publish();
  link_->CountPublication(ring_);
}

void HostPeer::AcceptAll() {
  using namespace Mph::Layout;

  Tickets();
  for (const auto ticket : tickets_) {
    const VerdictRecord record(RecordHeader(sizeof record, RecordType::Verdict, 0, sizeof record), ticket, Verdict::Accept, 0, 0, 0);

    Write(reinterpret_cast<const uint8_t*>(&record), sizeof record);
  }
  tickets_.clear();
  Publish();
  packets_->Release(PacketCursor());
}

}  // namespace mph::fuzz
