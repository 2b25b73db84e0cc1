// The command line's side of a session with the engine: blocking calls of capabilities. One thread,
// one call at a time.
#pragma once

#include "core/base/err.h"
#include "server/attach.h"
#include "server/cli.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { CLI_CALL_DEADLINE_MS = 60 * 1000, CLI_CALL_LONG_MS = 30 * 60 * 1000 };

struct cli_engine;

// `start`: starts an engine when there is none; else ERR_NOT_FOUND. What attach_connect() returns.
int cli_engine_open(const struct cli_line *line, bool start, struct cli_engine **ret,
                    struct err *err);
void cli_engine_close(struct cli_engine *e); // accepts NULL
const struct attach_result *cli_engine_info(const struct cli_engine *e);
int cli_engine_fd(const struct cli_engine *e);

struct cli_call {
    const char *capability;
    json_t *arguments; // taken; NULL = {}
    bool confirmed;
    uint64_t deadline_ms; // 0 = CLI_CALL_DEADLINE_MS
};
// *ret: {"structured", "text", "ask"}, the caller's. The engine's own error, or ERR_TIMEOUT,
// ERR_CLOSED …. When the engine ends in between, attaches again and asks the next one: a write that
// the first has done answers the same and is not done twice.
int cli_engine_call(struct cli_engine *e, const struct cli_call *call, json_t **ret,
                    struct err *err);

// Opens, calls, closes. Prints the failure and returns its exit code, or -1 with *ret.
int cli_ask_engine(const struct cli_line *line, const struct cli_call *call, json_t **ret);
