/*
 * rtp-receive: the end of a packet's path. Binds UDP sockets on 127.0.0.1, accounts for every sequence number of every SSRC and
 * answers nothing. For what rtp-send made it knows more: a sequence without a gap whose embedded counter jumps was thinned out on
 * purpose, and the embedded time says how long the way took.
 */
#include "clock.h"
#include "histogram.h"
#include "payload.h"
#include "sequence.h"
#include "stop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_SOCKETS 64
#define MAX_STREAMS 256
#define BATCH 64
#define BUFFER_LENGTH 2048
#define RECEIVE_BUFFER_BYTES (8 << 20)

/* How often it is looked whether we are to stop, at least. */
#define MAX_WAIT_MS 50

typedef struct stream {
  uint32_t ssrc;
  unsigned socket;
  uint64_t packets; /* duplicates included */
  uint64_t bytes;
  sequence_tracker sequence;
  /* From here on: rtp-send's payload only. */
  uint64_t counted;      /* each counter once, as far as the sequence numbers tell */
  uint64_t counter_next; /* highest counter + 1 */
  histogram latency;
} stream;

/* A line of --log, as tools/drill/arrivals.ts reads it: what rtp-send made and how it came. */
typedef struct arrival {
  uint64_t arrived_at_ns; /* CLOCK_MONOTONIC, like the next one */
  uint64_t sent_at_ns;
  uint64_t counter;
  uint32_t ssrc;
  uint16_t sequence_number;
  uint16_t reserved;
} arrival;

typedef struct receiver {
  struct pollfd sockets[MAX_SOCKETS];
  uint32_t kernel_drops[MAX_SOCKETS];
  unsigned socket_count;
  stream *streams[MAX_STREAMS];
  unsigned stream_count;
  uint64_t rtcp;
  uint64_t invalid;
  FILE *log; /* NULL: none */
} receiver;

