/*
 * The plugin of the benchmarks: accepts every packet, after burning `micros` of CPU time on it (none by default).
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

static int create(const mph_host *host, mph_instance *instance, const mph_instance_info *info, void **self, char *error,
                  size_t error_size) {
  const char *field = strstr(info->config, "\"micros\":");
  uint64_t *burn_ns = malloc(sizeof *burn_ns);
  (void)host;
  (void)instance;
  (void)error;
  (void)error_size;
  if (burn_ns == NULL) {
    return 1;
  }
  *burn_ns = field == NULL ? 0 : strtoul(field + strlen("\"micros\":"), NULL, 10) * 1000;
  *self = burn_ns;
  return 0;
}

static void destroy(void *self) { free(self); }

/* `verdicts` holds accept for each already. */
static void on_packets(void *self, const mph_batch *batch) {
  const uint64_t burn_ns = *(uint64_t *)self;
  if (burn_ns != 0) {
    const uint64_t until = now_ns() + burn_ns * batch->count;
    while (now_ns() < until) {
    }
  }
}

MPH_EXPORT const mph_plugin *mph_plugin_entry(void) {
  static const mph_plugin plugin = {.size = sizeof(mph_plugin),
                                    .abi_version = MPH_ABI_VERSION,
                                    .name = "bench-accept",
                                    .version = "1.0.0",
                                    .create = create,
                                    .destroy = destroy,
                                    .on_packets = on_packets};
  return &plugin;
}
