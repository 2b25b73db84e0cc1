// The one JSON-RPC 2.0 engine behind LSP, MCP, ACP, A2A and peer links: table of methods, requests
// in progress, calls of our own with deadlines, cancellation. Text in, text out through `send`;
// does no I/O. One owner thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/env.h"
#include "core/base/err.h"
#include "protocol/jsonrpc.h"

#include <jansson.h>

enum { RPC_REQUESTS_MAX = 1024, RPC_CALLS_MAX = 256 };

struct rpc;
struct rpc_request; // one incoming request, from its arrival until it is answered

// `params` is borrowed during the call; rpc_request_params keeps it until the answer. NULL when
// absent.
typedef void rpc_request_fn(void *ctx, struct rpc_request *req, json_t *params);
typedef void rpc_notification_fn(void *ctx, json_t *params);

struct rpc_method {
    const char *name;
    rpc_request_fn *request; // one of the two is set
    rpc_notification_fn *notification;
};

struct rpc_config {
    const struct rpc_method *methods; // ends with {0}; looked up by hash
    // Asked first, for every request; true = it has answered or taken over (era checks, unknown
    // methods). May be NULL.
    bool (*before)(void *ctx, struct rpc_request *req, const char *method, json_t *params);
    // One complete message for the other side; `seq` is that of the request it answers, else 0.
    // Borrowed bytes.
    void (*send)(void *ctx, const char *json, size_t n, uint64_t seq);
    void *ctx;
    struct env *env;
    bool
        batches; // accept JSON-RPC batches (MCP 2025-03-26 only); may change later: rpc_set_batches
    const char *id_prefix; // ids of our own calls are "<prefix><n>"; copied
    size_t members_max;    // members and elements of one message; 0: JSONRPC_MEMBERS_MAX
    bool mend;             // half a surrogate pair in a text becomes U+FFFD instead of an error
    bool secret; // answers may hold secrets: their text is overwritten once it has been sent
};

int rpc_new(const struct rpc_config *config, struct rpc **ret, struct err *err);
// Fails our own pending calls with ERR_CLOSED (callbacks run) and lets go of the open requests:
// each stays valid for its holder until it is answered, which then only frees it. Their `cancelled`
// is not called (rpc_cancel_all does that). May be called from within any callback of this engine.
void rpc_free(struct rpc *r);

// One message. Answers bad ones itself: -32700, -32600 with the id where it is known, -32601
// unknown method, id in use already (-32600), too many requests (-32600 "server busy"). `silent`:
// process, but never answer (replayed state).
void rpc_receive(struct rpc *r, const char *body, size_t n, uint64_t seq, bool silent);
// The same for a message that jsonrpc_read has accepted.
void rpc_receive_read(struct rpc *r, const char *body, size_t n, const struct jsonrpc_message *m,
                      uint64_t seq, bool silent);
void rpc_receive_oversize(struct rpc *r, const char *head, size_t n, size_t total, size_t max,
                          uint64_t seq);
void rpc_set_batches(struct rpc *r, bool on);

// --- requests in progress
// -----------------------------------------------------------------------------------------
struct span rpc_request_id(const struct rpc_request *req);
json_t *rpc_request_params(const struct rpc_request *req); // borrowed; lives until the answer
const char *rpc_request_method(const struct rpc_request *req);
uint64_t rpc_request_seq(const struct rpc_request *req);
// 1, in a batch the element's place in it: the same at every replay, whatever is refused before it.
unsigned rpc_request_place(const struct rpc_request *req);
void rpc_request_set_data(struct rpc_request *req, void *data,
                          void (*cancelled)(void *data)); // cancelled: at most once
void *rpc_request_data(const struct rpc_request *req);
bool rpc_request_cancelled(const struct rpc_request *req);
// Each of these answers and frees req. `result`, `data` are stolen. Unanswerable results become
// -32603.
void rpc_reply(struct rpc_request *req, json_t *result);
void rpc_reply_raw(struct rpc_request *req, const char *result_json, size_t n); // already encoded
void rpc_fail(struct rpc_request *req, int code, const char *message,
              json_t *data); // data may be NULL
void rpc_drop(
    struct rpc_request *req); // no answer is sent (cancelled, in protocols that ask for silence)
// By the id as it stands in params of a cancel notification. NULL when not in progress.
struct rpc_request *rpc_find(struct rpc *r, const json_t *id);
void rpc_cancel(struct rpc_request *req); // marks it and calls its `cancelled`
void rpc_cancel_all(struct rpc *r);       // every open request, once
size_t rpc_open_requests(const struct rpc *r);

// --- our own calls
// ------------------------------------------------------------------------------------------------
// result or error (JSON-RPC error object) is borrowed; otherwise err is set: ERR_TIMEOUT,
// ERR_CLOSED, ERR_CANCELLED, ERR_PARSE (an answer that cannot be read), ERR_LIMIT (an answer that
// is too large).
typedef void rpc_answer_fn(void *ctx, const json_t *result, const json_t *error,
                           const struct err *err);
// params is stolen (may be NULL). deadline_ms 0: none. Returns the call's number > 0, or ERR_BUSY,
// ERR_CLOSED, ERR_NOMEM.
int64_t rpc_call(struct rpc *r, const char *method, json_t *params, uint64_t deadline_ms,
                 rpc_answer_fn *fn, void *ctx, struct err *err);
void rpc_call_cancel(struct rpc *r,
                     int64_t call); // fn gets ERR_CANCELLED; the face sends its cancel notification
int rpc_notify(struct rpc *r, const char *method, json_t *params); // params stolen
