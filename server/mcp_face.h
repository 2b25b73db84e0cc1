// Inside of the MCP face: what its files share. A face is one client's MCP conversation; both eras
// are served on it, decided request by request. Main loop only.
#pragma once

#include "core/base/buf.h"
#include "protocol/hop.h"
#include "protocol/mcp.h"
#include "protocol/rpc.h"
#include "server/session.h"

enum {
    MCP_MESSAGE_BYTES_MAX = HOP_CLIENT_BYTES_MAX, // of one message from the client
    MCP_LISTENS_MAX = 64,                         // open subscriptions/listen of one session
    MCP_RESULT_BYTES_MAX = 40000,    // of a tool's text; more is cut, and says how to get the rest
    MCP_STRUCTURED_BYTES_MAX = 80000 // of structuredContent; more is an error result
};

struct mcp_face;
struct mcp_call;
struct mcp_task;
struct mcp_tasks;

// What one request says about itself. `token` borrows from the request's params.
struct mcp_view {
    enum mcp_era era;
    const struct mcp_version *version;
    unsigned can; // MCP_CAN_…
    json_t *token;
    int log_level; // < 0: the client wants no log messages
};

// --- shared by every face of one engine (mcp_catalog.c)
// ---------------------------------------------- The texts that are the same for every client,
// built once, and the tasks, which outlive connections.
struct mcp_shared {
    char engine_id[33]; // of whom it is
    const struct dispatch *dispatch;
    unsigned refs;
    struct mcp_face *faces;
    struct mcp_tasks *tasks;
    struct buf lists[2][4][2];      // fixtures, enum mcp_list, era
    struct buf reading_tools[2][2]; // fixtures, era: tools that change nothing
    struct buf discover[2];         // fixtures
    bool extra_tool, extra_prompt;  // fixtures: a list that changes
};
enum mcp_list { MCP_LIST_TOOLS, MCP_LIST_PROMPTS, MCP_LIST_TEMPLATES, MCP_LIST_SKILLS };

// NULL when out of memory. Given back with mcp_shared_put; kept afterwards for the next client.
struct mcp_shared *mcp_shared_get(const char *engine_id, const struct dispatch *dispatch);
void mcp_shared_put(struct mcp_shared *s);
void mcp_shared_drop(void); // forgets the kept one; nobody may hold it, its engine has ended
// The complete result text; NULL when out of memory. Borrowed until mcp_catalog_forget.
const struct buf *mcp_catalog_list(struct mcp_shared *s, bool fixtures, enum mcp_list list,
                                   enum mcp_era era);
// The tools of a session that may only read.
const struct buf *mcp_catalog_reading_tools(struct mcp_shared *s, bool fixtures, enum mcp_era era);
const struct buf *mcp_catalog_discover(struct mcp_shared *s, bool fixtures);
void mcp_catalog_forget(struct mcp_shared *s, enum mcp_list list);
// Result of initialize. New; NULL when out of memory.
json_t *mcp_catalog_initialize(const struct mcp_version *version, bool fixtures);
json_t *mcp_server_info(void); // the short form that stands in every modern result
extern const char mcp_instructions[];
// {"io.modelcontextprotocol/serverInfo":{…}}, as text
int mcp_put_server_meta(struct buf *out);
int mcp_put_json(struct buf *out, const json_t *value); // compact; NULL marks `out` as failed
// Of JSON that we wrote or have checked. jansson's own reader does not survive a failing
// allocation.
json_t *mcp_tree(const char *text, size_t n);
bool mcp_is_tool(const struct capability *c); // accepts NULL

struct mcp_prompt_argument {
    const char *name, *description;
    bool required;
};
struct mcp_prompt {
    const char *name, *title, *description;
    struct mcp_prompt_argument arguments[3];
};
// Those of the memory, then one for each agent; ends with name == NULL. Complete from the first
// mcp_shared_get on.
extern struct mcp_prompt mcp_prompts[];

struct mcp_template {
    const char *uri, *name, *title, *description, *mime;
};
extern const struct mcp_template mcp_templates[];
extern const struct mcp_template mcp_resources[]; // the fixed ones; `uri` is complete

// --- the face
struct mcp_listen_stream { // one subscriptions/listen
    struct mcp_listen_stream *next;
    struct rpc_request *req;
    json_t *id;     // the request's id as a value
    unsigned lists; // MCP_LISTEN_…
    json_t *uris;   // array of strings, or NULL
    json_t *task_ids;
};

