// The conversation into the store: after each step, so that nothing said is lost with an engine.
#include "server/acp_turn.h"

#include "core/base/env.h"
#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static json_t *calls_json(const struct acp_turn *t) {
    json_t *list = json_array();
    // The step that was answered last, if it was one.
    if (t->at > 0 && t->at <= t->count && t->kept_steps < t->at)
        (void)json_array_append_new(list, acp_call_brief(&t->steps[t->at - 1]));
    return list;
}

static json_t *arguments_json(const struct acp_turn *t) {
    const struct acp_chat *chat = t->chat;
    const struct buf *question = &t->prompt.text;
    char turn[64];
    (void)snprintf(turn, sizeof turn, "%.16s-%llu", session_id(chat->face->session),
                   (unsigned long long)t->seq);
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:o, s:o, s:o}", "id", chat->id, "cwd", chat->cwd,
                     "title", acp_string(chat->title, strlen(chat->title)), "agent",
                     chat->agent->name, "turn", turn, "question",
                     acp_string(question->len ? question->data : t->prompt.paths[0],
                                question->len ? question->len : strlen(t->prompt.paths[0])),
                     "said", acp_string(t->unkept.data ? t->unkept.data : "", t->unkept.len),
                     "calls", calls_json(t));
}

static void tell(struct acp_chat *chat, const json_t *kept) {
    char when[32];
    struct tm tm;
    time_t s = (time_t)(env_wall_ms(session_env(chat->face->session)) / 1000);
    (void)gmtime_r(&s, &tm);
    (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    acp_update(chat, json_pack("{s:s, s:o, s:s}", "sessionUpdate", "session_info_update", "title",
                               acp_string(chat->title, strlen(chat->title)), "updatedAt", when));
    acp_update(chat,
               json_pack("{s:s, s:O, s:O}", "sessionUpdate", "usage_update", "used",
                         json_object_get(kept, "used"), "size", json_object_get(kept, "size")));
}

static void on_kept(struct acp_turn *t, int r, struct answer *answer, const struct err *err) {
    (void)err; // a store that cannot be used now: the conversation goes on without it
    if (r == 0 && t->at >= t->count)
        tell(t->chat, answer->structured);
    t->kept_steps = t->at;
    buf_clear(&t->unkept);
    t->then(t);
}

void acp_keep(struct acp_turn *t, acp_then_fn *then) {
    struct err err = {0};
    json_t *arguments = arguments_json(t);
    t->then = then;
    t->part = ACP_PARTS_PER_STEP - 1; // the same for the same step, however it was asked for
    if (acp_turn_run(t, "acp.keep", arguments, on_kept, &err) < 0)
        then(t);
    json_decref(arguments);
}

void acp_keep_unheard(struct acp_turn *t) {
    // What was asked is worth keeping, too, before anything was answered.
    json_t *arguments = t->unkept.len || !t->kept_steps ? arguments_json(t) : NULL;
    if (arguments)
        acp_run_unheard(t->chat, "acp.keep", arguments,
                        t->seq * ACP_PARTS_PER_PROMPT + t->at * ACP_PARTS_PER_STEP +
                            ACP_PARTS_PER_STEP - 1);
}
