// "/wait": until a file of the workspace is another and stays so for a moment; what comes next is
// the review of it. The folder is looked at now and then, more seldom where that takes long.
#include "server/acp_turn.h"

#include "core/base/mem.h"

#include <string.h>

enum {
    LOOK_MS = 1000,       // between two looks, at least
    LOOK_SHARE = 20,      // … and so many times what a look takes
    WAIT_MS = 3600 * 1000 // then the turn ends without
};

bool acp_is_wait(const struct acp_step *s) {
    return strcmp(s->row->name, "acp.changed") == 0;
}

static void look(struct acp_turn *t);

static void on_time(void *ctx) {
    struct acp_turn *t = ctx;
    t->wait.timer = NULL;
    look(t);
}

static void ended(struct acp_turn *t) {
    struct acp_step *s = &t->steps[t->at];
    char call[ACP_CALL_BYTES];
    acp_call_id(t, call);
    s->status = ACP_COMPLETED;
    acp_say_call_update(t->chat, call, s, NULL, NULL, 0);
    acp_step_end(t);
}

static void looked(struct acp_turn *t, int r, struct answer *answer, const struct err *err) {
    struct env *env = session_env(t->chat->face->session);
    int64_t state = json_integer_value(json_object_get(answer->structured, "state"));
    uint64_t now = env_mono_ns(env), took = (now - t->wait.look_ns) / 1000000;
    if (r < 0) {
        acp_step_failed(t, err_text(err));
        return;
    }
    if (t->chat->face->finishing) { // nobody is there to be told
        acp_turn_cancel(t);
        return;
    }
    if (t->wait.known && state != t->wait.state)
        t->wait.changed = true;
    else if (t->wait.changed) {
        ended(t);
        return;
    }
    t->wait.known = true;
    t->wait.state = state;
    if (!t->wait.end_ns)
        t->wait.end_ns = now + (uint64_t)WAIT_MS * 1000000;
    uint64_t ms = took * LOOK_SHARE > LOOK_MS ? took * LOOK_SHARE : LOOK_MS;
    if (now >= t->wait.end_ns)
        acp_step_failed(t, "no file has changed for an hour");
    else if (!(t->wait.timer = env_timer_start(env, ms, on_time, t)))
        acp_step_failed(t, "out of memory");
}

static void look(struct acp_turn *t) {
    struct err err = {0};
    t->wait.look_ns = env_mono_ns(session_env(t->chat->face->session));
    t->part = 0;
    if (acp_turn_run(t, "acp.changed", t->steps[t->at].arguments, looked, &err) < 0)
        acp_step_failed(t, err_text(&err));
}

void acp_wait_run(struct acp_turn *t) {
    look(t);
}

void acp_wait_stop(struct acp_turn *t) {
    env_timer_cancel(session_env(t->chat->face->session), t->wait.timer);
    t->wait.timer = NULL;
}
