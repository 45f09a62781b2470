/*
 * A histogram of nanoseconds with 16 buckets per power of two: a percentile is at most 6 % too high, never too low.
 */
#ifndef MPH_RTP_HISTOGRAM_H
#define MPH_RTP_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS (16 * 61)

/* Begins as zeroes. */
typedef struct histogram {
  uint64_t count;
  uint64_t max;
  uint64_t buckets[HISTOGRAM_BUCKETS];
} histogram;

void histogram_add(histogram *h, uint64_t value);
void histogram_merge(histogram *into, const histogram *from);

/* The upper bound of the bucket in which the percentile lies, and never more than the maximum. 0 if nothing was added. */
uint64_t histogram_percentile(const histogram *h, double percentile);

#endif
