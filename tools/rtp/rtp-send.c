/*
 * rtp-send: streams of valid RTP at an exact pace, to one UDP port or to one per stream. It stands at the beginning of a packet's
 * path: what it puts into the payload (payload.h) lets rtp-receive tell at the end what was lost, what was dropped on purpose, and
 * how long the way took.
 */
#include "clock.h"
#include "payload.h"
#include "stop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_STREAMS 64
#define CLOCK_RATE 48000u
#define DEFAULT_PACKET_LENGTH 1200u

/* Close to the end of the range, so that every run crosses it. */
#define FIRST_SEQUENCE_NUMBER 65000u

/* After so many packets without a pause (we are late) the receiver's side gets one. */
#define BURST_LENGTH 16
#define BURST_PAUSE_NS (NS_PER_MS / 5)

/* Whoever was not run for longer goes on from now instead of sending what it missed: a flood would be a test of something else. */
#define MAX_CATCH_UP_NS (250 * NS_PER_MS)

/* How often the standard input is looked at, at least. */
#define MAX_SLEEP_NS (50 * NS_PER_MS)

typedef struct stream {
  uint32_t ssrc;
  unsigned payload_type;
  unsigned packets_per_second;
  unsigned packet_length;
  uint16_t port;
  uint64_t phase_ns; /* of the first packet, so that streams do not send at the same instant */
  uint64_t sent;
  uint64_t first_sent_at_ns;
  uint64_t last_sent_at_ns;
} stream;

typedef struct sender {
  stream streams[MAX_STREAMS];
  unsigned stream_count;
  int fd;
  struct sockaddr_in address; /* the port is the stream's */
  uint64_t started_at_ns;
  uint64_t end_at_ns;  /* 0: until told to stop */
  uint64_t stalled_ns; /* by how much the schedule was moved, see MAX_CATCH_UP_NS */
  uint64_t failures;
  uint64_t max_late_ns;
  uint64_t packet_limit; /* of each stream; 0: none */
} sender;

static const char usage[] =
    "usage: rtp-send --port PORT --stream SSRC:PT:PPS[:LENGTH[:PORT]]... [options]\n"
    "  --host ADDRESS      where to send to (127.0.0.1)\n"
    "  --seconds N         stop after N seconds (default: at SIGTERM or the end of standard input)\n"
    "  --count N           stop after N packets of each stream\n"
    "  --interval-ms N     a line of figures every N ms\n"
    "  --json              lines are JSON\n";

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "rtp-send: %s: %s\n", what, strerror(errno));
  exit(1);
}

static _Noreturn void refuse(const char *option, const char *value) {
  fprintf(stderr, "rtp-send: %s \"%s\" makes no sense\n%s", option, value, usage);
  exit(2);
}

static void put16(uint8_t *at, unsigned value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}

/* Of packet number `sent`, counted from the beginning: no rounding adds up, however long it runs. */
static uint64_t due_at_ns(const sender *self, const stream *s) {
  const uint64_t pps = s->packets_per_second;
  return self->started_at_ns + self->stalled_ns + s->phase_ns + s->sent / pps * NS_PER_S + s->sent % pps * NS_PER_S / pps;
}

static stream *next_stream(sender *self, uint64_t *due_ns) {
  stream *next = NULL;
  *due_ns = UINT64_MAX;
  for (unsigned i = 0; i < self->stream_count; i++) {
    stream *s = &self->streams[i];
    const uint64_t due = due_at_ns(self, s);
    if ((self->packet_limit == 0 || s->sent < self->packet_limit) && due < *due_ns) {
      next = s;
      *due_ns = due;
    }
  }
  return next;
}

