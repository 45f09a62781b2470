/*
 * mph_plugin.h: the C ABI between the plugin host and a native plugin. C99 and C++17.
 *
 * A plugin is a shared object that exports one function, mph_plugin_entry(), which returns a static descriptor. The host
 * makes one *instance* per worker and shard and calls it from that instance's own thread: callbacks of one instance never
 * run at the same time, those of different instances may. docs/writing-a-plugin.md is the guide, examples/ has whole plugins.
 *
 * Versions: every struct begins with its size as the side that fills it knows it. New fields go to the end, so a reader checks
 * `size` before it touches a field that came after the first release (MPH_HAS). What cannot be done so bumps
 * MPH_ABI_VERSION, and the host refuses the plugin with a message that says both versions.
 */
#ifndef MPH_PLUGIN_H
#define MPH_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MPH_ABI_VERSION 3u

#if defined(__GNUC__)
#define MPH_EXPORT __attribute__((visibility("default")))
#else
#define MPH_EXPORT
#endif

/* Whether a struct that the other side filled has the field: MPH_HAS(mph_host, host, count). */
#define MPH_HAS(type, pointer, field) ((pointer)->size >= offsetof(type, field) + sizeof((pointer)->field))

/* ---- Packets ---------------------------------------------------------------------------------------------------- */

typedef enum mph_media_kind { MPH_AUDIO = 1, MPH_VIDEO = 2, MPH_DATA = 3 } mph_media_kind;

typedef enum mph_codec {
  MPH_CODEC_UNKNOWN = 0,
  MPH_CODEC_OPUS = 1,
  MPH_CODEC_MULTIOPUS = 2,
  MPH_CODEC_PCMA = 3,
  MPH_CODEC_PCMU = 4,
  MPH_CODEC_G722 = 5,
  MPH_CODEC_OTHER_AUDIO = 15,
  MPH_CODEC_VP8 = 16,
  MPH_CODEC_VP9 = 17,
  MPH_CODEC_H264 = 18,
  MPH_CODEC_AV1 = 19,
  MPH_CODEC_OTHER_VIDEO = 31
} mph_codec;

/* mph_packet.flags */
#define MPH_PACKET_MARKER 1u
#define MPH_PACKET_KEY_FRAME 2u /* first packet of a key frame */
#define MPH_PACKET_VOICE 4u     /* V bit of the audio level extension (RFC 6464) */

/* mph_packet.record_flags, mph_data.record_flags */
#define MPH_RECORD_REDELIVERED 1u /* an earlier host may have seen this packet */
#define MPH_RECORD_REPLACED 128u  /* a plugin before this one in the same host has replaced the payload */

/*
 * One RTP packet, read in place in the shared ring: read-only memory, valid until on_packets() returns. SSRC, payload type and
 * header-extension ids are the router's (mapped); sequence number and timestamp are the sender's. The layout is
 * Mph.Layout.PacketRecord (shm/fbs/layout.fbs). The bytes stand at mph_packet_bytes(), copied_length of them.
 */
typedef struct mph_packet {
  uint32_t record_length;
  uint8_t record_type;
  uint8_t record_flags;
  uint16_t bytes_offset;
  uint64_t ticket;         /* names the awaited verdict; 0 in observe mode */
  uint64_t received_at_ns; /* CLOCK_MONOTONIC */
  uint64_t deadline_ns;    /* CLOCK_MONOTONIC; 0 in observe mode */
  uint32_t producer;       /* number from MPH_EVENT_PRODUCER_CREATED */
  uint32_t run;            /* the worker's; mph_batch.attachments says by which attachment it comes */
  uint32_t ssrc;
  uint32_t timestamp;
  uint32_t full_length;   /* bytes of the packet on the wire */
  uint32_t copied_length; /* bytes of it that are here: all, rtp_header_length (copy: 'headers') or 0 (copy: 'meta') */
  uint16_t sequence_number;
  uint16_t rtp_header_length; /* the payload begins here */
  uint8_t rtp_padding_length;
  uint8_t payload_type;
  uint8_t kind;  /* mph_media_kind */
  uint8_t codec; /* mph_codec */
  uint8_t flags; /* MPH_PACKET_* */
  uint8_t encoding_index;
  uint8_t spatial_layer;  /* 255: unknown, like the next two */
  uint8_t temporal_layer; /*  */
  uint8_t audio_level;    /* -dBov: 0 is loud, 127 is silence (RFC 6464) */
  uint8_t reserved0;
  uint16_t members; /* the worker's */
  uint32_t consumer; /* of an attachment to a DirectTransport: which it is sent for, with SSRC, numbers and ids of that consumer; else 0 */
  uint32_t by_channel; /* how many of that consumer's have gone to the app by mediasoup's channel before it, since the transport was first attached to */
} mph_packet;

