// What a client spawns: relays its messages to the engine and the engine's to it, keeps what is not
// answered yet, and attaches again when the engine ends, so that the client does not notice. One
// thread; the process's stdout belongs to it.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct frontend_config {
    const char *role;      // "mcp", "lsp", "acp"
    const char *profile;   // NULL: the user's own directories
    const char *workspace; // --workspace, or NULL: found by attach_workspace()
    const char *options;   // JSON object for the session's face ({"fixtures":true}), or NULL
    bool standalone;       // engine in this process, unless another process's engine runs already
    bool detect;           // no role was named: look at the first bytes of stdin
    char **argv;           // of main: for running a newer installed build instead of this one
};

// Serves until the client ends. The exit code: 0 in order (end of input, signal, client gone; of an
// editor only if it asked for shutdown before), 1 failed, 2 stdin speaks a protocol that this build
// does not serve.
int frontend_run(const struct frontend_config *config);

// What the first bytes of a client say.
enum frontend_protocol {
    FRONTEND_UNDECIDED, // more bytes are needed
    FRONTEND_MCP,       // a line of JSON
    FRONTEND_LSP,       // Content-Length header
    FRONTEND_ACP,       // a line of JSON: initialize with an integer protocolVersion
    FRONTEND_UNKNOWN    // none of these
};
// Pure. `end`: no more bytes will come.
enum frontend_protocol frontend_detect(const char *bytes, size_t n, bool end);
