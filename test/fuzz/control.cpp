// What a worker is told over its control socket: by anybody, by a host and by the controller. Messages of every type with ids that are there and ones that
// are not, and frames of raw bytes. Whatever it was, afterwards the worker lets a controller attach a plugin and serves its host.

#include "FuzzInput.hpp"
#include "HostPeer.hpp"
#include "WorkerStage.hpp"

#include <optional>
#include <string>
#include <vector>

namespace {

using mph::fuzz::Controller;
using mph::fuzz::FuzzInput;
using mph::fuzz::HostPeer;
using mph::fuzz::Peer;
using mph::fuzz::Require;
using mph::fuzz::WorkerStage;
using namespace Mph::Control;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

constexpr int MaxMessages = 8;

class ControlMessages {
 public:
  ControlMessages() { Restart(); }

  void Run(FuzzInput& input) {
    const auto role = input.Take<uint8_t>() % 4;

    for (int i = 0; i < MaxMessages && !input.IsEmpty(); ++i) {
      switch (role) {
        case 0:
          Tell(*host_, input);
          break;
        case 1:
          Tell(Stranger(), input);
          break;
        default:
          Tell(*controller_, input);
      }
      stage_.Turn();
    }
    Settle(role);
  }

 private:
  Peer& Stranger() {
    if (!stranger_) {
      stranger_.emplace(stage_);
    }

    return *stranger_;
  }

  void Tell(Peer& peer, FuzzInput& input) {
    const auto kind = input.Take<uint8_t>();

    if (kind < 16) {
      peer.Send(input.TakeBytes(input.TakeBelow(200)));
    } else if (kind < 64) {
      // A frame that says how long it is.
      const auto body = input.TakeBytes(input.TakeBelow(200));
      mph::host::Bytes frame(sizeof(uint32_t) + body.size());

      flatbuffers::WriteScalar(frame.data(), static_cast<uint32_t>(body.size()));
      std::copy(body.begin(), body.end(), frame.begin() + sizeof(uint32_t));
      peer.Send(frame);
    } else {
      peer.Send(MakeMessage(input));
      SendTraffic(input);
    }
  }

  // Something is held of what the messages are about.
  void SendTraffic(FuzzInput& input) {
    const auto stream = input.Take<uint8_t>();

    if (stream < WorkerStage::Streams.size()) {
      stage_.SendRtp(stream, {0x90, 0x80, 0x01, 0x10}, true);
    } else if (stream == WorkerStage::Streams.size()) {
      stage_.SendData(51, {1, 2, 3});
    }
  }

  static std::string Text(FuzzInput& input, std::initializer_list<const char*> known) {
    const auto at = input.Take<uint8_t>();

    return at < 224 ? *(known.begin() + at % known.size()) : input.TakeString(20);
  }

  // Absent now and then.
  static Offset<flatbuffers::String> String(FlatBufferBuilder& builder, FuzzInput& input, std::initializer_list<const char*> known) {
    return input.Take<uint8_t>() == 255 ? Offset<flatbuffers::String>() : builder.CreateString(Text(input, known));
  }

  static Offset<flatbuffers::String> PluginId(FlatBufferBuilder& builder, FuzzInput& input) {
    return String(builder, input, {Controller::PluginId, Controller::PluginId, "other"});
  }

  static Offset<flatbuffers::String> AttachmentId(FlatBufferBuilder& builder, FuzzInput& input) {
    return String(builder, input, {"first", "second", "third", "fourth"});
  }

  static Offset<flatbuffers::String> RouterId(FlatBufferBuilder& builder, FuzzInput& input) {
    return String(builder, input, {WorkerStage::RouterId, WorkerStage::RouterId, WorkerStage::RouterId, "none"});
  }

  static Offset<flatbuffers::String> ProducerId(FlatBufferBuilder& builder, FuzzInput& input) {
    return String(builder, input, {"opus", "vp8", "vp9", "h264", "data", "none"});
  }

  using Strings = Offset<flatbuffers::Vector<Offset<flatbuffers::String>>>;

  static Strings ProducerIds(FlatBufferBuilder& builder, FuzzInput& input) {
    std::vector<Offset<flatbuffers::String>> ids;

    for (auto count = input.Take<uint8_t>() % 4; count > 0; --count) {
      ids.push_back(builder.CreateString(Text(input, {"opus", "vp8", "vp9", "h264", "data", "none"})));
    }

    return builder.CreateVector(ids);
  }