static inline const uint8_t *mph_packet_bytes(const mph_packet *packet) {
  return (const uint8_t *)packet + packet->bytes_offset;
}

/* ---- Data messages ---------------------------------------------------------------------------------------------- */

/*
 * One data message (SCTP, or of a DirectTransport), read in place like a packet. The layout is Mph.Layout.DataRecord. The message stands at
 * mph_data_bytes(), copied_length of it.
 */
typedef struct mph_data {
  uint32_t record_length;
  uint8_t record_type;
  uint8_t record_flags;
  uint16_t bytes_offset;
  uint64_t ticket;
  uint64_t received_at_ns;
  uint64_t deadline_ns;
  uint32_t data_producer; /* number from MPH_EVENT_DATA_PRODUCER_CREATED */
  uint32_t run;
  uint32_t ppid; /* MPH_PPID_* */
  uint32_t full_length;
  uint32_t copied_length; /* full_length, or 0 (copy: 'meta', 'headers') */
  uint16_t subchannel_count;
  uint16_t members;
  int32_t required_subchannel; /* -1: none, like the next one */
  int32_t ignored_subchannel;
  uint32_t data_consumer; /* of an attachment to a DirectTransport: which it is sent for; else 0 */
  uint32_t by_channel;    /* as in mph_packet */
} mph_data;

/* RFC 8831. An empty message has one byte, which is not part of it. */
#define MPH_PPID_STRING 51u
#define MPH_PPID_BINARY 53u
#define MPH_PPID_EMPTY_STRING 56u
#define MPH_PPID_EMPTY_BINARY 57u

static inline const uint8_t *mph_data_bytes(const mph_data *data) {
  return (const uint8_t *)data + data->bytes_offset;
}

static inline const uint16_t *mph_data_subchannels(const mph_data *data) {
  return (const uint16_t *)(const void *)(data + 1);
}

/* ---- Verdicts --------------------------------------------------------------------------------------------------- */

typedef enum mph_verdict {
  MPH_PENDING = 0, /* answered later by mph_host.verdict() or .replace(), from any thread */
  MPH_ACCEPT = 1,  /* next in the chain, then routing */
  MPH_DROP = 2,    /* receivers see no gap */
  MPH_TAKE = 3,    /* not routed: the plugin has it now, and may inject what it makes of it */
  MPH_BYPASS = 4,  /* accepted, like the rest of its stream, which the plugin sees no more; mph_host.bypass() can do less */
  MPH_ERROR = 5    /* the plugin failed at it: the attachment's onError decides */
} mph_verdict;

/*
 * Up to `count` packets in the order in which the router got them. Write the verdict on packets[i] to verdicts[i]; it holds
 * MPH_ACCEPT when the plugin gets it. For packets with ticket 0 it is ignored, but for MPH_BYPASS.
 */
typedef struct mph_batch {
  uint32_t size;
  uint32_t router; /* number of the router in this instance */
  uint32_t count;
  uint32_t reserved;
  const mph_packet *const *packets;
  uint8_t *verdicts;           /* mph_verdict */
  const uint32_t *attachments; /* number from MPH_EVENT_ATTACHMENT_ADDED by which packets[i] came */
  const uint64_t *causes;      /* what names packets[i] to inject_rtp() and inject_data() */
} mph_batch;

typedef struct mph_data_batch {
  uint32_t size;
  uint32_t router;
  uint32_t count;
  uint32_t reserved;
  const mph_data *const *messages;
  uint8_t *verdicts;
  const uint32_t *attachments;
  const uint64_t *causes;
} mph_data_batch;

/* ---- Events ----------------------------------------------------------------------------------------------------- */

