// What we say to the editor of our own accord: log, messages, questions, registrations, refreshes,
// progress. Sources: LSP 3.17 "Window Features", "Register Capability", "Work Done Progress".
#include "core/base/log.h"
#include "core/base/mem.h"
#include "server/lsp_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LOG_BYTES_MAX = 512, ACTIONS_MAX = 8, REFRESHES_MAX = 8 };

void lsp_notify(struct lsp_face *f, const char *method, json_t *params) {
    if (params && f->phase == LSP_RUNNING)
        (void)rpc_notify(f->rpc, method, params);
    else
        json_decref(params);
}

void lsp_log(struct lsp_face *f, enum lsp_message type, const char *format, ...) {
    char text[LOG_BYTES_MAX];
    va_list args;
    if (f->silent || f->phase != LSP_RUNNING)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    // LSP_DEBUG is 3.18's; older clients know up to 4.
    lsp_notify(f, "window/logMessage",
               json_pack("{s:i, s:s}", "type", type > LSP_LOG ? LSP_LOG : type, "message", text));
}

void lsp_show(struct lsp_face *f, enum lsp_message type, const char *text) {
    lsp_notify(f, "window/showMessage",
               json_pack("{s:i, s:s}", "type", (int)type, "message", text));
}

void lsp_trace(struct lsp_face *f, const char *message, const char *verbose) {
    if (f->trace)
        lsp_notify(
            f, "$/logTrace",
            json_pack("{s:s, s:s*}", "message", message, "verbose", f->trace > 1 ? verbose : NULL));
}

// --- questions -----------------------------------------------------------------------------------

struct asked {
    struct lsp_face *face;
    int64_t number;
    rpc_answer_fn *fn;
    void *ctx;
};

static void on_answer(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct asked *c = ctx;
    if (err && (err->code == ERR_TIMEOUT || err->code == ERR_CANCELLED) && c->face->live) {
        char id[80]; // as rpc wrote it
        (void)snprintf(id, sizeof id, "paired-%.16s-%lld", session_engine_id(c->face->session),
                       (long long)c->number);
        lsp_notify(c->face, "$/cancelRequest", json_pack("{s:s}", "id", id));
    }
    if (c->fn)
        c->fn(c->ctx, result, error, err);
    mem_free(c);
}

int64_t lsp_call(struct lsp_face *f, const char *method, json_t *params, uint64_t deadline_ms,
                 rpc_answer_fn *fn, void *ctx, struct err *err) {
    struct asked *c = f->live && params ? mem_alloc(sizeof *c) : NULL;
    if (!c) {
        json_decref(params);
        return f->live ? err_set(err, ERR_NOMEM, "out of memory")
                       : err_set(err, ERR_CLOSED, "the editor is not ready to be asked");
    }
    *c = (struct asked){.face = f, .fn = fn, .ctx = ctx};
    c->number = rpc_call(f->rpc, method, params, deadline_ms, on_answer, c, err);
    int64_t r = c->number;
    if (r < 0)
        mem_free(c);
    return r;
}

struct question {
    lsp_chosen_fn *fn;
    void *ctx;
    size_t count;
    char *actions[ACTIONS_MAX];
};

static void question_end(struct question *q, int chosen) {
    q->fn(q->ctx, chosen);
    for (size_t i = 0; i < q->count; i++)
        mem_free(q->actions[i]);
    mem_free(q);
}

static void on_chosen(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct question *q = ctx;
    const char *title = json_string_value(json_object_get(result, "title"));
    int chosen = -1;
    (void)error;
    (void)err;
    for (size_t i = 0; title && i < q->count; i++)
        if (strcmp(title, q->actions[i]) == 0)
            chosen = (int)i;
    question_end(q, chosen);
}

