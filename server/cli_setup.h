// The exact lines that register paired with a client.
#pragma once

#include "core/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct cli_client_kind {
    const char *name;    // "claude"
    const char *title;   // "Claude Code"
    const char *program; // looked for on PATH; NULL: none
    const char *where;   // file the text belongs into, or NULL: it is a command
    const char *text;    // @PAIRED@ is replaced by the program's path
};
extern const struct cli_client_kind cli_client_kinds[]; // ends with name == NULL

// Path of this executable.
int cli_own_path(char *out, size_t max);
// Text of a kind with the path filled in: appended.
int cli_setup_text(const struct cli_client_kind *kind, const char *path, struct buf *out);
bool cli_on_path(const char *program, char *out, size_t max);
