/*
 * counter: counts packets and bytes per kind of media. For attachments in observe mode, where no packet waits for it; as a filter
 * it accepts everything. It takes no config.
 */
#include "mph_plugin.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct totals {
  uint64_t packets;
  uint64_t bytes;
} totals;

/* One per worker. The host calls it from one thread at a time, so nothing here needs a lock. */
typedef struct counter {
  const mph_host *host;
  mph_instance *instance;
  /* Since the last report. */
  totals audio;
  totals video;
} counter;

static int create(const mph_host *host, mph_instance *instance, const mph_instance_info *info, void **self, char *error,
                  size_t error_size) {
  counter *c = calloc(1, sizeof *c);

  (void)info;
  if (c == NULL) {
    snprintf(error, error_size, "out of memory");
    return 1;
  }
  c->host = host;
  c->instance = instance;
  *self = c;
  return 0;
}

static void destroy(void *self) {
  free(self);
}

static void on_packets(void *self, const mph_batch *batch) {
  counter *c = self;

  for (uint32_t i = 0; i < batch->count; i++) {
    const mph_packet *packet = batch->packets[i];
    totals *t = packet->kind == MPH_AUDIO ? &c->audio : &c->video;

    t->packets++;
    t->bytes += packet->full_length; /* copied_length is what stands in the ring, and may be less */
  }
}

static void report_totals(counter *c, totals *t, const char *packets_name, const char *bytes_name) {
  c->host->count(c->instance, packets_name, t->packets);
  c->host->count(c->instance, bytes_name, t->bytes);
  t->packets = 0;
  t->bytes = 0;
}

/* A call per packet would cost more than the counting: sums are handed over now and then. */
static void report(counter *c) {
  report_totals(c, &c->audio, "audioPackets", "audioBytes");
  report_totals(c, &c->video, "videoPackets", "videoBytes");
}

static void on_event(void *self, const mph_event *event) {
  /* Events come in order with the packets: when a producer is closed, its last packet has been counted. */
  if (event->type == MPH_EVENT_PRODUCER_CLOSED || event->type == MPH_EVENT_ROUTER_CLOSED) {
    report(self);
  }
}

static void on_tick(void *self, uint64_t now_ns) {
  (void)now_ns;
  report(self);
}

static const mph_plugin plugin = {
    .size = sizeof(mph_plugin),
    .abi_version = MPH_ABI_VERSION,
    .name = "counter",
    .version = "1.0.0",
    .create = create,
    .destroy = destroy,
    .on_packets = on_packets,
    .on_event = on_event,
    .on_tick = on_tick,
    .tick_interval_ms = 100,
};

const mph_plugin *mph_plugin_entry(void) {
  return &plugin;
}