static const char usage[] =
    "usage: rtp-receive [options]\n"
    "  --sockets N         bind N sockets to ports that are free (1)\n"
    "  --port PORT         bind this port; may be repeated, then --sockets does not count\n"
    "  --interval-ms N     a line of figures every N ms\n"
    "  --log FILE          every packet of rtp-send's, 32 bytes each\n"
    "The first line on standard output names the ports, the last one (at SIGTERM or the end of standard input) has \"final\":true.\n"
    "Every line is JSON.\n";

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "rtp-receive: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void bind_socket(receiver *self, uint16_t port) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(port)};
  const int bytes = RECEIVE_BUFFER_BYTES;
  const int on = 1;
  if (fd == -1)
    fail("socket");
  /* Only root may go past net.core.rmem_max; anyone else gets as much as there is. */
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  if (setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)) != 0)
    fail("SO_RXQ_OVFL");
  if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
    fail("bind");
  self->sockets[self->socket_count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void print_ports(const receiver *self) {
  printf("{\"ports\":[");
  for (unsigned i = 0; i < self->socket_count; i++) {
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    if (getsockname(self->sockets[i].fd, (struct sockaddr *)&address, &length) != 0)
      fail("getsockname");
    printf("%s%u", i == 0 ? "" : ",", ntohs(address.sin_port));
  }
  puts("]}");
  fflush(stdout);
}

static uint32_t get32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* NULL when there are too many already. */
static stream *stream_of(receiver *self, uint32_t ssrc, unsigned socket) {
  for (unsigned i = 0; i < self->stream_count; i++) {
    if (self->streams[i]->ssrc == ssrc && self->streams[i]->socket == socket)
      return self->streams[i];
  }
  if (self->stream_count == MAX_STREAMS)
    return NULL;
  stream *s = calloc(1, sizeof(*s));
  if (s == NULL)
    fail("calloc");
  s->ssrc = ssrc;
  s->socket = socket;
  return self->streams[self->stream_count++] = s;
}

/* 0 when the bytes are no RTP packet, otherwise where the payload begins. */
static size_t payload_offset(const uint8_t *bytes, size_t length) {
  if (length < RTP_HEADER_LENGTH || bytes[0] >> 6 != 2)
    return 0;
  size_t offset = RTP_HEADER_LENGTH + 4u * (bytes[0] & 15u);
  if (bytes[0] & 0x10) {
    if (offset + 4 > length)
      return 0;
    offset += 4 + 4u * ((size_t)bytes[offset + 2] << 8 | bytes[offset + 3]);
  }
  return offset <= length ? offset : 0;
}

static void on_datagram(receiver *self, unsigned socket, const uint8_t *bytes, size_t length, uint64_t now) {
  const size_t offset = payload_offset(bytes, length);
  /* RFC 5761: the packet types of RTCP lie where no RTP payload type may be. */
  if (length >= 2 && bytes[1] >= 192 && bytes[1] <= 223) {
    self->rtcp++;
    return;
  }
  stream *s = offset == 0 ? NULL : stream_of(self, get32(bytes + 8), socket);
  if (s == NULL) {
    self->invalid++;
    return;
  }

  s->packets++;
  s->bytes += length;
  const sequence_result result = sequence_add(&s->sequence, (uint16_t)(bytes[2] << 8 | bytes[3]));

  rtp_test_payload payload;
  if (length - offset < sizeof(payload))
    return;
  memcpy(&payload, bytes + offset, sizeof(payload));
  if (memcmp(payload.magic, RTP_TEST_MAGIC, RTP_TEST_MAGIC_LENGTH) != 0)
    return;
  if (result != SEQUENCE_DUPLICATE)
    s->counted++;
  if (payload.counter >= s->counter_next)
    s->counter_next = payload.counter + 1;
  histogram_add(&s->latency, now > payload.sent_at_ns ? now - payload.sent_at_ns : 0);
  if (self->log != NULL) {
    const arrival line = {now, payload.sent_at_ns, payload.counter, s->ssrc, (uint16_t)(bytes[2] << 8 | bytes[3]), 0};
    if (fwrite(&line, sizeof(line), 1, self->log) != 1)
      fail("--log");
  }
}

/* Reads until the socket is empty. */
static void drain(receiver *self, unsigned socket) {
  static uint8_t buffers[BATCH][BUFFER_LENGTH];
  static struct {
    _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(uint32_t))];
  } control[BATCH];
  struct mmsghdr messages[BATCH];
  struct iovec vectors[BATCH];
  int count;

  do {
    for (unsigned i = 0; i < BATCH; i++) {
      vectors[i] = (struct iovec){.iov_base = buffers[i], .iov_len = BUFFER_LENGTH};
      messages[i].msg_hdr = (struct msghdr){
          .msg_iov = &vectors[i], .msg_iovlen = 1, .msg_control = control[i].bytes, .msg_controllen = sizeof(control[i].bytes)};
    }
    count = recvmmsg(self->sockets[socket].fd, messages, BATCH, 0, NULL);
    if (count == -1 && errno != EAGAIN && errno != EINTR)
      fail("recvmmsg");

    const uint64_t now = now_ns();
    for (int i = 0; i < count; i++) {
      struct cmsghdr *c = CMSG_FIRSTHDR(&messages[i].msg_hdr);
      if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
        memcpy(&self->kernel_drops[socket], CMSG_DATA(c), sizeof(uint32_t));
      on_datagram(self, socket, buffers[i], messages[i].msg_len, now);
    }
  } while (count == BATCH);
}

static void print_latency(const histogram *latency) {
  if (latency->count == 0)
    printf("\"latencyMicros\":null");
  else
    printf("\"latencyMicros\":{\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}", (double)histogram_percentile(latency, 50) / 1e3,
           (double)histogram_percentile(latency, 99) / 1e3, (double)latency->max / 1e3);
}

