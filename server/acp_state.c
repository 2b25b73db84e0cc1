// What the front end keeps of a chat for the day when the engine dies: one message that makes the
// next engine know it (HOP_STATE), told anew whenever it changes. No client ever sends it.
#include "core/base/mem.h"
#include "server/acp_face.h"

#include <stdio.h>
#include <string.h>

enum { STATE_BYTES_MAX = 512 * 1024 }; // a question may be part of what comes next

// The notification that brings it back.
const char acp_state_method[] = "_paired/session";

static json_t *state_json(const struct acp_chat *chat) {
    return json_pack("{s:s, s:s, s:s, s:o, s:I, s:{s:I, s:I}, s:o, s:O*, s:I, s:I, s:s}",
                     "sessionId", chat->id, "cwd", chat->cwd, "agent", chat->agent->name, "title",
                     acp_string(chat->title, strlen(chat->title)), "foreign",
                     (json_int_t)chat->foreign, "said", "seq", (json_int_t)chat->said.seq, "steps",
                     (json_int_t)chat->said.steps, "focus",
                     acp_string(chat->focus, strlen(chat->focus)), "more", chat->more, "allowed",
                     (json_int_t)chat->allowed, "refused", (json_int_t)chat->refused, "question",
                     chat->question);
}

void acp_state_tell(struct acp_chat *chat) {
    AUTO_BUF text = BUF_INIT(STATE_BYTES_MAX);
    struct acp_face *f = chat->face;
    json_t *message = json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", acp_state_method,
                                "params", state_json(chat));
    // Without memory the front end keeps what it has.
    if (!f->silent && message && buf_put_json(&text, message, JSON_COMPACT) == 0)
        session_send_state(f->session, f->seq, chat->id, strlen(chat->id), text.data, text.len);
    json_decref(message);
}

void acp_state_forget(struct acp_chat *chat) {
    session_send_state(chat->face->session, chat->face->seq, chat->id, strlen(chat->id), "", 0);
}

static void take_text(const json_t *params, const char *name, char *ret, size_t size) {
    const char *text = json_string_value(json_object_get(params, name));
    (void)snprintf(ret, size, "%s", text ? text : "");
}

void acp_state_take(void *face, json_t *params) {
    struct acp_face *f = face;
    const char *id = json_string_value(json_object_get(params, "sessionId"));
    const char *agent = json_string_value(json_object_get(params, "agent"));
    const json_t *said = json_object_get(params, "said");
    if (!f->silent || !id || acp_chat_find(f, id))
        return; // a client's own notification of this name says nothing to us
    struct acp_chat *chat = acp_chat_open(f, params, id, NULL);
    if (!chat)
        return; // its folder is gone: the client is told when it asks
    const struct agent *a = agent ? agent_find(agent, strlen(agent)) : NULL;
    chat->agent = a ? a : &agent_team;
    take_text(params, "title", chat->title, sizeof chat->title);
    chat->foreign = (size_t)json_integer_value(json_object_get(params, "foreign"));
    chat->said.seq = (uint64_t)json_integer_value(json_object_get(said, "seq"));
    chat->said.steps = (size_t)json_integer_value(json_object_get(said, "steps"));
    chat->allowed = (unsigned)json_integer_value(json_object_get(params, "allowed"));
    chat->refused = (unsigned)json_integer_value(json_object_get(params, "refused"));
    chat->more = json_incref(json_object_get(params, "more"));
    take_text(params, "focus", chat->focus, sizeof chat->focus);
    take_text(params, "question", chat->question, sizeof chat->question);
}