  static uint32_t RingSize(FuzzInput& input) {
    // None that has the worker map a gigabyte for each input.
    const auto exponent = input.Take<uint8_t>() % 40U;

    return exponent < 32 ? (1U << std::min(exponent, 21U)) + (exponent < 22 ? 0 : 1) : input.Take<uint16_t>();
  }

  mph::host::Bytes MakeAttach(FuzzInput& input, uint32_t id) {
    FlatBufferBuilder builder;
    const auto attachment = AttachmentId(builder, input);
    const auto plugin = PluginId(builder, input);
    const auto router = RouterId(builder, input);
    const auto member = String(builder, input, {"m", "n"});
    const auto producers = ProducerIds(builder, input);
    const auto dataProducers = ProducerIds(builder, input);
    const auto context = String(builder, input, {"{}", "null"});
    const auto bits = input.Take<uint16_t>();
    AttachBuilder attach(builder);

    attach.add_attachmentId(attachment);
    attach.add_pluginId(plugin);
    attach.add_routerId(router);
    attach.add_member(member);
    attach.add_targeted((bits & 1) != 0);
    attach.add_producerIds(producers);
    attach.add_dataProducerIds(dataProducers);
    attach.add_keepWithoutTargets((bits & 2) != 0);
    attach.add_audio((bits & 4) == 0);
    attach.add_video((bits & 8) == 0);
    attach.add_data((bits & 16) == 0);
    attach.add_pipe((bits & 32) == 0);
    attach.add_mode(static_cast<Mode>(input.Take<uint8_t>() % 5));
    attach.add_order(static_cast<int8_t>(input.Take<uint8_t>()));
    attach.add_deadlineUs((bits & 64) != 0 ? input.Take<uint32_t>() : 1'000'000);
    attach.add_onTimeout(static_cast<Policy>(1 + input.Take<uint8_t>() % 9 / 4));
    attach.add_onAbsent(static_cast<Policy>(1 + input.Take<uint8_t>() % 9 / 4));
    attach.add_onOverflow(static_cast<Policy>(1 + input.Take<uint8_t>() % 9 / 4));
    attach.add_onError(static_cast<Policy>(1 + input.Take<uint8_t>() % 9 / 4));
    attach.add_context(context);
    attach.add_copy(static_cast<Copy>(input.Take<uint8_t>() % 9 / 2));
    attach.add_keyFramesOnly((bits & 128) != 0);
    attach.add_spatialLayers(input.Take<uint8_t>());
    attach.add_temporalLayers(input.Take<uint8_t>());
    attach.add_everyNth(input.Take<uint8_t>());
    attach.add_audioLevel(input.Take<uint8_t>() % 130);
    attach.add_subscribe((bits & 256) != 0);
    attach.add_wholeFrames((bits & 512) != 0);

    return mph::host::MakeFrame(builder, id, attach.Finish());
  }

