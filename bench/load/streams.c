/* Connections that stay: idle keep-alive clients, open tunnels, event streams; and the first bytes of a stream. */
#include "load.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Batches keep below every gateway's listen backlog. */
enum { BATCH = 100 };

static long long bytes, since;
static long stamps;

/* Finds `@ns` or `X-At: ns`, written by the upstream on this machine, and takes the time since. */
static void take_stamps(const char *data, size_t size) {
  const char *at = data;
  while ((at = memchr(at, '@', size - (size_t)(at - data)))) {
    char text[24] = {0};
    size_t left = size - (size_t)(++at - data);
    memcpy(text, at, left < 20 ? left : 20);
    long long written = atoll(text);
    if (written > since) stamps++, add_sample((double)(now_ns() - written) / 1000);
  }
}

static void seen(struct conn *c, const char *data, size_t size) {
  if (c->phase != HEAD) take_stamps(data, size);
}

/* Opens all connections, BATCH at a time, each with one exchange; `stay` says how far a response must be read. */
static struct conn *open_all(const struct options *o, int ep, int upgrade, int head_only) {
  struct conn *conns = calloc(o->conns, sizeof *conns);
  char request[4096];
  size_t size = build_request(o, request, sizeof request, upgrade);
  struct epoll_event events[512];
  long long until = now_ns() + 60000000000LL;
  for (int opened = 0, asked = 0, failures = 0; opened < o->conns;) {
    while (asked < o->conns && asked - opened < BATCH) {
      conns[asked].index = asked;
      if (open_conn(o, &conns[asked])) fail("cannot connect");
      watch(ep, &conns[asked++], 1);
    }
    int count = epoll_wait(ep, events, 512, 1000);
    if (now_ns() > until) fail("the connections did not open within 60 s");
    for (int i = 0; i < count; i++) {
      struct conn *c = events[i].data.ptr;
      if (c->phase == CONNECTING) {
        c->phase = HEAD;
        if (send_request(c, request, size, 0) < 1 && ++failures > BATCH) fail("cannot send");
        watch(ep, c, 0);
        continue;
      }
      int was = c->status, state = read_response(c, &bytes, NULL);
      int now_open = head_only ? was == 0 && c->status != 0 : state == 1;
      if (state < 0) fail("a connection was closed while opening");
      if (!now_open) continue;
      if (c->status != 200 && c->status != 101) fail("a connection was refused");
      opened++;
    }
  }
  return conns;
}

/* Prints `open`, then keeps everything until stdin ends, so that memory can be read meanwhile. */
int run_hold(const struct options *o, int websocket) {
  int ep = epoll_create1(0), lost = 0;
  struct conn *conns = open_all(o, ep, websocket, 0);
  printf("{\"kind\":\"open\",\"done\":%d}\n", o->conns);
  fflush(stdout);
  struct pollfd in = {.fd = 0, .events = POLLIN};
  poll(&in, 1, 120000);
  for (int i = 0; i < o->conns; i++) {
    struct pollfd p = {.fd = conns[i].fd, .events = POLLIN};
    lost += poll(&p, 1, 0) > 0;
  }
  report("hold", o->conns - lost, lost, bytes, 0, (struct cpu){0}, (struct cpu){0});
  return 0;
}

int run_events(const struct options *o) {
  int ep = epoll_create1(0);
  struct conn *conns = open_all(o, ep, 0, 1);
  struct epoll_event events[512];
  printf("{\"kind\":\"open\",\"done\":%d}\n", o->conns);
  fflush(stdout);
  long long t = now_ns(), from = t + (long long)(o->warm * 1e9), end = from + (long long)(o->seconds * 1e9);
  struct cpu before = {0};
  long errors = 0;
  since = from;
  for (int measuring = 0; (t = now_ns()) < end;) {
    if (!measuring && t >= from) {
      measuring = 1;
      before = cpu_of(o);
      bytes = 0;
    }
    int count = epoll_wait(ep, events, 512, 20);
    for (int i = 0; i < count; i++) {
      struct conn *c = events[i].data.ptr;
      if (read_response(c, &bytes, seen) >= 0) continue;
      errors++;
      close(c->fd);
    }
  }
  report("events", stamps, errors, bytes, (double)(now_ns() - from) / 1e9, before, cpu_of(o));
  free(conns);
  return 0;
}

/* One connection, one request at a time, `count` of them: two lines, for the bare head and for the first chunk. */
int run_first(const struct options *o) {
  double *chunk = calloc((size_t)o->count, sizeof *chunk);
  struct conn c = {0};
  char request[4096];
  size_t size = build_request(o, request, sizeof request, 0);
  long errors = 0;
  if (open_conn(o, &c)) fail("cannot connect");
  struct pollfd p = {.fd = c.fd, .events = POLLOUT};
  if (poll(&p, 1, 5000) < 1) fail("cannot connect");
  p.events = POLLIN;
  for (long i = 0; i < o->count; i++) {
    char text[8192];
    size_t used = 0;
    int heads = 0, chunks = 0;
    c.sent = 0;
    if (send_request(&c, request, size, 0) < 1) fail("cannot send");
    for (;;) {
      if (poll(&p, 1, 5000) < 1) fail("no byte for 5 s");
      ssize_t got = read(c.fd, text + used, sizeof text - 1 - used);
      long long t = now_ns();
      if (got <= 0) fail("the connection was closed");
      text[used += got] = 0;
      char *at = strcasestr(text, "x-at: "), *stamp = strchr(text, '@');
      if (!heads && at && strstr(text, "\r\n\r\n")) heads = 1, add_sample((double)(t - atoll(at + 6)) / 1000);
      if (!chunks && stamp && strchr(stamp, '\n')) chunks = 1, chunk[i] = (double)(t - atoll(stamp + 1)) / 1000;
      if (strstr(text, "\r\n0\r\n\r\n")) break;
    }
    errors += !heads || !chunks;
  }
  report("head", o->count, errors, 0, 0, (struct cpu){0}, (struct cpu){0});
  for (long i = 0; i < o->count; i++) add_sample(chunk[i]);
  report("chunk", o->count, errors, 0, 0, (struct cpu){0}, (struct cpu){0});
  free(chunk);
  return 0;
}
