// `backends test`: asks each backend for its list of models, and where it has none, or when the
// user wants to know more, for one token. No text of a workspace goes there, so no grant is needed:
// the key goes to the place that it was given for, because the user said so just now. Each question
// is in the audit log before it leaves, a token that was paid for in the usage.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "core/models/wire_models.h"
#include "core/store/audit.h"
#include "core/store/usage.h"
#include "server/cap_admin.h"
#include "server/cap_models.h"
#include "server/models_http.h"
#include "server/models_impl.h"
#include "server/models_probe.h"
#include "server/models_verdict.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { NAMES_TOLD_MAX = 256 }; // of the models that it has

const struct field backends_test_fields[] = {
    {.name = "name",
     .type = FIELD_STRING,
     .offset = offsetof(struct backends_test_input, name),
     .min = 1,
     .max = BACKEND_NAME_BYTES_MAX},
    {.name = "model",
     .type = FIELD_STRING,
     .offset = offsetof(struct backends_test_input, model),
     .min = 1,
     .max = BACKEND_MODEL_BYTES_MAX},
    {.name = "ask", .type = FIELD_BOOL, .offset = offsetof(struct backends_test_input, ask)},
    {.name = "keys", .type = FIELD_JSON, .offset = offsetof(struct backends_test_input, keys)},
    {0},
};

struct subject { // one backend under test
    const struct backend *backend;
    char host[BACKEND_URL_BYTES_MAX + 1];
    bool local, no_key;
    char *key;                               // secret_alloc; NULL none
    char model[BACKEND_MODEL_BYTES_MAX + 1]; // that is asked for a token; "" none
    struct buf urls[3], bearer, body;
    struct wire_models found;
    json_t *names;   // of `found`, in its order
    bool listed;     // it has a list
    bool refused;    // the list without the key was refused: so the key counts
    json_t *granted; // whether this workspace may go there
};
enum { LIST, BARE, ASK, ROUNDS };

struct test {
    struct call *call;
    struct store *store;
    const struct backends_test_input *in;
    struct model_keys keys;
    struct backend_list list;
    struct subject *subjects;
    struct probe *probes[ROUNDS]; // one for each subject
    int64_t *audited;             // likewise, of the present round
    struct route_catalogue *catalogue;
    size_t count;
};

static bool is_cancelled(void *ctx) {
    const struct test *t = ctx;
    return job_cancelled(t->call->job);
}

// --- the audit

struct entries {
    const struct test *test;
    int round;
    bool over;
};

static int write_entries(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct entries *e = ctx;
    const struct test *t = e->test;
    int r = 0;
    (void)result;
    for (size_t i = 0; r == 0 && i < t->count; i++) {
        const struct probe *p = &t->probes[e->round][i];
        if (p->skipped)
            continue;
        const struct audit_entry entry = {.time_ms = env_now_wall_ms(),
                                          .event = e->over ? AUDIT_END : AUDIT_SEND,
                                          .outcome = !e->over               ? AUDIT_OPEN
                                                     : p->status / 100 == 2 ? AUDIT_OK
                                                                            : AUDIT_FAILED,
                                          .ref = e->over ? t->audited[i] : 0,
                                          .bytes_out = (int64_t)(p->body ? strlen(p->body) : 0),
                                          .bytes_in = e->over ? p->bytes_in : 0,
                                          .kind = CONSENT_BACKEND,
                                          .audience = t->subjects[i].backend->name,
                                          .purpose = "test",
                                          .model = p->body ? t->subjects[i].model : ""};
        r = audit_append(db, &entry, e->over ? NULL : &t->audited[i], err);
    }
    return r;
}

static int ask_round(struct test *t, int round, struct err *err) {
    struct entries e = {.test = t, .round = round};
    int r = store_write(t->store, NULL, write_entries, &e, NULL, NULL, err);
    if (r < 0)
        return r;
    r = probe_all(t->probes[round], t->count, is_cancelled, t, err);
    e.over = true;
    int w = store_write(t->store, NULL, write_entries, &e, NULL, NULL, r < 0 ? NULL : err);
    return r < 0 ? r : w < 0 ? w : 0;
}

// --- what is asked

static void host_of(const char *url, char *out, size_t max) {
    const char *begin = strstr(url, "://");
    begin = begin ? begin + 3 : url;
    (void)snprintf(out, max, "%.*s", (int)strcspn(begin, "/"), begin);
}