typedef enum mph_event_type {
  MPH_EVENT_ROUTER_OPENED = 1, /* before anything else of that router */
  MPH_EVENT_ROUTER_CLOSED = 2,
  MPH_EVENT_PRODUCER_CREATED = 3,
  MPH_EVENT_PRODUCER_CLOSED = 4, /* the last thing that is heard of it: flush */
  MPH_EVENT_PRODUCER_PAUSED = 5,
  MPH_EVENT_PRODUCER_RESUMED = 6,
  MPH_EVENT_ATTACHMENT_ADDED = 7,
  MPH_EVENT_ATTACHMENT_REMOVED = 8,
  MPH_EVENT_TRANSPORT_CREATED = 9,
  MPH_EVENT_TRANSPORT_CLOSED = 10,
  MPH_EVENT_CONSUMER_CREATED = 11,
  MPH_EVENT_CONSUMER_CLOSED = 12,
  MPH_EVENT_CONSUMER_PAUSED = 13,
  MPH_EVENT_CONSUMER_RESUMED = 14,
  MPH_EVENT_DATA_PRODUCER_CREATED = 15, /* `producer` and `producer_id` are the data producer's */
  MPH_EVENT_DATA_PRODUCER_CLOSED = 16,
  MPH_EVENT_DATA_PRODUCER_PAUSED = 17,
  MPH_EVENT_DATA_PRODUCER_RESUMED = 18,
  MPH_EVENT_DATA_CONSUMER_CREATED = 19, /* `consumer` and `consumer_id` are the data consumer's, `producer` the data producer's */
  MPH_EVENT_DATA_CONSUMER_CLOSED = 20,
  MPH_EVENT_DATA_CONSUMER_PAUSED = 21,
  MPH_EVENT_DATA_CONSUMER_RESUMED = 22
} mph_event_type;

/*
 * In order with the packets. A host that comes late hears first of what is there: one *_CREATED each. Strings are valid until on_event()
 * returns; what does not apply is 0 or NULL.
 */
typedef struct mph_event {
  uint32_t size;
  uint32_t type;  /* mph_event_type */
  uint64_t at_ns; /* CLOCK_MONOTONIC */
  uint32_t router;
  const char *router_id;
  uint32_t producer;
  uint32_t clock_rate;
  const char *producer_id;
  const char *mime_type; /* "audio/opus", of the producer's first codec */
  uint8_t kind;          /* mph_media_kind */
  uint8_t paused;
  uint16_t ssrc_count;
  uint32_t attachment;
  const uint32_t *ssrcs; /* mapped, one per encoding */
  const char *attachment_id;
  const char *context; /* JSON text that the app gave to attach() */
  uint8_t observe;     /* 1: the attachment only observes or diverts: no verdict is awaited */
  uint8_t reserved[3];
  uint32_t consumer;
  const char *consumer_id;
  uint32_t transport; /* the transport itself, or the one that the producer or consumer is on */
  uint32_t worker_pid;
  const char *transport_id;
  const char *parameters; /* JSON text of *_CREATED, see Event.parameters in control.fbs */
} mph_event;

/* ---- Messages and results --------------------------------------------------------------------------------------- */

/* From the app: plugin.request() or plugin.notify(). Valid until on_message() returns. */
typedef struct mph_message {
  uint32_t size;
  uint8_t binary; /* 0: the body is JSON text */
  uint8_t reserved[3];
  uint64_t request; /* for mph_host.reply(), due before the app's time limit; 0: a notification */
  const char *method;
  const void *body; /* NULL: none */
  size_t length;
} mph_message;

/* What became of a call that wanted to know: inject, request_key_frame, subscribe or query. */
typedef struct mph_answer {
  uint32_t size;
  uint32_t router;
  uint64_t call;
  uint32_t result;  /* mph_result */
  uint32_t reserved;
  const char *json; /* of a query that is MPH_OK; of one that is not, what is wrong; otherwise NULL */
} mph_answer;

/* ---- What the host does for a plugin ---------------------------------------------------------------------------- */

typedef enum mph_log_level { MPH_LOG_DEBUG = 0, MPH_LOG_INFO = 1, MPH_LOG_WARN = 2, MPH_LOG_ERROR = 3 } mph_log_level;

typedef enum mph_result {
  MPH_OK = 0,
  MPH_FULL = 1,    /* no room now; try again later */
  MPH_UNKNOWN = 2, /* nobody waits for that ticket any more, as far as this host knows */
  MPH_INVALID = 3,  /* an argument makes no sense */
  MPH_LIMITED = 4,  /* more per second than the app allows this plugin */
  MPH_MALFORMED = 5 /* the worker cannot make a packet of it */
} mph_result;

typedef enum mph_bypass_unit { MPH_BYPASS_FOREVER = 0, MPH_BYPASS_PACKETS = 1, MPH_BYPASS_MS = 2 } mph_bypass_unit;

