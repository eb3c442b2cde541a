/* WebSocket echo, closed loop: each connection sends a masked frame of 32 bytes and waits for the same bytes back. */
#include "load.h"
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAYLOAD = 32 };

int run_echo(const struct options *o) {
  char request[4096], in[4096], frame[6 + PAYLOAD] = {(char)0x82, (char)(0x80 | PAYLOAD), 1, 2, 3, 4};
  size_t size = build_request(o, request, sizeof request, 1);
  struct conn *conns = calloc(o->conns, sizeof *conns);
  struct epoll_event events[512];
  int ep = epoll_create1(0);
  long done = 0, errors = 0;
  long long bytes = 0;
  for (int i = 0; i < PAYLOAD; i++) frame[6 + i] = (char)('a' ^ (i % 4 + 1));
  for (int i = 0; i < o->conns; i++) {
    if (open_conn(o, &conns[i])) fail("cannot connect");
    watch(ep, &conns[i], 1);
  }
  long long from = now_ns() + (long long)(o->warm * 1e9), end = from + (long long)(o->seconds * 1e9), t;
  struct cpu before = {0};
  for (int measuring = 0; (t = now_ns()) < end;) {
    if (!measuring && t >= from) {
      measuring = 1;
      before = cpu_of(o);
      done = errors = bytes = 0;
      clear_samples();
    }
    int count = epoll_wait(ep, events, 512, 20);
    for (int i = 0; i < count; i++) {
      struct conn *c = events[i].data.ptr;
      if (c->phase == CONNECTING) {
        c->phase = HEAD;
        if (send_request(c, request, size, 0) < 1) fail("cannot send");
        watch(ep, c, 0);
        continue;
      }
      if (!c->tunnel) {
        int state = read_response(c, &bytes, NULL);
        if (state == 0) continue;
        if (state < 0 || c->status != 101) fail("the gateway opened no tunnel");
      } else {
        ssize_t got = recv(c->fd, in, sizeof in, 0);
        if (got <= 0) { errors++; close(c->fd); continue; }
        bytes += got;
        if ((c->left -= got) > 0) continue;
        if (c->left < 0 || in[got - 1] != 'a') errors++;
        add_sample((double)(now_ns() - c->due) / 1000);
        done++;
      }
      c->due = now_ns();
      c->left = 2 + PAYLOAD;
      if (send(c->fd, frame, sizeof frame, MSG_NOSIGNAL) != (ssize_t)sizeof frame) errors++;
    }
  }
  report("echo", done, errors, bytes, (double)(now_ns() - from) / 1e9, before, cpu_of(o));
  return 0;
}
