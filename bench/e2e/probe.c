/*
 * probe: both ends of a packet's path in one process. One thread sends RTP to the worker, another receives what comes out of it, and every
 * single way is kept, so that percentiles are exact. It does one run per line on standard input and answers with one line of JSON; between runs
 * both threads sleep. The payload is that of tools/rtp, but a run ends by itself and packets before it do not count.
 */
#include "clock.h"
#include "payload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CLOCK_RATE 48000u
#define PAYLOAD_TYPE 100u
#define BATCH 64
#define BUFFER_LENGTH 2048
#define RECEIVE_BUFFER_BYTES (16 << 20)

/* After a sender was not run for a while it catches up, but gives the other side a chance in between. */
#define BURST_LENGTH 16
#define BURST_PAUSE_NS (NS_PER_MS / 5)

/* A packet that is not there so long after the last one that came is lost. */
#define SILENCE_NS (400 * NS_PER_MS)
#define CLOSED_LOOP_TIMEOUT_NS (3 * NS_PER_S)

typedef struct probe {
  int send_fd;
  int receive_fd;
  uint32_t ssrc;
  uint64_t counter; /* of the next packet; sequence numbers go on from run to run */
  struct sockaddr_in target;

  /* The present run: counters from `first` on, `count` of them; 0 between runs. [sender writes, receiver reads] */
  _Atomic uint64_t first;
  _Atomic uint64_t count;
  uint64_t capacity;
  uint64_t *latency_ns; /* 0: not come (yet). Of the receiver until `received` says so. */

  /* [receiver writes, sender reads] Published after the latency. */
  _Atomic uint64_t received;
  _Atomic uint64_t last_received_at_ns;
  /* What the closed loop waits for: the counter after the highest that came. A futex would do; a pipe is simpler to wait on with an end. */
  _Atomic uint64_t next_expected;
  pthread_mutex_t mutex;
  pthread_cond_t came;
  _Atomic bool closed_loop;
} probe;

static const char usage[] =
    "usage: probe SSRC\n"
    "The first line of output is the receiving port. Then, per line of input:\n"
    "  target PORT                        where to send to\n"
    "  paced RATE COUNT LENGTH            COUNT packets at RATE per second\n"
    "  bursts RATE COUNT LENGTH SIZE      the same, SIZE of them at once\n"
    "  closed COUNT LENGTH                each packet when the one before has come back\n"
    "  flood RATE COUNT LENGTH            as paced, and nothing is expected to come back\n";

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void put16(uint8_t *at, unsigned value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}