/* An RTP packet to inject. Header, extensions and sequence number are the worker's: receivers see one stream. */
typedef struct mph_rtp {
  uint32_t size;
  uint32_t router;
  uint32_t producer; /* whose consumers get it */
  uint32_t ssrc;     /* one of the producer's (MPH_EVENT_PRODUCER_CREATED) */
  uint32_t timestamp;
  uint8_t payload_type; /* of a packet of that producer */
  uint8_t marker;
  uint8_t audio_level; /* -dBov, RFC 6464; 255: none */
  uint8_t voice;
  const void *payload;
  uint32_t payload_length;
  uint32_t consumer_count;   /* 0: all of them */
  const uint32_t *consumers; /* numbers from MPH_EVENT_CONSUMER_CREATED; for the others no gap appears */
  uint64_t cause;            /* mph_batch.causes[i] of what made you inject it, so that a restart does not inject it twice; or 0 */
} mph_rtp;

typedef struct mph_data_out {
  uint32_t size;
  uint32_t router;
  uint32_t data_producer; /* whose data consumers get it; 0: `consumers` alone say so */
  uint32_t ppid;
  const void *message;
  uint32_t message_length;
  uint32_t consumer_count;   /* 0: all of the data producer */
  const uint32_t *consumers; /* numbers from MPH_EVENT_DATA_CONSUMER_CREATED */
  const uint16_t *subchannels;
  uint32_t subchannel_count;
  int32_t required_subchannel; /* -1: none */
  uint64_t cause;
  uint8_t as_received; /* 1: the DirectTransport that data_producer is on receives it (see mph_received_rtp); no consumers are named */
  uint8_t has_ignored_subchannel; /* 1: ignored_subchannel counts */
  uint16_t ignored_subchannel;    /* data consumers that have it do not get it */
  uint32_t reserved;
} mph_data_out;

/*
 * A whole RTP packet that the DirectTransport which the producer is on receives, as if the app had sent it. An attachment of this plugin must have that
 * transport as its target.
 */
typedef struct mph_received_rtp {
  uint32_t size;
  uint32_t router;
  uint32_t producer;
  uint32_t packet_length;
  const void *packet; /* header, extensions and payload type as the producer's own parameters have them */
  uint64_t cause;     /* as in mph_rtp */
} mph_received_rtp;

/* What query() can ask for; the JSON is described at QueryWhat in control.fbs. */
typedef enum mph_query {
  MPH_QUERY_RTP_PARAMETERS = 1, /* of a producer or consumer */
  MPH_QUERY_CONSUMERS = 2,      /* of a producer or data producer */
  MPH_QUERY_SENDER_REPORTS = 3, /* of a producer: which RTP timestamp was sent at which NTP time */
  MPH_QUERY_SCORES = 4          /* of a producer or consumer */
} mph_query;

typedef struct mph_instance mph_instance; /* the host's side of one instance */

