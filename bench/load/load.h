/* The load generator of the bench. One thread, one epoll; every run prints one JSON line. */
#ifndef LOAD_H
#define LOAD_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

enum { HEAD_MAX = 2048, MAX_PIDS = 64 };

struct options {
  const char *mode, *method, *path, *token;
  int port, conns, close;     /* close: a connection for each request */
  long body, count, rate;     /* body: bytes sent with each request; count: stop after so many; rate: open loop, requests/s */
  double warm, seconds;
  int pids[MAX_PIDS], npids;  /* whose CPU time the measured window is charged with */
};

enum phase { CONNECTING, IDLE, SENDING, HEAD, BODY, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER };

/* One client connection and how far its current response was read. */
struct conn {
  int fd, index, status, tunnel, waits_out;
  enum phase phase;
  long long due;        /* when the request should have gone out, ns */
  long sent, left;      /* bytes of the request sent; bytes of a body or chunk to come */
  size_t used;          /* bytes of a head, or of a line of chunk framing, in `head` */
  char head[HEAD_MAX];
};

/* wire.c */
long long now_ns(void);
int open_conn(const struct options *o, struct conn *c);
int build_request(const struct options *o, char *out, size_t room, int upgrade);
/* Reads what is there. 1: a response is whole, 0: more to come, -1: the connection is over. `bytes` counts body bytes. */
int read_response(struct conn *c, long long *bytes, void (*seen)(struct conn *c, const char *data, size_t size));
/* Sends what is left of a request. 1: all sent, 0: the socket is full, -1: over. */
int send_request(struct conn *c, const char *head, size_t size, long body);
void watch(int ep, struct conn *c, int out);
void fail(const char *what);

/* report.c */
struct cpu { double user, system; };
struct cpu cpu_of(const struct options *o);
void add_sample(double microseconds);
void clear_samples(void);
/* Prints the one line and forgets the samples. */
void report(const char *kind, long done, long errors, long long bytes, double seconds, struct cpu from, struct cpu to);

/* The modes. */
int run_requests(const struct options *o);
int run_hold(const struct options *o, int websocket);
int run_first(const struct options *o);
int run_events(const struct options *o);
int run_echo(const struct options *o);
#endif
