// The local gateway: programs of the user that speak the Anthropic or an OpenAI API are answered by
// way of the router (server/models.h). Listens on 127.0.0.1 only, from the first pass on; who asks
// shows a pass, which is bound to one workspace, so that the grants of that workspace decide.
#pragma once

#include "core/loop/loop.h"
#include "core/loop/pool.h"
#include "server/dispatch.h"
#include "server/models.h"

enum {
    GATEWAY_PASSES_MAX = 256,
    GATEWAY_TOKEN_BYTES = 48 // "paired-" and 40 letters, terminated
};

struct gateway;
// Main loop.
int gateway_new(struct loop *l, struct pool *pool, struct services *services, uint16_t port,
                struct gateway **ret, struct err *err);
void gateway_stop(struct gateway *g); // before the pool; accepts NULL
void gateway_done(struct gateway *g); // after the pool; accepts NULL
// So many requests are being answered; for the engine's idle time.
size_t gateway_busy(const struct gateway *g);
// The router that it asks, for others who do: made when first needed. NULL + err.
struct models *gateway_models_of(struct gateway *g, struct err *err);
// For workers that wait for a model (server/models_wait.h). Any thread; NULL for NULL.
struct model_waits *gateway_waits(struct gateway *g);
// Takes the passes that were kept for programs outside of `gateway run`, then listens; what goes
// wrong is logged. Once.
void gateway_serve(struct gateway *g);
bool gateway_served(const struct gateway *g); // accepts NULL

// --- on a worker: waits for the loop, a second at most
struct gateway_pass {
    char token[GATEWAY_TOKEN_BYTES];
    uint16_t port;
};
// A pass for the workspace (NULL: none). Takes `keys`. `kept`: it is good after the engine's end,
// too. ERR_EXISTS (port), ERR_LIMIT, ERR_TIMEOUT.
int gateway_open(struct gateway *g, const char *workspace, struct model_keys *keys, bool kept,
                 struct gateway_pass *ret, struct err *err);
int gateway_close(struct gateway *g, const char *token, struct err *err); // ERR_NOT_FOUND
