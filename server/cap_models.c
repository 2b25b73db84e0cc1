// Capabilities of the command line about model backends: which there are. Refused to every other
// face, as who may send where is the user's to say. A key arrives inside the arguments, which are
// wiped before run() returns; it is never answered back nor logged.
#include "server/cap_models.h"

#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "server/cap_admin.h"
#include "server/presets.h"

#include <string.h>

struct origin models_origin(const struct call *call) {
    struct origin origin = {.seq = call->caller->seq};
    if (origin.seq)
        memcpy(origin.session, call->caller->session, sizeof origin.session);
    return origin;
}

int models_reader(struct call *call, struct store **ret_store, struct db **ret_db,
                  struct err *err) {
    int r;
    *ret_store = admin_store(call, &r, err);
    return *ret_store ? store_reader_get(*ret_store, ret_db, err) : r;
}

int models_copy(const char *field, struct text t, char *out, size_t size, struct err *err) {
    if (t.len >= size || (t.len && memchr(t.data, '\0', t.len)))
        return err_set(err, ERR_LIMIT, "%s: at most %zu bytes", field, size - 1);
    if (t.len)
        memcpy(out, t.data, t.len);
    out[t.len] = '\0';
    return 0;
}

json_t *models_text(const char *s) {
    return s && *s ? json_string(s) : json_null();
}

int models_take_keys(json_t *from, struct model_keys *keys, struct err *err) {
    const char *name;
    json_t *value;
    int r = 0;
    json_object_foreach(from, name, value) {
        char *text = (char *)(uintptr_t)json_string_value(value);
        size_t n = json_string_length(value);
        struct model_key *key = &keys->items[keys->count];
        bool fits = text && n <= BACKEND_KEY_BYTES_MAX && strlen(name) < sizeof key->name &&
                    keys->count < sizeof keys->items / sizeof *keys->items;
        if (r == 0 && !fits)
            r = err_set(err, ERR_LIMIT, "keys: at most 16, of at most %d bytes",
                        BACKEND_KEY_BYTES_MAX);
        if (r == 0 && !(key->value = secret_alloc(n + 1)))
            r = err_set(err, ERR_NOMEM, "out of memory");
        if (r == 0) {
            memcpy(key->name, name, strlen(name) + 1);
            memcpy(key->value, text, n);
            keys->count++;
        }
        if (text)
            explicit_bzero(text, n);
    }
    return r;
}

// --- listing ------------------------------------------------------------------------------------

struct granted {
    json_t *list;
    int64_t now_ms;
};

