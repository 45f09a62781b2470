// A worker as a host meets it: the socket that it listens on, the links, and rings to offer.
#pragma once

#include "ControlSocket.hpp"
#include "FakeRing.hpp"
#include "HostUnderTest.hpp"

#include <sys/un.h>
#include <cstring>
#include <functional>
#include <mph/shm/Doorbell.hpp>
#include <mph/shm/Link.hpp>
#include <mph/shm/Segment.hpp>
#include <string>
#include <vector>

namespace mph::test {

class FakeWorker {
 public:
  explicit FakeWorker(uint32_t pid) : pid_(pid), path_("/tmp/mph-test-" + std::to_string(getpid()) + "-" + std::to_string(pid) + ".sock") {
    sockaddr_un name{};

    name.sun_family = AF_UNIX;
    std::strcpy(name.sun_path, path_.c_str());
    unlink(path_.c_str());
    listener_.Reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    Require(bind(listener_.Get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 && listen(listener_.Get(), 8) == 0,
            "the worker's socket can be made");
  }

  ~FakeWorker() { unlink(path_.c_str()); }

  FakeWorker(const FakeWorker&) = delete;
  FakeWorker& operator=(const FakeWorker&) = delete;

  uint32_t Pid() const { return pid_; }
  const std::string& Path() const { return path_; }

  // Takes the host's connection and its Hello, which it returns.
  Frame Accept() {
    pollfd readable{listener_.Get(), POLLIN, 0};

    Require(poll(&readable, 1, WatchdogMs) == 1, "the host connects");
    socket_.emplace(shm::UniqueFd(accept4(listener_.Get(), nullptr, nullptr, SOCK_CLOEXEC)));

    return Receive();
  }

  // Hello and Welcome, then the answer to the app.
  void Meet(HostUnderTest& host) {
    host.StartConnecting(pid_, path_);
    Accept();
    Welcome();

    const auto answer = host.AwaitUnasked();

    Require(answer.envelope->body_as_WorkerConnected() != nullptr, "the app hears that the worker is connected");
  }

  void Welcome(uint16_t protocolVersion = static_cast<uint16_t>(Mph::Control::ProtocolVersion::Current)) {
    ownLink_ = shm::Segment::CreateOwned(SegmentKind::WorkerLink, 0, pid_);
    hostLink_ = shm::Segment::CreateForPeer(SegmentKind::HostLink, 0, pid_);
    host_.emplace(std::as_const(hostLink_).Data());
    hostBell_ = shm::DoorbellPipe::Create();
    ownBell_ = shm::DoorbellPipe::Create();

    flatbuffers::FlatBufferBuilder builder;

    SendWithFds(builder,
                Mph::Control::CreateWelcome(builder, protocolVersion, static_cast<uint16_t>(Mph::Layout::LayoutVersion::Current), pid_,
                                            builder.CreateString("3.27.1")),
                {ownLink_.Fd(), hostLink_.Fd(), hostBell_.readEnd.Get(), ownBell_.writeEnd.Get()});
    hostBell_.readEnd.Reset();
    ownBell_.writeEnd.Reset();
  }

  // `fds`: other ones than the ring's, to be wrong on purpose.
  void Offer(const FakeRing& ring, const std::vector<int>& fds = {}, const std::string& pluginId = "plugin-1") {
    flatbuffers::FlatBufferBuilder builder;

    SendWithFds(builder,
                Mph::Control::CreateRingOffer(builder, ring.Number(), builder.CreateString(pluginId), builder.CreateString(ring.RouterId()),
                                              ring.Epoch(), FakeRing::RingSize, FakeRing::RingSize),
                fds.empty() ? std::vector<int>{ring.PacketFd(), ring.VerdictFd()} : fds);
  }

  // The answer to an offer is RingReady: the host is warm.
  void OfferAndAwaitReady(const FakeRing& ring) {
    Offer(ring);

    const auto answer = Receive();

    Require(answer.envelope->body_as_RingReady() != nullptr && answer.envelope->body_as_RingReady()->ring() == ring.Number(),
            "the host is ready for the ring");
  }

  using State = std::vector<std::function<flatbuffers::Offset<Mph::Control::Event>(flatbuffers::FlatBufferBuilder&)>>;

  struct Beginning {
    uint64_t oldestLiveTicket{0};
    uint64_t carefulUntil{0};
    State state{};
  };

  // From where the host before has stood.
  void Start(const FakeRing& ring) { Start(ring, Beginning()); }
  void Start(const FakeRing& ring, const Beginning& beginning) { Start(ring.Number(), ring.Start(), beginning); }

  void Start(uint32_t ring, uint64_t position, const Beginning& beginning) {
    flatbuffers::FlatBufferBuilder builder;
    std::vector<flatbuffers::Offset<Mph::Control::Event>> events;

    for (const auto& build : beginning.state) {
      events.push_back(build(builder));
    }

    const auto state = builder.CreateVector(events);

    SendWithFds(builder, Mph::Control::CreateRingStart(builder, ring, position, beginning.oldestLiveTicket, beginning.carefulUntil, state),
                {});
  }

  // All the way from the offer.
  void Serve(const FakeRing& ring) { Serve(ring, Beginning()); }
  void Serve(const FakeRing& ring, const Beginning& beginning) {
    OfferAndAwaitReady(ring);
    Start(ring, beginning);
  }

  void Stop(uint32_t ring) {
    flatbuffers::FlatBufferBuilder builder;

    SendWithFds(builder, Mph::Control::CreateRingStop(builder, ring), {});
  }

  // Requires that it is the next thing that the host says.
  void AwaitStopped(const FakeRing& ring) {
    const auto answer = Receive();

    Require(answer.envelope->body_as_RingStopped() != nullptr && answer.envelope->body_as_RingStopped()->ring() == ring.Number(),
            "the host has stopped the ring");
  }

  void Withdraw(const FakeRing& ring) {
    flatbuffers::FlatBufferBuilder builder;

    SendWithFds(builder, Mph::Control::CreateRingWithdrawn(builder, ring.Number()), {});
  }

  // To a query of the host's with that id.
  template <typename Build>
  void Answer(uint32_t id, Build&& build) {
    flatbuffers::FlatBufferBuilder builder;

    socket_->Send(MakeFrame(builder, id, build(builder)), WatchdogMs);
  }

  void SendFailure(const std::string& message) { socket_->Send(host::MakeFailure(1, Mph::Control::ErrorCode::Forbidden, message), WatchdogMs); }

  Frame Receive() {
    for (;;) {
      if (auto frame = socket_->Next()) {
        return std::move(*frame);
      }

      pollfd readable{socket_->Fd(), POLLIN, 0};

      Require(poll(&readable, 1, WatchdogMs) == 1, "the host sends something");
      Require(socket_->Receive() != host::ControlSocket::ReceiveResult::Closed, "the host is connected");
    }
  }

  // Whether the host says something, or has hung up. Does not take it in.
  bool HasNews() const {
    pollfd readable{socket_->Fd(), POLLIN, 0};

    return poll(&readable, 1, 0) == 1;
  }

  // Whether the host hung up.
  bool IsAbandoned() { return socket_->Receive() == host::ControlSocket::ReceiveResult::Closed; }

  // As a worker that died.
  void HangUp() { socket_.reset(); }

  // Shows the host what was written to the ring, and wakes it if it sleeps.
  void Publish(FakeRing& ring) {
    ring.Publish();

    shm::LinkWriter own(ownLink_.Data());

    own.CountPublication(ring.Number());
    if (host_->TakeSleep()) {
      ++doorbellsRung_;
      static_cast<void>(shm::RingDoorbell(hostBell_.writeEnd.Get()));
    }
  }

  bool HostSleeps() const { return host_->IsAsleep(); }

  void SetAsleep(bool asleep) { shm::LinkWriter(ownLink_.Data()).SetAsleep(asleep); }

  // What it tells of itself: the CPU that it runs on, and how long its turns take.
  void SetCpu(int cpu) { shm::LinkWriter(ownLink_.Data()).SetCpu(cpu); }
  void SetTurnNs(uint32_t ns) { shm::LinkWriter(ownLink_.Data()).SetTurnNs(ns); }

  // As the host tells it; -1: it does not.
  int HostCpu() const { return host_->Cpu(); }

  // Whether the host has rung since the last call.
  bool WasRung() { return shm::ResetDoorbell(ownBell_.readEnd.Get()) == shm::ResetResult::Reset; }

  uint32_t PublishCount(const FakeRing& ring) const { return host_->PublishCount(shm::PublishGroupOf(ring.Number())); }

 private:
  template <typename Table>
  void SendWithFds(flatbuffers::FlatBufferBuilder& builder, flatbuffers::Offset<Table> body, const std::vector<int>& fds) {
    auto frame = MakeFrame(builder, 0, body, static_cast<uint8_t>(fds.size()));
    std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
    iovec bytes{frame.data(), frame.size()};
    msghdr message{};

    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();

      auto* const part = CMSG_FIRSTHDR(&message);

      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(part), fds.data(), fds.size() * sizeof(int));
    }
    Require(sendmsg(socket_->Fd(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(frame.size()), "the worker can send");
  }

  const uint32_t pid_;
  const std::string path_;
  shm::UniqueFd listener_;
  std::optional<host::ControlSocket> socket_;
  shm::Segment ownLink_;
  shm::Segment hostLink_;
  std::optional<shm::LinkReader> host_;
  shm::DoorbellPipe hostBell_;
  shm::DoorbellPipe ownBell_;
  uint64_t doorbellsRung_{0};
};

}  // namespace mph::test
