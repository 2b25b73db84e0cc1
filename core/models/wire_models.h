// What a backend says it has: the answer to GET /v1/models and its like, as Anthropic, OpenAI and
// all that follow it ({"data":[{"id"}]}), Gemini and Ollama ({"models":[{"name"}]}) and some hosts
// (the array alone) write it. Foreign bytes: bounded, never trusted. Pure; any thread. Sources: the
// providers' published references, Ollama's docs/api.md.
#pragma once

#include "core/models/wire.h"

enum {
    WIRE_MODELS_BYTES_MAX = 8 << 20, // of such an answer
    WIRE_MODELS_MAX = 2000           // further ones are counted, not told
};

struct wire_models {
    size_t count;   // all of them
    char owner[32]; // "owned_by" of the first one: names the program on local servers; "" none
};
// `name` terminated, borrowed during the call; a negative return ends the reading with that code.
typedef int wire_model_fn(void *ctx, const char *name);
// ERR_PARSE: not a list of models; ERR_LIMIT, ERR_NOMEM, or what `fn` returned. Names that are
// empty, longer than WIRE_NAME_BYTES_MAX or hold a control character are left out.
// mem_init_json() has to have been called.
int wire_read_models(const char *body, size_t n, wire_model_fn *fn, void *ctx,
                     struct wire_models *ret, struct err *err);
// Path and query below the base URL where this family lists its models: appended.
int wire_models_path(enum wire_family family, struct buf *out);
