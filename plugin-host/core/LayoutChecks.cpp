// What mph_plugin.h shows to plugins are the very bytes and numbers of shm/fbs: checked here field by field, so that a change of one
// without the other does not compile.

#include "mph_plugin.h"

#include <flatbuffers/flatbuffers.h>
#include <cstddef>
#include <type_traits>

// The generated structs keep their fields to themselves and their accessors are not constexpr. This file alone looks at the fields; what
// the generated header itself includes is included above.
#define private public
#include "mph/fbs/layout.h"
#undef private
#include "mph/fbs/control.h"

namespace mph::host {

namespace {

using namespace Mph::Layout;

#define MPH_SAME_FIELD(field, member)                                                                                             \
  static_assert(                                                                                                                  \
      offsetof(mph_packet, field) == offsetof(PacketRecord, member) && sizeof(mph_packet::field) == sizeof(PacketRecord::member), \
      "mph_packet." #field " is not PacketRecord." #member)

#define MPH_SAME_HEADER_FIELD(field, member)                                                                       \
  static_assert(offsetof(mph_packet, field) == offsetof(PacketRecord, header_) + offsetof(RecordHeader, member) && \
                    sizeof(mph_packet::field) == sizeof(RecordHeader::member),                                     \
                "mph_packet." #field " is not RecordHeader." #member)

static_assert(sizeof(mph_packet) == sizeof(PacketRecord) && alignof(mph_packet) == alignof(PacketRecord));

MPH_SAME_HEADER_FIELD(record_length, length_);
MPH_SAME_HEADER_FIELD(record_type, type_);
MPH_SAME_HEADER_FIELD(record_flags, flags_);
MPH_SAME_HEADER_FIELD(bytes_offset, payloadOffset_);

MPH_SAME_FIELD(ticket, ticket_);
MPH_SAME_FIELD(received_at_ns, receivedAtNs_);
MPH_SAME_FIELD(deadline_ns, deadlineNs_);
MPH_SAME_FIELD(producer, producer_);
MPH_SAME_FIELD(run, attachment_);
MPH_SAME_FIELD(ssrc, ssrc_);
MPH_SAME_FIELD(timestamp, timestamp_);
MPH_SAME_FIELD(full_length, fullLength_);
MPH_SAME_FIELD(copied_length, copiedLength_);
MPH_SAME_FIELD(sequence_number, sequenceNumber_);
MPH_SAME_FIELD(rtp_header_length, rtpHeaderLength_);
MPH_SAME_FIELD(rtp_padding_length, rtpPaddingLength_);
MPH_SAME_FIELD(payload_type, payloadType_);
MPH_SAME_FIELD(kind, kind_);
MPH_SAME_FIELD(codec, codec_);
MPH_SAME_FIELD(flags, packetFlags_);
MPH_SAME_FIELD(encoding_index, encodingIndex_);
MPH_SAME_FIELD(spatial_layer, spatialLayer_);
MPH_SAME_FIELD(temporal_layer, temporalLayer_);
MPH_SAME_FIELD(audio_level, audioLevel_);
MPH_SAME_FIELD(reserved0, reserved0_);
MPH_SAME_FIELD(members, members_);
MPH_SAME_FIELD(consumer, consumer_);
MPH_SAME_FIELD(by_channel, byChannel_);

#define MPH_SAME_DATA_FIELD(field, member)                                                                                          \
  static_assert(offsetof(mph_data, field) == offsetof(DataRecord, member) && sizeof(mph_data::field) == sizeof(DataRecord::member), \
                "mph_data." #field " is not DataRecord." #member)

#define MPH_SAME_BEGINNING(field)                                                                                                     \
  static_assert(offsetof(mph_data, field) == offsetof(mph_packet, field) && sizeof(mph_data::field) == sizeof(mph_packet::field), \
                "mph_data." #field " is not where it is in mph_packet")

static_assert(sizeof(mph_data) == sizeof(DataRecord) && alignof(mph_data) == alignof(DataRecord));

MPH_SAME_BEGINNING(record_length);
MPH_SAME_BEGINNING(record_type);
MPH_SAME_BEGINNING(record_flags);
MPH_SAME_BEGINNING(bytes_offset);
static_assert(offsetof(DataRecord, header_) == offsetof(PacketRecord, header_));

MPH_SAME_DATA_FIELD(ticket, ticket_);
MPH_SAME_DATA_FIELD(received_at_ns, receivedAtNs_);
MPH_SAME_DATA_FIELD(deadline_ns, deadlineNs_);
MPH_SAME_DATA_FIELD(data_producer, dataProducer_);
MPH_SAME_DATA_FIELD(run, attachment_);
MPH_SAME_DATA_FIELD(ppid, ppid_);
MPH_SAME_DATA_FIELD(full_length, fullLength_);
MPH_SAME_DATA_FIELD(copied_length, copiedLength_);
MPH_SAME_DATA_FIELD(subchannel_count, subchannelCount_);
MPH_SAME_DATA_FIELD(members, members_);
MPH_SAME_DATA_FIELD(required_subchannel, requiredSubchannel_);
MPH_SAME_DATA_FIELD(ignored_subchannel, ignoredSubchannel_);
MPH_SAME_DATA_FIELD(data_consumer, dataConsumer_);
MPH_SAME_DATA_FIELD(by_channel, byChannel_);

#define MPH_SAME_NUMBER(ours, theirs) static_assert(ours == static_cast<std::underlying_type_t<decltype(theirs)>>(theirs))

MPH_SAME_NUMBER(MPH_AUDIO, MediaKind::Audio);
MPH_SAME_NUMBER(MPH_VIDEO, MediaKind::Video);
MPH_SAME_NUMBER(MPH_DATA, MediaKind::Data);
MPH_SAME_NUMBER(MPH_CODEC_UNKNOWN, Codec::Unknown);
MPH_SAME_NUMBER(MPH_CODEC_OPUS, Codec::Opus);
MPH_SAME_NUMBER(MPH_CODEC_MULTIOPUS, Codec::MultiOpus);
MPH_SAME_NUMBER(MPH_CODEC_PCMA, Codec::Pcma);
MPH_SAME_NUMBER(MPH_CODEC_PCMU, Codec::Pcmu);
MPH_SAME_NUMBER(MPH_CODEC_G722, Codec::G722);
MPH_SAME_NUMBER(MPH_CODEC_OTHER_AUDIO, Codec::OtherAudio);
MPH_SAME_NUMBER(MPH_CODEC_VP8, Codec::Vp8);
MPH_SAME_NUMBER(MPH_CODEC_VP9, Codec::Vp9);
MPH_SAME_NUMBER(MPH_CODEC_H264, Codec::H264);
MPH_SAME_NUMBER(MPH_CODEC_AV1, Codec::Av1);
MPH_SAME_NUMBER(MPH_CODEC_OTHER_VIDEO, Codec::OtherVideo);
MPH_SAME_NUMBER(MPH_PACKET_MARKER, PacketFlag::Marker);
MPH_SAME_NUMBER(MPH_PACKET_KEY_FRAME, PacketFlag::KeyFrame);
MPH_SAME_NUMBER(MPH_PACKET_VOICE, PacketFlag::Voice);
MPH_SAME_NUMBER(MPH_RECORD_REDELIVERED, RecordFlag::Redelivered);
MPH_SAME_NUMBER(MPH_ACCEPT, Verdict::Accept);
MPH_SAME_NUMBER(MPH_DROP, Verdict::Drop);
MPH_SAME_NUMBER(MPH_TAKE, Verdict::Take);
MPH_SAME_NUMBER(MPH_BYPASS_FOREVER, BypassUnit::Forever);
MPH_SAME_NUMBER(MPH_BYPASS_PACKETS, BypassUnit::Packets);
MPH_SAME_NUMBER(MPH_BYPASS_MS, BypassUnit::Milliseconds);
MPH_SAME_NUMBER(MPH_LOG_DEBUG, Mph::Control::LogLevel::Debug);
MPH_SAME_NUMBER(MPH_LOG_INFO, Mph::Control::LogLevel::Info);
MPH_SAME_NUMBER(MPH_LOG_WARN, Mph::Control::LogLevel::Warn);
MPH_SAME_NUMBER(MPH_LOG_ERROR, Mph::Control::LogLevel::Error);

}  // namespace

}  // namespace mph::host
