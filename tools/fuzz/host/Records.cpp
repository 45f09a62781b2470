#include "Records.hpp"

#include <algorithm>
#include <cstring>

namespace mph::fuzz {

namespace {

using namespace Mph::Layout;

// Of the producer that hostile hosts may send as (tools/fuzz/stage.ts).
constexpr uint32_t DirectSsrc = 0x0d12ec70;
constexpr uint8_t DirectPayloadType = 101;

constexpr uint32_t PadTo8(uint32_t length) { return (length + 7) & ~7U; }

RecordHeader Header(size_t length, RecordType type) { return {static_cast<uint32_t>(length), type, 0, 0}; }

}  // namespace

Records::Record Records::Sound() {
  const uint32_t kind = random_.Below(100);

  if (kind < 80) {
    return Verdict();
  }
  if (kind < 85) {
    return Bypass();
  }
  if (kind < 88) {
    return InjectRtp();
  }
  if (kind < 90) {
    return ReceiveRtp();
  }
  if (kind < 94) {
    return InjectData();
  }
  return kind < 97 ? KeyFrame() : Subscribe();
}

Records::Record Records::Short() {
  const VerdictRecord record(Header(sizeof(VerdictRecord), RecordType::Verdict), 0, Mph::Layout::Verdict::Accept, 0, 0, 0);

  return Finish(&record, sizeof record, 0, "verdict for nothing");
}

Records::Record Records::Unsound() {
  auto record = Sound();
  auto* header = reinterpret_cast<RecordHeader*>(bytes_.data());
  uint32_t length = record.length;
  auto type = header->type();

  switch (random_.Below(6)) {
    case 0:
      // Shorter than what it says it is, down to a mere header.
      length = 8 + random_.Below(length - 7);
      break;
    case 1:
      // Longer: bytes behind it that nobody announced.
      length = std::min<uint32_t>(length + 1 + random_.Below(64), MaxLength);
      break;
    case 2:
      // A type of the other ring, or of none. 0 and 1 are for Corrupt().
      type = static_cast<RecordType>(2 + random_.Below(254));
      break;
    case 3:
      // One type with another's length.
      type = static_cast<RecordType>(16 + random_.Below(7));
      break;
    case 4:
      random_.Fill(bytes_.data() + sizeof(RecordHeader), length - sizeof(RecordHeader));
      break;
    default:
      // A few bits anywhere behind the header.
      for (uint32_t i = 0; i <= random_.Below(4); i++) {
        bytes_[8 + random_.Below(length - 8)] ^= static_cast<uint8_t>(1U << random_.Below(8));
      }
  }
  *header = RecordHeader(length, type, static_cast<uint8_t>(random_.Next()), static_cast<uint16_t>(random_.Next()));
  record.length = length;
  record.what = "unsound record";
  return record;
}

Records::Record Records::Corrupt(uint32_t ringSize) {
  const std::array<uint32_t, 10> lengths{0,
                                         1,
                                         7,
                                         ringSize / 2 + 1,
                                         ringSize / 2,
                                         ringSize - 8,
                                         ringSize,
                                         ~0U,
                                         ~7U,
                                         static_cast<uint32_t>(random_.Edge())};
  const auto length = lengths[random_.Below(lengths.size())];
  const auto type = random_.OneIn(3) ? static_cast<RecordType>(random_.Below(2)) : static_cast<RecordType>(random_.Below(256));
  const RecordHeader header(length, type, 0, 0);

  std::memcpy(bytes_.data(), &header, sizeof header);
  return {bytes_.data(), 8 + 8 * random_.Below(4), "corrupt header"};
}

Records::Record Records::Verdict() {
  uint64_t ticket = 0;

  if (random_.OneIn(2) && known_.TakeTicket(ticket)) {
    // One that waits: most of them with a verdict that can be.
    const auto verdict = static_cast<Mph::Layout::Verdict>(1 + random_.Below(6));
    const bool replaces = verdict == Mph::Layout::Verdict::Replace;
    const uint32_t tail = replaces ? std::min(TailLength(), 1400U) : 0;
    const auto decider = static_cast<uint8_t>(random_.OneIn(50) ? random_.Below(20) : 0);
    const auto errors = static_cast<uint16_t>(random_.OneIn(50) ? random_.Below(4) : 0);
    const uint32_t argument = verdict == Mph::Layout::Verdict::Extend ? static_cast<uint32_t>(random_.Edge()) : tail;
    const VerdictRecord record(Header(sizeof(VerdictRecord) + tail, RecordType::Verdict), ticket, verdict, decider, errors, argument);

    random_.Fill(bytes_.data() + sizeof record, tail);
    return Finish(&record, sizeof record, tail, "verdict");
  }

  switch (random_.Below(4)) {
    case 0:
      ticket = known_.LastTicket() - random_.Below(1000);
      break;
    case 1:
      ticket = known_.LastTicket() + 1 + random_.Below(100);
      break;
    case 2:
      ticket = random_.Edge();
      break;
    default:
      break;
  }

  const VerdictRecord record(Header(sizeof(VerdictRecord), RecordType::Verdict), ticket,
                             static_cast<Mph::Layout::Verdict>(random_.Below(8)), static_cast<uint8_t>(random_.Next()),
                             static_cast<uint16_t>(random_.Next()), static_cast<uint32_t>(random_.Edge()));

  return Finish(&record, sizeof record, 0, "verdict for no packet");
}

Records::Record Records::Bypass() {
  // One that lasts would leave nothing to decide about.
  const auto unit = random_.OneIn(20) ? BypassUnit::Packets : BypassUnit::Milliseconds;
  const BypassRecord record(Header(sizeof(BypassRecord), RecordType::Bypass), Number(known_.attachments), Number(known_.producers),
                            random_.OneIn(2) ? 0 : Number(known_.ssrcs), random_.OneIn(20) ? 50 : random_.Below(3), unit, 0, 0, 0);

  return Finish(&record, sizeof record, 0, "bypass");
}

Records::Record Records::InjectRtp() {
  const uint32_t count = random_.OneIn(3) ? random_.Below(4) : random_.OneIn(50) ? random_.Below(2000) : 0;
  const uint32_t payload = TailLength();
  const uint32_t offset = PadTo8(count * sizeof(uint32_t));
  const auto payloadType = random_.OneIn(10) ? static_cast<uint8_t>(random_.Next()) : random_.Of<uint8_t>(known_.payloadTypes, 100);
  const InjectRtpRecord record(Header(sizeof(InjectRtpRecord) + offset + payload, RecordType::InjectRtp),
                               random_.OneIn(2) ? 0 : random_.Edge(), Cause(), Number(known_.producers), Number(known_.ssrcs),
                               static_cast<uint32_t>(random_.Edge()), payload, static_cast<uint16_t>(count), payloadType,
                               static_cast<uint8_t>(random_.Next()),
                               random_.OneIn(2) ? static_cast<uint8_t>(AudioLevel::Unknown) : static_cast<uint8_t>(random_.Next()),
                               static_cast<uint8_t>(random_.Next()), 0);

  PutNumbers(sizeof record, count, known_.consumers);
  random_.Fill(bytes_.data() + sizeof record + offset, payload);
  return Finish(&record, sizeof record, offset + payload, "inject rtp");
}

// Mostly a packet of the producer's, with anything behind its fixed header.
Records::Record Records::ReceiveRtp() {
  const uint32_t length = random_.OneIn(20) ? random_.Below(12) : 12 + TailLength();
  const ReceiveRtpRecord record(Header(sizeof(ReceiveRtpRecord) + length, RecordType::ReceiveRtp), random_.OneIn(2) ? 0 : random_.Edge(), Cause(),
                                Number(known_.producers), random_.OneIn(10) ? static_cast<uint32_t>(random_.Edge()) : length);
  auto* const packet = bytes_.data() + sizeof record;

  random_.Fill(packet, length);
  if (length >= 12 && !random_.OneIn(4)) {
    // No padding, and seldom extensions or CSRCs.
    packet[0] = random_.OneIn(3) ? static_cast<uint8_t>(0x80 | (packet[0] & 0x1f)) : 0x80;
    packet[1] = static_cast<uint8_t>((packet[1] & 0x80) | DirectPayloadType);
    for (uint32_t i = 0; i < sizeof DirectSsrc; ++i) {
      packet[8 + i] = static_cast<uint8_t>(DirectSsrc >> (24 - 8 * i));
    }
  }
  return Finish(&record, sizeof record, length, "receive rtp");
}

Records::Record Records::InjectData() {
  const uint32_t count = random_.OneIn(3) ? random_.Below(4) : 0;
  const uint32_t subchannels = random_.OneIn(3) ? random_.Below(8) : random_.OneIn(50) ? random_.Below(2100) : 0;
  const uint32_t message = TailLength();
  const uint32_t first = PadTo8(count * sizeof(uint32_t));
  const uint32_t second = PadTo8(subchannels * sizeof(uint16_t));
  const uint32_t ppid = random_.OneIn(4) ? static_cast<uint32_t>(random_.Edge()) : 50 + random_.Below(8);
  const InjectDataRecord record(Header(sizeof(InjectDataRecord) + first + second + message, RecordType::InjectData),
                                random_.OneIn(2) ? 0 : random_.Edge(), Cause(), random_.OneIn(4) ? 0 : Number(known_.dataProducers), ppid,
                                message, static_cast<uint16_t>(count), static_cast<uint16_t>(subchannels),
                                random_.OneIn(2) ? -1 : static_cast<int32_t>(random_.Edge()),
                                random_.OneIn(2) ? -1 : static_cast<int32_t>(random_.Edge()),
                                random_.OneIn(2) ? 0 : static_cast<uint8_t>(random_.Next()), 0, 0, 0);

  PutNumbers(sizeof record, count, known_.consumers);
  random_.Fill(bytes_.data() + sizeof record + first, second + message);
  return Finish(&record, sizeof record, first + second + message, "inject data");
}

Records::Record Records::KeyFrame() {
  const KeyFrameRecord record(Header(sizeof(KeyFrameRecord), RecordType::KeyFrame), random_.Edge(), Number(known_.producers),
                              random_.OneIn(2) ? 0 : Number(known_.ssrcs));

  return Finish(&record, sizeof record, 0, "key frame");
}

Records::Record Records::Subscribe() {
  const SubscribeRecord record(Header(sizeof(SubscribeRecord), RecordType::Subscribe), random_.Edge(), Number(known_.attachments),
                               Number(random_.OneIn(2) ? known_.producers : known_.dataProducers),
                               static_cast<uint8_t>(random_.OneIn(4) ? random_.Next() : random_.Below(2)), 0, 0, 0);

  return Finish(&record, sizeof record, 0, "subscribe");
}

// The tail stands there already.
Records::Record Records::Finish(const void* fixed, uint32_t fixedLength, uint32_t tailLength, const char* what) {
  std::memcpy(bytes_.data(), fixed, fixedLength);
  return {bytes_.data(), fixedLength + tailLength, what};
}

uint32_t Records::Number(const std::vector<uint32_t>& known) {
  return random_.OneIn(8) ? static_cast<uint32_t>(random_.Edge()) : random_.Of<uint32_t>(known, 1);
}

uint32_t Records::TailLength() {
  switch (random_.Below(16)) {
    case 0:
      return 0;
    case 1:
      return 1400 + random_.Below(200);
    case 2:
      return random_.Below(6000);
    default:
      return random_.Below(200);
  }
}

uint64_t Records::Cause() {
  switch (random_.Below(6)) {
    case 0:
      return known_.LastTicket() - random_.Below(8);
    case 1:
      return known_.Position() | uint64_t{1} << static_cast<uint8_t>(CauseBit::Position);
    case 2:
      return random_.Edge();
    default:
      return 0;
  }
}

void Records::PutNumbers(uint32_t offset, uint32_t count, const std::vector<uint32_t>& known) {
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t number = Number(known);

    std::memcpy(bytes_.data() + offset + i * sizeof number, &number, sizeof number);
  }
}

}  // namespace mph::fuzz
