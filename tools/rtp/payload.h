/*
 * What rtp-send puts at the front of every RTP payload and rtp-receive looks for. Both run on one machine, so the fields are in
 * host byte order and the timestamps of both sides come from one clock.
 */
#ifndef MPH_RTP_PAYLOAD_H
#define MPH_RTP_PAYLOAD_H

#include <stdint.h>

/*
 * "MPHR" after a first byte that every codec can take: read as an Opus TOC it is 20 ms of SILK in mono, one frame. Nobody decodes
 * it, but the worker looks at the first bytes of what it forwards.
 */
#define RTP_TEST_MAGIC "\x08MPHR\0\0\0"
#define RTP_TEST_MAGIC_LENGTH 8

typedef struct rtp_test_payload {
  char magic[RTP_TEST_MAGIC_LENGTH];
  uint64_t sent_at_ns; /* CLOCK_MONOTONIC */
  uint64_t counter;    /* of the stream, from 0: unlike the sequence number nobody on the way rewrites it */
} rtp_test_payload;

#define RTP_HEADER_LENGTH 12
#define RTP_MIN_PACKET_LENGTH (RTP_HEADER_LENGTH + sizeof(rtp_test_payload))
#define RTP_MAX_PACKET_LENGTH 1500

#endif
