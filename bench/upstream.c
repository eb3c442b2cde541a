/*
 * The app behind every gateway of the bench: one epoll loop that answers from memory, so that it is never the bottleneck.
 *
 *   GET  /            34 bytes                 GET /drip    20 chunks of 1 KiB, one a millisecond
 *   POST /            reads the body, 34 bytes GET /first   a head, 20 ms later a chunk, 20 ms later the end
 *   GET  /download    10 MB                    GET /events  Server-Sent Events, one a second
 *   Upgrade:          101, then echoes WebSocket frames of up to 125 bytes
 *
 * Heads of /first carry `X-At`, chunks of /first and /events carry `@`, both followed by CLOCK_MONOTONIC in ns when they
 * were written: the load generator runs on the same machine and subtracts. PORT and BENCH_CPU come from the environment.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IN_MAX = 8192, DOWNLOAD = 10 * 1000 * 1000, CHUNK = 1024, DRIPS = 20 };
enum kind { PLAIN, DRIP, FIRST, EVENTS, TUNNEL };

struct conn {
  int fd, used, chunked, step, timed;
  enum kind kind;
  long body, out;            /* bytes of a request body still to come, bytes of a download still to go */
  long long due;             /* when a timed response has its next piece */
  struct conn *next, *prev;  /* among the timed ones */
  char in[IN_MAX];
};

