/* Closed loop (each connection sends its next request when it has its response) and open loop (requests are due at a
 * fixed rate, whatever became of the earlier ones; latency counts from when a request was due, so waiting is not hidden). */
#include "load.h"
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static const struct options *o;
static struct conn *conns, **idle;
static int ep, nidle;
static char request[4096];
static size_t size;
static long done, errors, issued;
static long long bytes;

static void reopen(struct conn *c) {
  if (c->fd > 0) close(c->fd);
  if (open_conn(o, c)) fail("cannot connect");
  watch(ep, c, 1);
}

/* A request is lost with its connection; refusals in a row mean that the gateway is gone. */
static void lose(struct conn *c) {
  static int in_a_row;
  static long last;
  in_a_row = last == done ? in_a_row + 1 : 0;
  last = done;
  if (in_a_row > 10000) fail("the gateway answers no request any more");
  errors++;
  reopen(c);
}

static void push(struct conn *c) {
  int sent = send_request(c, request, size, o->body);
  if (sent < 0) return lose(c);
  if (sent == 0) {
    if (!c->waits_out) watch(ep, c, 1);
    return;
  }
  if (c->phase == SENDING) c->phase = HEAD;
  if (c->waits_out) watch(ep, c, 0);
}

static void start(struct conn *c, long long due) {
  c->due = due;
  c->sent = 0;
  c->used = 0;
  c->phase = SENDING;
  issued++;
  push(c);
}

/* The connection can take a request: now in a closed loop, when one is due in an open one. */
static void ready(struct conn *c) {
  if (o->rate == 0) {
    if (o->count == 0 || issued < o->count) start(c, now_ns());
    return;
  }
  c->phase = IDLE;
  idle[nidle++] = c;
}

static void receive(struct conn *c) {
  /* A connection that says something while it has no request is being closed by the gateway's keep-alive timeout. */
  if (c->phase == IDLE) {
    for (int i = 0; i < nidle; i++) if (idle[i] == c) idle[i] = idle[--nidle];
    return reopen(c);
  }
  /* An answer while the request is still being sent is an early refusal: an error here. */
  if (c->phase == SENDING) return lose(c);
  int state = read_response(c, &bytes, NULL);
  if (state < 0) return lose(c);
  if (state == 0) return;
  add_sample((double)(now_ns() - c->due) / 1000);
  if (c->status == 200) done++; else errors++;
  if (o->close || strcasestr(c->head, "\r\nconnection: close")) reopen(c);
  else ready(c);
}

int run_requests(const struct options *options) {
  o = options;
  conns = calloc(o->conns, sizeof *conns);
  idle = calloc(o->conns, sizeof *idle);
  size = build_request(o, request, sizeof request, 0);
  ep = epoll_create1(0);
  prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);
  for (int i = 0; i < o->conns; i++) conns[i].index = i, reopen(&conns[i]);
  struct epoll_event events[1024];
  long long begin = now_ns(), from = begin + (long long)(o->warm * 1e9), end = from + (long long)(o->seconds * 1e9);
  /* The schedule begins when all connections had time to open. */
  long long opened = begin + 100000000;
  long next = 0;
  int measuring = 0;
  struct cpu before = {0};
  for (;;) {
    long long t = now_ns(), due = opened + (o->rate ? (long long)((double)next * 1e9 / (double)o->rate) : 0);
    if (!measuring && t >= from) {
      measuring = 1;
      from = t;
      before = cpu_of(o);
      done = errors = bytes = 0;
      clear_samples();
    }
    if (t >= end || (o->count && done + errors >= o->count)) break;
    while (o->rate && nidle > 0 && due <= t) {
      start(idle[--nidle], due);
      due = opened + (long long)((double)++next * 1e9 / (double)o->rate);
    }
    long long wait = end - t < 100000000 ? end - t : 100000000;
    if (o->rate && nidle > 0 && due - t < wait) wait = due > t ? due - t : 0;
    struct timespec timeout = {.tv_sec = 0, .tv_nsec = wait};
    int count = epoll_pwait2(ep, events, 1024, &timeout, NULL);
    for (int i = 0; i < count; i++) {
      struct conn *c = events[i].data.ptr;
      if (c->phase == CONNECTING) {
        if (events[i].events & (EPOLLERR | EPOLLHUP)) { lose(c); continue; }
        if (o->rate) watch(ep, c, 0);
        ready(c);
        continue;
      }
      if (events[i].events & EPOLLOUT && c->phase == SENDING) push(c);
      else if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) receive(c);
    }
  }
  report("requests", done, errors, bytes, (double)(now_ns() - from) / 1e9, before, cpu_of(o));
  return 0;
}
