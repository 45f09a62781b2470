#include "sequence.h"

#include <stdbool.h>

/* The first number is put here, so that those that it overtook can be extended, too. */
#define FIRST_CYCLE 65536u

static bool test_and_set(sequence_tracker *tracker, uint64_t extended) {
  const uint64_t bit = extended % SEQUENCE_WINDOW;
  uint64_t *word = &tracker->seen[bit / 64];
  const uint64_t mask = 1ull << (bit % 64);
  const bool was_set = (*word & mask) != 0;
  *word |= mask;
  return was_set;
}

static void forget(sequence_tracker *tracker, uint64_t extended) {
  const uint64_t bit = extended % SEQUENCE_WINDOW;
  tracker->seen[bit / 64] &= ~(1ull << (bit % 64));
}

sequence_result sequence_add(sequence_tracker *tracker, uint16_t number) {
  if (tracker->received == 0) {
    tracker->first = tracker->highest = FIRST_CYCLE + number;
    tracker->received = 1;
    test_and_set(tracker, tracker->highest);
    return SEQUENCE_NEW;
  }

  const int16_t ahead = (int16_t)(uint16_t)(number - (uint16_t)tracker->highest);
  const uint64_t extended = tracker->highest + (uint64_t)(int64_t)ahead;

  if (ahead > 0) {
    /* The window moves on: the places of the numbers that enter it still hold those that leave it. */
    for (uint64_t entering = tracker->highest + 1; entering <= extended; entering++)
      forget(tracker, entering);
    tracker->highest = extended;
    tracker->received++;
    test_and_set(tracker, extended);
    return SEQUENCE_NEW;
  }

  if (test_and_set(tracker, extended)) {
    tracker->duplicates++;
    return SEQUENCE_DUPLICATE;
  }

  if (extended < tracker->first)
    tracker->first = extended;
  tracker->received++;
  tracker->reordered++;
  return SEQUENCE_REORDERED;
}

uint64_t sequence_lost(const sequence_tracker *tracker) {
  return tracker->received == 0 ? 0 : tracker->highest - tracker->first + 1 - tracker->received;
}
