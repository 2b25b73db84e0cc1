// The marks of core/route/route_prefix.h in a request of the Anthropic family: `cache_control`. For
// requests that paired composes itself, and for those that it converts; what a client wrote for
// Anthropic passes unchanged. Pure; any thread.
//
// A part is a tool, a block of `system`, a message. The prefix without the marks is the same, byte
// for byte, in every request of a conversation that only grows: marks are no part of what a
// provider compares.
#pragma once

#include "core/models/wire.h"
#include "core/route/route_prefix.h"

enum { WIRE_CACHE_PARTS_MAX = 4096 }; // of one request; a longer one gets no marks

struct wire_cache {
    int64_t cache_min;     // shortest beginning that the model keeps, tokens
    bool goes_on;          // more requests of this conversation are likely
    size_t project_blocks; // so many of the last blocks of `system` are the project's
    size_t volatile_last;  // so many of the last messages are another next time
};
// Takes marks that are there away, and puts the planned ones in their place. Texts that stand alone
// (system, content of a message) become one block. ERR_NOMEM; 0 also when nothing was to be marked.
int wire_cache_place(json_t *request, const struct wire_cache *how, struct route_prefix *ret);