static int note_grant(void *ctx, const struct consent_row *row, struct err *err) {
    struct granted *g = ctx;
    bool expired = row->expires_ms && row->expires_ms <= g->now_ms;
    json_t *one = json_pack("{so sI sb}", "workspace", models_text(row->workspace), "expires_ms",
                            (json_int_t)row->expires_ms, "expired", expired);
    if (strcmp(row->kind, CONSENT_BACKEND) != 0) {
        json_decref(one);
        return 0;
    }
    return json_array_append_new(g->list, one) < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

static json_t *models_json(const struct backend *b) {
    json_t *list = json_array();
    for (size_t i = 0; i < b->model_count; i++)
        (void)json_array_append_new(list, json_pack("{ss so}", "name", b->models[i].name, "price",
                                                    models_text(b->models[i].price)));
    return list;
}

static json_t *backend_json(const struct backend *b, json_t *granted) {
    char url[BACKEND_URL_BYTES_MAX + 1];
    bool local = false;
    (void)backend_url_check(b->url, url, &local, NULL);
    return json_pack("{ss ss ss ss so s{ss so sb} sb sb so so sI}", "name", b->name, "family",
                     backend_family_names[b->family], "fim", backend_fim_names[b->fim], "url",
                     b->url, "account", models_text(b->account), "key", "source",
                     backend_key_names[b->key], "env", models_text(b->key_env), "kept", b->key_kept,
                     "enabled", b->enabled, "local", local, "models", models_json(b), "granted",
                     granted, "changed_ms", (json_int_t)b->changed_ms);
}

static int list_backends(struct db *db, int64_t now_ms, json_t *out, struct err *err) {
    struct backend_list found = {0};
    int r = backend_list(db, &found, err);
    for (size_t i = 0; r == 0 && i < found.count; i++) {
        struct granted g = {.list = json_array(), .now_ms = now_ms};
        r = consent_each(db, false, found.items[i].name, CONSENT_STANDING_MAX, note_grant, &g, err);
        if (json_array_append_new(out, backend_json(&found.items[i], g.list)) < 0 && r == 0)
            r = err_set(err, ERR_NOMEM, "out of memory");
    }
    backend_list_done(&found);
    return r;
}

static int run_list(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct store *s;
    struct db *db;
    (void)input;
    int r = models_reader(call, &s, &db, err);
    if (r < 0)
        return r;
    json_t *list = json_array();
    r = list_backends(db, call->now_ms, list, err);
    store_reader_put(s, db);
    if (r < 0) {
        json_decref(list);
        return r;
    }
    return admin_answer(answer, json_pack("{so}", "backends", list), err);
}

static int run_presets(struct call *call, const void *input, struct answer *answer,
                       struct err *err) {
    json_t *list = json_array();
    (void)call;
    (void)input;
    for (const struct preset *p = presets; p->name; p++)
        (void)json_array_append_new(list, json_pack("{ss ss ss ss so ss}", "name", p->name,
                                                    "family", backend_family_names[p->family],
                                                    "fim", backend_fim_names[p->fim], "url", p->url,
                                                    "env", models_text(p->env), "what", p->what));
    return admin_answer(answer, json_pack("{so}", "presets", list), err);
}

// --- adding -------------------------------------------------------------------------------------

enum { NO_FAMILY = -1, NO_FIM = -1 };

struct add_input {
    struct text name, preset, url, account, key_env, key;
    int family, fim;
    struct text_array models;
    bool replace;
};

#define TEXT(owner, member, bits, maximum)                                                         \
    {                                                                                              \
        .name = #member, .type = FIELD_STRING, .flags = (bits), .offset = offsetof(owner, member), \
        .min = 1, .max = (maximum)                                                                 \
    }

static const struct field add_fields[] = {
    TEXT(struct add_input, name, FIELD_REQUIRED, BACKEND_NAME_BYTES_MAX),
    TEXT(struct add_input, preset, 0, BACKEND_NAME_BYTES_MAX),
    {.name = "family",
     .type = FIELD_ENUM,
     .offset = offsetof(struct add_input, family),
     .values = backend_family_names},
    {.name = "fim",
     .type = FIELD_ENUM,
     .offset = offsetof(struct add_input, fim),
     .values = backend_fim_names},
    TEXT(struct add_input, url, 0, BACKEND_URL_BYTES_MAX),
    TEXT(struct add_input, account, 0, BACKEND_NAME_BYTES_MAX),
    TEXT(struct add_input, key_env, 0, BACKEND_ENV_BYTES_MAX),
    TEXT(struct add_input, key, 0, BACKEND_KEY_BYTES_MAX),
    {.name = "models",
     .type = FIELD_STRING_ARRAY,
     .offset = offsetof(struct add_input, models),
     .max = BACKEND_MODELS_MAX},
    {.name = "replace", .type = FIELD_BOOL, .offset = offsetof(struct add_input, replace)},
    {0},
};

// "model" or "model=name that it is priced under".
static int copy_models(const struct text_array *names, struct backend *b, struct err *err) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < names->count; i++) {
        struct text name = names->items[i], price = {0};
        const char *at = memchr(name.data, '=', name.len);
        if (at) {
            price = (struct text){at + 1, name.len - (size_t)(at + 1 - name.data)};
            name.len = (size_t)(at - name.data);
        }
        r = models_copy("model", name, b->models[i].name, sizeof b->models[i].name, err);
        if (r == 0)
            r = models_copy("model", price, b->models[i].price, sizeof b->models[i].price, err);
    }
    b->model_count = names->count;
    return r;
}

