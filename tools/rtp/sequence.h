/*
 * Keeps account of the 16-bit sequence numbers of one RTP stream: what came, what came twice, what came late, what never came.
 */
#ifndef MPH_RTP_SEQUENCE_H
#define MPH_RTP_SEQUENCE_H

#include <stdint.h>

/* 16 bits tell ahead from behind for half of their range, so nothing older than that can be recognized anyway. */
#define SEQUENCE_WINDOW 32768u

typedef enum sequence_result { SEQUENCE_NEW, SEQUENCE_REORDERED, SEQUENCE_DUPLICATE } sequence_result;

/* Numbers are extended to 64 bits; `first` and `highest` are meaningful once `received` is not 0. */
typedef struct sequence_tracker {
  uint64_t first;
  uint64_t highest;
  uint64_t received; /* each number once */
  uint64_t duplicates;
  uint64_t reordered; /* came after a higher number; in `received` as well */
  uint64_t seen[SEQUENCE_WINDOW / 64];
} sequence_tracker;

/* The tracker begins as zeroes. */
sequence_result sequence_add(sequence_tracker *tracker, uint16_t number);

/* Numbers between the first and the highest that did not come (yet). */
uint64_t sequence_lost(const sequence_tracker *tracker);

#endif
