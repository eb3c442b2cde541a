/* Sockets, the bytes of a request, and a response reader that knows lengths and chunks. */
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char filler[1 << 18], waste[1 << 18];

long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

int open_conn(const struct options *o, struct conn *c) {
  int on = 1, index = c->index;
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(o->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  memset(c, 0, offsetof(struct conn, head));
  c->index = index;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0) return -1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (o->close) {
    /* Half a million connections in TIME_WAIT would leave no port: this side resets instead, after the whole response. */
    struct linger reset = {.l_onoff = 1};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  c->phase = CONNECTING;
  return connect(c->fd, (struct sockaddr *)&a, sizeof a) && errno != EINPROGRESS ? -1 : 0;
}

int build_request(const struct options *o, char *out, size_t room, int upgrade) {
  int size = snprintf(out, room, "%s %s HTTP/1.1\r\nHost: bench.test\r\nX-API-Token: %s\r\nUser-Agent: bench\r\nAccept: */*\r\n",
                      o->method, o->path, o->token);
  if (upgrade) size += snprintf(out + size, room - size, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  if (o->close) size += snprintf(out + size, room - size, "Connection: close\r\n");
  if (o->body > 0) size += snprintf(out + size, room - size, "Content-Length: %ld\r\n", o->body);
  return size + snprintf(out + size, room - size, "\r\n");
}

void watch(int ep, struct conn *c, int out) {
  struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c};
  if (epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e) && errno == ENOENT) epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
  c->waits_out = out;
}

int send_request(struct conn *c, const char *head, size_t size, long body) {
  long total = (long)size + body;
  if (!*filler) memset(filler, 'x', sizeof filler);
  while (c->sent < total) {
    const char *from = c->sent < (long)size ? head + c->sent : filler;
    long room = c->sent < (long)size ? (long)size - c->sent : total - c->sent;
    if (room > (long)sizeof filler) room = sizeof filler;
    char together[4096];
    /* A short body goes out with its head, as clients do. */
    if (c->sent == 0 && body > 0 && total <= (long)sizeof together) {
      memcpy(together, head, size);
      memcpy(together + size, filler, body);
      from = together;
      room = total;
    }
    ssize_t sent = send(c->fd, from, room, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN ? 0 : -1;
    c->sent += sent;
  }
  return 1;
}

static void start_body(struct conn *c) {
  c->status = atoi(c->head + 9);
  char *length = strcasestr(c->head, "\r\ncontent-length:");
  if (c->status == 101) c->tunnel = 1, c->phase = IDLE;
  else if (strcasestr(c->head, "\r\ntransfer-encoding: chunked")) c->phase = CHUNK_SIZE;
  else if (length && (c->left = atol(length + 17)) > 0) c->phase = BODY;
  else c->phase = IDLE;
}

/* Takes a line of chunk framing off the bytes; returns how many it used, and sets `whole`. */
static size_t take_line(struct conn *c, const char *data, size_t size, int *whole) {
  const char *end = memchr(data, '\n', size);
  size_t take = end ? (size_t)(end - data) + 1 : size;
  size_t keep = c->used + take < HEAD_MAX ? take : HEAD_MAX - 1 - c->used;
  memcpy(c->head + c->used, data, keep);
  c->used += keep;
  c->head[c->used] = 0;
  *whole = end != NULL;
  return take;
}

static size_t take_head(struct conn *c, const char *data, size_t size) {
  size_t before = c->used, room = HEAD_MAX - 1 - before, copy = size < room ? size : room;
  memcpy(c->head + before, data, copy);
  c->used += copy;
  char *end = memmem(c->head, c->used, "\r\n\r\n", 4);
  if (!end) return copy == 0 ? 0 : copy;
  end[2] = 0;
  size_t taken = (size_t)(end + 4 - c->head) - before;
  start_body(c);
  c->used = 0;
  return taken;
}

static size_t step(struct conn *c, const char *data, size_t size, long long *bytes) {
  int whole;
  size_t take;
  switch (c->phase) {
    case HEAD:
      return take_head(c, data, size);
    case BODY:
    case CHUNK_DATA:
      take = (long)size < c->left ? size : (size_t)c->left;
      *bytes += take;
      c->left -= take;
      if (c->left == 0) c->phase = c->phase == BODY ? IDLE : CHUNK_END;
      return take;
    case CHUNK_SIZE:
      take = take_line(c, data, size, &whole);
      if (!whole) return take;
      c->left = strtol(c->head, NULL, 16);
      c->phase = c->left > 0 ? CHUNK_DATA : TRAILER;
      c->used = 0;
      return take;
    case CHUNK_END:
    case TRAILER:
      take = take_line(c, data, size, &whole);
      if (!whole) return take;
      if (c->phase == CHUNK_END) c->phase = CHUNK_SIZE;
      else if (c->used <= 2) c->phase = IDLE;
      c->used = 0;
      return take;
    default:
      return 0;
  }
}

int read_response(struct conn *c, long long *bytes, void (*seen)(struct conn *, const char *, size_t)) {
  for (;;) {
    ssize_t got = recv(c->fd, waste, sizeof waste, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return -1;
    if (got < 0) return 0;
    if (seen) seen(c, waste, got);
    size_t at = 0;
    while (at < (size_t)got && c->phase >= HEAD) {
      size_t took = step(c, waste + at, got - at, bytes);
      if (took == 0) return -1;
      at += took;
    }
    if (c->phase == IDLE) return at == (size_t)got ? 1 : -1;
    if ((size_t)got < sizeof waste) return 0;
  }
}