// What tutorials say ends with the API's version, which is the path's part here.
static void drop_version(struct backend *b) {
    const char *version = b->family == BACKEND_GEMINI ? "/v1beta" : "/v1";
    size_t n = strlen(b->url), v = strlen(version);
    while (n && b->url[n - 1] == '/')
        n--;
    if (n > v && memcmp(b->url + n - v, version, v) == 0)
        b->url[n - v] = '\0';
}

// The provider that is meant: by --preset, or by the name of one that is new.
static int find_preset(const struct add_input *in, const struct backend *before,
                       const struct preset **ret, struct err *err) {
    char name[BACKEND_NAME_BYTES_MAX + 1];
    int r = models_copy("preset", in->preset.data ? in->preset : in->name, name, sizeof name, err);
    if (r < 0)
        return r;
    *ret = in->preset.data || !before ? preset_find(name) : NULL;
    if (in->preset.data && !*ret)
        return err_set(err, ERR_NOT_FOUND, "no provider is known as %s: paired backends presets",
                       name);
    if (in->family == NO_FAMILY && !*ret && !before)
        return err_set(err, ERR_INVAL,
                       "no provider is known as %s: say --family and --url (paired backends "
                       "presets lists those that are known)",
                       name);
    return 0;
}

static int fill_place(const struct add_input *in, const struct preset *p,
                      const struct backend *before, struct backend *b, struct err *err) {
    const char *url = p && in->family == NO_FAMILY ? p->url : before ? before->url : NULL;
    b->family = in->family != NO_FAMILY ? (enum backend_family)in->family
                : p                     ? p->family
                                        : before->family;
    if (in->url.data)
        return models_copy("url", in->url, b->url, sizeof b->url, err);
    if (!url)
        return err_set(err, ERR_INVAL, "url: say where it is, --url");
    memcpy(b->url, url, strlen(url) + 1);
    return 0;
}

// Which API it has for places in code: as it was said, as it was, or as its kind has it. Of a
// server that is only known by its place, nothing is assumed: code goes to no path on trial.
static void fill_fim(const struct add_input *in, const struct preset *p,
                     const struct backend *before, struct backend *b) {
    bool same = before && b->family == before->family && strcmp(b->url, before->url) == 0;
    if (in->fim != NO_FIM)
        b->fim = (enum backend_fim)in->fim;
    else if (same && !in->preset.data)
        b->fim = before->fim;
    else if (p && in->family == NO_FAMILY)
        b->fim = p->fim;
}

// A key is for its place: it does not go along to another one.
static int fill_key(const struct add_input *in, const struct preset *p,
                    const struct backend *before, struct backend *b, struct err *err) {
    bool same = before && b->family == before->family && strcmp(b->url, before->url) == 0;
    const char *env = p && !in->url.data ? p->env : NULL;
    if (in->key.data && in->key_env.data)
        return err_set(err, ERR_INVAL, "key: from a variable or to be kept, not both");
    if (in->key.data) {
        b->key = BACKEND_KEY_STORE;
    } else if (in->key_env.data) {
        b->key = BACKEND_KEY_ENV;
        return models_copy("key_env", in->key_env, b->key_env, sizeof b->key_env, err);
    } else if (same) {
        b->key = before->key;
        memcpy(b->key_env, before->key_env, sizeof b->key_env);
    } else if (env) {
        b->key = BACKEND_KEY_ENV;
        memcpy(b->key_env, env, strlen(env) + 1);
    }
    return 0;
}

