// Grants, from the command line.
#include "core/store/backends.h"
#include "server/cap_admin.h"
#include "server/cap_models.h"
#include "server/fed_names.h"

#include <stdio.h>
#include <string.h>

enum { LIST_DEFAULT = 200, EXPIRES_DAYS_MAX = 36500 };
#define DAY_MS (24LL * 60 * 60 * 1000)

static const char *const way_names[] = {"out", "in", "both", NULL};

const struct field consent_fields[] = {
    {.name = "backend",
     .type = FIELD_STRING,
     .offset = offsetof(struct consent_input, backend),
     .min = 1,
     .max = BACKEND_NAME_BYTES_MAX},
    {.name = "workspace",
     .type = FIELD_STRING,
     .offset = offsetof(struct consent_input, workspace),
     .min = 1,
     .max = CONSENT_PATH_BYTES_MAX},
    {.name = "any", .type = FIELD_BOOL, .offset = offsetof(struct consent_input, any)},
    {.name = "expires_days",
     .type = FIELD_INT,
     .offset = offsetof(struct consent_input, expires_days),
     .min = 1,
     .max = EXPIRES_DAYS_MAX},
    {.name = "kind",
     .type = FIELD_STRING,
     .offset = offsetof(struct consent_input, kind),
     .min = 1,
     .max = CONSENT_WORD_BYTES_MAX},
    {.name = "audience",
     .type = FIELD_STRING,
     .offset = offsetof(struct consent_input, audience),
     .min = 1,
     .max = CONSENT_AUDIENCE_BYTES_MAX},
    {.name = "direction",
     .type = FIELD_ENUM,
     .offset = offsetof(struct consent_input, direction),
     .values = way_names},
    {.name = "lasts_s",
     .type = FIELD_INT,
     .offset = offsetof(struct consent_input, lasts_s),
     .min = 1,
     .max = EXPIRES_DAYS_MAX * 86400LL},
    {0},
};
const struct field consent_list_fields[] = {
    {.name = "backend",
     .type = FIELD_STRING,
     .offset = offsetof(struct consent_list_input, backend),
     .min = 1,
     .max = BACKEND_NAME_BYTES_MAX},
    {.name = "audience",
     .type = FIELD_STRING,
     .offset = offsetof(struct consent_list_input, audience),
     .min = 1,
     .max = CONSENT_AUDIENCE_BYTES_MAX},
    {.name = "limit",
     .type = FIELD_INT,
     .offset = offsetof(struct consent_list_input, limit),
     .min = 1,
     .max = CONSENT_STANDING_MAX},
    {0},
};

// --- listing ------------------------------------------------------------------------------------

struct listing {
    json_t *list;
    const struct fed_names *names;
    int64_t now_ms;
};