static void put_headers(struct subject *s, struct probe *p, bool with_key) {
    if (s->backend->family == BACKEND_ANTHROPIC)
        p->headers[p->header_count++] = (struct http_header){"anthropic-version", "2023-06-01"};
    if (p->body)
        p->headers[p->header_count++] = (struct http_header){"content-type", "application/json"};
    if (with_key && s->bearer.len == 0)
        p->header_count +=
            model_put_key(s->backend->family, s->key, &s->bearer, p->headers + p->header_count);
    else if (with_key && s->key) // made already
        p->headers[p->header_count++] = (struct http_header){"authorization", s->bearer.data};
    p->local = s->local;
}

static int make_list(struct subject *s, struct probe *p, int round) {
    AUTO_BUF path = {0};
    int r = wire_models_path((enum wire_family)s->backend->family, &path);
    if (r == 0)
        r = model_put_url(s->backend->url, path.data, &s->urls[round]);
    p->url = s->urls[round].data;
    put_headers(s, p, round == LIST);
    return r;
}

// The shortest request there is.
static int make_ask(struct subject *s, struct probe *p) {
    AUTO_BUF path = {0};
    enum wire_family family = (enum wire_family)s->backend->family;
    int r = wire_path(family, s->model, false, &path);
    if (r == 0)
        r = model_put_url(s->backend->url, path.data, &s->urls[ASK]);
    if (family != WIRE_GEMINI) {
        (void)buf_puts(&s->body, "{\"model\":");
        (void)buf_put_json_string(&s->body, s->model, strlen(s->model));
    }
    (void)buf_puts(&s->body,
                   family == WIRE_GEMINI ? "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":"
                                           "\"Hi\"}]}],\"generationConfig\":{\"maxOutputTokens\":1}"
                   : family == WIRE_RESPONSES // it takes no fewer
                       ? ",\"input\":\"Hi\",\"max_output_tokens\":16"
                       : ",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]");
    (void)buf_putc(&s->body, '}');
    p->url = s->urls[ASK].data;
    p->body = s->body.data;
    put_headers(s, p, true);
    return r < 0 || s->body.failed ? ERR_NOMEM : 0;
}

static int note_name(void *ctx, const char *name) {
    struct subject *s = ctx;
    json_t *value = json_array_size(s->names) < NAMES_TOLD_MAX ? json_string(name) : NULL;
    if (value && json_array_append_new(s->names, value) < 0)
        return ERR_NOMEM;
    return 0; // names that are no UTF-8 are left out
}

static bool has_model(const json_t *names, const char *model) {
    size_t i, n = strlen(model);
    json_t *name;
    json_array_foreach(names, i, name) {
        const char *have = json_string_value(name);
        if (strcasecmp(have, model) == 0 ||
            (strncasecmp(have, model, n) == 0 && strcmp(have + n, ":latest") == 0)) // Ollama
            return true;
    }
    return false;
}

// --- the rounds