// `before`: the one that is changed; what is not named stays as it was.
static int fill_backend(const struct add_input *in, const struct backend *before, struct backend *b,
                        struct err *err) {
    char url[BACKEND_URL_BYTES_MAX + 1];
    const struct preset *p = NULL;
    bool local;
    b->enabled = !before || before->enabled;
    int r = models_copy("name", in->name, b->name, sizeof b->name, err);
    if (r == 0)
        r = models_copy("account", in->account, b->account, sizeof b->account, err);
    if (before && !in->account.data)
        memcpy(b->account, before->account, sizeof b->account);
    if (r == 0)
        r = find_preset(in, before, &p, err);
    if (r == 0)
        r = fill_place(in, p, before, b, err);
    if (r == 0) {
        drop_version(b);
        r = backend_url_check(b->url, url, &local, err);
    }
    if (r < 0)
        return r;
    memcpy(b->url, url, strlen(url) + 1);
    fill_fim(in, p, before, b);
    r = fill_key(in, p, before, b, err);
    if (r == 0 && before && !in->models.count) {
        b->model_count = before->model_count;
        memcpy(b->models, before->models, before->model_count * sizeof *b->models);
    }
    return r < 0 || !in->models.count ? r : copy_models(&in->models, b, err);
}

static int find_before(struct store *s, const struct add_input *in, struct backend_list *ret,
                       struct err *err) {
    char name[BACKEND_NAME_BYTES_MAX + 1];
    struct db *db;
    int r = models_copy("name", in->name, name, sizeof name, err);
    if (r < 0 || !in->replace)
        return r;
    r = store_reader_get(s, &db, err);
    if (r < 0)
        return r;
    r = backend_find(db, name, ret, err);
    store_reader_put(s, db);
    return r == ERR_NOT_FOUND ? 0 : r;
}

static int add_backend(struct call *call, const struct add_input *in, struct answer *answer,
                       struct err *err) {
    AUTO_FREE struct backend_model *models = mem_zalloc(BACKEND_MODELS_MAX * sizeof *models);
    struct backend b = {.models = models};
    struct backend_list before = {0};
    struct origin origin = models_origin(call);
    int r;
    struct store *s = admin_store(call, &r, err);
    if (!s || !models)
        return s ? err_set(err, ERR_NOMEM, "out of memory") : r;
    r = find_before(s, in, &before, err);
    if (r == 0)
        r = fill_backend(in, before.count ? before.items : NULL, &b, err);
    backend_list_done(&before);
    if (r == 0)
        r = backend_put(s, &origin, &b, in->key.data, in->key.len, in->replace, err);
    if (r < 0)
        return r;
    return admin_answer(answer,
                        json_pack("{ss ss ss s{ss so}}", "name", b.name, "family",
                                  backend_family_names[b.family], "url", b.url, "key", "source",
                                  backend_key_names[b.key], "env", models_text(b.key_env)),
                        err);
}

static int run_add(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct add_input in = *(const struct add_input *)input;
    if (!json_object_get(call->arguments, "family"))
        in.family = NO_FAMILY;
    if (!json_object_get(call->arguments, "fim"))
        in.fim = NO_FIM;
    int r = add_backend(call, &in, answer, err);
    if (in.key.data) // the text belongs to this call's arguments; nobody reads them again
        explicit_bzero((char *)in.key.data, in.key.len);
    return r;
}

// --- by name ------------------------------------------------------------------------------------

struct name_input {
    struct text name;
};
static const struct field name_fields[] = {
    TEXT(struct name_input, name, FIELD_REQUIRED, BACKEND_NAME_BYTES_MAX),
    {0},
};

typedef int change_fn(struct store *s, const struct origin *origin, const char *name,
                      struct err *err);

static int change(struct call *call, const void *input, change_fn *fn, struct answer *answer,
                  struct err *err) {
    const struct name_input *in = input;
    char name[BACKEND_NAME_BYTES_MAX + 1];
    struct origin origin = models_origin(call);
    int r = models_copy("name", in->name, name, sizeof name, err);
    if (r < 0)
        return r;
    struct store *s = admin_store(call, &r, err);
    if (!s || (r = fn(s, &origin, name, err)) < 0)
        return r;
    return admin_answer(answer, json_pack("{ss}", "name", name), err);
}

static int enable(struct store *s, const struct origin *origin, const char *name, struct err *err) {
    return backend_enable(s, origin, name, true, err);
}

static int disable(struct store *s, const struct origin *origin, const char *name,
                   struct err *err) {
    return backend_enable(s, origin, name, false, err);
}

static int run_enable(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    return change(call, input, enable, answer, err);
}

