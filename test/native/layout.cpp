// The structs of layout.fbs stand in memory where mph_plugin.h and every other reader expects them.
#include "mph/shm/Layout.hpp"

#include <cstring>

#include "tap.hpp"

namespace Layout = mph::shm::Layout;

template <typename T, typename Struct>
T at(const Struct& record, size_t offset) {
  T value;
  std::memcpy(&value, reinterpret_cast<const uint8_t*>(&record) + offset, sizeof(value));
  return value;
}

int main() {
  const Layout::RecordHeader header(0x01020304, Layout::RecordType::Packet, 5, 0x0607);
  tap::is(at<uint32_t>(header, 0), 0x01020304, "RecordHeader begins with its length");
  tap::is(at<uint8_t>(header, 4), static_cast<int>(Layout::RecordType::Packet), "RecordHeader.type stands at 4");
  tap::is(at<uint8_t>(header, 5), 5, "RecordHeader.flags stands at 5");
  tap::is(at<uint16_t>(header, 6), 0x0607, "RecordHeader.payload_offset stands at 6");

  const Layout::PacketRecord packet(header, 8, 16, 24, 32, 36, 40, 44, 48, 52, 56, 58, 60, 61, Layout::MediaKind::Video, Layout::Codec::Av1,
                                    64, 65, 66, 67, 68, 0, 70, 72, 0);
  bool inPlace = true;
  for (const size_t offset : {8, 16, 24}) {
    inPlace &= at<uint64_t>(packet, offset) == offset;
  }
  for (const size_t offset : {32, 36, 40, 44, 48, 52, 72}) {
    inPlace &= at<uint32_t>(packet, offset) == offset;
  }
  for (const size_t offset : {56, 58, 70}) {
    inPlace &= at<uint16_t>(packet, offset) == offset;
  }
  for (const size_t offset : {60, 61, 64, 65, 66, 67, 68}) {
    inPlace &= at<uint8_t>(packet, offset) == offset;
  }
  tap::ok(inPlace, "PacketRecord's fields stand at 8, 16, 24 (64 bits), 32 to 52, 72 (32), 56, 58, 70 (16), 60 to 68 (8)");
  tap::is(at<uint8_t>(packet, 62), static_cast<int>(Layout::MediaKind::Video), "PacketRecord.kind stands at 62");
  tap::is(at<uint8_t>(packet, 63), static_cast<int>(Layout::Codec::Av1), "PacketRecord.codec stands at 63");

  const Layout::VerdictRecord verdict(header, 8, Layout::Verdict::Drop, 0, 0, 20);
  tap::ok(at<uint64_t>(verdict, 8) == 8 && at<uint8_t>(verdict, 16) == static_cast<uint8_t>(Layout::Verdict::Drop) &&
              at<uint32_t>(verdict, 20) == 20,
          "VerdictRecord has ticket, verdict and argument at 8, 16 and 20");

  const Layout::SegmentHeader segment(1, 4, Layout::SegmentKind::HostLink, 7, 8, 12);
  tap::ok(at<uint32_t>(segment, 0) == 1 && at<uint16_t>(segment, 4) == 4 && at<uint8_t>(segment, 6) == 4 && at<uint8_t>(segment, 7) == 7 &&
              at<uint32_t>(segment, 8) == 8 && at<uint32_t>(segment, 12) == 12,
          "SegmentHeader has magic, version, kind, ring size and pid at 0, 4, 6, 8 and 12");

  using Packet = Layout::PacketSegmentOffset;
  using Verdict = Layout::VerdictSegmentOffset;
  using Link = Layout::LinkSegmentOffset;
  tap::ok(static_cast<uint32_t>(Packet::ProducerCursor) / 64 != static_cast<uint32_t>(Packet::VerdictConsumerCursor) / 64 &&
              static_cast<uint32_t>(Verdict::ProducerCursor) / 64 != static_cast<uint32_t>(Verdict::PacketConsumerCursor) / 64 &&
              static_cast<uint32_t>(Verdict::PacketConsumerCursor) / 64 != static_cast<uint32_t>(Verdict::NowServing) / 64 &&
              static_cast<uint32_t>(Link::Asleep) / 64 != static_cast<uint32_t>(Link::PublishCounters) / 64,
          "no two words of a segment that change at their own pace share a cache line");

  tap::is(mph::shm::AlignedLength(0), 0, "nothing takes nothing");
  tap::is(mph::shm::AlignedLength(1), 8, "a byte takes 8");
  tap::is(mph::shm::AlignedLength(8), 8, "8 bytes take 8");
  tap::is(mph::shm::AlignedLength(9), 16, "9 bytes take 16");
  return tap::done();
}
