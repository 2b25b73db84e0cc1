// What was asked of the agents lately, by whom and about what: so that an editor shows what an
// assistant was asked about a file, and the other way round. Kept in memory of the engine only and
// never written to the disk: a question is nobody's note. Any thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <jansson.h>
#include <stdint.h>

enum {
    ASKED_MAX = 256, // the newest, of all workspaces
    ASKED_CLIENT_BYTES_MAX = 64,
    ASKED_TITLE_BYTES_MAX = 64,
    ASKED_ABOUT_BYTES_MAX = 240,
    ASKED_AGE_MS = 24 * 60 * 60 * 1000 // older ones are not given out
};
#define ASKED_URI "paired://asked" // among the resources that have changed

struct asked {
    int64_t at_ms; // wall clock
    char face[8];  // "mcp", "lsp", "acp", "cli"
    char session[33];
    char client[ASKED_CLIENT_BYTES_MAX];
    char title[ASKED_TITLE_BYTES_MAX]; // of the capability: "Impact of a symbol"
    char about[ASKED_ABOUT_BYTES_MAX]; // the path, symbol, or text asked about; cut; "" the whole
    char root[1024];                   // of the workspace
    uint32_t times;                    // in a row
};

// `root` longer than there is room for is not kept.
struct asked_by {
    const char *face, *session, *client, *root;
};
// `arguments` of the capability: what is asked about is among them.
void asked_note(const struct asked_by *by, const char *title, const json_t *arguments,
                int64_t now_ms);
// Newest first, those of a workspace that name `path` or `symbol` (either may be NULL; both NULL:
// all), but not those of `but_session` (may be NULL). How many were written.
size_t asked_find(const char *root, const char *path, const char *symbol, const char *but_session,
                  int64_t now_ms, struct asked *ret, size_t max);
// "claude-code asked for Impact of a symbol: total_of, 3 minutes ago"
void asked_put(struct buf *out, const struct asked *a, int64_t now_ms);
