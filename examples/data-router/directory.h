/*
 * Who is there: the data consumers and data producers that the plugin has heard of, by id and by number.
 */
#ifndef DATA_ROUTER_DIRECTORY_H
#define DATA_ROUTER_DIRECTORY_H

#include <stddef.h>
#include <stdint.h>

typedef struct entry {
  uint32_t router;
  uint32_t number;
  char *id;
} entry;

/* Zeroed: empty. */
typedef struct directory {
  entry *entries;
  size_t count;
  size_t capacity;
} directory;

/* What is there already stays as it is. 0: out of memory. */
int directory_add(directory *d, uint32_t router, uint32_t number, const char *id);
void directory_remove(directory *d, uint32_t router, uint32_t number);
void directory_remove_router(directory *d, uint32_t router);
void directory_free(directory *d);

/* NULL: unknown in that router. */
const entry *directory_find_id(const directory *d, uint32_t router, const char *id, size_t id_length);
const entry *directory_find_number(const directory *d, uint32_t router, uint32_t number);
size_t directory_count(const directory *d, uint32_t router);

#endif