static void send_packet(sender *self, stream *s) {
  /* Zeroes after the test payload: no codec minds, and nothing is left there from another stream. */
  static uint8_t packet[RTP_MAX_PACKET_LENGTH];
  packet[0] = 2 << 6;
  packet[1] = (uint8_t)s->payload_type;
  put16(packet + 2, (FIRST_SEQUENCE_NUMBER + s->sent) & 0xffff);
  put32(packet + 4, (uint32_t)(s->sent * CLOCK_RATE / s->packets_per_second));
  put32(packet + 8, s->ssrc);

  rtp_test_payload payload = {.sent_at_ns = now_ns(), .counter = s->sent};
  memcpy(payload.magic, RTP_TEST_MAGIC, RTP_TEST_MAGIC_LENGTH);
  memcpy(packet + RTP_HEADER_LENGTH, &payload, sizeof(payload));

  self->address.sin_port = htons(s->port);
  const ssize_t length = sendto(self->fd, packet, s->packet_length, 0, (struct sockaddr *)&self->address, sizeof(self->address));
  if (length != (ssize_t)s->packet_length) {
    /* Not sent and not counted: the same number is tried again, when its turn comes at once. */
    if (errno != EINTR && self->failures++ == 0)
      perror("rtp-send: sendto");
    return;
  }

  if (s->sent++ == 0)
    s->first_sent_at_ns = payload.sent_at_ns;
  s->last_sent_at_ns = payload.sent_at_ns;
}

