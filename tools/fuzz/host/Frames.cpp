#include "Frames.hpp"

#include "Hello.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <array>

namespace mph::fuzz {

namespace {

namespace Control = Mph::Control;

constexpr size_t MaxNoise = 4096;
constexpr uint32_t MaxText = 100'000;

template <typename Create>
host::Bytes Build(Random& random, const Create& create) {
  flatbuffers::FlatBufferBuilder builder;

  return host::MakeFrame(builder, static_cast<uint32_t>(random.Below(3)), create(builder));
}

// A union's type without its value, which the verifier lets pass.
host::Bytes WithoutBody(Random& random) {
  flatbuffers::FlatBufferBuilder builder;

  Control::FinishEnvelopeBuffer(
      builder, Control::CreateEnvelope(builder, 1, static_cast<uint8_t>(random.Next()), static_cast<Control::Body>(random.Below(48)), 0));

  host::Bytes frame(sizeof(uint32_t) + builder.GetSize());

  flatbuffers::WriteScalar(frame.data(), static_cast<uint32_t>(builder.GetSize()));
  std::copy_n(builder.GetBufferPointer(), builder.GetSize(), frame.begin() + sizeof(uint32_t));
  return frame;
}

std::string AnyText(Random& random) { return std::string(random.OneIn(20) ? random.Below(MaxText) : random.Below(70), 'x'); }

uint32_t AnyRing(Random& random) { return random.OneIn(2) ? random.Below(3) : static_cast<uint32_t>(random.Edge()); }

host::Bytes AnyQuery(Random& random) {
  return Build(random, [&](auto& builder) {
    const auto object = random.OneIn(4) ? static_cast<uint32_t>(random.Edge()) : random.Below(40);

    return Control::CreateQuery(builder, AnyRing(random), static_cast<Control::QueryWhat>(random.Below(7)), object);
  });
}

}  // namespace

host::Bytes AnyHostFrame(Random& random) {
  switch (random.Below(16)) {
    case 0:
      return Build(random, [&](auto& builder) { return Control::CreateRingReady(builder, AnyRing(random)); });
    case 1:
      return Build(random, [&](auto& builder) { return Control::CreateRingStopped(builder, AnyRing(random)); });
    case 2: {
      // Of a ring that is there it ends the session's purpose.
      const uint32_t ring = random.OneIn(10) ? AnyRing(random) : 1000 + random.Below(5000);

      return Build(random, [&](auto& builder) {
        return Control::CreateRingRefused(builder, ring, static_cast<Control::ErrorCode>(random.Next()), builder.CreateString(AnyText(random)));
      });
    }
    case 3:
      return random.OneIn(10) ? MakeHello({.token = AnyText(random)}) : AnyQuery(random);
    case 4:
      return random.OneIn(10) ? WithoutBody(random) : AnyQuery(random);
    case 5:
      if (random.OneIn(10)) {
        return Build(random, [&](auto& builder) {
          return Control::CreateRemovePlugin(builder, builder.CreateString(AnyText(random)));
        });
      }
      return AnyQuery(random);
    default:
      return AnyQuery(random);
  }
}

host::Bytes AnyHello(Random& random, const std::string& token) {
  HelloFields fields{.token = token};

  switch (random.Below(8)) {
    case 0:
      fields.protocol = static_cast<uint16_t>(random.Next());
      break;
    case 1:
      fields.layout = static_cast<uint16_t>(random.Next());
      break;
    case 2:
      fields.role = static_cast<Control::Role>(random.Next());
      break;
    case 3:
      fields.token = AnyText(random);
      break;
    case 4:
      fields.role = Control::Role::Controller;
      break;
    case 5:
      return AnyHostFrame(random);
    case 6:
      return WithoutBody(random);
    default:
      break;
  }
  return MakeHello(fields);
}

void Spoil(Random& random, host::Bytes& frame) {
  switch (random.Below(5)) {
    case 0:
      frame.resize(random.Below(static_cast<uint32_t>(frame.size())));
      break;
    case 1:
      flatbuffers::WriteScalar(frame.data(), static_cast<uint32_t>(random.Edge()));
      break;
    case 2:
      frame.resize(1 + random.Below(MaxNoise));
      random.Fill(frame.data(), frame.size());
      break;
    case 3:
      // Noise of the right length.
      random.Fill(frame.data() + sizeof(uint32_t), frame.size() - sizeof(uint32_t));
      break;
    default:
      for (uint32_t i = 0; i <= random.Below(8); i++) {
        frame[random.Below(static_cast<uint32_t>(frame.size()))] ^= static_cast<uint8_t>(1U << random.Below(8));
      }
  }
}

Baggage::Baggage() {
  std::array<int, 2> pair{};

  fds_.emplace_back(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  fds_.emplace_back(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  fds_.emplace_back(memfd_create("baggage", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0) {
    fds_.emplace_back(pair[0]);
    fds_.emplace_back(pair[1]);
  }
  if (pipe2(pair.data(), O_CLOEXEC) == 0) {
    fds_.emplace_back(pair[0]);
    fds_.emplace_back(pair[1]);
  }
}

std::vector<int> Baggage::Some(Random& random) const {
  constexpr auto Most = static_cast<uint32_t>(Control::Limit::MaxFdsPerMessage);
  std::vector<int> fds(1 + random.Below(random.OneIn(4) ? Most : 4));

  for (auto& fd : fds) {
    fd = fds_[random.Below(static_cast<uint32_t>(fds_.size()))].Get();
  }
  return fds;
}

}  // namespace mph::fuzz
