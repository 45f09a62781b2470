// What a host reads of a worker that went mad: records of the packet ring of every type, with values that fit and ones that do not, raw bytes, cursors,
// where to start. The plugin reads all of every packet, message and event that it is handed, keeps some pending and answers as the input says.
//
// An input is a row of actions on one ring. Whatever it was, afterwards the ring stops and can be started anew.

#include "Error.hpp"
#include "FuzzInput.hpp"
#include "Instances.hpp"
#include "ServedRing.hpp"

#include <fcntl.h>
#include <array>
#include <memory>
#include <mph/shm/AtomicAt.hpp>
#include <mph/shm/RingProducer.hpp>
#include <string>
#include <vector>

namespace {

using mph::fuzz::FuzzInput;
using mph::fuzz::Require;
using namespace mph::host;
using namespace Mph::Layout;
namespace Control = Mph::Control;
namespace shm = mph::shm;

constexpr uint32_t RingSize = static_cast<uint32_t>(Limit::MinRingSize);
constexpr int MaxActions = 24;
constexpr size_t MaxPayload = 160;
constexpr uint32_t RouterNumber = 1;

// What the plugin says, packet for packet; over and over.
std::array<uint8_t, 16> answers{};
size_t answered = 0;
const mph_host* functions = nullptr;
volatile uint64_t sum = 0;

void ReadBytes(const void* bytes, size_t length) {
  for (size_t i = 0; i < length; ++i) {
    sum = sum + static_cast<const uint8_t*>(bytes)[i];
  }
}

void ReadText(const char* text) {
  if (text != nullptr) {
    ReadBytes(text, std::strlen(text));
  }
}

uint8_t Decide(mph_instance* instance, uint32_t router, uint64_t ticket) {
  const auto answer = answers[answered++ % answers.size()];

  switch (answer % 16) {
    case 0:
      // Late, but while it is in hand.
      functions->verdict(instance, router, ticket, static_cast<mph_verdict>(answer / 16 % 6));

      return MPH_PENDING;
    case 1:
      functions->replace(instance, router, ticket, answers.data(), answer / 16);

      return MPH_PENDING;
    case 2:
      functions->extend(instance, router, ticket, answer);

      return MPH_PENDING;
    default:
      return answer % 8;
  }
}

void OnPackets(void* self, const mph_batch* batch) {
  for (uint32_t i = 0; i < batch->count; ++i) {
    const auto& packet = *batch->packets[i];

    ReadBytes(&packet, packet.record_length);
    ReadBytes(mph_packet_bytes(&packet), packet.copied_length);
    batch->verdicts[i] = Decide(static_cast<mph_instance*>(self), batch->router, packet.ticket);
  }
}

void OnData(void* self, const mph_data_batch* batch) {
  for (uint32_t i = 0; i < batch->count; ++i) {
    const auto& message = *batch->messages[i];

    ReadBytes(mph_data_subchannels(&message), message.subchannel_count * sizeof(uint16_t));
    ReadBytes(mph_data_bytes(&message), message.copied_length);
    batch->verdicts[i] = Decide(static_cast<mph_instance*>(self), batch->router, message.ticket);
  }
}

void OnEvent(void* /*self*/, const mph_event* event) {
  for (const auto* text : {event->router_id, event->producer_id, event->mime_type, event->attachment_id, event->context, event->consumer_id,
                           event->transport_id, event->parameters}) {
    ReadText(text);
  }
  ReadBytes(event->ssrcs, event->ssrc_count * sizeof(uint32_t));
}

int Create(const mph_host* host, mph_instance* instance, const mph_instance_info* /*info*/, void** self, char* /*error*/, size_t /*errorSize*/) {
  functions = host;
  *self = instance;

  return 0;
}

const mph_plugin Descriptor{.size = sizeof(mph_plugin),
                            .abi_version = MPH_ABI_VERSION,
                            .name = "fuzzed",
                            .version = "1",
                            .create = Create,
                            .destroy = [](void*) {},
                            .on_packets = OnPackets,
                            .on_event = OnEvent,
                            .on_data = OnData,
                            .on_answer = [](void*, const mph_answer* answer) { ReadText(answer->json); }};

struct Code : PluginCode {
  const std::string file{"fuzzed"};