void lsp_ask(struct lsp_face *f, enum lsp_message type, const char *text,
             const char *const *actions, lsp_chosen_fn *fn, void *ctx) {
    struct question *q = mem_zalloc(sizeof *q);
    json_t *list = json_array();
    if (!q || !list) {
        mem_free(q);
        json_decref(list);
        fn(ctx, -1);
        return;
    }
    q->fn = fn;
    q->ctx = ctx;
    for (; actions[q->count] && q->count < ACTIONS_MAX; q->count++) {
        q->actions[q->count] = mem_strdup(actions[q->count]);
        if (!q->actions[q->count])
            break;
        (void)json_array_append_new(list, json_pack("{s:s}", "title", actions[q->count]));
    }
    json_t *params =
        json_pack("{s:i, s:s, s:o}", "type", (int)type, "message", text, "actions", list);
    if (lsp_call(f, "window/showMessageRequest", params, LSP_PEOPLE_MS, on_chosen, q, NULL) < 0)
        question_end(q, -1);
}

bool lsp_register(struct lsp_face *f, const char *capability, const char *id, const char *method,
                  json_t *options) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s.dynamicRegistration", capability);
    // What the engine before this one registered is still registered.
    if (f->silent || !lsp_client_can(f, path)) {
        json_decref(options);
        return false;
    }
    json_t *params = json_pack("{s:[{s:s, s:s, s:o*}]}", "registrations", "id", id, "method",
                               method, "registerOptions", options);
    return lsp_call(f, "client/registerCapability", params, LSP_CALL_MS, NULL, NULL, NULL) > 0;
}

// --- refreshes -----------------------------------------------------------------------------------

struct lsp_refresh_state {
    const char *method; // static text
    bool waiting, again;
};

struct refresh {
    struct lsp_face *face;
    const char *method;
};

static struct lsp_refresh_state *refresh_of(struct lsp_face *f, const char *method) {
    if (!f->refreshes)
        f->refreshes = mem_zalloc(REFRESHES_MAX * sizeof *f->refreshes);
    for (size_t i = 0; f->refreshes && i < REFRESHES_MAX; i++) {
        struct lsp_refresh_state *r = &f->refreshes[i];
        if (!r->method)
            r->method = method;
        if (strcmp(r->method, method) == 0)
            return r;
    }
    return NULL;
}

static void send_refresh(struct lsp_face *f, struct lsp_refresh_state *r);

static void on_refreshed(void *ctx, const json_t *result, const json_t *error,
                         const struct err *err) {
    struct refresh *done = ctx;
    struct lsp_face *f = done->face;
    const char *method = done->method;
    (void)result;
    (void)error;
    (void)err;
    mem_free(done);
    if (!f->live)
        return;
    struct lsp_refresh_state *r = refresh_of(f, method);
    r->waiting = false;
    if (r->again)
        send_refresh(f, r);
}

static void send_refresh(struct lsp_face *f, struct lsp_refresh_state *r) {
    struct refresh *done = mem_alloc(sizeof *done);
    if (!done)
        return;
    *done = (struct refresh){f, r->method};
    r->again = false;
    r->waiting = lsp_call(f, r->method, json_null(), LSP_CALL_MS, on_refreshed, done, NULL) > 0;
    if (!r->waiting)
        mem_free(done);
}

void lsp_refresh(struct lsp_face *f, const char *capability, const char *method) {
    struct lsp_refresh_state *r =
        f->live && lsp_client_can(f, capability) ? refresh_of(f, method) : NULL;
    if (!r)
        return;
    r->again = r->waiting;
    if (!r->waiting)
        send_refresh(f, r);
}

// --- progress ------------------------------------------------------------------------------------

struct lsp_progress {
    struct lsp_progress *next, *prev;
    struct lsp_face *face; // NULL: the session is over
    json_t *token;
    char *title, *message;
    int percent;
    bool begun;
    bool creating; // the client has not agreed yet
    bool ended;    // … and it is over already
    bool can_cancel;
    void (*cancelled)(void *ctx);
    void *ctx;
};

static void progress_free(struct lsp_progress *p) {
    if (p->prev)
        p->prev->next = p->next;
    else if (p->face)
        p->face->progresses = p->next;
    if (p->next)
        p->next->prev = p->prev;
    json_decref(p->token);
    mem_free(p->title);
    mem_free(p->message);
    mem_free(p);
}

