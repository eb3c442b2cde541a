/* load MODE --name value …: reads the command line and hands over to the mode. */
#include "load.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

int main(int argc, char **argv) {
  struct options o = {.mode = argc > 1 ? argv[1] : "", .method = "GET", .path = "/", .token = "", .conns = 1, .seconds = 1};
  for (int i = 2; i + 1 < argc; i += 2) {
    const char *name = argv[i], *value = argv[i + 1];
    if (!strcmp(name, "--method")) o.method = value;
    else if (!strcmp(name, "--path")) o.path = value;
    else if (!strcmp(name, "--token")) o.token = value;
    else if (!strcmp(name, "--port")) o.port = atoi(value);
    else if (!strcmp(name, "--conns")) o.conns = atoi(value);
    else if (!strcmp(name, "--close")) o.close = atoi(value);
    else if (!strcmp(name, "--body")) o.body = atol(value);
    else if (!strcmp(name, "--count")) o.count = atol(value);
    else if (!strcmp(name, "--rate")) o.rate = atol(value);
    else if (!strcmp(name, "--warm")) o.warm = atof(value);
    else if (!strcmp(name, "--seconds")) o.seconds = atof(value);
    else if (!strcmp(name, "--pid") && o.npids < MAX_PIDS) o.pids[o.npids++] = atoi(value);
    else return fprintf(stderr, "load: unknown option %s\n", name), 2;
  }
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  if (!strcmp(o.mode, "requests")) return run_requests(&o);
  if (!strcmp(o.mode, "idle")) return run_hold(&o, 0);
  if (!strcmp(o.mode, "tunnels")) return run_hold(&o, 1);
  if (!strcmp(o.mode, "first")) return run_first(&o);
  if (!strcmp(o.mode, "events")) return run_events(&o);
  if (!strcmp(o.mode, "echo")) return run_echo(&o);
  return fprintf(stderr, "load: unknown mode %s\n", o.mode), 2;
}
