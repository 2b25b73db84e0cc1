// Values of the Model Context Protocol: revisions, error codes, capability bits and the field
// tables of the requests a server reads. Data and pure functions; no I/O, no loop. Any thread.
// Sources: MCP revisions 2024-11-05 to 2025-11-25 ("legacy": initialize once, then a session) and
// 2026-07-28 ("modern": version and capabilities in the _meta of every request).
#pragma once

#include "core/base/err.h"
#include "core/base/fields.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum mcp_era { MCP_LEGACY, MCP_MODERN };

struct mcp_version {
    const char *name;
    enum mcp_era era;
    bool batches; // JSON-RPC arrays are accepted
};
extern const struct mcp_version mcp_versions[]; // newest first; ends with name == NULL
const struct mcp_version *mcp_version_find(const char *name); // NULL: unknown
const struct mcp_version *mcp_version_latest(enum mcp_era era);

#define MCP_KEY_VERSION             "io.modelcontextprotocol/protocolVersion"
#define MCP_KEY_CLIENT_INFO         "io.modelcontextprotocol/clientInfo"
#define MCP_KEY_CLIENT_CAPABILITIES "io.modelcontextprotocol/clientCapabilities"
#define MCP_KEY_LOG_LEVEL           "io.modelcontextprotocol/logLevel"
#define MCP_KEY_SUBSCRIPTION        "io.modelcontextprotocol/subscriptionId"
#define MCP_KEY_SERVER_INFO         "io.modelcontextprotocol/serverInfo"
#define MCP_EXT_TASKS               "io.modelcontextprotocol/tasks"
#define MCP_EXT_SKILLS              "io.modelcontextprotocol/skills"

// 2026-07-28, "Error Codes". -32002 is legacy only; the modern code for it is
// JSONRPC_INVALID_PARAMS.
enum {
    MCP_ERROR_RESOURCE_NOT_FOUND = -32002,
    MCP_ERROR_MISSING_CAPABILITY = -32021,
    MCP_ERROR_VERSION = -32022
};

// What a client declared, as bits.
enum {
    MCP_CAN_ELICIT = 1, // form mode
    MCP_CAN_ELICIT_URL = 2,
    MCP_CAN_SAMPLE = 4,
    MCP_CAN_ROOTS = 8,
    MCP_CAN_TASKS = 16
};
unsigned mcp_capabilities_read(const json_t *capabilities); // NULL and other types: 0

// Syslog severities of RFC 5424 in the order of severity, "debug" = 0 … "emergency" = 7.
enum { MCP_LOG_DEBUG, MCP_LOG_INFO, MCP_LOG_NOTICE, MCP_LOG_WARNING, MCP_LOG_ERROR };
int mcp_log_level_read(const json_t *name); // < 0: not a level
const char *mcp_log_level_name(int level);

// The _meta of one request. Strings and values borrow from `params`.
struct mcp_meta {
    bool modern;         // the request carries per-request protocol fields
    const char *version; // NULL: absent
    const json_t *capabilities, *client_info;
    json_t *progress_token; // string or integer; NULL: none asked for
    int log_level;          // < 0: none asked for
};
// ERR_INVAL: _meta, or a field of it, has the wrong type or misses a required neighbour. The
// version is not judged here.
int mcp_meta_read(const json_t *params, struct mcp_meta *ret, struct err *err);

// --- parameters by table
struct mcp_initialize {
    struct text version;
    json_t *capabilities;
    json_t *client_info;
};
struct mcp_named { // tools/call, prompts/get
    struct text name;
    json_t *arguments;
};
struct mcp_uri { // resources/read, subscribe, unsubscribe, directory/read, skills/get
    struct text uri;
    json_t *cursor;
};
struct mcp_complete {
    struct text ref_type, ref_name, ref_uri;
    struct text argument, value;
    json_t *context;
};
struct mcp_task_ref {
    struct text id;
    json_t *input_responses;
};
extern const struct field mcp_initialize_fields[];
extern const struct field mcp_named_fields[];
extern const struct field mcp_uri_fields[];
extern const struct field mcp_task_fields[];
// completion/complete nests; this walks it. ERR_INVAL names the member.
int mcp_complete_read(const json_t *params, struct mcp_complete *ret, struct err *err);

// notifications of subscriptions/listen
enum { MCP_LISTEN_TOOLS = 1, MCP_LISTEN_PROMPTS = 2, MCP_LISTEN_RESOURCES = 4 };
enum { MCP_SUBSCRIPTIONS_MAX = 256 }; // resource URIs of one session
struct mcp_listen {
    unsigned lists;
    const json_t *uris;  // array of strings or NULL; borrowed
    const json_t *tasks; // array of task ids or NULL; borrowed
};
int mcp_listen_read(const json_t *params, struct mcp_listen *ret, struct err *err);
