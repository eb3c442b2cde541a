/* CPU time of the gateway from /proc, latency samples, and the line that tells both. */
#include "load.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static double *samples;
static size_t count, room;

/* utime and stime of whole processes (fields 14 and 15), in microseconds; a tick is 10 ms, so windows are seconds long. */
struct cpu cpu_of(const struct options *o) {
  struct cpu sum = {0};
  double tick = 1e6 / sysconf(_SC_CLK_TCK);
  for (int i = 0; i < o->npids; i++) {
    char name[64], text[1024];
    unsigned long user, system;
    snprintf(name, sizeof name, "/proc/%d/stat", o->pids[i]);
    FILE *file = fopen(name, "r");
    if (!file) continue;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = 0;
    char *rest = strrchr(text, ')');
    if (rest && sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2) {
      sum.user += user * tick;
      sum.system += system * tick;
    }
  }
  return sum;
}

void add_sample(double microseconds) {
  if (count == room) {
    room = room ? room * 2 : 1 << 16;
    samples = realloc(samples, room * sizeof *samples);
    if (!samples) fail("no memory for samples");
  }
  samples[count++] = microseconds;
}

void clear_samples(void) {
  count = 0;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double percentile(double p) {
  return count ? samples[(size_t)(p * (double)(count - 1) + 0.5)] : 0;
}

void report(const char *kind, long done, long errors, long long bytes, double seconds, struct cpu from, struct cpu to) {
  qsort(samples, count, sizeof *samples, ascending);
  printf("{\"kind\":\"%s\",\"done\":%ld,\"errors\":%ld,\"bytes\":%lld,\"seconds\":%.6f,\"user\":%.0f,\"system\":%.0f,"
         "\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}\n",
         kind, done, errors, bytes, seconds, to.user - from.user, to.system - from.system, percentile(0.5), percentile(0.99),
         percentile(1));
  fflush(stdout);
  clear_samples();
}
