/*
 * The plugin of the benchmarks: accepts every packet, after burning `micros` of CPU time on it (none by default). With `pendingMs` video is
 * answered that much later.
 */
#include "mph_plugin.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#define MAX_PENDING 1024u

typedef struct pending {
  uint64_t due_ns;
  uint64_t ticket;
  uint32_t router;
} pending;

typedef struct plugin {
  const mph_host *host;
  mph_instance *instance;
  uint64_t burn_ns;
  uint64_t pending_ns;
  /* A ring: all wait equally long. */
  pending waiting[MAX_PENDING];
  uint32_t first;
  uint32_t end;
} plugin;

static uint64_t number_in(const char *config, const char *field) {
  const char *found = strstr(config, field);
  return found == NULL ? 0 : strtoul(found + strlen(field), NULL, 10);
}

static int create(const mph_host *host, mph_instance *instance, const mph_instance_info *info, void **self, char *error,
                  size_t error_size) {
  plugin *p = calloc(1, sizeof *p);
  (void)error;
  (void)error_size;
  if (p == NULL) {
    return 1;
  }
  p->host = host;
  p->instance = instance;
  p->burn_ns = number_in(info->config, "\"micros\":") * 1000;
  p->pending_ns = number_in(info->config, "\"pendingMs\":") * 1000000;
  *self = p;
  return 0;
}

static void destroy(void *self) { free(self); }

/* `verdicts` holds accept for each already. */
static void on_packets(void *self, const mph_batch *batch) {
  plugin *p = self;
  if (p->burn_ns != 0) {
    const uint64_t until = now_ns() + p->burn_ns * batch->count;
    while (now_ns() < until) {
    }
  }
  if (p->pending_ns == 0) {
    return;
  }
  for (uint32_t i = 0; i < batch->count; i++) {
    const mph_packet *packet = batch->packets[i];
    if (packet->kind == MPH_VIDEO && packet->ticket != 0 && p->end - p->first < MAX_PENDING) {
      p->waiting[p->end++ % MAX_PENDING] = (pending){now_ns() + p->pending_ns, packet->ticket, batch->router};
      batch->verdicts[i] = MPH_PENDING;
    }
  }
}

static void on_tick(void *self, uint64_t at_ns) {
  plugin *p = self;
  for (; p->first != p->end && p->waiting[p->first % MAX_PENDING].due_ns <= at_ns; p->first++) {
    const pending *next = &p->waiting[p->first % MAX_PENDING];
    p->host->verdict(p->instance, next->router, next->ticket, MPH_ACCEPT);
  }
}

MPH_EXPORT const mph_plugin *mph_plugin_entry(void) {
  static const mph_plugin plugin = {.size = sizeof(mph_plugin),
                                    .abi_version = MPH_ABI_VERSION,
                                    .name = "bench-accept",
                                    .version = "1.0.0",
                                    .create = create,
                                    .destroy = destroy,
                                    .on_packets = on_packets,
                                    .on_tick = on_tick,
                                    .tick_interval_ms = 100};
  return &plugin;
}
