#include "WorkerStage.hpp"

#include "FuzzInput.hpp"

#include "Channel/ChannelMessageRegistrator.hpp"
#include "Channel/ChannelNotification.hpp"
#include "Channel/ChannelNotifier.hpp"
#include "Channel/ChannelRequest.hpp"
#include "Channel/ChannelSocket.hpp"
#include "DepLibSRTP.hpp"
#include "DepLibUV.hpp"
#include "DepLibWebRTC.hpp"
#include "DepOpenSSL.hpp"
#include "FBS/message.h"
#include "FBS/notification.h"
#include "FBS/request.h"
#include "Logger.hpp"
#include "RTC/DtlsTransport.hpp"
#include "RTC/SrtpSession.hpp"
#include "Shared.hpp"
#include "Utils.hpp"
#include "Worker.hpp"

#include <stdlib.h>
#include <uv.h>
#include <filesystem>
#include <fstream>

namespace {

// Its constructor runs the loop until the worker ends. Here that is nobody's business but ours.
bool isConstructing = false;

}  // namespace

extern "C" int __real_uv_run(uv_loop_t* loop, uv_run_mode mode);
extern "C" int __wrap_uv_run(uv_loop_t* loop, uv_run_mode mode) { return isConstructing ? 0 : __real_uv_run(loop, mode); }

namespace mph::fuzz {

namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

namespace Rtp = FBS::RtpParameters;


ChannelReadFreeFn ReadNothing(uint8_t** /*message*/, uint32_t* /*length*/, size_t* /*context*/, const void* /*handle*/, ChannelReadCtx /*own*/) {
  return nullptr;
}

// Not a request that was refused, of which nothing would be fuzzed.
void CheckAnswer(const uint8_t* message, uint32_t length, ChannelWriteCtx /*own*/) {
  flatbuffers::Verifier verifier(message, length);
  const auto* const parsed = FBS::Message::GetSizePrefixedMessage(message);

  if (const auto* response = parsed->data_as_Response()) {
    Require(response->accepted(), response->reason() == nullptr ? "the worker refused a request" : response->reason()->c_str());
  }
}

Offset<flatbuffers::Vector<Offset<Rtp::RtpCodecParameters>>> MakeCodecs(FlatBufferBuilder& builder, const Stream& stream) {
  const bool isAudio = std::string(stream.mimeType).starts_with("audio");

  return builder.CreateVector(std::vector{Rtp::CreateRtpCodecParametersDirect(builder, stream.mimeType, stream.payloadType, isAudio ? 48000 : 90000,
                                                                              isAudio ? flatbuffers::Optional<uint8_t>(2) : flatbuffers::nullopt)});
}

// What its layers are: of simulcast one encoding each, of SVC all in one.
const char* ScalabilityOf(const Stream& stream) {
  const std::string id = stream.producerId;

  return id == "vp8" ? "L1T3" : id == "vp9" ? "L3T3_KEY" : nullptr;
}

Offset<Rtp::RtpEncodingParameters> MakeEncoding(FlatBufferBuilder& builder, const Stream& stream, uint32_t ssrc, const char* scalability) {
  return Rtp::CreateRtpEncodingParametersDirect(builder, ssrc, nullptr, stream.payloadType, 0, false, scalability);
}

std::vector<Stream> StreamsOf(const std::string& producerId) {
  std::vector<Stream> streams;

  for (const auto& stream : WorkerStage::Streams) {
    if (stream.producerId == producerId) {
      streams.push_back(stream);
    }
  }

  return streams;
}

Rtp::MediaKind KindOf(const Stream& stream) {
  return std::string(stream.mimeType).starts_with("audio") ? Rtp::MediaKind::AUDIO : Rtp::MediaKind::VIDEO;
}

std::vector<Offset<Rtp::RtpHeaderExtensionParameters>> MakeExtensions(FlatBufferBuilder& builder, const Stream& stream) {
  return {KindOf(stream) == Rtp::MediaKind::AUDIO
              ? Rtp::CreateRtpHeaderExtensionParametersDirect(builder, Rtp::RtpHeaderExtensionUri::SsrcAudioLevel, 10)
              : Rtp::CreateRtpHeaderExtensionParametersDirect(builder, Rtp::RtpHeaderExtensionUri::AbsSendTime, 4)};
}

Offset<Rtp::RtpParameters> MakeParameters(FlatBufferBuilder& builder, const Stream& stream, const std::vector<Offset<Rtp::RtpEncodingParameters>>& encodings) {
  return Rtp::CreateRtpParameters(builder, 0, MakeCodecs(builder, stream), builder.CreateVector(MakeExtensions(builder, stream)),
                                  builder.CreateVector(encodings), Rtp::CreateRtcpParametersDirect(builder, "fuzz"));
}

}  // namespace

