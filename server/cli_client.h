// A small MCP client: starts `paired mcp` as any client would and speaks to it over pipes.
// Blocking, every step bounded in time. One thread.
#pragma once

#include "core/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { CLI_CLIENT_LINE_BYTES_MAX = 64 * 1024 * 1024, CLI_CLIENT_DEADLINE_MS = 60 * 1000 };

struct cli_client_config {
    const char *name;      // what it says of itself
    const char *workspace; // absolute, or NULL
    bool legacy;           // initialize (2025-11-25) instead of server/discover (2026-07-28)
    bool standalone;
    bool silent;          // its stderr goes nowhere
    uint64_t deadline_ms; // of each step; 0 = CLI_CLIENT_DEADLINE_MS
};

struct cli_client;
// Spawns and greets. ERR_IO, ERR_TIMEOUT, ERR_CLOSED …
int cli_client_open(const struct cli_client_config *config, struct cli_client **ret,
                    struct err *err);
// Ends it as a client does: closes its input and waits, then a signal. Its exit code, or < 0 when
// it had to be killed. Accepts NULL.
int cli_client_close(struct cli_client *c);
pid_t cli_client_pid(const struct cli_client *c);
const json_t *cli_client_server(const struct cli_client *c); // result of the greeting; borrowed

// Takes params (may be NULL). *ret: the result, the caller's. A JSON-RPC error is ERR_INVAL with
// its message.
int cli_client_request(struct cli_client *c, const char *method, json_t *params, json_t **ret,
                       struct err *err);
// tools/call. Takes arguments (may be NULL).
int cli_client_tool(struct cli_client *c, const char *tool, json_t *arguments, json_t **ret,
                    struct err *err);
// The text of a tool's result: its text contents, joined; "" when there is none. mem_free().
char *cli_client_text(const json_t *result);
bool cli_client_failed(const json_t *result); // isError
