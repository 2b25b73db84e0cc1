// A short question to a model from a worker, which waits for the answer: bounded in time, in
// number, and taken back when nobody wants it any more. For what has to be quick (grey text);
// everything else waits on the loop (server/dispatch.h, CALL_WAIT).
#pragma once

#include "server/models.h"

enum {
    MODEL_WAITERS_MAX = 1, // workers that wait at once: the others are for other work
    MODEL_WAIT_TEXT_BYTES_MAX = 16 * 1024
};

struct gateway;
struct model_waits;
// Main loop.
int model_waits_new(struct loop *l, struct gateway *g, struct model_waits **ret, struct err *err);
void model_waits_stop(struct model_waits *w); // before the router; accepts NULL
void model_waits_free(struct model_waits *w); // after the pool; accepts NULL

// On a worker. `ask` as models_ask has it (family WIRE_ANTHROPIC, a stream), its body is taken in
// any case. The text of the answer in *ret. ERR_BUSY: another waits already; ERR_TIMEOUT;
// ERR_CANCELLED; ERR_IO: the backend failed, with the reason. *ret_filled: it is what belongs at
// the mark, to the letter; else a model's words.
int model_wait(struct model_waits *w, struct model_ask *ask, unsigned ms,
               bool (*cancelled)(void *ctx), void *ctx, struct buf *ret, bool *ret_filled,
               struct err *err);