static void sleep_until(uint64_t at_ns) {
  const struct timespec at = {.tv_sec = (time_t)(at_ns / NS_PER_S), .tv_nsec = (long)(at_ns % NS_PER_S)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
    ;
}

/* ---- Receiving -------------------------------------------------------------------------------------------------- */

/* 0 when the bytes are no RTP packet of ours, otherwise where the payload begins. */
static size_t payload_offset(const uint8_t *bytes, size_t length) {
  if (length < RTP_HEADER_LENGTH || bytes[0] >> 6 != 2 || (bytes[1] >= 192 && bytes[1] <= 223))
    return 0;
  size_t offset = RTP_HEADER_LENGTH + 4u * (bytes[0] & 15u);
  if (bytes[0] & 0x10) {
    if (offset + 4 > length)
      return 0;
    offset += 4 + 4u * ((size_t)bytes[offset + 2] << 8 | bytes[offset + 3]);
  }
  return offset + sizeof(rtp_test_payload) <= length ? offset : 0;
}

static void on_datagram(probe *self, const uint8_t *bytes, size_t length, uint64_t now) {
  rtp_test_payload payload;
  const size_t offset = payload_offset(bytes, length);
  if (offset == 0)
    return;
  memcpy(&payload, bytes + offset, sizeof(payload));
  if (memcmp(payload.magic, RTP_TEST_MAGIC, RTP_TEST_MAGIC_LENGTH) != 0)
    return;

  /* Acquire, and first of all: a run's other fields are set before its count. */
  const uint64_t count = atomic_load_explicit(&self->count, memory_order_acquire);
  const uint64_t first = atomic_load_explicit(&self->first, memory_order_relaxed);
  const uint64_t index = payload.counter - first;
  if (payload.counter < first || index >= count || self->latency_ns[index] != 0)
    return;
  self->latency_ns[index] = now > payload.sent_at_ns ? now - payload.sent_at_ns : 1;
  atomic_store_explicit(&self->last_received_at_ns, now, memory_order_relaxed);
  atomic_fetch_add_explicit(&self->received, 1, memory_order_release);

  if (atomic_load_explicit(&self->closed_loop, memory_order_relaxed)) {
    pthread_mutex_lock(&self->mutex);
    atomic_store_explicit(&self->next_expected, payload.counter + 1, memory_order_relaxed);
    pthread_cond_signal(&self->came);
    pthread_mutex_unlock(&self->mutex);
  }
}

static void *receive_all(void *argument) {
  static uint8_t buffers[BATCH][BUFFER_LENGTH];
  probe *self = argument;
  struct mmsghdr messages[BATCH];
  struct iovec vectors[BATCH];

  memset(messages, 0, sizeof(messages));
  for (unsigned i = 0; i < BATCH; i++) {
    vectors[i] = (struct iovec){.iov_base = buffers[i], .iov_len = BUFFER_LENGTH};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
  }
  for (;;) {
    const int count = recvmmsg(self->receive_fd, messages, BATCH, MSG_WAITFORONE, NULL);
    if (count == -1 && errno != EINTR)
      fail("recvmmsg");
    const uint64_t now = now_ns();
    for (int i = 0; i < count; i++)
      on_datagram(self, buffers[i], messages[i].msg_len, now);
  }
  return NULL;
}

/* ---- Sending ---------------------------------------------------------------------------------------------------- */

static void begin(probe *self, uint64_t count, bool closed_loop) {
  /* With a count of 0 the receiver looks at nothing else. */
  atomic_store(&self->count, 0);
  if (count > self->capacity) {
    self->latency_ns = realloc(self->latency_ns, count * sizeof(uint64_t));
    if (self->latency_ns == NULL)
      fail("realloc");
    self->capacity = count;
  }
  memset(self->latency_ns, 0, count * sizeof(uint64_t));
  atomic_store(&self->received, 0);
  atomic_store(&self->last_received_at_ns, now_ns());
  atomic_store(&self->closed_loop, closed_loop);
  atomic_store(&self->first, self->counter);
  atomic_store_explicit(&self->count, count, memory_order_release);
}

static void send_packet(probe *self, size_t length, uint64_t rate) {
  static uint8_t packet[RTP_MAX_PACKET_LENGTH];
  packet[0] = 2 << 6;
  packet[1] = PAYLOAD_TYPE;
  put16(packet + 2, (1000 + self->counter) & 0xffff);
  put32(packet + 4, (uint32_t)(self->counter * CLOCK_RATE / rate));
  put32(packet + 8, self->ssrc);

  rtp_test_payload payload = {.sent_at_ns = now_ns(), .counter = self->counter};
  memcpy(payload.magic, RTP_TEST_MAGIC, RTP_TEST_MAGIC_LENGTH);
  memcpy(packet + RTP_HEADER_LENGTH, &payload, sizeof(payload));

  while (sendto(self->send_fd, packet, length, 0, (struct sockaddr *)&self->target, sizeof(self->target)) == -1) {
    if (errno != EINTR && errno != ENOBUFS && errno != ECONNREFUSED)
      fail("sendto");
  }
  self->counter++;
}

static uint64_t send_paced(probe *self, uint64_t rate, uint64_t count, size_t length, uint64_t burst) {
  const uint64_t started_at = now_ns();
  unsigned unbroken = 0;
  uint64_t max_late = 0;
  for (uint64_t sent = 0; sent < count;) {
    const uint64_t due = started_at + sent * NS_PER_S / rate;
    const uint64_t now = now_ns();
    if (due > now) {
      unbroken = 0;
      sleep_until(due);
      continue;
    }
    if (now - due > max_late)
      max_late = now - due;
    if (unbroken++ == BURST_LENGTH) {
      unbroken = 0;
      sleep_until(now + BURST_PAUSE_NS);
    }
    for (uint64_t i = 0; i < burst && sent < count; i++, sent++)
      send_packet(self, length, rate);
  }
  return max_late;
}

static uint64_t send_closed(probe *self, uint64_t count, size_t length) {
  uint64_t timeouts = 0;
  for (uint64_t sent = 0; sent < count; sent++) {
    struct timespec end;
    send_packet(self, length, 1000);
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += CLOSED_LOOP_TIMEOUT_NS / NS_PER_S;
    pthread_mutex_lock(&self->mutex);
    int result = 0;
    while (result == 0 && atomic_load_explicit(&self->next_expected, memory_order_relaxed) < self->counter)
      result = pthread_cond_timedwait(&self->came, &self->mutex, &end);
    pthread_mutex_unlock(&self->mutex);
    if (result != 0 && ++timeouts == 3)
      break;
  }
  return timeouts;
}

static void await_rest(probe *self, uint64_t count) {
  while (atomic_load_explicit(&self->received, memory_order_acquire) < count) {
    const uint64_t now = now_ns();
    if (now > atomic_load_explicit(&self->last_received_at_ns, memory_order_relaxed) + SILENCE_NS)
      break;
    sleep_until(now + NS_PER_MS);
  }
}

static int compare(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static double percentile_us(const uint64_t *sorted, uint64_t count, double share) {
  if (count == 0)
    return 0;
  uint64_t rank = (uint64_t)(share * (double)count);
  return (double)sorted[rank < count ? rank : count - 1] / 1e3;
}

static void report(probe *self, uint64_t sent, uint64_t took_ns, uint64_t max_late_ns) {
  const uint64_t count = atomic_load(&self->count);
  /* From here on what is late is ignored. */
  atomic_store(&self->count, 0);
  uint64_t received = 0;
  for (uint64_t i = 0; i < count; i++) {
    if (self->latency_ns[i] != 0)
      self->latency_ns[received++] = self->latency_ns[i];
  }
  qsort(self->latency_ns, received, sizeof(uint64_t), compare);
  printf("{\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"seconds\":%.6f,\"maxLateMicros\":%.1f,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,"
         "\"max\":%.3f}\n",
         sent, received, (double)took_ns / 1e9, (double)max_late_ns / 1e3, percentile_us(self->latency_ns, received, 0.5),
         percentile_us(self->latency_ns, received, 0.9), percentile_us(self->latency_ns, received, 0.99),
         percentile_us(self->latency_ns, received, 1));
  fflush(stdout);
}

static bool follow(probe *self, const char *line) {
  uint64_t rate, count;
  size_t length;
  uint64_t burst = 1;
  unsigned port;
  uint64_t max_late = 0;
  const uint64_t started_at = now_ns();

  if (sscanf(line, "target %u", &port) == 1) {
    self->target.sin_port = htons((uint16_t)port);
    puts("{}");
    fflush(stdout);
    return true;
  }
  const uint64_t first = self->counter;
  if (sscanf(line, "paced %" SCNu64 " %" SCNu64 " %zu", &rate, &count, &length) == 3 ||
      sscanf(line, "bursts %" SCNu64 " %" SCNu64 " %zu %" SCNu64, &rate, &count, &length, &burst) == 4) {
    begin(self, count, false);
    max_late = send_paced(self, rate, count, length, burst);
    const uint64_t took = now_ns() - started_at;
    await_rest(self, count);
    report(self, self->counter - first, took, max_late);
    return true;
  }
  if (sscanf(line, "closed %" SCNu64 " %zu", &count, &length) == 2) {
    begin(self, count, true);
    send_closed(self, count, length);
    report(self, self->counter - first, now_ns() - started_at, 0);
    return true;
  }
  if (sscanf(line, "flood %" SCNu64 " %" SCNu64 " %zu", &rate, &count, &length) == 3) {
    begin(self, 0, false);
    max_late = send_paced(self, rate, count, length, 8);
    report(self, self->counter - first, now_ns() - started_at, max_late);
    return true;
  }
  return false;
}

int main(int argc, char **argv) {
  static probe self = {.target = {.sin_family = AF_INET, .sin_addr = {.s_addr = 0x0100007f}}};
  const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {.s_addr = 0x0100007f}};
  const int bytes = RECEIVE_BUFFER_BYTES;
  struct sockaddr_in bound;
  socklen_t bound_length = sizeof(bound);
  pthread_condattr_t attributes;
  pthread_t receiver;
  char line[256];

  if (argc != 2) {
    fputs(usage, stderr);
    return 2;
  }
  self.ssrc = (uint32_t)strtoul(argv[1], NULL, 10);
  /* The default of 50 µs would be the whole interval at 20,000 packets per second. Threads inherit it. */
  prctl(PR_SET_TIMERSLACK, 1);
  self.capacity = 1 << 17;
  self.latency_ns = calloc(self.capacity, sizeof(uint64_t));
  self.send_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  self.receive_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (self.latency_ns == NULL || self.send_fd == -1 || self.receive_fd == -1)
    fail("socket");
  /* Only root may go past net.core.rmem_max; anyone else gets as much as there is. */
  if (setsockopt(self.receive_fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
    setsockopt(self.receive_fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  if (bind(self.receive_fd, (const struct sockaddr *)&any, sizeof(any)) != 0 ||
      getsockname(self.receive_fd, (struct sockaddr *)&bound, &bound_length) != 0)
    fail("bind");

  pthread_mutex_init(&self.mutex, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&self.came, &attributes);
  if (pthread_create(&receiver, NULL, receive_all, &self) != 0)
    fail("pthread_create");

  printf("{\"port\":%u}\n", ntohs(bound.sin_port));
  fflush(stdout);
  while (fgets(line, sizeof(line), stdin) != NULL) {
    if (!follow(&self, line)) {
      fprintf(stderr, "probe: %s%s", line, usage);
      return 2;
    }
  }
  return 0;
}
