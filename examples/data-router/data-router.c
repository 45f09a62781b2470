/*
 * data-router: text messages say themselves who gets them. A message begins with lines of the form `name: value`, an empty line ends them:
 *
 *   to: <data consumer>, <data consumer>      or    to: bot
 *                                                   reply-to: <data consumer>
 *   the text                                        the text
 *
 * It is taken, and its text goes to the data consumers that are named, as `from: <data producer>`, an empty line, the text. The bot answers
 * with the text and how many take part. What has no `to:` goes its usual way. For filter attachments to data. It takes no config.
 */
#include "directory.h"

#include "mph_plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What mediasoup's transports take by default. */
#define MAX_MESSAGE 262144
#define MAX_DESTINATIONS 64

typedef struct span {
  const char *text;
  size_t length;
} span;

typedef struct message {
  span to;
  span reply_to;
  span text;
} message;

typedef struct data_router {
  const mph_host *host;
  mph_instance *instance;
  directory consumers;
  directory producers;
  /* Since the last report. */
  uint64_t forwarded;
  uint64_t answered;
  uint64_t unknown;
  uint64_t undelivered;
  char out[MAX_MESSAGE];
} data_router;

static int create(const mph_host *host, mph_instance *instance, const mph_instance_info *info, void **self, char *error,
                  size_t error_size) {
  data_router *r = calloc(1, sizeof *r);

  (void)info;
  if (r == NULL) {
    snprintf(error, error_size, "out of memory");
    return 1;
  }
  r->host = host;
  r->instance = instance;
  *self = r;
  return 0;
}

static void destroy(void *self) {
  data_router *r = self;

  directory_free(&r->consumers);
  directory_free(&r->producers);
  free(r);
}

/* Cuts off `from` what stands before the first `end`, or all of it, and trims it. */
static span take_until(span *from, char end) {
  const char *found = from->length > 0 ? memchr(from->text, end, from->length) : NULL;
  const size_t length = found == NULL ? from->length : (size_t)(found - from->text);
  const size_t taken = found == NULL ? length : length + 1;
  span part = {from->text, length};

  from->text += taken;
  from->length -= taken;
  while (part.length > 0 && (*part.text == ' ' || *part.text == '\r')) {
    part.text++;
    part.length--;
  }
  while (part.length > 0 && (part.text[part.length - 1] == ' ' || part.text[part.length - 1] == '\r')) {
    part.length--;
  }
  return part;
}

static int is(span s, const char *text) {
  return s.length == strlen(text) && memcmp(s.text, text, s.length) == 0;
}

/* 0: it does not begin with `to:`, and is none of ours. */
static int parse(const mph_data *data, message *m) {
  span rest = {(const char *)mph_data_bytes(data), data->copied_length};

  memset(m, 0, sizeof *m);
  if (data->ppid != MPH_PPID_STRING || data->copied_length < data->full_length || rest.length < 3 || memcmp(rest.text, "to:", 3) != 0) {
    return 0;
  }
  for (;;) {
    span value = take_until(&rest, '\n');
    span name;

    if (value.length == 0) {
      break;
    }
    name = take_until(&value, ':');
    if (is(name, "to")) {
      m->to = take_until(&value, '\n');
    } else if (is(name, "reply-to")) {
      m->reply_to = take_until(&value, '\n');
    }
  }
  m->text = rest;
  return 1;
}

/* To those of `names` that are there; how many they are. */
static uint32_t find_all(data_router *r, uint32_t router, span names, uint32_t *numbers) {
  uint32_t count = 0;

  while (names.length > 0) {
    const span name = take_until(&names, ',');
    const entry *e = directory_find_id(&r->consumers, router, name.text, name.length);

    if (e == NULL || count == MAX_DESTINATIONS) {
      r->unknown++;
    } else {
      numbers[count++] = e->number;
    }
  }
  return count;
}