static void progress_send(struct lsp_progress *p, json_t *value) {
    lsp_notify(p->face, "$/progress",
               value ? json_pack("{s:O, s:o}", "token", p->token, "value", value) : NULL);
}

static void progress_start(struct lsp_progress *p) {
    json_t *value = json_pack("{s:s, s:s, s:b, s:s*}", "kind", "begin", "title", p->title,
                              "cancellable", (int)p->can_cancel, "message", p->message);
    if (value && p->percent >= 0)
        (void)json_object_set_new(value, "percentage", json_integer(p->percent));
    p->begun = true;
    progress_send(p, value);
}

static void on_created(void *ctx, const json_t *result, const json_t *error,
                       const struct err *err) {
    struct lsp_progress *p = ctx;
    (void)err;
    p->creating = false;
    if (p->ended)
        progress_free(p);
    else if (result && !error && p->face)
        progress_start(p);
}

struct lsp_progress *lsp_progress_begin(struct lsp_face *f, const json_t *token, const char *title,
                                        void (*cancelled)(void *ctx), void *ctx) {
    bool given = json_is_string(token) || json_is_integer(token);
    if (f->phase != LSP_RUNNING || (!given && !lsp_client_can(f, "window.workDoneProgress")))
        return NULL;
    struct lsp_progress *p = mem_zalloc(sizeof *p);
    if (!p)
        return NULL;
    char own[48];
    (void)snprintf(own, sizeof own, "paired-%.8s-%u", session_engine_id(f->session),
                   ++f->last_progress);
    *p = (struct lsp_progress){.face = f,
                               .next = f->progresses,
                               .token = given ? json_deep_copy(token) : json_string(own),
                               .title = mem_strdup(title),
                               .percent = -1,
                               .can_cancel = cancelled != NULL,
                               .cancelled = cancelled,
                               .ctx = ctx};
    if (p->next)
        p->next->prev = p;
    f->progresses = p;
    if (!p->token || !p->title) {
        progress_free(p);
        return NULL;
    }
    if (given) {
        progress_start(p);
        return p;
    }
    p->creating =
        lsp_call(f, "window/workDoneProgress/create", json_pack("{s:O}", "token", p->token),
                 LSP_CALL_MS, on_created, p, NULL) > 0;
    return p;
}

void lsp_progress_report(struct lsp_progress *p, int percent, const char *message) {
    if (!p || !p->face)
        return;
    p->percent = percent;
    if (!p->begun) {
        mem_free(p->message);
        p->message = message ? mem_strdup(message) : NULL;
        return;
    }
    json_t *value = json_pack("{s:s, s:s*}", "kind", "report", "message", message);
    if (value && percent >= 0)
        (void)json_object_set_new(value, "percentage", json_integer(percent));
    progress_send(p, value);
}

void lsp_progress_end(struct lsp_progress *p, const char *message) {
    if (!p)
        return;
    if (p->begun && p->face)
        progress_send(p, json_pack("{s:s, s:s*}", "kind", "end", "message", message));
    p->cancelled = NULL;
    p->ended = true;
    if (!p->creating)
        progress_free(p);
}

void lsp_progress_cancel(void *face, json_t *params) {
    struct lsp_face *f = face;
    const json_t *token = json_object_get(params, "token");
    for (struct lsp_progress *p = f->progresses; token && p; p = p->next) {
        if (!json_equal(p->token, token))
            continue;
        if (p->cancelled)
            p->cancelled(p->ctx); // may end it
        return;
    }
}

void lsp_talk_close(struct lsp_face *f) {
    for (struct lsp_progress *p = f->progresses, *next; p; p = next) {
        next = p->next;
        p->face = NULL;
        p->next = p->prev = NULL;
    }
    f->progresses = NULL;
    mem_free(f->refreshes);
    f->refreshes = NULL;
}
