// Edits of a repository's history (patterns, with edits) that have something to do at a place of an
// open text: each tried, for editors to offer. Blocks (parses, asks git for its head); any thread.
#pragma once

#include "core/agents/agents.h"
#include "core/code/pattern_apply.h"

enum { EDIT_PLACES_MAX = 10 };

struct edit_place {
    struct pattern_application what;
    const char *text; // of the edit; borrowed, as the rest is
    const char *id, *commit;
    uint32_t count, files; // it was made so often
};
// Once for each, in order of the text.
typedef int edit_place_fn(void *ctx, const struct edit_place *place, struct err *err);

// Bytes [start, end) of `text`. 1: told; 0: nobody has asked for the edits of this history yet (to
// mine them takes seconds); ERR_NOMEM, ERR_CANCELLED, others when there is nothing to be read. Left
// out: where two edits would make two different texts of the same bytes; an edit whose form from
// before stands in this text more than four times as often as it was made: there it is usual.
int edit_places(struct agent_call *call, enum lang lang, const char *text, size_t bytes,
                uint32_t start, uint32_t end, edit_place_fn *fn, void *ctx, struct err *err);
