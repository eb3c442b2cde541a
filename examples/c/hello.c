// cc -O2 -o apps/hi examples/c/hello.c
//
// Hello in C: one process, one poll loop, keep-alive, nothing but POSIX.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  MAX_CONNECTIONS = 512,
  MAX_HEAD = 16384, // bytes of a request head
  IDLE = 75,        // seconds a quiet connection is kept
};

struct connection {
  int fd;
  int leaving; // answered for the last time: read and forget until the other side hangs up
  time_t seen;
  size_t length;
  char buffer[MAX_HEAD + 1];
};

static struct connection *connections[MAX_CONNECTIONS];
static size_t count;
static int wake[2]; // a signal handler may write to a pipe, and poll sees it: no race, no polling

static void on_sigterm(int signal_number) {
  (void)signal_number;
  int saved = errno;
  if (write(wake[1], "", 1) < 0) { /* nothing can be done here */ }
  errno = saved;
}

static void drop(size_t i) {
  close(connections[i]->fd);
  free(connections[i]);
  connections[i] = connections[--count];
}

// Copies the value of a field from a head that ends with an empty line; returns 0 when there is none.
static int field(const char *head, const char *name, char *out, size_t size) {
  size_t name_length = strlen(name);
  for (const char *line = strstr(head, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
    if (strncasecmp(line + 2, name, name_length) != 0 || line[2 + name_length] != ':') continue;
    const char *value = line + 2 + name_length + 1;
    value += strspn(value, " \t");
    snprintf(out, size, "%.*s", (int)strcspn(value, "\r"), value);
    return 1;
  }
  return 0;
}

// Answers one request. Returns 0 when the connection is of no more use.
static int answer(struct connection *c, const char *head) {
  char method[16], target[1024], subject[128] = "stranger", value[64], body[512], response[1024];
  int minor = 0, ok = sscanf(head, "%15[A-Z] %1023s HTTP/1.%1d", method, target, &minor) == 3;
  field(head, "X-Auth-Subject", subject, sizeof subject);
  // We read no bodies: what follows such a head is thrown away with the connection, never taken for a request.
  int has_body = (field(head, "Content-Length", value, sizeof value) && strcmp(value, "0") != 0) ||
                 field(head, "Transfer-Encoding", value, sizeof value);
  int wants_close = field(head, "Connection", value, sizeof value) && strcasecmp(value, "close") == 0;
  c->leaving = !ok || minor == 0 || has_body || wants_close;

  const char *run = getenv("QUAYMASTER_RUN");
  int length = ok ? snprintf(body, sizeof body, "Hello from C, %s! This is run %s, process %ld.\n", subject,
                             run ? run : "-", (long)getpid())
                  : snprintf(body, sizeof body, "This is not an HTTP/1 request.\n");
  int size = snprintf(response, sizeof response,
                      "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n%s\r\n%s",
                      ok ? "200 OK" : "400 Bad Request", length, c->leaving ? "Connection: close\r\n" : "",
                      ok && strcmp(method, "HEAD") == 0 ? "" : body);
  // A few hundred bytes always fit into a socket, unless somebody asks and asks and never reads.
  if (write(c->fd, response, (size_t)size) != size) return 0;
  // Closing on unread bytes could take the answer along, so we say goodbye and let the other side hang up.
  if (c->leaving) shutdown(c->fd, SHUT_WR);
  return 1;
}

// Reads what has arrived and answers every request that is complete. Returns 0 when the connection is over.
static int hear(struct connection *c) {
  ssize_t got = read(c->fd, c->buffer + c->length, MAX_HEAD - c->length);
  if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  if (got == 0) return 0;
  c->seen = time(NULL);
  c->length += (size_t)got;
  c->buffer[c->length] = '\0';
  char *end;
  while (!c->leaving && (end = strstr(c->buffer, "\r\n\r\n"))) {
    char after = end[4];
    end[4] = '\0';
    if (!answer(c, c->buffer)) return 0;
    end[4] = after;
    c->length -= (size_t)(end + 4 - c->buffer);
    memmove(c->buffer, end + 4, c->length + 1);
  }
  if (c->leaving) c->length = 0;
  return c->length < MAX_HEAD;
}

static void welcome(int listener) {
  int fd = accept(listener, NULL, NULL);
  if (fd < 0) return;
  struct connection *c = count < MAX_CONNECTIONS ? calloc(1, sizeof *c) : NULL;
  if (!c) {
    close(fd);
    return;
  }
  int yes = 1;
  fcntl(fd, F_SETFL, O_NONBLOCK);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  c->fd = fd;
  c->seen = time(NULL);
  connections[count++] = c;
}

int main(void) {
  const char *host = getenv("HOST"), *port = getenv("PORT");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port ? port : "3000"))};
  if (inet_pton(AF_INET, host ? host : "127.0.0.1", &address.sin_addr) != 1) {
    fprintf(stderr, "HOST must be an IPv4 address, not %s\n", host);
    return 1;
  }
  int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 128) != 0) {
    perror("cannot listen");
    return 1;
  }
  fcntl(listener, F_SETFL, O_NONBLOCK);
  if (pipe(wake) != 0) return 1;
  struct sigaction on_term = {.sa_handler = on_sigterm};
  sigaction(SIGTERM, &on_term, NULL);
  signal(SIGPIPE, SIG_IGN);
  printf("listening on port %d\n", ntohs(address.sin_port));
  fflush(stdout);

  for (;;) {
    struct pollfd polled[MAX_CONNECTIONS + 2] = {{.fd = wake[0], .events = POLLIN}, {.fd = listener, .events = POLLIN}};
    for (size_t i = 0; i < count; i++) polled[i + 2] = (struct pollfd){.fd = connections[i]->fd, .events = POLLIN};
    if (poll(polled, (nfds_t)count + 2, 5000) < 0 && errno != EINTR) return 1;
    // Backwards, because drop() fills the hole with the last one, which has had its turn.
    for (size_t i = count; i-- > 0;) {
      int over = polled[i + 2].revents ? !hear(connections[i]) : connections[i]->seen < time(NULL) - IDLE;
      if (over) drop(i);
    }
    // Answers are written whole, so between two rounds nothing is half said: this is a graceful exit.
    if (polled[0].revents) return 0;
    if (polled[1].revents) welcome(listener);
  }
}
