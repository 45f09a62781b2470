// What a host writes into memory that the worker reads: records of the verdict ring of every type, with values that fit and ones that do not, raw
// bytes, cursors, "now serving", the link segment. The worker holds packets and messages of every producer meanwhile.
//
// An input is a row of actions. Whatever it did, afterwards the worker answers, and takes a host that behaves.

#include "FuzzInput.hpp"
#include "HostPeer.hpp"
#include "WorkerStage.hpp"

#include <array>
#include <optional>
#include <vector>

namespace {

using mph::fuzz::Controller;
using mph::fuzz::FuzzInput;
using mph::fuzz::HostPeer;
using mph::fuzz::Require;
using mph::fuzz::WorkerStage;
using namespace Mph::Layout;

constexpr int MaxActions = 24;
constexpr size_t MaxPayload = 160;
// What is held at once of all that comes, so that no input is slow because of those before.
constexpr size_t MaxHeld = 64;
constexpr auto PositionCause = uint64_t{1} << static_cast<uint8_t>(CauseBit::Position);

class Verdicts {
 public:
  void Run(FuzzInput& input) {
    Prepare();
    for (int i = 0; i < MaxActions && !input.IsEmpty(); ++i) {
      Act(input);
    }
    host_->Publish();
    stage_.Turn();
    Settle();
  }

 private:
  // Something is held of every producer.
  void Prepare() {
    if (!host_) {
      host_.emplace(stage_, controller_);
    }
    for (const size_t stream : {0U, 1U, 3U, 4U}) {
      stage_.SendRtp(stream, {0x90, 0x80, 0x01, 0x10, 0x00, 0x9d, 0x01, 0x2a}, true);
    }
    stage_.SendData(51, {'d', 'a', 't', 'a'});
    host_->Tickets();
  }

  void Act(FuzzInput& input) {
    switch (input.Take<uint8_t>() % 16) {
      case 0:
      case 1:
      case 2:
        WriteVerdict(input);
        break;
      case 3:
        WriteFixed(BypassRecord{HeaderOf<BypassRecord>(input, RecordType::Bypass, 0), Attachment(input), Producer(input), Ssrc(input), input.Take<uint32_t>(),
                                static_cast<BypassUnit>(input.Take<uint8_t>() % 4), 0, 0, 0});
        break;
      case 4:
      case 5:
        WriteRtp(input);
        break;
      case 6:
        WriteReceived(input);
        break;
      case 7:
      case 8:
        WriteData(input);
        break;
      case 9:
        WriteFixed(KeyFrameRecord{HeaderOf<KeyFrameRecord>(input, RecordType::KeyFrame, 0), input.Take<uint8_t>(), Producer(input), Ssrc(input)});
        break;
      case 10:
        WriteFixed(SubscribeRecord{HeaderOf<SubscribeRecord>(input, RecordType::Subscribe, 0), input.Take<uint8_t>(), Attachment(input), Producer(input),
                                   input.Take<uint8_t>(), 0, 0, 0});
        break;
      case 11: {
        const auto bytes = input.TakeBytes(8 + input.TakeBelow(MaxPayload));

        if (bytes.size() >= sizeof(RecordHeader)) {
          host_->Write(bytes.data(), static_cast<uint32_t>(bytes.size()));
        }
        break;
      }
      case 12:
        WriteWord(input);
        break;
      case 13:
        if (host_->Tickets().size() < MaxHeld) {
          const auto stream = input.TakeBelow(WorkerStage::Streams.size());
          const bool marker = input.TakeBool();

          stage_.SendRtp(stream, input.TakeBytes(input.TakeBelow(MaxPayload)), marker);
        }
        break;
      case 14:
        if (host_->Tickets().size() < MaxHeld) {
          const auto ppid = 50 + input.Take<uint8_t>() % 8U;

          stage_.SendData(ppid, input.TakeBytes(input.TakeBelow(MaxPayload)));
        }
        break;
      default:
        host_->Publish();
        stage_.Turn();
    }
  }

  // As a rule true to what is there; otherwise any length and offset.
  template <typename Record>
  static RecordHeader HeaderOf(FuzzInput& input, RecordType type, size_t behind) {
    const auto length = static_cast<uint32_t>(sizeof(Record) + behind);

    if (input.Take<uint8_t>() % 16 != 0) {
      return {length, type, 0, sizeof(Record)};
    }

    const auto lie = input.Take<uint32_t>();

    return {lie % 2 == 0 ? lie : length + static_cast<uint32_t>(lie % 17) - 8, type, input.Take<uint8_t>(), input.Take<uint16_t>()};
  }

  template <typename Record>
  void WriteFixed(const Record& record) {
    WriteWith(record, {});
  }

