#include "histogram.h"

static unsigned bucket_of(uint64_t value) {
  if (value < 16)
    return (unsigned)value;
  const unsigned exponent = 63u - (unsigned)__builtin_clzll(value);
  return 16 * (exponent - 3) + (unsigned)((value >> (exponent - 4)) & 15);
}

/* The highest value that falls into the bucket. */
static uint64_t upper_bound(unsigned bucket) {
  if (bucket < 16)
    return bucket;
  const unsigned exponent = bucket / 16 + 3;
  return ((16ull + bucket % 16) << (exponent - 4)) + (1ull << (exponent - 4)) - 1;
}

void histogram_add(histogram *h, uint64_t value) {
  h->count++;
  h->buckets[bucket_of(value)]++;
  if (value > h->max)
    h->max = value;
}

void histogram_merge(histogram *into, const histogram *from) {
  into->count += from->count;
  if (from->max > into->max)
    into->max = from->max;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
    into->buckets[i] += from->buckets[i];
}

uint64_t histogram_percentile(const histogram *h, double percentile) {
  const double wanted = percentile / 100.0 * (double)h->count;
  uint64_t seen = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    seen += h->buckets[i];
    if (seen > 0 && (double)seen >= wanted) {
      const uint64_t bound = upper_bound(i);
      return bound < h->max ? bound : h->max;
    }
  }
  return h->max;
}