static void print_figures(const receiver *self, bool final) {
  static histogram latency;
  uint64_t packets = 0, bytes = 0, lost = 0, duplicates = 0, reordered = 0, kernel_drops = 0;
  memset(&latency, 0, sizeof(latency));
  for (unsigned i = 0; i < self->socket_count; i++)
    kernel_drops += self->kernel_drops[i];
  for (unsigned i = 0; i < self->stream_count; i++) {
    const stream *s = self->streams[i];
    packets += s->packets;
    bytes += s->bytes;
    lost += sequence_lost(&s->sequence);
    duplicates += s->sequence.duplicates;
    reordered += s->sequence.reordered;
    histogram_merge(&latency, &s->latency);
  }

  printf("{\"final\":%s,\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"duplicates\":%" PRIu64
         ",\"reordered\":%" PRIu64 ",\"kernelDrops\":%" PRIu64 ",\"rtcp\":%" PRIu64 ",\"invalid\":%" PRIu64 ",",
         final ? "true" : "false", packets, bytes, lost, duplicates, reordered, kernel_drops, self->rtcp, self->invalid);
  print_latency(&latency);
  printf(",\"streams\":[");
  for (unsigned i = 0; i < self->stream_count; i++) {
    const stream *s = self->streams[i];
    printf("%s{\"ssrc\":%" PRIu32 ",\"socket\":%u,\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"lost\":%" PRIu64
           ",\"duplicates\":%" PRIu64 ",\"reordered\":%" PRIu64 ",\"skippedCounters\":",
           i == 0 ? "" : ",", s->ssrc, s->socket, s->packets, s->bytes, sequence_lost(&s->sequence), s->sequence.duplicates,
           s->sequence.reordered);
    if (s->counter_next == 0)
      printf("null,");
    else
      printf("%" PRIu64 ",", s->counter_next - s->counted);
    print_latency(&s->latency);
    putchar('}');
  }
  puts("]}");
  fflush(stdout);
}

static void run(receiver *self, uint64_t interval_ns) {
  uint64_t print_at_ns = now_ns() + interval_ns;
  bool stopping = false;

  while (!stopping) {
    /* Asked before the last look at the sockets: what arrived before the request is counted. */
    stopping = stop_requested();
    if (poll(self->sockets, self->socket_count, stopping ? 0 : MAX_WAIT_MS) > 0) {
      for (unsigned i = 0; i < self->socket_count; i++) {
        if (self->sockets[i].revents != 0)
          drain(self, i);
      }
    }
    if (interval_ns != 0 && now_ns() >= print_at_ns) {
      print_figures(self, false);
      print_at_ns += interval_ns;
    }
  }
}

static unsigned long number(const char *option, const char *text, unsigned long min, unsigned long max) {
  char *end;
  errno = 0;
  const unsigned long value = strtoul(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || value < min || value > max) {
    fprintf(stderr, "rtp-receive: %s \"%s\" is not a number from %lu to %lu\n%s", option, text, min, max, usage);
    exit(2);
  }
  return value;
}

int main(int argc, char **argv) {
  static const struct option options[] = {
      {"sockets", required_argument, NULL, 's'},
      {"port", required_argument, NULL, 'p'},
      {"interval-ms", required_argument, NULL, 'i'},
      {"log", required_argument, NULL, 'l'},
      {NULL, 0, NULL, 0},
  };
  static receiver self;
  unsigned sockets = 1;
  uint64_t interval_ns = 0;
  int option;

  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    switch (option) {
    case 's': sockets = (unsigned)number("--sockets", optarg, 1, MAX_SOCKETS); break;
    case 'i': interval_ns = number("--interval-ms", optarg, 1, 1000000) * NS_PER_MS; break;
    case 'l':
      self.log = fopen(optarg, "we");
      if (self.log == NULL)
        fail(optarg);
      break;
    case 'p':
      if (self.socket_count < MAX_SOCKETS)
        bind_socket(&self, (uint16_t)number("--port", optarg, 1, 65535));
      break;
    default: fputs(usage, stderr); return 2;
    }
  }
  if (optind != argc) {
    fputs(usage, stderr);
    return 2;
  }

  stop_install();
  if (self.socket_count == 0) {
    while (self.socket_count < sockets)
      bind_socket(&self, 0);
  }
  print_ports(&self);
  run(&self, interval_ns);
  if (self.log != NULL && fclose(self.log) != 0)
    fail("--log");
  print_figures(&self, true);
  return 0;
}