  const std::string& File() const override { return file; }
  const mph_plugin& Plugin() const override { return Descriptor; }
};

shm::UniqueFd Duplicate(int fd) { return shm::UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

class MadWorker {
 public:
  MadWorker() {
    for (uint32_t index = 0; index < 2; ++index) {
      instances_.Add(std::make_unique<Instance>(code_,
                                                Instance::Settings{.index = index,
                                                                   .log = [](auto, const auto&) {},
                                                                   .toApp = [](auto, auto) {},
                                                                   .takeSnapshot = [](auto) { return std::nullopt; },
                                                                   .onFatal = [](const auto&) { Require(false, "the host calls it fatal"); }},
                                                std::make_shared<InstanceReport>(index == 0 ? "first" : "second"), calls_, budget_, wakeup_));
    }
    serving_.sortLateVerdicts = [this] { return SortLateVerdicts(); };

    flatbuffers::FlatBufferBuilder builder;

    builder.Finish(Control::CreateRingOfferDirect(builder, 0, "group", "router", 1, RingSize, RingSize));
    ring_ = std::make_unique<ServedRing>(*flatbuffers::GetRoot<Control::RingOffer>(builder.GetBufferPointer()), Duplicate(packets_.Fd()),
                                         Duplicate(verdicts_.Fd()), RouterNumber, serving_);
    instances_.ForEach([this](Instance& instance) { instance.GetLateVerdicts().OpenRouter(RouterNumber, ring_->Writer().MaxLength()); });
  }

  void Run(FuzzInput& input) {
    input.CopyTo(answers.data(), answers.size());
    answered = 0;
    // At a place that is anywhere in the ring, its end included.
    position_ = static_cast<uint64_t>(input.TakeBelow(RingSize / 8)) * 8;
    if (position_ % 64 == 0) {
      position_ = RingSize - position_ % 1024;
    }
    producer_.emplace(RingBytes(), RingSize, Cursor(), position_);
    producer_->Publish();
    VerdictCursor()->store(0, std::memory_order_relaxed);
    Start(input, position_);
    for (int i = 0; i < MaxActions && !input.IsEmpty(); ++i) {
      Act(input);
    }
    producer_->Publish();
    Serve();
    Stop(input.TakeBool() ? ServedRing::StopAt::Batch : ServedRing::StopAt::Published);
  }

 private:
  uint8_t* RingBytes() { return packets_.Data() + static_cast<size_t>(PacketSegmentOffset::Ring); }
  std::atomic<uint64_t>* Cursor() { return shm::AtomicAt<uint64_t>(packets_.Data(), PacketSegmentOffset::ProducerCursor); }
  std::atomic<uint64_t>* VerdictCursor() { return shm::AtomicAt<uint64_t>(packets_.Data(), PacketSegmentOffset::VerdictConsumerCursor); }

  bool SortLateVerdicts() {
    bool hasAny = false;

    instances_.ForEach([&](Instance& instance) {
      instance.GetLateVerdicts().TakeInto(late_);
      for (auto& late : late_) {
        hasAny = true;
        late.instance = &instance;
        ring_->Deliver(std::move(late));
      }
      late_.clear();
    });

    return hasAny;
  }

  // As WorkerConnection has it, turn by turn. What the verdict ring is too full for is let go when the worker says that it has read.
  void Serve() {
    for (int turn = 0; turn < 8; ++turn) {
      SortLateVerdicts();
      if (ring_->Serve() != ServedRing::ServeResult::More) {
        return;
      }
    }
  }

  void Start(FuzzInput& input, uint64_t at) {
    flatbuffers::FlatBufferBuilder builder;
    std::vector<flatbuffers::Offset<Control::Event>> state;

    for (auto count = input.Take<uint8_t>() % 6; count > 0; --count) {
      state.push_back(MakeEvent(builder, input));
    }

    const auto events = builder.CreateVector(state);

    builder.Finish(Control::CreateRingStart(builder, 0, at, input.Take<uint8_t>() % 4, input.TakeBool() ? at + input.Take<uint8_t>() * 8U : 0, events));
    try {
      ring_->Start(*flatbuffers::GetRoot<Control::RingStart>(builder.GetBufferPointer()));
    } catch (const Error&) {
    }
  }

  void Stop(ServedRing::StopAt where) {
    if (!ring_->IsWarm()) {
      ring_->Stop(where);
      // The first call says how long it is to wait, the second one that this has passed.
      for (const uint64_t now : {uint64_t{1}, UINT64_MAX - ServedRing::StopPatienceNs, UINT64_MAX}) {
        Serve();
        if (ring_->TryFinishStop(now)) {
          break;
        }
      }
    }
    Require(ring_->IsWarm(), "a ring stops when its time is over");
  }

  void Act(FuzzInput& input) {
    switch (input.Take<uint8_t>() % 16) {
      case 0:
      case 1:
      case 2:
        WritePacket(input);
        break;
      case 3:
      case 4:
        WriteData(input);
        break;
      case 5:
      case 6:
      case 7:
        WriteEvent(input);
        break;
      case 8: {
        const ResultRecord record(HeaderOf<ResultRecord>(input, RecordType::Result, 0, sizeof(ResultRecord)), input.Take<uint8_t>(),
                                  static_cast<ResultCode>(input.Take<uint8_t>() % 8), 0, 0, 0);

        Write(record, {});
        break;
      }
      case 9: {
        const auto bytes = input.TakeBytes(8 + input.TakeBelow(MaxPayload));

        Write(bytes);
        break;
      }
      case 10:
        Cursor()->store(input.TakeBool() ? producer_->Position() + static_cast<int8_t>(input.Take<uint8_t>()) * 8 : input.Take<uint64_t>(),
                        std::memory_order_release);
        Serve();
        break;
      case 11:
        VerdictCursor()->store(input.TakeBool() ? input.Take<uint16_t>() * 8U : input.Take<uint64_t>(), std::memory_order_release);
        break;
      case 12:
        Stop(input.TakeBool() ? ServedRing::StopAt::Batch : ServedRing::StopAt::Published);
        Start(input, input.TakeBool() ? position_ : input.Take<uint64_t>());
        break;
      default:
        producer_->Publish();
        Serve();
    }
  }

  template <typename Record>
  static RecordHeader HeaderOf(FuzzInput& input, RecordType type, size_t behind, size_t offset) {
    const auto length = static_cast<uint32_t>(sizeof(Record) + behind);

    if (input.Take<uint8_t>() % 8 != 0) {
      return {length, type, 0, static_cast<uint16_t>(offset)};
    }

    const auto lie = input.Take<uint32_t>();

    return {lie % 2 == 0 ? lie : length + static_cast<uint32_t>(lie % 17) - 8, type, input.Take<uint8_t>(), input.Take<uint16_t>()};
  }

  template <typename Record>
  void Write(const Record& record, const std::vector<uint8_t>& behind) {
    std::vector<uint8_t> bytes(sizeof record + behind.size());

    std::memcpy(bytes.data(), &record, sizeof record);
    std::copy(behind.begin(), behind.end(), bytes.begin() + sizeof record);
    Write(bytes);
  }

  void Write(const std::vector<uint8_t>& bytes) {
    uint8_t* record = nullptr;

    if (bytes.size() >= sizeof(RecordHeader) &&
        producer_->TryClaim(static_cast<uint32_t>(bytes.size()), record) == shm::RingProducer::TryClaimResult::Ok) {
      std::memcpy(record, bytes.data(), bytes.size());
      producer_->Commit();
    }
  }

  static uint64_t Ticket(FuzzInput& input) {
    const auto ticket = input.Take<uint8_t>();

    return ticket < 250 ? ticket % 8 : input.Take<uint64_t>();
  }

  static uint32_t Length(FuzzInput& input, size_t length) { return input.Take<uint8_t>() % 16 != 0 ? static_cast<uint32_t>(length) : input.Take<uint32_t>(); }

  void WritePacket(FuzzInput& input) {
    const auto bytes = input.TakeBytes(input.TakeBelow(MaxPayload));
    const auto ticket = Ticket(input);
    const auto run = input.Take<uint8_t>() % 4U;
    const auto members = static_cast<uint16_t>(input.Take<uint8_t>() % 8 == 0 ? input.Take<uint16_t>() : 3);
    const auto copied = Length(input, bytes.size());

    Write(PacketRecord(HeaderOf<PacketRecord>(input, RecordType::Packet, bytes.size(), sizeof(PacketRecord)), ticket, 0, UINT64_MAX, 7, run, 1, 2,
                       Length(input, bytes.size()), copied, 3, static_cast<uint16_t>(Length(input, 12)), input.Take<uint8_t>(), 100, MediaKind::Audio,
                       Codec::Opus, 0, 0, 255, 255, 30, 0, members),
          bytes);
  }

  void WriteData(FuzzInput& input) {
    const auto subchannels = input.Take<uint8_t>() % 8U;
    const auto offset = sizeof(DataRecord) + shm::AlignedLength(subchannels * 2);
    const auto bytes = input.TakeBytes(offset - sizeof(DataRecord) + input.TakeBelow(MaxPayload));
    const auto length = bytes.size() - std::min<size_t>(bytes.size(), offset - sizeof(DataRecord));
    const auto ticket = Ticket(input);
    const auto run = input.Take<uint8_t>() % 4U;
    const auto copied = Length(input, length);

    Write(DataRecord(HeaderOf<DataRecord>(input, RecordType::Data, bytes.size(), offset), ticket, 0, UINT64_MAX, 9, run, 51, Length(input, length), copied,
                     static_cast<uint16_t>(Length(input, subchannels)), static_cast<uint16_t>(input.TakeBool() ? 3 : input.Take<uint16_t>()), -1, -1),
          bytes);
  }

  flatbuffers::Offset<Control::Event> MakeEvent(flatbuffers::FlatBufferBuilder& builder, FuzzInput& input) {
    const auto text = [&](const char* usual) {
      const auto kind = input.Take<uint8_t>();

      return kind < 200 ? builder.CreateString(usual) : kind < 240 ? builder.CreateString(input.TakeString(20)) : 0;
    };
    const auto router = text("router");
    const auto producerId = text("producer");
    const auto mimeType = text("audio/opus");
    const auto attachmentId = text("attachment");
    const auto context = text("{}");
    const auto member = text(input.TakeBool() ? "first" : "second");
    const auto consumerId = text("consumer");
    const auto transportId = text("transport");
    const auto parameters = text("{\"type\":\"plain\"}");
    std::vector<uint32_t> numbers;

    for (auto count = input.Take<uint8_t>() % 24; count > 0; --count) {
      numbers.push_back(input.Take<uint8_t>() % 5);
    }

    const auto ssrcs = builder.CreateVector(numbers);
    const auto members = builder.CreateVector(numbers);
    const auto small = [&]() -> uint32_t { return input.Take<uint8_t>() % 5; };
    Control::EventBuilder event(builder);

    event.add_type(static_cast<Control::EventType>(input.Take<uint8_t>() % 24));
    event.add_routerId(router);
    event.add_producer(small());
    event.add_producerId(producerId);
    event.add_kind(static_cast<MediaKind>(input.Take<uint8_t>() % 5));
    event.add_mimeType(mimeType);
    event.add_clockRate(input.Take<uint32_t>());
    event.add_paused(input.TakeBool());
    event.add_ssrcs(ssrcs);
    event.add_attachment(small());
    event.add_attachmentId(attachmentId);
    event.add_mode(static_cast<Control::Mode>(input.Take<uint8_t>() % 5));
    event.add_context(context);
    event.add_member(member);
    event.add_members(members);
    event.add_consumer(small());
    event.add_consumerId(consumerId);
    event.add_transport(small());
    event.add_transportId(transportId);
    event.add_parameters(parameters);
    event.add_onError(static_cast<Control::Policy>(input.Take<uint8_t>() % 4));

    return event.Finish();
  }

  void WriteEvent(FuzzInput& input) {
    flatbuffers::FlatBufferBuilder builder;

    builder.Finish(MakeEvent(builder, input));

    std::vector<uint8_t> bytes(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());

    // Torn now and then.
    for (auto count = input.Take<uint8_t>() % 8; count > 5; --count) {
      bytes[input.TakeBelow(bytes.size())] = input.Take<uint8_t>();
    }
    Write(EventRecord(HeaderOf<EventRecord>(input, RecordType::Event, bytes.size(), sizeof(EventRecord)), 1), bytes);
  }

  shm::Segment packets_{shm::Segment::CreateOwned(SegmentKind::Packet, RingSize, 1)};
  shm::Segment verdicts_{shm::Segment::CreateForPeer(SegmentKind::Verdict, RingSize, 1)};
  std::optional<shm::RingProducer> producer_;
  uint64_t position_{0};

  const Code code_;
  Wakeup wakeup_;
  WorkerCalls calls_{wakeup_};
  PostBudget budget_;
  Instances instances_;
  ServingStats stats_;
  Serving serving_{1, instances_, stats_};
  std::vector<LateVerdict> late_;
  std::unique_ptr<ServedRing> ring_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto* const worker = new MadWorker();
  FuzzInput input(data, size);

  worker->Run(input);

  return 0;
}