/* Every function may be called from any thread, between create() and the return of destroy(), unless it says otherwise. */
typedef struct mph_host {
  uint32_t size;
  uint32_t abi_version;
  /* Answers a packet for which on_packets() said MPH_PENDING. `router` and `ticket` are those of its batch and packet. */
  mph_result (*verdict)(mph_instance *instance, uint32_t router, uint64_t ticket, mph_verdict verdict);
  /* Rate-limited; the app gets it. */
  void (*log)(mph_instance *instance, mph_log_level level, const char *message);
  /* Adds to a named counter, which the app reads in plugin.getStats(). A name lives as long as the instance; a plugin with
   * many events keeps its own sum and adds it in on_tick(). */
  void (*count)(mph_instance *instance, const char *name, uint64_t add);
  /* Hands the plugin's state to whichever host comes after this one; the last one counts. Copied before it returns. MPH_INVALID:
   * more than MPH_SNAPSHOT_MAX bytes; MPH_FULL: the last one is still on its way; MPH_UNKNOWN: this host serves no router now. */
  mph_result (*snapshot)(mph_instance *instance, const void *bytes, size_t length);
  /*
   * Accepts it with another payload (or message), copied before it returns. It is the answer: its verdict in the batch is MPH_PENDING.
   * Sequence number, timestamp, payload type and extensions stay the original's.
   */
  mph_result (*replace)(mph_instance *instance, uint32_t router, uint64_t ticket, const void *payload, size_t length);
  /* Moves the deadline of what is pending to that many microseconds from now, at most the attachment's deadline; once per ticket. */
  mph_result (*extend)(mph_instance *instance, uint32_t router, uint64_t ticket, uint32_t microseconds);
  /* From now on the attachment does not see a stream (ssrc 0: all of that producer or data producer) for so many packets or ms. */
  mph_result (*bypass)(mph_instance *instance, uint32_t router, uint32_t attachment, uint32_t producer, uint32_t ssrc,
                       mph_bypass_unit unit, uint32_t amount);
  /*
   * In all of the following `call` may be NULL; otherwise it gets a number, under which on_answer() tells what the worker made of it.
   * They copy what they are given. MPH_FULL: no room now; MPH_INVALID: too long for the ring, or no such router.
   */
  mph_result (*inject_rtp)(mph_instance *instance, const mph_rtp *rtp, uint64_t *call);
  mph_result (*inject_data)(mph_instance *instance, const mph_data_out *data, uint64_t *call);
  /* ssrc 0: of all streams of the producer. mediasoup limits how often senders are asked. */
  mph_result (*request_key_frame)(mph_instance *instance, uint32_t router, uint32_t producer, uint32_t ssrc, uint64_t *call);
  /* For attachments with `subscribe`: packets of a producer that it means come from now on, or no more. */
  mph_result (*subscribe)(mph_instance *instance, uint32_t router, uint32_t attachment, uint32_t producer, int wanted, uint64_t *call);
  /* `object`: number of a producer, data producer, consumer or data consumer. */
  mph_result (*query)(mph_instance *instance, uint32_t router, mph_query what, uint32_t object, uint64_t *call);
  /* A 'message' event for the app. JSON text, or bytes if `binary`; at most MPH_MESSAGE_MAX. The name has up to 1024 bytes. MPH_FULL: the app
   * does not keep up. */
  mph_result (*post)(mph_instance *instance, const char *name, const void *body, size_t length, int binary);
  /* Answers mph_message.request, once. With `failed` the body is text that says what is wrong. */
  mph_result (*reply)(mph_instance *instance, uint64_t request, int failed, const void *body, size_t length, int binary);
  /* Like inject_rtp(), but it comes in where the app's own packets do. */
  mph_result (*receive_rtp)(mph_instance *instance, const mph_received_rtp *rtp, uint64_t *call);
} mph_host;

#define MPH_MESSAGE_MAX 1048576

#define MPH_SNAPSHOT_MAX 1048576

typedef struct mph_instance_info {
  uint32_t size;
  uint32_t shard;
  const char *config; /* JSON text, zero-terminated, valid until create() returns */
  size_t config_length;
  uint32_t worker_pid; /* 0: not known yet; mph_event has it */
  uint32_t reserved;
} mph_instance_info;

/* ---- The plugin's descriptor ------------------------------------------------------------------------------------ */

typedef struct mph_plugin {
  uint32_t size;        /* sizeof(mph_plugin) */
  uint32_t abi_version; /* MPH_ABI_VERSION */
  const char *name;
  const char *version;
  /*
   * Makes an instance and sets *self. Other than 0: failed; `error` (zero-terminated, cut to error_size) says why, the app
   * reads it. A C++ exception that leaves it is caught and means the same.
   */
  int (*create)(const mph_host *host, mph_instance *instance, const mph_instance_info *info, void **self, char *error,
                size_t error_size);
  /* After it no callback comes. A plugin that has threads joins them here. */
  void (*destroy)(void *self);
  /* NULL: this plugin does without packets. */
  void (*on_packets)(void *self, const mph_batch *batch);
  /* May be NULL. */
  void (*on_event)(void *self, const mph_event *event);
  /* About every tick_interval_ms while the instance lives, on its thread; 0 or NULL: never. */
  void (*on_tick)(void *self, uint64_t now_ns);
  uint32_t tick_interval_ms;
  uint32_t reserved;
  /* May be NULL. The last snapshot of a host that served this worker before; called at most once, after create() and before the first
   * event. Other bytes than the plugin's own version may have written them. */
  void (*on_restore)(void *self, const void *bytes, size_t length);
  /* May be NULL: then data messages are accepted. */
  void (*on_data)(void *self, const mph_data_batch *batch);
  /* May be NULL: then requests fail. */
  void (*on_message)(void *self, const mph_message *message);
  /* May be NULL. */
  void (*on_answer)(void *self, const mph_answer *answer);
} mph_plugin;

typedef const mph_plugin *(*mph_plugin_entry_fn)(void);

/* The one symbol that a plugin exports. */
MPH_EXPORT const mph_plugin *mph_plugin_entry(void);

#ifdef __cplusplus
}
#endif

#endif