static int list_round(struct test *t, struct err *err) {
    for (size_t i = 0; i < t->count; i++) {
        struct subject *s = &t->subjects[i];
        t->probes[LIST][i].skipped = s->no_key;
        if (!s->no_key && make_list(s, &t->probes[LIST][i], LIST) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    int r = ask_round(t, LIST, err);
    for (size_t i = 0; r == 0 && i < t->count; i++) {
        const struct probe *p = &t->probes[LIST][i];
        struct subject *s = &t->subjects[i];
        if (!p->skipped && p->failure == HTTP_OK && p->status / 100 == 2)
            s->listed =
                wire_read_models(p->answer.data, p->answer.len, note_name, s, &s->found, NULL) == 0;
    }
    return r;
}

// A list that everybody may read says nothing about the key.
static int bare_round(struct test *t, struct err *err) {
    bool some = false;
    for (size_t i = 0; i < t->count; i++) {
        struct subject *s = &t->subjects[i];
        struct probe *p = &t->probes[BARE][i];
        p->skipped = !s->listed || !s->key || t->in->ask || t->in->model.data;
        if (!p->skipped && make_list(s, p, BARE) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
        some = some || !p->skipped;
    }
    int r = some ? ask_round(t, BARE, err) : 0;
    for (size_t i = 0; r == 0 && i < t->count; i++) {
        const struct probe *p = &t->probes[BARE][i];
        t->subjects[i].refused = !p->skipped && (p->status == 401 || p->status == 403);
    }
    return r;
}

static bool has_no_list(const struct probe *p) {
    return !p->skipped && p->failure == HTTP_OK &&
           (p->status == 404 || p->status == 405 || p->status == 501);
}

static void choose_model(const struct test *t, struct subject *s) {
    const char *first = json_string_value(json_array_get(s->names, 0));
    if (t->in->model.data)
        (void)models_copy("model", t->in->model, s->model, sizeof s->model, NULL);
    else if (s->backend->model_count)
        memcpy(s->model, s->backend->models[0].name, sizeof s->model);
    else if (s->local && first) // elsewhere the first one may be the dearest
        (void)snprintf(s->model, sizeof s->model, "%s", first);
}

static int token_round(struct test *t, struct err *err) {
    bool some = false;
    for (size_t i = 0; i < t->count; i++) {
        struct subject *s = &t->subjects[i];
        struct probe *p = &t->probes[ASK][i], *list = &t->probes[LIST][i];
        bool wanted = (t->in->ask || t->in->model.data) && s->listed;
        if (wanted || has_no_list(list))
            choose_model(t, s);
        p->skipped = !s->model[0];
        if (!p->skipped && make_ask(s, p) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
        some = some || !p->skipped;
    }
    return some ? ask_round(t, ASK, err) : 0;
}

// --- what came of it

struct seen {
    struct wire_usage usage;
    bool answered;
};

static int on_event(void *ctx, const struct wire_event *e) {
    struct seen *seen = ctx;
    if (e->usage.known)
        seen->usage = e->usage;
    seen->answered = seen->answered || e->kind == WIRE_STOP;
    return 0;
}

static void read_answer(const struct subject *s, const struct probe *p, struct seen *seen) {
    struct wire_reader *reader = NULL;
    *seen = (struct seen){0};
    if (wire_reader_new((enum wire_family)s->backend->family, false, &reader) < 0)
        return;
    if (wire_read(reader, p->answer.data, p->answer.len, on_event, seen, NULL) == 0)
        (void)wire_read_end(reader, on_event, seen, NULL);
    wire_reader_free(reader);
}

static int write_usage(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct test *t = ctx;
    int r = 0;
    (void)result;
    for (size_t i = 0; r == 0 && i < t->count; i++) {
        const struct subject *s = &t->subjects[i];
        const struct probe *p = &t->probes[ASK][i];
        struct seen seen;
        if (p->skipped)
            continue;
        read_answer(s, p, &seen);
        const struct usage usage = {
            .at_ms = env_now_wall_ms(),
            .agent = "test",
            .backend = s->backend->name,
            .model = s->model,
            .session = "",
            .sum = {.requests = 1,
                    .failed = !seen.answered,
                    .input = seen.usage.input,
                    .cached = seen.usage.cached,
                    .cache_write = seen.usage.cache_write,
                    .output = seen.usage.output,
                    .cost = model_cost_named(t->catalogue, s->backend, s->model, s->local,
                                             &seen.usage)}};
        r = usage_add(db, &usage, err);
    }
    return r;
}

// The proxy without user and password.
static void show_proxy(const char *proxy, char *out, size_t max) {
    const char *begin = strstr(proxy, "://"), *at = strrchr(proxy, '@');
    size_t scheme = begin ? (size_t)(begin + 3 - proxy) : 0;
    if (at)
        (void)snprintf(out, max, "%.*s%s", (int)scheme, proxy, at + 1);
    else
        (void)snprintf(out, max, "%s", proxy);
}

static void judge(const struct test *t, size_t i, const char *proxy, bool network,
                  struct model_verdict *v) {
    const struct subject *s = &t->subjects[i];
    const struct probe *p = &t->probes[t->probes[ASK][i].skipped ? LIST : ASK][i];
    char now[32];
    time_t seconds = (time_t)(env_now_wall_ms() / 1000);
    struct tm tm;
    struct wire_event said = {0};
    AUTO_BUF text = {0};
    struct route_limits limits = p->limits;
    struct seen seen = {0};
    if (!gmtime_r(&seconds, &tm) || !strftime(now, sizeof now, "%Y-%m-%d %H:%M UTC", &tm))
        now[0] = '\0';
    struct model_facts f = {.backend = s->backend->name,
                            .host = s->host,
                            .local = s->local,
                            .wants_key = s->backend->key != BACKEND_KEY_NONE,
                            .has_key = s->key != NULL,
                            .key_env = s->backend->key_env,
                            .network = network,
                            .proxy = s->local ? NULL : proxy,
                            .failure = p->failure,
                            .status = p->status,
                            .dated = p->dated,
                            .skew_ms = p->limits.skew_ms,
                            .said = p->said,
                            .model = p->body ? s->model : NULL,
                            .now = now};
    if (s->no_key) { // as if it had been refused
        f.status = 401;
        f.fault = ROUTE_FAULT_AUTH;
        f.failure = HTTP_OK;
    } else if (p->failure == HTTP_OK && p->status / 100 != 2) {
        wire_read_fault((enum wire_family)s->backend->family, p->status, p->answer.data,
                        p->answer.len, &said, &text);
        f.fault = route_limits_judge(&limits, said.fault, said.retry_after_ms, said.resets_at_s,
                                     env_now_wall_ms());
        f.said = text.data ? text.data : "";
    } else if (p->body) {
        read_answer(s, p, &seen);
        f.understood = seen.answered;
    } else {
        f.understood = s->listed;
    }
    model_judge(&f, v);
}

static const char *key_word(const struct subject *s, const struct probe *ask,
                            const struct model_verdict *v) {
    if (s->backend->key == BACKEND_KEY_NONE)
        return v->problem == MODEL_BAD_KEY ? "missing" : "none";
    if (s->no_key || v->problem == MODEL_NO_KEY)
        return "missing";
    if (v->problem == MODEL_BAD_KEY || v->problem == MODEL_NOT_LET)
        return "refused";
    if (s->refused || (!ask->skipped && v->problem == MODEL_FINE) ||
        v->problem == MODEL_NO_CREDIT || v->problem == MODEL_NO_SUCH_MODEL)
        return "accepted";
    return "not-shown";
}

static json_t *unknown_models(const struct subject *s) {
    json_t *list = json_array();
    for (size_t i = 0; s->listed && i < s->backend->model_count; i++)
        if (s->found.count <= json_array_size(s->names) &&
            !has_model(s->names, s->backend->models[i].name))
            (void)json_array_append_new(list, json_string(s->backend->models[i].name));
    return list;
}

static json_t *verdict_json(const struct test *t, size_t i, const char *proxy, bool network) {
    const struct subject *s = &t->subjects[i];
    const struct probe *list = &t->probes[LIST][i], *ask = &t->probes[ASK][i];
    const struct probe *last = ask->skipped ? list : ask;
    struct model_verdict v;
    judge(t, i, proxy, network, &v);
    json_t *unknown = unknown_models(s);
    if (v.problem == MODEL_FINE && json_array_size(unknown)) {
        v.problem = MODEL_NO_SUCH_MODEL;
        (void)snprintf(v.what, sizeof v.what, "it has no model %.100s",
                       json_string_value(json_array_get(unknown, 0)));
        (void)snprintf(v.help, sizeof v.help,
                       "Name those that it has: paired backends add %s --replace --model MODEL.",
                       s->backend->name);
    }
    json_t *one = json_pack(
        "{ss ss ss sb sb ss sb so so ss so sI so so sb sO}", "name", s->backend->name, "family",
        backend_family_names[s->backend->family], "url", s->backend->url, "enabled",
        s->backend->enabled, "local", s->local, "problem", model_problem_name(v.problem), "ok",
        v.problem == MODEL_FINE, "what", models_text(v.what), "help", models_text(v.help), "key",
        key_word(s, ask, &v), "models", s->listed ? json_incref(s->names) : json_null(),
        "model_count", (json_int_t)s->found.count, "unknown", unknown, "asked",
        models_text(s->model), "reached", last->status != 0, "granted", s->granted);
    if (one && last->status) {
        (void)json_object_set_new(one, "status", json_integer(last->status));
        (void)json_object_set_new(one, "first_byte_ms", json_integer(last->first_ms));
    }
    if (one && last->dated)
        (void)json_object_set_new(one, "skew_ms", json_integer(last->limits.skew_ms));
    if (one && !s->local && proxy)
        (void)json_object_set_new(one, "proxy", json_string(proxy));
    return one;
}

static json_t *result(const struct test *t) {
    const char *proxy = model_proxy(false);
    char shown[256] = "";
    bool network = probe_network();
    json_t *list = json_array();
    if (proxy)
        show_proxy(proxy, shown, sizeof shown);
    for (size_t i = 0; i < t->count; i++)
        (void)json_array_append_new(list, verdict_json(t, i, proxy ? shown : NULL, network));
    return json_pack("{so ss so}", "backends", list, "policy",
                     conf_string(t->call->services->conf, "models.policy"), "proxy",
                     models_text(shown));
}

// --- from the beginning to the end

static int pick(struct test *t, struct err *err) {
    char name[BACKEND_NAME_BYTES_MAX + 1];
    struct db *db;
    int r = models_copy("name", t->in->name, name, sizeof name, err);
    if (r == 0)
        r = store_reader_get(t->store, &db, err);
    if (r < 0)
        return r;
    r = name[0] ? backend_find(db, name, &t->list, err) : backend_list(db, &t->list, err);
    store_reader_put(t->store, db);
    t->subjects = r == 0 ? mem_zalloc((t->list.count + 1) * sizeof *t->subjects) : NULL;
    for (int i = 0; t->subjects && i < ROUNDS; i++)
        t->probes[i] = mem_zalloc((t->list.count + 1) * sizeof *t->probes[i]);
    t->audited = t->subjects ? mem_zalloc((t->list.count + 1) * sizeof *t->audited) : NULL;
    if (r == 0 && (!t->audited || !t->probes[LIST] || !t->probes[BARE] || !t->probes[ASK]))
        r = err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; r == 0 && i < t->list.count; i++)
        if (name[0] || t->list.items[i].enabled)
            t->subjects[t->count++].backend = &t->list.items[i];
    return r;
}

static int prepare(struct test *t, struct subject *s, struct err *err) {
    const struct consent_what what = {.kind = CONSENT_BACKEND,
                                      .audience = s->backend->name,
                                      .direction = CONSENT_OUT,
                                      .workspace = t->call->caller->workspace};
    char url[BACKEND_URL_BYTES_MAX + 1];
    struct consent_pass pass;
    host_of(s->backend->url, s->host, sizeof s->host);
    s->names = json_array();
    int r = backend_url_check(s->backend->url, url, &s->local, err);
    if (r == 0)
        r = model_find_key(t->store, s->backend, &t->keys, &s->key, NULL);
    s->no_key = r == ERR_NOT_FOUND || r == ERR_KEY;
    s->granted = json_boolean(consent_check(t->store, &what, &pass, NULL) == 0);
    return r < 0 && !s->no_key ? err_set(err, r, "%s: its key could not be read", s->backend->name)
                               : 0;
}

static void test_done(struct test *t) {
    for (size_t i = 0; i < t->count; i++) {
        struct subject *s = &t->subjects[i];
        if (s->bearer.data)
            explicit_bzero(s->bearer.data, s->bearer.cap);
        buf_done(&s->bearer);
        buf_done(&s->body);
        secret_free(s->key);
        json_decref(s->names);
        json_decref(s->granted);
        for (int k = 0; k < ROUNDS; k++) {
            buf_done(&s->urls[k]);
            buf_done(&t->probes[k][i].answer);
        }
    }
    for (int i = 0; i < ROUNDS; i++)
        mem_free(t->probes[i]);
    mem_free(t->subjects);
    mem_free(t->audited);
    route_catalogue_free(t->catalogue);
    backend_list_done(&t->list);
    model_keys_done(&t->keys);
}

int models_backends_test(struct call *call, const void *input, struct answer *answer,
                         struct err *err) {
    const struct backends_test_input *in = input;
    struct test t = {.call = call, .in = in};
    int r;
    t.store = admin_store(call, &r, err);
    int k = models_take_keys(in->keys, &t.keys, err);
    if (t.store)
        r = k;
    if (r == 0)
        r = pick(&t, err);
    for (size_t i = 0; r == 0 && i < t.count; i++)
        r = prepare(&t, &t.subjects[i], err);
    if (r == 0 && t.count)
        r = list_round(&t, err);
    if (r == 0)
        r = bare_round(&t, err);
    if (r == 0)
        r = token_round(&t, err);
    if (r == 0)
        r = model_prices(call->services->dirs, &t.catalogue, err);
    if (r == 0)
        r = store_write(t.store, NULL, write_usage, &t, NULL, NULL, err);
    if (r >= 0)
        r = admin_answer(answer, result(&t), err);
    test_done(&t);
    return r;
}
