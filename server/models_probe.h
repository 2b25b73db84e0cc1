// Questions to backends outside of the router, side by side: for `backends test` and `backends
// find`. Runs on the calling worker with a loop of its own, for some seconds at most; the engine's
// loop has no part in it. Sends what it is given and nothing else, follows no redirect.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/models/http_client.h"
#include "core/route/route_limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROBES_MAX = 64,
    PROBE_CONNECT_MS = 5000,
    PROBE_ANSWER_MS = 15 * 1000,    // until the first byte, and between two
    PROBE_ALL_MS = 25 * 1000,       // of all that run side by side
    PROBE_BODY_BYTES_MAX = 8 << 20, // of one answer: that is all a list of models takes
    PROBE_HEADERS_MAX = 4
};

struct probe {
    // what is asked; borrowed
    const char *url, *body; // NULL: GET
    struct http_header headers[PROBE_HEADERS_MAX];
    size_t header_count;
    bool local; // connects directly, for a second at most
    // what came
    bool skipped; // set by the caller: leave it out
    enum http_failure failure;
    int status;                 // 0: nothing
    char said[200];             // by libcurl, about a failure
    struct buf answer;          // freed by the caller
    bool dated;                 // there was a Date: limits.skew_ms counts
    struct route_limits limits; // finished
    int64_t first_ms;           // until the head came, connection included
    int64_t bytes_in;
};

// Asks all that are not skipped and waits. ERR_CANCELLED when `cancelled` says so (polled);
// ERR_NOT_FOUND when libcurl is missing, ERR_NOMEM. What goes wrong with one of them is in it.
int probe_all(struct probe *items, size_t n, bool (*cancelled)(void *ctx), void *ctx,
              struct err *err);
// Whether an interface other than the loopback is up and has an address.
bool probe_network(void);
