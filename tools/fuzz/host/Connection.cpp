#include "Connection.hpp"

#include "Hello.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>

namespace mph::fuzz {

namespace {

namespace Control = Mph::Control;

using Mph::Layout::SegmentKind;
using shm::Access;
using shm::Segment;

constexpr int OpenMs = 10'000;
constexpr int SendMs = 200;
constexpr int ConnectRetries = 30'000;

}  // namespace

shm::UniqueFd ConnectTo(const std::string& path) {
  sockaddr_un name{};

  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof name.sun_path - 1);

  for (int i = 0; i < ConnectRetries; i++) {
    shm::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

    if (!fd || connect(fd.Get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0) {
      return fd;
    }
    // More wait there than the worker takes in one turn.
    if (errno != EAGAIN && errno != EINTR) {
      break;
    }
    poll(nullptr, 0, 1);
  }
  return {};
}

bool Connection::Open(const std::string& token) {
  if (!Send(MakeHello({.token = token}))) {
    return false;
  }

  for (;;) {
    pollfd readable{Fd(), POLLIN, 0};
    const bool isThere = poll(&readable, 1, OpenMs) > 0;
    const auto received = isThere ? socket_.Receive() : host::ControlSocket::ReceiveResult::Closed;

    if (auto frame = socket_.Next()) {
      if (frame->envelope->body_as_Welcome() == nullptr || frame->fds.size() != 4) {
        return false;
      }
      workerLink_ = Segment::Open(std::move(frame->fds[0]), SegmentKind::WorkerLink, 0, Access::ReadOnly);
      hostLink_ = Segment::Open(std::move(frame->fds[1]), SegmentKind::HostLink, 0, Access::ReadWrite);
      doorbell_ = std::move(frame->fds[2]);
      workerDoorbell_ = std::move(frame->fds[3]);
      reader_ = std::make_unique<shm::LinkReader>(std::as_const(workerLink_).Data());
      return true;
    }
    if (received == host::ControlSocket::ReceiveResult::Closed) {
      return false;
    }
  }
}

bool Connection::Serve(Known& known) { return Await(known, 0); }

bool Connection::Await(Known& known, int ms) {
  pollfd readable{Fd(), POLLIN, 0};

  if (poll(&readable, 1, ms) == 0) {
    return true;
  }

  const auto received = socket_.Receive();

  while (auto frame = socket_.Next()) {
    OnFrame(*frame, known);
  }
  return received != host::ControlSocket::ReceiveResult::Closed;
}

bool Connection::Send(const host::Bytes& frame) {
  size_t offset = 0;

  for (;;) {
    switch (socket_.TrySend(frame, offset)) {
      case host::ControlSocket::SendResult::Sent:
        return true;
      case host::ControlSocket::SendResult::Closed:
        return false;
      case host::ControlSocket::SendResult::Blocked:
        break;
    }

    pollfd writable{Fd(), POLLOUT, 0};

    if (poll(&writable, 1, SendMs) == 0) {
      return false;
    }
  }
}

bool Connection::SendWith(const host::Bytes& frame, const std::vector<int>& fds) const {
  std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
  iovec bytes{const_cast<uint8_t*>(frame.data()), frame.size()};
  msghdr message{};

  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();

  auto* part = CMSG_FIRSTHDR(&message);

  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
  std::memcpy(CMSG_DATA(part), fds.data(), fds.size() * sizeof(int));
  return sendmsg(Fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(frame.size());
}

bool Connection::IsStarted() const {
  return std::ranges::any_of(rings_, [](const auto& ring) { return ring->IsStarted(); });
}

void Connection::Announce(const Ring& ring) {
  using Offset = Mph::Layout::LinkSegmentOffset;

  auto* publications = LinkWord(Offset::Publications);
  const uint32_t count = publications->load(std::memory_order_relaxed);

  LinkWord(Offset::RecentRings)[count % shm::RecentRings].store(ring.Number(), std::memory_order_release);
  LinkWord(Offset::PublishCounters)[shm::PublishGroupOf(ring.Number())].fetch_add(1, std::memory_order_relaxed);
  publications->store(count + 1, std::memory_order_release);
  if (reader_->TakeSleep()) {
    RingWorker();
  }
}

void Connection::RingWorker() const { shm::RingDoorbell(workerDoorbell_.Get()); }

void Connection::OnFrame(host::Frame& frame, Known& known) {
  if (frame.envelope->body_as_RingOffer() != nullptr) {
    OnOffer(frame);
  } else if (const auto* start = frame.envelope->body_as_RingStart()) {
    OnStart(*start, known);
  } else if (const auto* stop = frame.envelope->body_as_RingStop()) {
    if (auto* ring = Find(stop->ring()); ring != nullptr && obedient_) {
      flatbuffers::FlatBufferBuilder builder;

      ring->Stop();
      Send(host::MakeFrame(builder, 0, Control::CreateRingStopped(builder, stop->ring())));
    }
  } else if (const auto* withdrawn = frame.envelope->body_as_RingWithdrawn()) {
    const auto gone = std::ranges::stable_partition(rings_, [withdrawn](const auto& ring) { return ring->Number() != withdrawn->ring(); });

    // It stays mapped: a racer goes on writing there, as a hostile host may.
    std::ranges::move(gone, std::back_inserter(withdrawn_));
    rings_.erase(gone.begin(), gone.end());
  }
}

void Connection::OnOffer(host::Frame& frame) {
  const auto* offer = frame.envelope->body_as_RingOffer();

  if (frame.fds.size() != 2) {
    return;
  }
  rings_.push_back(std::make_unique<Ring>(
      offer->ring(), Segment::Open(std::move(frame.fds[0]), SegmentKind::Packet, offer->packetRingSize(), Access::ReadOnly),
      offer->packetRingSize(), Segment::Open(std::move(frame.fds[1]), SegmentKind::Verdict, offer->verdictRingSize(), Access::ReadWrite),
      offer->verdictRingSize()));

  flatbuffers::FlatBufferBuilder builder;

  Send(host::MakeFrame(builder, 0, Control::CreateRingReady(builder, offer->ring())));
}

void Connection::OnStart(const Control::RingStart& start, Known& known) {
  if (auto* ring = Find(start.ring())) {
    ring->Start(start.startPosition());
  }
  if (start.state() != nullptr) {
    for (const auto* event : *start.state()) {
      known.OnEvent(*event);
    }
  }
}

Ring* Connection::Find(uint32_t number) const {
  const auto it = std::ranges::find_if(rings_, [number](const auto& ring) { return ring->Number() == number; });

  return it == rings_.end() ? nullptr : it->get();
}

}  // namespace mph::fuzz
