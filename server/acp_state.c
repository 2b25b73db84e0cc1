// What the front end keeps of a chat for the day when the engine dies: one message that makes the
// next engine know it (HOP_STATE), told anew whenever it changes. No client ever sends it.
#include "core/base/mem.h"
#include "server/acp_face.h"

#include <string.h>

// The notification that brings it back.
const char acp_state_method[] = "_paired/session";

static json_t *state_json(const struct acp_chat *chat) {
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:{s:I, s:I}}", "sessionId", chat->id, "cwd",
                     chat->cwd, "agent", chat->agent->name, "title", chat->title, "foreign",
                     (json_int_t)chat->foreign, "said", "seq", (json_int_t)chat->said.seq, "steps",
                     (json_int_t)chat->said.steps);
}

void acp_state_tell(struct acp_chat *chat) {
    AUTO_BUF text = BUF_INIT(64 * 1024);
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

void acp_state_take(void *face, json_t *params) {
    struct acp_face *f = face;
    const char *id = json_string_value(json_object_get(params, "sessionId"));
    const char *agent = json_string_value(json_object_get(params, "agent"));
    const char *title = json_string_value(json_object_get(params, "title"));
    const json_t *said = json_object_get(params, "said");
    if (!f->silent || !id || acp_chat_find(f, id))
        return; // a client's own notification of this name says nothing to us
    struct acp_chat *chat = acp_chat_open(f, params, id, NULL);
    if (!chat)
        return; // its folder is gone: the client is told when it asks
    const struct agent *a = agent ? agent_find(agent, strlen(agent)) : NULL;
    chat->agent = a ? a : &agent_team;
    (void)snprintf(chat->title, sizeof chat->title, "%s", title ? title : "");
    chat->foreign = (size_t)json_integer_value(json_object_get(params, "foreign"));
    chat->said.seq = (uint64_t)json_integer_value(json_object_get(said, "seq"));
    chat->said.steps = (size_t)json_integer_value(json_object_get(said, "steps"));
}