  template <typename Record>
  void WriteWith(const Record& record, const std::vector<uint8_t>& behind) {
    std::vector<uint8_t> bytes(sizeof record + behind.size());

    std::memcpy(bytes.data(), &record, sizeof record);
    std::copy(behind.begin(), behind.end(), bytes.begin() + sizeof record);
    host_->Write(bytes.data(), static_cast<uint32_t>(bytes.size()));
  }

  uint64_t Ticket(FuzzInput& input) {
    const auto& tickets = host_->Tickets();
    const auto at = input.Take<uint8_t>();

    return at < tickets.size() ? tickets[at] : at % 2 == 0 && !tickets.empty() ? tickets.back() + at : input.Take<uint64_t>();
  }

  // Numbers of what lives in the router are small.
  static uint32_t Producer(FuzzInput& input) {
    const auto number = input.Take<uint8_t>();

    return number < 32 ? number : input.Take<uint32_t>();
  }

  uint32_t Attachment(FuzzInput& input) const {
    const auto number = input.Take<uint8_t>();

    return number == 255 ? input.Take<uint32_t>() : number < 128 ? host_->LastAttachment() - number % 3U : number;
  }

  static uint32_t Ssrc(FuzzInput& input) {
    const auto at = input.Take<uint8_t>() % 8U;

    return at < WorkerStage::Streams.size() ? WorkerStage::Streams[at].mappedSsrc : at == 5 ? 0 : input.Take<uint32_t>();
  }

  uint64_t Cause(FuzzInput& input) {
    switch (input.Take<uint8_t>() % 4) {
      case 0:
        return 0;
      case 1:
        return Ticket(input);
      case 2:
        return PositionCause | (host_->Read() - input.Take<uint8_t>() * 8U);
      default:
        return input.Take<uint64_t>();
    }
  }

  void WriteVerdict(FuzzInput& input) {
    const auto ticket = Ticket(input);
    const auto verdict = static_cast<Verdict>(input.Take<uint8_t>() % 8);
    const auto payload = verdict == Verdict::Replace ? input.TakeBytes(input.TakeBelow(MaxPayload)) : std::vector<uint8_t>();
    const auto lie = input.Take<uint8_t>();
    const auto argument = lie == 0 ? input.Take<uint32_t>() : verdict == Verdict::Extend ? lie * 1000U : static_cast<uint32_t>(payload.size());
    const auto decider = static_cast<uint8_t>(input.Take<uint8_t>() % 20);
    const auto errors = static_cast<uint16_t>(lie % 4 == 1 ? input.Take<uint16_t>() : 0);

    WriteWith(VerdictRecord{HeaderOf<VerdictRecord>(input, RecordType::Verdict, payload.size()), ticket, verdict, decider, errors, argument}, payload);
  }

  static std::vector<uint8_t> Padded(const void* data, size_t length) {
    std::vector<uint8_t> bytes((length + 7) / 8 * 8);

    if (length > 0) {
      std::memcpy(bytes.data(), data, length);
    }

    return bytes;
  }

  static std::vector<uint32_t> Consumers(FuzzInput& input) {
    std::vector<uint32_t> consumers;

    for (auto count = input.Take<uint8_t>() % 8; count > 4; --count) {
      consumers.push_back(Producer(input));
    }

    return consumers;
  }

  void WriteRtp(FuzzInput& input) {
    const auto cause = Cause(input);
    const auto stream = input.Take<uint8_t>() % 6U;
    const bool fits = stream < WorkerStage::Streams.size();
    const auto ssrc = fits ? WorkerStage::Streams[stream].mappedSsrc : Ssrc(input);
    const auto payloadType = fits ? WorkerStage::Streams[stream].payloadType : input.Take<uint8_t>();
    const auto producer = Producer(input);
    const auto timestamp = input.Take<uint32_t>();
    const auto marker = input.Take<uint8_t>();
    const auto level = input.Take<uint8_t>();
    const auto consumers = Consumers(input);
    const auto lie = input.Take<uint8_t>() % 16U;
    auto behind = Padded(consumers.data(), consumers.size() * sizeof(uint32_t));
    const auto payload = input.TakeBytes(input.TakeBelow(MaxPayload));

    behind.insert(behind.end(), payload.begin(), payload.end());
    WriteWith(InjectRtpRecord{HeaderOf<InjectRtpRecord>(input, RecordType::InjectRtp, behind.size()), 1, cause, producer, ssrc, timestamp,
                              lie == 0 ? input.Take<uint32_t>() : static_cast<uint32_t>(payload.size()),
                              lie == 1 ? input.Take<uint16_t>() : static_cast<uint16_t>(consumers.size()), payloadType, marker, level, 1, 0},
              behind);
  }