struct mcp_face {
    struct session *session;
    struct rpc *rpc;
    struct mcp_shared *shared;
    struct mcp_face *next; // in shared->faces
    bool fixtures;
    bool read_only;                   // setting mcp.tools, at the session's beginning
    const struct mcp_version *legacy; // NULL before initialize
    unsigned legacy_can;
    int legacy_level;
    json_t *legacy_uris; // object used as a set
    struct mcp_call *calls;
    struct mcp_listen_stream *listens;
    size_t listen_count;
    bool finishing;
    // of the request that is being handed out
    struct mcp_view now;
    bool silent;
    uint64_t seq;
    unsigned place; // within the message: batches carry several requests
};

// mcp.tools of the user, tightened by the session's workspace (mcp_settings.c).
bool mcp_read_only(struct session *s);

// Number that tells repeated writes apart: unique per request, the same when the message is
// replayed.
uint64_t mcp_origin(const struct mcp_face *f);

// Adds what every modern result carries; `result` is stolen.
void mcp_reply(struct rpc_request *req, enum mcp_era era, json_t *result);
void mcp_reply_buf(struct rpc_request *req, const struct buf *text); // NULL or failed: -32603
void mcp_fail_err(struct rpc_request *req, int code, const struct err *err);
void mcp_fail_missing(struct rpc_request *req, const char *capability, const char *why);
json_t *mcp_missing_data(const char *capability); // {"requiredCapabilities": …}
void mcp_fail_resource(struct rpc_request *req, enum mcp_era era, const char *uri, size_t n);
// Log message to the client, if the request (modern) or session (legacy) asked for this level.
void mcp_log(struct mcp_face *f, const struct mcp_view *view, int level, const char *text);
// Cursor of a request: absent (0), valid for `kind` (1, *ret filled) or -32602 answered (< 0).
int mcp_cursor_read(const json_t *cursor, char kind, char *ret, size_t max, struct err *err);
json_t *mcp_cursor_new(char kind, const char *position);

// --- method handlers
void mcp_tools_list(void *face, struct rpc_request *req, json_t *params);
void mcp_tools_call(void *face, struct rpc_request *req, json_t *params);
void mcp_resources_list(void *face, struct rpc_request *req, json_t *params);
void mcp_resources_read(void *face, struct rpc_request *req, json_t *params);
void mcp_resources_templates(void *face, struct rpc_request *req, json_t *params);
void mcp_resources_directory(void *face, struct rpc_request *req, json_t *params);
void mcp_prompts_list(void *face, struct rpc_request *req, json_t *params);
void mcp_prompts_get(void *face, struct rpc_request *req, json_t *params);
void mcp_complete(void *face, struct rpc_request *req, json_t *params);
void mcp_skills_list(void *face, struct rpc_request *req, json_t *params);
void mcp_skills_get(void *face, struct rpc_request *req, json_t *params);
void mcp_subscribe(void *face, struct rpc_request *req, json_t *params);
void mcp_unsubscribe(void *face, struct rpc_request *req, json_t *params);
void mcp_listen(void *face, struct rpc_request *req, json_t *params);
void mcp_tasks_get(void *face, struct rpc_request *req, json_t *params);
void mcp_tasks_update(void *face, struct rpc_request *req, json_t *params);
void mcp_tasks_cancel(void *face, struct rpc_request *req, json_t *params);

// --- subscriptions (mcp_subscribe.c)
void mcp_changed(struct mcp_face *f, const json_t *uris, bool list_changed);
void mcp_list_changed(struct mcp_shared *s, unsigned listen_bit, const char *method);
// True: `req` was a subscription and is gone.
bool mcp_listen_cancel(struct mcp_face *f, struct rpc_request *req);
void mcp_listen_finish(struct mcp_face *f); // answers every stream: closed in order
void mcp_listen_free(struct mcp_face *f);
// To every stream of the engine that listens for this task.
void mcp_task_changed(struct mcp_shared *s, const char *id, const json_t *state);

// --- skills (mcp_skills.c)
int mcp_skills_put_list(struct buf *out); // "skills":[…] without braces
json_t *mcp_skills_resources(void);       // array of resource descriptions
// Content of a skill:// file; NULL unknown. *ret_mime static.
const char *mcp_skills_read(const char *uri, size_t n, const char **ret_mime);

// --- requestState (mcp_state.c)
// ---------------------------------------------------------------------- What a modern client
// carries between two rounds of a request, signed, bound to the session, the request and ten
// minutes. The key is derived from the session's id, which survives an engine restart. New string;
// NULL when out of memory.
json_t *mcp_state_sign(struct mcp_face *f, const char *method, const char *name,
                       const json_t *arguments, const json_t *payload);
// *ret_payload new. ERR_PERM: forged, expired, or of another request.
int mcp_state_verify(struct mcp_face *f, const char *method, const char *name,
                     const json_t *arguments, const json_t *state, json_t **ret_payload,
                     struct err *err);