struct WorkerStage::Parts {
  std::unique_ptr<Channel::ChannelSocket> channel;
  std::unique_ptr<Shared> shared;
  std::unique_ptr<Worker> worker;
  uint32_t lastRequest{0};

  template <typename Body>
  void Request(FlatBufferBuilder& builder, FBS::Request::Method method, const char* handlerId, FBS::Request::Body type, Offset<Body> body) {
    builder.Finish(FBS::Request::CreateRequestDirect(builder, ++lastRequest, method, handlerId, type, body.Union()));

    Channel::ChannelRequest request(channel.get(), flatbuffers::GetRoot<FBS::Request::Request>(builder.GetBufferPointer()));

    worker->HandleRequest(&request);
  }

  template <typename Body>
  void Notify(FlatBufferBuilder& builder, FBS::Notification::Event event, const char* handlerId, FBS::Notification::Body type, Offset<Body> body) {
    builder.Finish(FBS::Notification::CreateNotificationDirect(builder, handlerId, event, type, body.Union()));

    Channel::ChannelNotification notification(flatbuffers::GetRoot<FBS::Notification::Notification>(builder.GetBufferPointer()),
                                              shared->GetTimeUs());

    worker->HandleNotification(&notification);
  }
};

WorkerStage& WorkerStage::Get() {
  static auto* const stage = new WorkerStage();

  return *stage;
}

WorkerStage::WorkerStage() : token_(64, 't'), parts_(std::make_unique<Parts>()) {
  MakeDir();
  DepLibUV::ClassInit();
  parts_->channel = std::make_unique<Channel::ChannelSocket>(ReadNothing, nullptr, CheckAnswer, nullptr);
  parts_->shared = std::make_unique<Shared>(new Channel::ChannelMessageRegistrator(), new Channel::ChannelNotifier(parts_->channel.get()));
  Logger::ClassInit(parts_->channel.get());
  DepOpenSSL::ClassInit();
  DepLibSRTP::ClassInit();
  DepLibWebRTC::ClassInit();
  Utils::Crypto::ClassInit();
  RTC::DtlsTransport::ClassInit();
  RTC::SrtpSession::ClassInit();

  isConstructing = true;
  parts_->worker = std::make_unique<Worker>(parts_->channel.get(), parts_->shared.get());
  isConstructing = false;
  MakeRouter();
}

void WorkerStage::MakeDir() {
  static std::string dir = "/tmp/mph-fuzz-XXXXXX";

  Require(mkdtemp(dir.data()) != nullptr, "a directory can be made in /tmp");
  std::ofstream(dir + "/token") << token_;
  setenv("MEDIASOUP_PLUGIN_HOST_DIR", dir.c_str(), 1);
  socketPath_ = dir + "/" + std::to_string(getpid()) + ".sock";
  std::atexit([] {
    std::error_code ignored;

    std::filesystem::remove_all(dir, ignored);
  });
}

