#include "directory.h"

#include <stdlib.h>
#include <string.h>

int directory_add(directory *d, uint32_t router, uint32_t number, const char *id) {
  char *copy;

  if (directory_find_number(d, router, number) != NULL) {
    return 1;
  }
  if (d->count == d->capacity) {
    const size_t capacity = d->capacity == 0 ? 16 : 2 * d->capacity;
    entry *entries = realloc(d->entries, capacity * sizeof *entries);

    if (entries == NULL) {
      return 0;
    }
    d->entries = entries;
    d->capacity = capacity;
  }
  copy = malloc(strlen(id) + 1);
  if (copy == NULL) {
    return 0;
  }
  strcpy(copy, id);
  d->entries[d->count++] = (entry){router, number, copy};
  return 1;
}

static void remove_at(directory *d, size_t i) {
  free(d->entries[i].id);
  d->entries[i] = d->entries[--d->count];
}

void directory_remove(directory *d, uint32_t router, uint32_t number) {
  for (size_t i = 0; i < d->count; i++) {
    if (d->entries[i].router == router && d->entries[i].number == number) {
      remove_at(d, i);
      return;
    }
  }
}

void directory_remove_router(directory *d, uint32_t router) {
  for (size_t i = d->count; i-- > 0;) {
    if (d->entries[i].router == router) {
      remove_at(d, i);
    }
  }
}

void directory_free(directory *d) {
  while (d->count > 0) {
    remove_at(d, d->count - 1);
  }
  free(d->entries);
}

const entry *directory_find_id(const directory *d, uint32_t router, const char *id, size_t id_length) {
  for (size_t i = 0; i < d->count; i++) {
    const entry *e = &d->entries[i];

    if (e->router == router && strlen(e->id) == id_length && memcmp(e->id, id, id_length) == 0) {
      return e;
    }
  }
  return NULL;
}

const entry *directory_find_number(const directory *d, uint32_t router, uint32_t number) {
  for (size_t i = 0; i < d->count; i++) {
    if (d->entries[i].router == router && d->entries[i].number == number) {
      return &d->entries[i];
    }
  }
  return NULL;
}

size_t directory_count(const directory *d, uint32_t router) {
  size_t count = 0;

  for (size_t i = 0; i < d->count; i++) {
    count += d->entries[i].router == router;
  }
  return count;
}
