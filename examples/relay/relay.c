/*
 * relay: takes every packet and injects its payload again, as it was: receivers get the same stream by way of a plugin. Where a plugin
 * begins that makes something else of it. For attachments in filter mode. It takes no config.
 */
#include "mph_plugin.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct relay {
  const mph_host *host;
  mph_instance *instance;
  /* Since the last report. */
  uint64_t relayed;
  uint64_t accepted;
} relay;

static int create(const mph_host *host, mph_instance *instance, const mph_instance_info *info, void **self, char *error,
                  size_t error_size) {
  relay *r = calloc(1, sizeof *r);

  (void)info;
  if (r == NULL) {
    snprintf(error, error_size, "out of memory");
    return 1;
  }
  r->host = host;
  r->instance = instance;
  *self = r;
  return 0;
}

static void destroy(void *self) {
  free(self);
}

static mph_result inject(const relay *r, const mph_batch *batch, uint32_t i) {
  const mph_packet *packet = batch->packets[i];
  const uint32_t around = (uint32_t)packet->rtp_header_length + packet->rtp_padding_length;
  const mph_rtp rtp = {
      .size = sizeof rtp,
      .router = batch->router,
      .producer = packet->producer,
      .ssrc = packet->ssrc,
      .timestamp = packet->timestamp,
      .payload_type = packet->payload_type,
      .marker = (packet->flags & MPH_PACKET_MARKER) != 0,
      .audio_level = packet->audio_level, /* 255: the packet has none, and nor will this one */
      .voice = (packet->flags & MPH_PACKET_VOICE) != 0,
      .payload = mph_packet_bytes(packet) + packet->rtp_header_length,
      .payload_length = packet->full_length - around,
      .cause = batch->causes[i],
  };

  /* Padding alone is nothing to send, and of a part nothing can be made. */
  if (packet->full_length <= around || packet->copied_length < packet->full_length) {
    return MPH_INVALID;
  }
  return r->host->inject_rtp(r->instance, &rtp, NULL);
}

static void on_packets(void *self, const mph_batch *batch) {
  relay *r = self;

  for (uint32_t i = 0; i < batch->count; i++) {
    /* What cannot be injected now passes as it is. */
    if (inject(r, batch, i) == MPH_OK) {
      batch->verdicts[i] = MPH_TAKE;
      r->relayed++;
    } else {
      r->accepted++;
    }
  }
}

static void on_tick(void *self, uint64_t now_ns) {
  relay *r = self;

  (void)now_ns;
  r->host->count(r->instance, "relayed", r->relayed);
  r->host->count(r->instance, "accepted", r->accepted);
  r->relayed = 0;
  r->accepted = 0;
}

static const mph_plugin plugin = {
    .size = sizeof(mph_plugin),
    .abi_version = MPH_ABI_VERSION,
    .name = "relay",
    .version = "1.0.0",
    .create = create,
    .destroy = destroy,
    .on_packets = on_packets,
    .on_tick = on_tick,
    .tick_interval_ms = 100,
};

const mph_plugin *mph_plugin_entry(void) {
  return &plugin;
}
