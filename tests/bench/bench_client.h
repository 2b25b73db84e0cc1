// A client for measuring MCP servers over stdio: it does as little as possible itself, and stops
// the whole run with a message when a server does not answer as expected.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct client {
    pid_t pid;
    int in, out; // the server's stdin and stdout
    char *buffer;
    size_t len, at, cap;
    long next_id;
};

uint64_t now_ns(void);
__attribute__((noreturn, format(printf, 1, 2))) void give_up(const char *format, ...);

void client_spawn(struct client *c, char *const *argv);
// One request and its answer (borrowed until the next call). `params` is JSON.
const char *client_call(struct client *c, const char *method, const char *params);
void client_notify(struct client *c, const char *method);
const char *client_initialize(struct client *c);
// `total` requests with up to `depth` under way; `make` writes the params of the i-th one.
typedef size_t client_make_fn(void *ctx, size_t i, char *out, size_t max);
void client_flood(struct client *c, const char *method, client_make_fn *make, void *ctx,
                  size_t total, size_t depth);
// Ends the server (by end of input when signum is 0); nanoseconds until it was gone. The wait
// status goes to *ret_status.
uint64_t client_end(struct client *c, int signum, int *ret_status);

// --- figures
struct samples {
    uint64_t *ns;
    size_t count;
};
void samples_new(struct samples *s, size_t max);
void samples_add(struct samples *s, uint64_t ns);
double samples_us(struct samples *s, double quantile); // sorts
void samples_free(struct samples *s);

long rss_kb(pid_t pid);
// What its threads have used of the processors: says more than the clock on a machine with other
// work.
uint64_t cpu_ns(pid_t pid);
// The engine that serves the profile, or 0.
pid_t find_engine(const char *profile);
void stop_engine(const char *profile);