static int note_row(void *ctx, const struct consent_row *row, struct err *err) {
    struct listing *l = ctx;
    json_t *one = json_pack("{ss ss ss so sI sI sb ss sI so so}", "kind", row->kind, "audience",
                            row->audience, "direction", consent_direction_name(row->direction),
                            "workspace", models_text(row->workspace), "given_ms",
                            (json_int_t)row->given_ms, "expires_ms", (json_int_t)row->expires_ms,
                            "expired", row->expires_ms && row->expires_ms <= l->now_ms, "given_by",
                            row->given_by, "text_version", (json_int_t)row->text_version,
                            "ended_ms", row->ended_ms ? json_integer(row->ended_ms) : json_null(),
                            "ended_by", models_text(row->ended_by));
    if (one && row->asks_again && !row->ended_ms)
        (void)json_object_set_new(one, "asks_again", json_true());
    if (one && consent_kind_federated(row->kind)) {
        char who[GRANTS_WHO_BYTES_MAX];
        grants_who(l->names, row->audience, who);
        (void)json_object_set_new(one, "who", json_string(who));
    }
    return json_array_append_new(l->list, one) < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

static int list_grants(struct call *call, const struct consent_list_input *in, bool history,
                       struct answer *answer, struct err *err) {
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
    struct store *s;
    struct db *db;
    struct text asked = in->audience.data ? in->audience : in->backend;
    struct fed_names names;
    int r = models_copy("audience", asked, audience, sizeof audience, err);
    if (r < 0)
        return r;
    if (fed_names_load(call->services, &names, NULL) < 0)
        names = (struct fed_names){.off = true}; // names are for people
    r = models_reader(call, &s, &db, err);
    if (r < 0) {
        fed_names_done(&names);
        return r;
    }
    struct listing l = {.list = json_array(), .names = &names, .now_ms = call->now_ms};
    r = consent_each(db, history, audience[0] ? audience : NULL,
                     in->limit ? in->limit : LIST_DEFAULT, note_row, &l, err);
    store_reader_put(s, db);
    fed_names_done(&names);
    if (r < 0) {
        json_decref(l.list);
        return r;
    }
    return admin_answer(answer, json_pack("{so}", history ? "ended" : "grants", l.list), err);
}

int models_consent_list(struct call *call, const void *input, struct answer *answer,
                        struct err *err) {
    return list_grants(call, input, false, answer, err);
}

int models_consent_history(struct call *call, const void *input, struct answer *answer,
                           struct err *err) {
    return list_grants(call, input, true, answer, err);
}

// --- changing -----------------------------------------------------------------------------------

struct asked {
    char backend[BACKEND_NAME_BYTES_MAX + 1];
    char workspace[CONSENT_PATH_BYTES_MAX + 1];
    struct consent_what what;
};

static int read_asked(const struct consent_input *in, struct asked *ret, struct err *err) {
    if (!in->backend.data)
        return err_set(err, ERR_INVAL, "expected the name of a backend, or kind and audience");
    int r = models_copy("backend", in->backend, ret->backend, sizeof ret->backend, err);
    if (r == 0)
        r = models_copy("workspace", in->workspace, ret->workspace, sizeof ret->workspace, err);
    if (r == 0 && in->any && ret->workspace[0])
        r = err_set(err, ERR_INVAL, "one workspace or any, not both");
    ret->what = (struct consent_what){.kind = CONSENT_BACKEND,
                                      .audience = ret->backend,
                                      .workspace = ret->workspace[0] ? ret->workspace : NULL};
    return r;
}

static int ask(struct call *call, const struct asked *a, const struct backend *b, int64_t days,
               struct answer *answer, struct err *err) {
    char until[64] = "until you revoke it";
    const struct consent_text *text = consent_text_of(CONSENT_BACKEND);
    if (days)
        (void)snprintf(until, sizeof until, "for %lld day%s", (long long)days,
                       days == 1 ? "" : "s");
    char message[CONSENT_PATH_BYTES_MAX + BACKEND_URL_BYTES_MAX + 1024];
    (void)snprintf(message, sizeof message, "This lets %s go to %s at %s, %s.\n%s (Now: %s.)",
                   a->what.workspace ? a->what.workspace : "every workspace", a->backend, b->url,
                   until, text->words, conf_string(call->services->conf, "models.secrets"));
    answer->ask = json_pack("{ss}", "message", message);
    return answer->ask ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int models_consent_grant(struct call *call, const void *input, struct answer *answer,
                         struct err *err) {
    const struct consent_input *in = input;
    struct backend_list found = {0};
    struct asked a;
    struct store *s;
    struct db *db;
    if (in->kind.data)
        return grants_grant(call, in, answer, err);
    int r = read_asked(in, &a, err);
    if (r == 0 && !in->any && !a.what.workspace)
        r = err_set(err, ERR_INVAL,
                    "no workspace: go into its folder, say --workspace DIR, or --any for all");
    if (r == 0)
        r = models_reader(call, &s, &db, err);
    if (r < 0)
        return r;
    r = backend_find(db, a.backend, &found, err);
    store_reader_put(s, db);
    if (r < 0)
        return r;
    int64_t expires_ms = in->expires_days ? call->now_ms + in->expires_days * DAY_MS : 0;
    struct origin origin = models_origin(call);
    if (call->confirmed)
        r = consent_grant(s, &origin, &a.what, expires_ms, call->caller->face, err);
    else
        r = ask(call, &a, found.items, in->expires_days, answer, err);
    backend_list_done(&found);
    if (r < 0 || answer->ask)
        return r;
    return admin_answer(answer,
                        json_pack("{ss so sI}", "backend", a.backend, "workspace",
                                  models_text(a.what.workspace), "expires_ms",
                                  (json_int_t)expires_ms),
                        err);
}

// Neither a workspace nor --any: all grants of the backend.
int models_consent_revoke(struct call *call, const void *input, struct answer *answer,
                          struct err *err) {
    const struct consent_input *in = input;
    struct origin origin = models_origin(call);
    struct asked a;
    int64_t ended = 0;
    bool still = false;
    if (in->kind.data)
        return grants_revoke(call, in, answer, err);
    int r = read_asked(in, &a, err);
    if (r < 0)
        return r;
    struct store *s = admin_store(call, &r, err);
    if (!s)
        return r;
    r = consent_revoke(s, &origin, &a.what, !in->any && !a.what.workspace, &ended, &still, err);
    if (r < 0)
        return r;
    return admin_answer(answer,
                        json_pack("{ss so sI sb}", "backend", a.backend, "workspace",
                                  models_text(a.what.workspace), "ended", (json_int_t)ended,
                                  "still_granted", still),
                        err);
}
