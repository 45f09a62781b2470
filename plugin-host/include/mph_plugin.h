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

#define MPH_ABI_VERSION 1u

#if defined(__GNUC__)
#define MPH_EXPORT __attribute__((visibility("default")))
#else
#define MPH_EXPORT
#endif

/* Whether a struct that the other side filled has the field: MPH_HAS(mph_host, host, count). */
#define MPH_HAS(type, pointer, field) ((pointer)->size >= offsetof(type, field) + sizeof((pointer)->field))

/* ---- Packets ---------------------------------------------------------------------------------------------------- */

typedef enum mph_media_kind { MPH_AUDIO = 1, MPH_VIDEO = 2 } mph_media_kind;

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

/* mph_packet.record_flags */
#define MPH_RECORD_REDELIVERED 1u /* an earlier host may have seen this packet */

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
  uint32_t attachment;     /* number from MPH_EVENT_ATTACHMENT_ADDED */
  uint32_t ssrc;
  uint32_t timestamp;
  uint32_t full_length;   /* bytes of the packet on the wire */
  uint32_t copied_length; /* bytes of it that are here */
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
  uint16_t reserved1;
} mph_packet;

static inline const uint8_t *mph_packet_bytes(const mph_packet *packet) {
  return (const uint8_t *)packet + packet->bytes_offset;
}

/* ---- Verdicts --------------------------------------------------------------------------------------------------- */

typedef enum mph_verdict {
  MPH_PENDING = 0, /* answered later by mph_host.verdict(), from any thread */
  MPH_ACCEPT = 1,  /* next in the chain, then routing */
  MPH_DROP = 2     /* receivers see no gap */
} mph_verdict;

/*
 * Up to `count` packets in the order in which the router got them. Write the verdict on packets[i] to verdicts[i]; it holds
 * MPH_ACCEPT when the plugin gets it. For packets with ticket 0 it is ignored.
 */
typedef struct mph_batch {
  uint32_t size;
  uint32_t router; /* number of the router in this instance */
  uint32_t count;
  uint32_t reserved;
  const mph_packet *const *packets;
  uint8_t *verdicts; /* mph_verdict */
} mph_batch;

/* ---- Events ----------------------------------------------------------------------------------------------------- */

typedef enum mph_event_type {
  MPH_EVENT_ROUTER_OPENED = 1, /* before anything else of that router */
  MPH_EVENT_ROUTER_CLOSED = 2,
  MPH_EVENT_PRODUCER_CREATED = 3,
  MPH_EVENT_PRODUCER_CLOSED = 4, /* the last thing that is heard of it: flush */
  MPH_EVENT_PRODUCER_PAUSED = 5,
  MPH_EVENT_PRODUCER_RESUMED = 6,
  MPH_EVENT_ATTACHMENT_ADDED = 7,
  MPH_EVENT_ATTACHMENT_REMOVED = 8
} mph_event_type;

/* In order with the packets. Strings are valid until on_event() returns; what does not apply is 0 or NULL. */
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
  uint8_t observe;     /* 1: the attachment only observes */
} mph_event;

/* ---- What the host does for a plugin ---------------------------------------------------------------------------- */

typedef enum mph_log_level { MPH_LOG_DEBUG = 0, MPH_LOG_INFO = 1, MPH_LOG_WARN = 2, MPH_LOG_ERROR = 3 } mph_log_level;

typedef enum mph_result {
  MPH_OK = 0,
  MPH_FULL = 1,    /* no room now; try again later */
  MPH_UNKNOWN = 2, /* nobody waits for that ticket any more, as far as this host knows */
  MPH_INVALID = 3  /* an argument makes no sense */
} mph_result;

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
   * more than MPH_SNAPSHOT_MAX bytes; MPH_FULL: the last one is still on its way. */
  mph_result (*snapshot)(mph_instance *instance, const void *bytes, size_t length);
} mph_host;

#define MPH_SNAPSHOT_MAX 1048576

typedef struct mph_instance_info {
  uint32_t size;
  uint32_t shard;
  const char *config; /* JSON text, zero-terminated, valid until create() returns */
  size_t config_length;
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
} mph_plugin;

typedef const mph_plugin *(*mph_plugin_entry_fn)(void);

/* The one symbol that a plugin exports. */
MPH_EXPORT const mph_plugin *mph_plugin_entry(void);

#ifdef __cplusplus
}
#endif

#endif