  mph::host::Bytes MakeMessage(FuzzInput& input) {
    FlatBufferBuilder builder;
    const auto id = input.Take<uint8_t>();
    const auto ring = [&]() -> uint32_t { return input.Take<uint8_t>() < 224 ? host_->Ring() : input.Take<uint32_t>(); };
    const auto frame = [&](auto body) { return mph::host::MakeFrame(builder, id, body); };

    switch (input.Take<uint8_t>() % 24) {
      case 0: {
        const auto token = String(builder, input, {"token-1", stage_.Token().c_str(), "host-1", ""});
        const auto version = input.Take<uint8_t>();

        return frame(CreateHello(builder, version < 250 ? static_cast<uint16_t>(ProtocolVersion::Current) : version,
                                 version != 249 ? static_cast<uint16_t>(Mph::Layout::LayoutVersion::Current) : 0,
                                 static_cast<Role>(input.Take<uint8_t>() % 4), token, input.Take<uint32_t>()));
      }
      case 1: {
        const auto plugin = PluginId(builder, input);
        const auto token = String(builder, input, {"token-1", "token-2"});

        // One that hangs after a second at the earliest.
        return frame(CreateIssueHostToken(builder, plugin, token, 1000 + input.Take<uint16_t>()));
      }
      case 2:
        return frame(CreateRemovePlugin(builder, PluginId(builder, input)));
      case 3: {
        const auto router = RouterId(builder, input);
        const auto packetRing = RingSize(input);

        return frame(CreateConfigureRouter(builder, router, packetRing, RingSize(input)));
      }
      case 4:
      case 5:
      case 6:
      case 7:
        return MakeAttach(input, id);
      case 8:
        return frame(CreateDetach(builder, AttachmentId(builder, input)));
      case 9: {
        const auto attachment = AttachmentId(builder, input);

        return frame(CreatePauseAttachment(builder, attachment, input.TakeBool()));
      }
      case 10:
        return frame(CreateGetStats(builder));
      case 11: {
        const auto attachment = AttachmentId(builder, input);
        const auto producer = ProducerId(builder, input);

        return frame(input.TakeBool() ? CreateAddTarget(builder, attachment, producer) : CreateAddTarget(builder, attachment, 0, producer));
      }
      case 12: {
        const auto attachment = AttachmentId(builder, input);
        const auto producer = ProducerId(builder, input);

        return frame(input.TakeBool() ? CreateRemoveTarget(builder, attachment, producer) : CreateRemoveTarget(builder, attachment, 0, producer));
      }
      case 13: {
        const auto plugin = PluginId(builder, input);
        const auto packets = input.Take<uint32_t>();

        return frame(CreateSetLimits(builder, plugin, packets, input.Take<uint32_t>()));
      }
      case 14: {
        const auto plugin = PluginId(builder, input);

        return frame(CreatePromoteHost(builder, plugin, input.TakeBool() ? static_cast<uint32_t>(getpid()) : input.Take<uint32_t>()));
      }
      case 15:
        return frame(CreateRingReady(builder, ring()));
      case 16:
        return frame(CreateRingStopped(builder, ring()));
      case 17: {
        const auto message = String(builder, input, {"no memory"});

        return frame(CreateRingRefused(builder, ring(), static_cast<ErrorCode>(input.Take<uint8_t>()), message));
      }
      case 18:
      case 19:
      case 20: {
        const auto of = ring();
        const auto what = static_cast<QueryWhat>(input.Take<uint8_t>() % 6);
        const auto object = input.Take<uint8_t>();

        return frame(CreateQuery(builder, of, what, object < 32 ? object : input.Take<uint32_t>()));
      }
      case 21:
        return frame(CreateWelcome(builder));
      case 22:
        return frame(CreateStats(builder));
      default: {
        // A body without a value, or of a type that there is not.
        builder.Finish(CreateEnvelope(builder, id, 0, static_cast<Body>(input.Take<uint8_t>()), 0), EnvelopeIdentifier());

        mph::host::Bytes bytes(sizeof(uint32_t) + builder.GetSize());

        flatbuffers::WriteScalar(bytes.data(), static_cast<uint32_t>(builder.GetSize()));
        std::copy_n(builder.GetBufferPointer(), builder.GetSize(), bytes.begin() + sizeof(uint32_t));

        return bytes;
      }
    }
  }

  void Settle(int role) {
    if (role == 1) {
      stranger_.reset();
      stage_.Turn();
      if (controller_->IsOpen() && host_->IsOpen()) {
        host_->AcceptAll();
        stage_.Turn();

        return;
      }
    }
    Restart();
  }

  // As when the app starts anew: with its connection all goes that it has made.
  void Restart() {
    stranger_.reset();
    host_.reset();
    controller_.reset();
    stage_.Turn();
    stage_.Turn();
    controller_.emplace(stage_);
    controller_->IssueToken("first");
    controller_->Attach();
    host_.emplace(stage_, *controller_);
    // A packet of each kind is held.
    stage_.SendRtp(0, {1, 2, 3}, true);
    stage_.SendRtp(1, {0x90, 0x80, 0x01, 0x10}, true);
    stage_.SendData(51, {1});
  }

  WorkerStage& stage_{WorkerStage::Get()};
  std::optional<Controller> controller_;
  std::optional<HostPeer> host_;
  std::optional<Peer> stranger_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto* const messages = new ControlMessages();
  FuzzInput input(data, size);

  messages->Run(input);

  return 0;
}