static int run_disable(struct call *call, const void *input, struct answer *answer,
                       struct err *err) {
    return change(call, input, disable, answer, err);
}

static int run_remove(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    return change(call, input, backend_remove, answer, err);
}

// ------------------------------------------------------------------------------------------------

#define ROW(words, what, more, table, type, fn)                                                    \
    {                                                                                              \
        .name = (words), .title = (what), .description = (what), .flags = CAP_CLI_ONLY | (more),   \
        .input = (table), .input_size = sizeof(type), .run = (fn)                                  \
    }

const struct capability capabilities_models[] = {
    ROW("backends list", "Model backends with their grants", CAP_READ_ONLY, NULL, char, run_list),
    ROW("backends presets", "Backends known by name", CAP_READ_ONLY | CAP_LOCAL, NULL, char,
        run_presets),
    ROW("backends add", "Name a model backend", 0, add_fields, struct add_input, run_add),
    ROW("backends test", "Ask model backends whether they answer", CAP_LONG, backends_test_fields,
        struct backends_test_input, models_backends_test),
    ROW("backends find", "Look for model servers on this machine", CAP_LONG, backends_find_fields,
        struct backends_find_input, models_backends_find),
    ROW("backends remove", "Forget a model backend, its key and its grants", CAP_DESTRUCTIVE,
        name_fields, struct name_input, run_remove),
    ROW("backends enable", "Use a model backend", 0, name_fields, struct name_input, run_enable),
    ROW("backends disable", "Leave a model backend alone", 0, name_fields, struct name_input,
        run_disable),
    ROW("consent list", "Grants that stand", CAP_READ_ONLY, consent_list_fields,
        struct consent_list_input, models_consent_list),
    ROW("consent history", "Grants that ended", CAP_READ_ONLY, consent_list_fields,
        struct consent_list_input, models_consent_history),
    ROW("consent grant", "Let a workspace go to a backend", 0, consent_fields, struct consent_input,
        models_consent_grant),
    ROW("consent revoke", "End grants", 0, consent_fields, struct consent_input,
        models_consent_revoke),
    ROW("audit list", "What left, newest first", CAP_READ_ONLY, audit_list_fields,
        struct audit_list_input, models_audit_list),
    ROW("audit export", "Entries with the bytes that are hashed", CAP_READ_ONLY,
        audit_export_fields, struct audit_list_input, models_audit_export),
    ROW("audit verify", "Recompute the audit log's chain and tree", CAP_READ_ONLY | CAP_LONG,
        audit_verify_fields, struct audit_verify_input, models_audit_verify),
    ROW("audit checkpoints", "Signed checkpoints of the audit log, and who cosigned them",
        CAP_READ_ONLY, NULL, char, models_audit_checkpoints),
    ROW("audit prove", "That an entry is in the audit log", CAP_READ_ONLY | CAP_LONG,
        audit_prove_fields, struct audit_prove_input, models_audit_prove),
    ROW("audit check", "Checks such a proof by itself", CAP_READ_ONLY | CAP_LOCAL,
        audit_check_fields, struct audit_check_input, models_audit_check),
    ROW("audit cosign", "Have friends cosign the audit log", CAP_LONG, NULL, char,
        models_audit_cosign),
    ROW("usage", "Tokens and money by what used them", CAP_READ_ONLY, usage_fields,
        struct usage_input, models_usage),
    ROW("budget", "What may be spent for a workspace, and what was", 0, budget_fields,
        struct budget_input, models_budget),
    ROW("why", "How the router came to a choice", CAP_READ_ONLY | CAP_LOCAL, why_fields,
        struct why_input, models_why),
    ROW("why list", "The router's latest choices", CAP_READ_ONLY | CAP_LOCAL, why_fields,
        struct why_input, models_why_list),
    ROW("why checks", "How far the checks of patches are trusted", CAP_READ_ONLY, NULL, char,
        models_why_checks),
    ROW("why judge", "What the user says of an answer, for the router to learn from", 0,
        judge_fields, struct judge_input, models_why_judge),
    {0},
};
