// Engine side of one client's conversation: a hop connection and the face that speaks the client's
// protocol on it. Main loop only.
#pragma once

#include "core/base/env.h"
#include "core/base/err.h"
#include "server/dispatch.h"

#include <jansson.h>
#include <stdbool.h>

struct session;
struct engine;

struct session_face {
    const char *role; // of HELLO: "mcp", "cli", "lsp", "acp"
    bool secret;      // passphrases pass through: buffers are overwritten after use
    // *ret: the face's state. A failure refuses the session with the message. Sends nothing yet.
    int (*open)(struct session *s, void **ret, struct err *err);
    // One message; flags are HOP_REPLAY | HOP_SILENT.
    void (*message)(void *face, const char *body, size_t n, uint64_t seq, unsigned flags);
    void (*oversize)(void *face, const char *head, size_t n, size_t total, uint64_t seq);
    void (*changed)(void *face, json_t *uris, bool list_changed); // some client wrote; may be NULL
    // Requests not yet answered that must be answered before the session may end (subscriptions do
    // not count).
    size_t (*open_requests)(void *face);
    // The client will say no more: answer what waits for ever (subscriptions), start nothing new.
    // Not called when the engine goes: the front end tells the next one, the client notices
    // nothing.
    void (*finish)(void *face);
    void (*close)(void *face); // the connection is gone; cancel what runs, free
};
extern const struct session_face session_face_mcp; // server/mcp_session.c
extern const struct session_face session_face_cli; // server/cli_face.c
extern const struct session_face session_face_lsp; // server/lsp_session.c
extern const struct session_face session_face_acp; // server/acp_session.c

// Queues one message for the client. seq: that of the request it answers, else 0.
void session_send(struct session *s, const char *json, size_t n, uint64_t seq);
// What the messages about one document up to `seq` come to, for the front end's journal: a whole
// didOpen message. Role lsp.
void session_send_state(struct session *s, uint64_t seq, const char *uri, size_t uri_bytes,
                        const char *json, size_t n);
// When the message that is being handed out was read from the client (CLOCK_MONOTONIC); 0 unknown.
uint64_t session_arrival_ns(const struct session *s);
// One line for the user's stderr.
void session_note(struct session *s, const char *text);

struct env *session_env(struct session *s);
struct loop *session_loop(struct session *s);
struct dispatch *session_dispatch(struct session *s);
struct pool *session_pool(struct session *s);
struct services *session_services(struct session *s);
const char *session_id(const struct session *s);        // 32 hex
const char *session_workspace(const struct session *s); // absolute, or NULL
void session_set_client(struct session *s,
                        const char *name); // from initialize / _meta; copied, cut at 64 bytes
const char *session_client(const struct session *s);
const json_t *session_hello(const struct session *s); // decoded HELLO ("options", "env"); borrowed
const char *
session_engine_id(const struct session *s); // random per engine start: prefix for own request ids
