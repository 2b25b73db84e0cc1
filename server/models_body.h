// Bodies of requests to models, as bytes: what the router has to know is found without a tree, the
// model's name is exchanged in place, secrets are found in the texts as they are meant (escapes
// undone) and masked in place. Nothing else of a body is changed, so that what a backend has cached
// of it stays valid. Pure; any thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/models/wire.h"
#include "protocol/jsonrpc.h" // struct span

#include <stdbool.h>
#include <stdint.h>

enum {
    MODEL_NAME_BYTES_MAX = 128,
    MODEL_TAIL_MAX = 64 // messages at the end of a conversation that are kept by their place
};

// A message of the conversation, and the hash of all bytes from the beginning up to its end.
struct model_message {
    struct span at;
    uint64_t hash;
};

struct model_body {
    struct span model; // the string with its quotes; absent: data NULL
    char name[MODEL_NAME_BYTES_MAX + 1];
    bool stream;
    int64_t max_tokens;           // of the answer; 0 not said
    struct span system, tools_at; // absent: data NULL
    struct span first;            // message of the conversation
    size_t messages;              // of the conversation
    // The last ones: number i (from 0) is tail[i % MODEL_TAIL_MAX].
    struct model_message tail[MODEL_TAIL_MAX];
    uint64_t front; // hash of tools and system, where the conversation's bytes begin
    size_t tools;
    bool thinking;
    bool greedy;    // temperature 0 was asked for
    bool own_usage; // Chat Completions: usage is wanted in a chunk of its own
    uint64_t
        conversation; // the same for all requests of one conversation: model, system, beginning
};
// ERR_PARSE: not JSON; ERR_INVAL: not a request of this family, with what is wrong; ERR_LIMIT.
int model_body_read(enum wire_family family, const char *bytes, size_t n, struct model_body *ret,
                    struct err *err);
// Appends the body with another model's name in it.
int model_body_rename(const struct model_body *b, const char *bytes, size_t n, const char *model,
                      struct buf *out);

struct model_secrets {
    size_t count;
    char rule[48]; // of the first one
};
// Looks for secrets in the strings of a JSON text. `mask`: overwrites each with x, in its place.
// ERR_NOMEM.
int model_body_gate(char *bytes, size_t n, bool mask, struct model_secrets *ret);