static struct conn *timed;
static char filler[1 << 20];
static int ep;
static const char small[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 34\r\n\r\n0123456789012345678901234567890123";

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void untime(struct conn *c) {
  if (!c->timed) return;
  if (c->prev) c->prev->next = c->next; else timed = c->next;
  if (c->next) c->next->prev = c->prev;
  c->timed = 0;
}

static void time_at(struct conn *c, long long due) {
  c->due = due;
  if (c->timed) return;
  c->timed = 1;
  c->prev = NULL;
  c->next = timed;
  if (timed) timed->prev = c;
  timed = c;
}

static void drop(struct conn *c) {
  untime(c);
  close(c->fd);
  free(c);
}

static void put(struct conn *c, const char *text, size_t size) {
  /* Pieces are small and the peer reads: what does not fit now would be a stuck peer, which the bench reports as errors. */
  if (send(c->fd, text, size, MSG_NOSIGNAL) != (ssize_t)size) shutdown(c->fd, SHUT_RDWR);
}

static void push_download(struct conn *c) {
  while (c->out > 0) {
    size_t size = c->out < (long)sizeof filler ? (size_t)c->out : sizeof filler;
    ssize_t sent = send(c->fd, filler, size, MSG_NOSIGNAL);
    if (sent < 0) break;
    c->out -= sent;
  }
  struct epoll_event e = {.events = EPOLLIN | (c->out > 0 ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

static void put_head(struct conn *c, enum kind kind, const char *type) {
  char text[256];
  /* nginx buffers a response unless the app says otherwise; the others do not know the field. */
  int size = snprintf(text, sizeof text,
                      "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nX-Accel-Buffering: no\r\nX-At: %lld\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n", type, now());
  put(c, text, size);
  c->kind = kind;
  c->step = 0;
}

static void put_stamp(struct conn *c) {
  char event[64], chunk[80];
  int size = snprintf(event, sizeof event, "data: @%lld\n\n", now());
  put(c, chunk, snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n", size, event));
}

static void finish(struct conn *c) {
  put(c, "0\r\n\r\n", 5);
  untime(c);
  c->kind = PLAIN;
}

/* The next piece of a timed response. */
static void tick(struct conn *c, long long t) {
  static char chunk[CHUNK + 7] = "400\r\n";
  if (c->kind == EVENTS) {
    put_stamp(c);
    c->due += 1000000000LL;
  } else if (c->kind == FIRST) {
    if (c->step++ == 0) put_stamp(c), c->due = t + 20000000;
    else finish(c);
  } else if (c->kind == DRIP) {
    memset(chunk + 5, 'x', CHUNK);
    memcpy(chunk + 5 + CHUNK, "\r\n", 2);
    put(c, chunk, sizeof chunk);
    c->due += 1000000;
    if (++c->step == DRIPS) finish(c);
  }
}

static int field(const char *head, const char *name, char *value, size_t room) {
  size_t length = strlen(name);
  for (const char *line = strstr(head, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
    if (strncasecmp(line + 2, name, length) != 0 || line[2 + length] != ':') continue;
    const char *from = line + 3 + length;
    while (*from == ' ') from++;
    size_t size = strcspn(from, "\r");
    if (size >= room) size = room - 1;
    memcpy(value, from, size);
    value[size] = 0;
    return 1;
  }
  return 0;
}

static void answer(struct conn *c, const char *head) {
  const char *path = strchr(head, ' ') + 1;
  if (*head == 'G' && strncmp(path, "/download", 9) == 0) {
    char text[128];
    put(c, text, snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", DOWNLOAD));
    c->out = DOWNLOAD;
    push_download(c);
  } else if (strncmp(path, "/drip", 5) == 0) {
    put_head(c, DRIP, "application/octet-stream");
    time_at(c, now() + 1000000);
  } else if (strncmp(path, "/first", 6) == 0) {
    put_head(c, FIRST, "text/event-stream");
    time_at(c, now() + 20000000);
  } else if (strncmp(path, "/events", 7) == 0) {
    put_head(c, EVENTS, "text/event-stream");
    /* Spread over the second by descriptor: real streams do not tick together. */
    time_at(c, now() + (c->fd % 1000) * 1000000LL);
  } else {
    put(c, small, sizeof small - 1);
  }
}

/* Echoes whole masked frames; returns how many bytes it took. */
static int echo(struct conn *c) {
  int at = 0;
  unsigned char *in = (unsigned char *)c->in;
  while (c->used - at >= 6) {
    int size = in[at + 1] & 0x7f;
    if (size > 125 || c->used - at < 6 + size) break;
    for (int i = 0; i < size; i++) in[at + 6 + i] ^= in[at + 2 + i % 4];
    in[at + 4] = in[at];
    in[at + 5] = size;
    if ((in[at] & 15) == 8) return shutdown(c->fd, SHUT_RDWR), c->used;
    put(c, (char *)in + at + 4, size + 2);
    at += 6 + size;
  }
  return at;
}

/* Takes whole requests out of what was read; returns 0 when the connection must go. */
static int take(struct conn *c) {
  int at = 0;
  while (at < c->used) {
    if (c->kind == TUNNEL) {
      memmove(c->in, c->in + at, c->used -= at);
      at = echo(c);
      break;
    }
    if (c->chunked) {
      /* Bodies of the bench are all `x`, so the last chunk cannot be mistaken; kept bytes cover a split of it. */
      char *last = memmem(c->in + at, c->used - at, "0\r\n\r\n", 5);
      if (!last) { if (c->used - at > 4) at = c->used - 4; break; }
      at = last + 5 - c->in;
      c->chunked = 0;
      put(c, small, sizeof small - 1);
      continue;
    }
    if (c->body > 0) {
      long step = c->body < c->used - at ? c->body : c->used - at;
      at += step;
      if ((c->body -= step) == 0) put(c, small, sizeof small - 1);
      continue;
    }
    char *end = memmem(c->in + at, c->used - at, "\r\n\r\n", 4), value[128];
    if (!end) break;
    char *head = c->in + at;
    end[3] = 0;
    at = end + 4 - c->in;
    if (field(head, "upgrade", value, sizeof value)) {
      /* The load generator always sends the sample key of RFC 6455 §1.3, so the answer is the sample's. */
      static const char accepted[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
      put(c, accepted, sizeof accepted - 1);
      c->kind = TUNNEL;
    } else if (field(head, "transfer-encoding", value, sizeof value)) c->chunked = 1;
    else if (field(head, "content-length", value, sizeof value) && atol(value) > 0) c->body = atol(value);
    else answer(c, head);
  }
  memmove(c->in, c->in + at, c->used -= at);
  return c->used < IN_MAX;
}

static void sink(struct conn *c) {
  static char waste[1 << 18];
  for (;;) {
    /* A long body is read into a large buffer and counted, as it would be by any app that stores it. */
    int large = c->body > IN_MAX && c->used == 0;
    size_t room = large ? (c->body < (long)sizeof waste ? (size_t)c->body : sizeof waste) : (size_t)(IN_MAX - c->used);
    ssize_t got = recv(c->fd, large ? waste : c->in + c->used, room, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return drop(c);
    if (got < 0) return;
    if (large) {
      if ((c->body -= got) == 0) put(c, small, sizeof small - 1);
    } else {
      c->used += got;
      if (!take(c)) return drop(c);
    }
    if ((size_t)got < room) return;
  }
}

static void welcome(int listener) {
  int fd, on = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    struct conn *c = calloc(1, sizeof *c);
    if (!c) { close(fd); continue; }
    c->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
  }
}

int main(void) {
  const char *port = getenv("PORT"), *cpu = getenv("BENCH_CPU");
  if (cpu && *cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(atoi(cpu), &set);
    sched_setaffinity(0, sizeof set, &set);
  }
  memset(filler, 'x', sizeof filler);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port ? atoi(port) : 0), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof a;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 4096)) return perror("upstream: cannot listen"), 1;
  getsockname(listener, (struct sockaddr *)&a, &size);
  printf("listening %d\n", ntohs(a.sin_port));
  fflush(stdout);
  ep = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, events[512];
  epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
  for (;;) {
    int count = epoll_wait(ep, events, 512, timed ? 1 : -1);
    for (int i = 0; i < count; i++) {
      struct conn *c = events[i].data.ptr;
      if (!c) { welcome(listener); continue; }
      if (events[i].events & EPOLLOUT) push_download(c);
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) sink(c);
    }
    long long t = timed ? now() : 0;
    for (struct conn *c = timed, *next; c; c = next) {
      next = c->next;
      if (c->due <= t) tick(c, t);
    }
  }
}