static void sleep_until(uint64_t at_ns) {
  const struct timespec at = {.tv_sec = (time_t)(at_ns / NS_PER_S), .tv_nsec = (long)(at_ns % NS_PER_S)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void print_figures(const sender *self, bool json, bool final) {
  uint64_t packets = 0;
  for (unsigned i = 0; i < self->stream_count; i++)
    packets += self->streams[i].sent;

  const double seconds = (double)(now_ns() - self->started_at_ns) / (double)NS_PER_S;
  const double max_late_ms = (double)self->max_late_ns / (double)NS_PER_MS;
  const double stalled_ms = (double)self->stalled_ns / (double)NS_PER_MS;
  printf(json ? "{\"final\":%s,\"seconds\":%.3f,\"packets\":%" PRIu64 ",\"failures\":%" PRIu64
                ",\"maxLateMs\":%.3f,\"stalledMs\":%.3f,\"streams\":["
              : "%.0s%.1f s: %" PRIu64 " packets, %" PRIu64 " failures, at most %.1f ms late, stalled for %.1f ms",
         final ? "true" : "false", seconds, packets, self->failures, max_late_ms, stalled_ms);
  for (unsigned i = 0; i < self->stream_count; i++) {
    const stream *s = &self->streams[i];
    if (json)
      printf("%s{\"ssrc\":%" PRIu32 ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"firstSentAtNs\":%" PRIu64
             ",\"lastSentAtNs\":%" PRIu64 "}",
             i == 0 ? "" : ",", s->ssrc, s->sent, s->sent * s->packet_length, s->first_sent_at_ns, s->last_sent_at_ns);
    else
      printf("%s%" PRIu32 ": %" PRIu64, i == 0 ? "; " : ", ", s->ssrc, s->sent);
  }
  puts(json ? "]}" : "");
  fflush(stdout);
}

static void run(sender *self, uint64_t interval_ns, bool json) {
  uint64_t print_at_ns = self->started_at_ns + interval_ns;
  unsigned burst = 0;

  while (!stop_requested()) {
    uint64_t due_ns;
    stream *s = next_stream(self, &due_ns);
    const uint64_t now = now_ns();
    if (s == NULL || (self->end_at_ns != 0 && now >= self->end_at_ns))
      break;

    if (interval_ns != 0 && now >= print_at_ns) {
      print_figures(self, json, false);
      print_at_ns += interval_ns;
    }

    if (due_ns > now) {
      burst = 0;
      sleep_until(due_ns < now + MAX_SLEEP_NS ? due_ns : now + MAX_SLEEP_NS);
      continue;
    }

    const uint64_t late_ns = now - due_ns;
    if (late_ns > self->max_late_ns)
      self->max_late_ns = late_ns;
    if (late_ns > MAX_CATCH_UP_NS) {
      self->stalled_ns += late_ns;
      continue;
    }
    if (burst++ == BURST_LENGTH) {
      burst = 0;
      sleep_until(now + BURST_PAUSE_NS);
    }
    send_packet(self, s);
  }
}

static unsigned long number(const char *option, const char *text, unsigned long min, unsigned long max) {
  char *end;
  errno = 0;
  const unsigned long value = strtoul(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || value < min || value > max)
    refuse(option, text);
  return value;
}

static void add_stream(sender *self, const char *spec) {
  char copy[128];
  char *fields[5] = {NULL};
  unsigned count = 0;
  if (self->stream_count == MAX_STREAMS || strlen(spec) >= sizeof(copy))
    refuse("--stream", spec);
  strcpy(copy, spec);
  char *rest = copy;
  while (count < 5 && rest != NULL)
    fields[count++] = strsep(&rest, ":");
  if (rest != NULL || count < 3)
    refuse("--stream", spec);

  stream *s = &self->streams[self->stream_count++];
  s->ssrc = (uint32_t)number("--stream", fields[0], 1, UINT32_MAX);
  s->payload_type = (unsigned)number("--stream", fields[1], 0, 127);
  s->packets_per_second = (unsigned)number("--stream", fields[2], 1, 1000000);
  s->packet_length = count < 4 ? DEFAULT_PACKET_LENGTH : (unsigned)number("--stream", fields[3], RTP_MIN_PACKET_LENGTH, RTP_MAX_PACKET_LENGTH);
  s->port = count < 5 ? 0 : (uint16_t)number("--stream", fields[4], 1, 65535);
}

int main(int argc, char **argv) {
  static const struct option options[] = {
      {"stream", required_argument, NULL, 's'},  {"port", required_argument, NULL, 'p'},
      {"host", required_argument, NULL, 'h'},    {"seconds", required_argument, NULL, 't'},
      {"count", required_argument, NULL, 'c'},   {"interval-ms", required_argument, NULL, 'i'},
      {"json", no_argument, NULL, 'j'},          {NULL, 0, NULL, 0},
  };
  static sender self = {.address = {.sin_family = AF_INET, .sin_addr = {.s_addr = 0x0100007f}}};
  uint16_t port = 0;
  uint64_t seconds = 0;
  uint64_t interval_ns = 0;
  bool json = false;
  int option;

  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    switch (option) {
    case 's': add_stream(&self, optarg); break;
    case 'p': port = (uint16_t)number("--port", optarg, 1, 65535); break;
    case 't': seconds = number("--seconds", optarg, 1, 1000000); break;
    case 'c': self.packet_limit = number("--count", optarg, 1, UINT32_MAX); break;
    case 'i': interval_ns = number("--interval-ms", optarg, 1, 1000000) * NS_PER_MS; break;
    case 'j': json = true; break;
    case 'h':
      if (inet_pton(AF_INET, optarg, &self.address.sin_addr) != 1)
        refuse("--host", optarg);
      break;
    default: fputs(usage, stderr); return 2;
    }
  }
  for (unsigned i = 0; i < self.stream_count; i++) {
    stream *s = &self.streams[i];
    if (s->port == 0)
      s->port = port;
    if (s->port == 0)
      refuse("--port", "");
    s->phase_ns = NS_PER_S / s->packets_per_second * i / self.stream_count;
  }
  if (self.stream_count == 0 || optind != argc) {
    fputs(usage, stderr);
    return 2;
  }

  stop_install();
  self.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (self.fd == -1)
    fail("socket");

  self.started_at_ns = now_ns();
  self.end_at_ns = seconds == 0 ? 0 : self.started_at_ns + seconds * NS_PER_S;
  run(&self, interval_ns, json);
  print_figures(&self, json, true);
  return self.failures == 0 ? 0 : 1;
}