void WorkerStage::MakeRouter() {
  using FBS::Request::Body;
  using FBS::Request::Method;
  FlatBufferBuilder builder;

  parts_->Request(builder, Method::WORKER_CREATE_ROUTER, "", Body::Worker_CreateRouterRequest,
                  FBS::Worker::CreateCreateRouterRequestDirect(builder, RouterId));
  builder.Clear();

  const auto options = FBS::Transport::CreateOptions(builder, true, flatbuffers::nullopt, false, 262144, 262144, 0, 0, 0, 0, false);

  parts_->Request(builder, Method::ROUTER_CREATE_DIRECTTRANSPORT, RouterId, Body::Router_CreateDirectTransportRequest,
                  FBS::Router::CreateCreateDirectTransportRequestDirect(builder, TransportId,
                                                                        FBS::DirectTransport::CreateDirectTransportOptions(builder, options)));

  for (const std::string id : {"opus", "vp8", "vp9", "h264"}) {
    const auto streams = StreamsOf(id);
    const auto& first = streams.front();
    const auto type = id == "vp8" ? Rtp::Type::SIMULCAST : id == "vp9" ? Rtp::Type::SVC : Rtp::Type::SIMPLE;
    std::vector<Offset<Rtp::RtpEncodingParameters>> encodings;
    std::vector<Offset<Rtp::EncodingMapping>> mappings;

    builder.Clear();
    for (const auto& stream : streams) {
      encodings.push_back(MakeEncoding(builder, stream, stream.ssrc, ScalabilityOf(stream)));
      mappings.push_back(Rtp::CreateEncodingMappingDirect(builder, nullptr, stream.ssrc, stream.mappedSsrc));
    }

    const std::vector codecs{Rtp::CreateCodecMapping(builder, first.payloadType, first.payloadType)};
    const auto mapping = Rtp::CreateRtpMappingDirect(builder, &codecs, &mappings);
    const auto produced = FBS::Transport::CreateProduceRequestDirect(builder, id.c_str(), KindOf(first), MakeParameters(builder, first, encodings), mapping);

    parts_->Request(builder, Method::TRANSPORT_PRODUCE, TransportId, Body::Transport_ProduceRequest, produced);

    builder.Clear();
    encodings.clear();
    for (const auto& stream : streams) {
      encodings.push_back(MakeEncoding(builder, stream, stream.mappedSsrc, ScalabilityOf(stream)));
    }

    const auto own = MakeParameters(builder, first, {MakeEncoding(builder, first, first.mappedSsrc + 9, id == "vp8" ? "L2T3" : ScalabilityOf(first))});
    const auto consumed = FBS::Transport::CreateConsumeRequestDirect(builder, (id + "-consumer").c_str(), id.c_str(), KindOf(first), own, type, &encodings);

    parts_->Request(builder, Method::TRANSPORT_CONSUME, TransportId, Body::Transport_ConsumeRequest, consumed);
  }

  builder.Clear();
  parts_->Request(builder, Method::TRANSPORT_PRODUCE_DATA, TransportId, Body::Transport_ProduceDataRequest,
                  FBS::Transport::CreateProduceDataRequestDirect(builder, DataProducerId, FBS::DataProducer::Type::DIRECT, 0, "l", "p"));
  builder.Clear();
  parts_->Request(builder, Method::TRANSPORT_CONSUME_DATA, TransportId, Body::Transport_ConsumeDataRequest,
                  FBS::Transport::CreateConsumeDataRequestDirect(builder, "data-consumer", DataProducerId, FBS::DataConsumer::Type::DIRECT, 0, "l", "p"));
}

void WorkerStage::Turn() { __real_uv_run(DepLibUV::GetLoop(), UV_RUN_NOWAIT); }

void WorkerStage::SendRtp(size_t stream, const std::vector<uint8_t>& payload, bool marker) {
  const auto& of = Streams.at(stream);
  std::vector<uint8_t> packet(12 + payload.size());
  FlatBufferBuilder builder;

  packet[0] = 0x80;
  packet[1] = static_cast<uint8_t>((marker ? 0x80 : 0) | of.payloadType);
  Utils::Byte::Set2Bytes(packet.data(), 2, ++numbers_.at(stream));
  timestamp_ += 90;
  Utils::Byte::Set4Bytes(packet.data(), 4, timestamp_);
  Utils::Byte::Set4Bytes(packet.data(), 8, of.ssrc);
  std::copy(payload.begin(), payload.end(), packet.begin() + 12);
  parts_->Notify(builder, FBS::Notification::Event::PRODUCER_SEND, of.producerId, FBS::Notification::Body::Producer_SendNotification,
                 FBS::Producer::CreateSendNotificationDirect(builder, &packet));
}

void WorkerStage::SendData(uint32_t ppid, const std::vector<uint8_t>& message) {
  FlatBufferBuilder builder;

  parts_->Notify(builder, FBS::Notification::Event::DATAPRODUCER_SEND, DataProducerId, FBS::Notification::Body::DataProducer_SendNotification,
                 FBS::DataProducer::CreateSendNotificationDirect(builder, ppid, &message));
}

}  // namespace mph::fuzz