  // As one of the streams, or any bytes.
  void WriteReceived(FuzzInput& input) {
    const auto cause = Cause(input);
    const auto producer = Producer(input);
    const auto stream = input.Take<uint8_t>() % 6U;
    const auto lie = input.Take<uint8_t>() % 16U;
    auto packet = input.TakeBytes(input.TakeBelow(MaxPayload));

    if (stream < WorkerStage::Streams.size() && packet.size() >= 12) {
      const auto& of = WorkerStage::Streams[stream];

      packet[0] = static_cast<uint8_t>(0x80 | (packet[0] & 0x3f));
      packet[1] = static_cast<uint8_t>((packet[1] & 0x80) | of.payloadType);
      for (int i = 0; i < 4; ++i) {
        packet[8 + i] = static_cast<uint8_t>(of.ssrc >> (24 - 8 * i));
      }
    }
    WriteWith(ReceiveRtpRecord{HeaderOf<ReceiveRtpRecord>(input, RecordType::ReceiveRtp, packet.size()), 1, cause, producer,
                               lie == 0 ? input.Take<uint32_t>() : static_cast<uint32_t>(packet.size())},
              packet);
  }

  void WriteData(FuzzInput& input) {
    const auto cause = Cause(input);
    const auto producer = Producer(input);
    const auto ppid = input.TakeBool() ? 50 + input.Take<uint8_t>() % 8U : input.Take<uint32_t>();
    const auto consumers = Consumers(input);
    const auto lie = input.Take<uint8_t>() % 16U;
    const auto subchannels = input.TakeBytes(input.Take<uint8_t>() % 8U * 2);
    const auto subchannelCount = subchannels.size() / 2;
    auto behind = Padded(consumers.data(), consumers.size() * sizeof(uint32_t));
    const auto padded = Padded(subchannels.data(), subchannelCount * 2);
    const auto message = input.TakeBytes(input.TakeBelow(MaxPayload));
    const auto required = input.TakeBool() ? -1 : input.Take<int32_t>();

    behind.insert(behind.end(), padded.begin(), padded.end());
    behind.insert(behind.end(), message.begin(), message.end());
    WriteWith(InjectDataRecord{HeaderOf<InjectDataRecord>(input, RecordType::InjectData, behind.size()), 1, cause, producer, ppid,
                               lie == 0 ? input.Take<uint32_t>() : static_cast<uint32_t>(message.size()),
                               lie == 1 ? input.Take<uint16_t>() : static_cast<uint16_t>(consumers.size()),
                               lie == 2 ? input.Take<uint16_t>() : static_cast<uint16_t>(subchannelCount), required,
                               input.TakeBool() ? -1 : input.Take<int32_t>(), static_cast<uint8_t>(input.TakeBool() ? 1 : 0), 0, 0, 0},
              behind);
  }

  void WriteWord(FuzzInput& input) {
    const auto near = static_cast<int8_t>(input.Take<uint8_t>());

    switch (input.Take<uint8_t>() % 8) {
      case 0:
        host_->VerdictCursor()->store(host_->Position() + static_cast<uint64_t>(near * 8), std::memory_order_release);
        stage_.Turn();
        break;
      case 1:
        host_->VerdictCursor()->store(input.Take<uint64_t>(), std::memory_order_release);
        stage_.Turn();
        break;
      case 2:
        host_->PacketCursor()->store(host_->Read() + static_cast<uint64_t>(near * 8), std::memory_order_release);
        break;
      case 3:
        host_->PacketCursor()->store(input.Take<uint64_t>(), std::memory_order_release);
        break;
      case 4:
        host_->NowServing()->store(input.TakeBool() ? host_->Read() + 1 : input.Take<uint64_t>(), std::memory_order_release);
        break;
      case 5:
        host_->Link().CountPublication(input.Take<uint16_t>() % 4096U);
        break;
      case 6:
        host_->Link().SetAsleep(input.TakeBool());
        host_->Link().SetCpu(input.Take<uint8_t>() - 1);
        break;
      default: {
        [[maybe_unused]] const auto rung = write(host_->Doorbell(), "!", 1);
      }
    }
  }

  // Nothing is held, and a host serves that has no strike against it but from this input.
  void Settle() {
    if (host_->IsOpen()) {
      host_->AcceptAll();
      stage_.Turn();
      if (host_->IsOpen() && --livesLeft_ > 0 && IsUnharmed()) {
        return;
      }
    }
    host_.reset();
    stage_.Turn();
    stage_.Turn();
    controller_.Drain();
    livesLeft_ = MaxLives;
  }

  // Its ring goes on: what it published was read.
  bool IsUnharmed() const { return host_->IsRead(); }

  static constexpr int MaxLives = 256;

  WorkerStage& stage_{WorkerStage::Get()};
  Controller controller_{stage_};
  std::optional<HostPeer> host_;
  int livesLeft_{MaxLives};

 public:
  Verdicts() {
    controller_.IssueToken("unused");
    controller_.Attach();
    controller_.AttachToTransport();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto* const verdicts = new Verdicts();
  FuzzInput input(data, size);

  verdicts->Run(input);

  return 0;
}