static void send(data_router *r, uint32_t router, span names, const char *from, span text, const char *end, uint64_t cause,
                 uint64_t *sent) {
  uint32_t numbers[MAX_DESTINATIONS];
  const uint32_t count = find_all(r, router, names, numbers);
  const size_t end_length = strlen(end);
  const int head = snprintf(r->out, sizeof r->out, "from: %s\n\n", from);
  mph_data_out out = {
      .size = sizeof out,
      .router = router,
      .ppid = MPH_PPID_STRING,
      .message = r->out,
      .consumer_count = count,
      .consumers = numbers,
      .required_subchannel = -1,
      .cause = cause,
  };

  /* No consumers would mean all of them. */
  if (count == 0) {
    return;
  }
  if ((size_t)head + text.length + end_length > sizeof r->out) {
    r->undelivered += count;
    return;
  }
  memcpy(r->out + head, text.text, text.length);
  memcpy(r->out + head + text.length, end, end_length);
  out.message_length = (uint32_t)((size_t)head + text.length + end_length);
  *(r->host->inject_data(r->instance, &out, NULL) == MPH_OK ? sent : &r->undelivered) += count;
}

static void on_data(void *self, const mph_data_batch *batch) {
  data_router *r = self;

  for (uint32_t i = 0; i < batch->count; i++) {
    const mph_data *data = batch->messages[i];
    const entry *producer = directory_find_number(&r->producers, batch->router, data->data_producer);
    message m;

    if (!parse(data, &m)) {
      continue; /* verdicts[i] says MPH_ACCEPT already */
    }
    batch->verdicts[i] = MPH_TAKE;
    if (is(m.to, "bot")) {
      char end[64];

      snprintf(end, sizeof end, "\nparticipants: %zu", directory_count(&r->producers, batch->router));
      send(r, batch->router, m.reply_to, "bot", m.text, end, batch->causes[i], &r->answered);
    } else {
      send(r, batch->router, m.to, producer == NULL ? "unknown" : producer->id, m.text, "", batch->causes[i], &r->forwarded);
    }
  }
}

static void add(data_router *r, directory *d, const mph_event *event, uint32_t number, const char *id) {
  if (!directory_add(d, event->router, number, id)) {
    r->host->log(r->instance, MPH_LOG_ERROR, "out of memory: a newcomer gets no messages");
  }
}

static void on_event(void *self, const mph_event *event) {
  data_router *r = self;

  switch (event->type) {
    case MPH_EVENT_DATA_CONSUMER_CREATED: add(r, &r->consumers, event, event->consumer, event->consumer_id); break;
    case MPH_EVENT_DATA_CONSUMER_CLOSED: directory_remove(&r->consumers, event->router, event->consumer); break;
    case MPH_EVENT_DATA_PRODUCER_CREATED: add(r, &r->producers, event, event->producer, event->producer_id); break;
    case MPH_EVENT_DATA_PRODUCER_CLOSED: directory_remove(&r->producers, event->router, event->producer); break;
    case MPH_EVENT_ROUTER_CLOSED:
      directory_remove_router(&r->consumers, event->router);
      directory_remove_router(&r->producers, event->router);
      break;
    default: break;
  }
}

static void report(data_router *r, const char *name, uint64_t *sum) {
  r->host->count(r->instance, name, *sum);
  *sum = 0;
}

static void on_tick(void *self, uint64_t now_ns) {
  data_router *r = self;

  (void)now_ns;
  report(r, "forwarded", &r->forwarded);
  report(r, "answered", &r->answered);
  report(r, "unknown", &r->unknown);
  report(r, "undelivered", &r->undelivered);
}

static const mph_plugin plugin = {
    .size = sizeof(mph_plugin),
    .abi_version = MPH_ABI_VERSION,
    .name = "data-router",
    .version = "1.0.0",
    .create = create,
    .destroy = destroy,
    .on_event = on_event,
    .on_tick = on_tick,
    .tick_interval_ms = 100,
    .on_data = on_data,
};

const mph_plugin *mph_plugin_entry(void) {
  return &plugin;
}
