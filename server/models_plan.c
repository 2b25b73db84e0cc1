// Where the text of a workspace may go: the enabled backends with a grant and a key, with passes
// that are looked at once more immediately before bytes leave.
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "server/models_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void model_keys_done(struct model_keys *k) {
    for (size_t i = 0; i < k->count; i++)
        secret_free(k->items[i].value);
    *k = (struct model_keys){0};
}

static void plan_free(struct model_plan *p) {
    for (size_t i = 0; i < p->count; i++)
        secret_free(p->offers[i].key);
    mem_free(p->offers);
    mem_free(p->unpaid);
    for (size_t i = 0; i < p->pick_count; i++)
        mem_free(p->picks[i].own);
    mem_free(p->picks);
    mem_free(p->workspace);
    backend_list_done(&p->backends);
    mem_free(p);
}

void model_plan_unref(struct model_plan *p) {
    if (p && --p->refs == 0)
        plan_free(p);
}

bool model_plan_stands(struct store *s, const struct model_plan *p, int64_t now_ms) {
    if (now_ms - p->made_ms > MODEL_PLAN_MS || now_ms < p->made_ms)
        return false;
    for (size_t i = 0; i < p->count; i++)
        if (!consent_stands(s, &p->offers[i].pass, now_ms))
            return false;
    return p->count > 0;
}

// --- keys

static const char *named_value(const struct model_keys *keys, const char *name) {
    for (size_t i = 0; keys && i < keys->count; i++)
        if (strcmp(keys->items[i].name, name) == 0)
            return keys->items[i].value;
    return getenv(name); // an engine that a service manager gave it to
}

int model_find_key(struct store *s, const struct backend *b, const struct model_keys *keys,
                   char **ret, struct err *err) {
    *ret = NULL;
    if (b->key == BACKEND_KEY_NONE)
        return 0;
    const char *value = b->key == BACKEND_KEY_ENV ? named_value(keys, b->key_env) : NULL;
    if (b->key == BACKEND_KEY_ENV && (!value || !*value))
        return err_set(
            err, ERR_NOT_FOUND,
            "%s is not set where it is asked from: set it there, or keep the key: paired "
            "backends add %s --replace --key-stdin",
            b->key_env, b->name);
    char *key = secret_alloc(BACKEND_KEY_BYTES_MAX + 1);
    if (!key)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = 0;
    if (!value)
        r = backend_secret(s, b->name, key, err);
    else if (strlen(value) > BACKEND_KEY_BYTES_MAX)
        r = err_set(err, ERR_LIMIT, "the key in %s is too long", b->key_env);
    else
        memcpy(key, value, strlen(value) + 1);
    if (r < 0) {
        secret_free(key);
        return r;
    }
    *ret = key;
    return 0;
}

// --- the plan

// 0: it may be asked, 1: it may not, plan->why says the reason.
static int consider(struct store *s, struct model_plan *p, const struct backend *b,
                    const char *policy, const struct model_keys *keys, struct err *err) {
    struct model_offer *offer = &p->offers[p->count];
    const struct consent_what what = {.kind = CONSENT_BACKEND,
                                      .audience = b->name,
                                      .direction = CONSENT_OUT,
                                      .workspace = p->workspace};
    char url[BACKEND_URL_BYTES_MAX + 1];
    struct err why = {0};
    *offer = (struct model_offer){.backend = b};
    int r = b->enabled ? backend_url_check(b->url, url, &offer->local, &why)
                       : err_set(&why, ERR_PERM, "it is disabled");
    if (r == 0 && strcmp(policy, "local-only") == 0 && !offer->local)
        r = err_set(&why, ERR_PERM, "models.policy allows local backends only");
    if (r == 0)
        r = consent_check(s, &what, &offer->pass, &why);
    if (r == 0 && p->spent[0] && !offer->local) {
        p->unpaid[p->unpaid_count++] = (struct model_unpaid){b, offer->pass};
        r = err_set(&why, ERR_PERM, "%s", p->spent);
    }
    if (r == 0)
        r = model_find_key(s, b, keys, &offer->key, &why);
    if (r == ERR_NOMEM || r == ERR_LOCKED || r == ERR_BUSY) {
        if (err)
            *err = why;
        return r;
    }
    if (r == 0) {
        p->count++;
        return 0;
    }
    bool budget = p->unpaid_count == 1 && p->unpaid[0].backend == b; // what can be done about
    if (!p->why[0] || budget)
        (void)snprintf(p->why, sizeof p->why, "%s: %s", b->name, why.message);
    return 1;
}

// --- which models there are to choose from

uint32_t model_arm_id(const char *backend, const char *model) {
    uint32_t hash = 2166136261U;
    for (const char *s = backend; *s; s++)
        hash = (hash ^ (unsigned char)*s) * 16777619U;
    hash *= 16777619U; // as for the NUL between the two
    for (const char *s = model; *s; s++)
        hash = (hash ^ (unsigned char)*s) * 16777619U;
    return hash ? hash : 1;
}

static int price(const struct route_catalogue *c, const struct model_offer *offer, const char *name,
                 const char *as, const struct route_model **ret, struct route_model **ret_own) {
    struct route_model own;
    *ret = model_priced(c, offer->local, name, as, &own);
    *ret_own = NULL;
    if (*ret != &own)
        return 0;
    *ret = *ret_own = mem_alloc(sizeof own);
    if (!*ret_own)
        return ERR_NOMEM;
    **ret_own = own;
    return 0;
}

int model_pick_new(const struct route_catalogue *c, const struct model_plan *p, size_t at,
                   const char *name, const char *as, struct model_pick *ret) {
    const struct model_offer *offer = &p->offers[at];
    *ret = (struct model_pick){.offer = at,
                               .name = name,
                               .listed = c ? route_catalogue_find(c, name) : NULL,
                               .arm = model_arm_id(offer->backend->name, name)};
    return price(c, offer, name, as, &ret->model, &ret->own);
}

// The first model of each backend, then the second ones, and so on: where there are more than can
// be considered, each backend has its turn.
static int pick(struct model_plan *p, const struct route_catalogue *c, struct err *err) {
    size_t room = 0;
    for (size_t i = 0; i < p->count; i++)
        room += p->offers[i].backend->model_count;
    p->picks = room ? mem_alloc(room * sizeof *p->picks) : NULL;
    if (room && !p->picks)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t k = 0; p->pick_count < room && k < BACKEND_MODELS_MAX; k++)
        for (size_t i = 0; i < p->count; i++) {
            const struct backend *b = p->offers[i].backend;
            if (k >= b->model_count)
                continue;
            int r = model_pick_new(c, p, i, b->models[k].name, b->models[k].price,
                                   &p->picks[p->pick_count]);
            if (r < 0)
                return err_set(err, r, "out of memory");
            p->pick_count++;
        }
    return 0;
}

// --- the user's policy

// What the opened folder's own file says counts where it is tighter: conf_load_file() takes nothing
// else of it. NULL: out of memory.
static struct conf *conf_of(const struct conf *users, const char *workspace) {
    struct conf *conf = conf_clone(users);
    struct conf_problem problems[4];
    size_t count = 0;
    struct err why = {0};
    AUTO_BUF path = BUF_INIT(8192);
    if (!conf || !workspace || buf_printf(&path, "%s/.paired/config.json", workspace) < 0)
        return conf;
    if (conf_load_file(conf, path.data, CONF_WORKSPACE, problems, COUNT_OF(problems), &count,
                       &why) < 0 ||
        count)
        log_line(LOG_WARN, "models", "workspace settings with problems count=%zu code=%s", count,
                 err_name(why.code));
    return conf;
}

static void read_policy(const struct conf *conf, struct model_plan *p) {
    static const struct {
        const char *word;
        enum route_mode mode;
    } modes[] = {{"best", ROUTE_MODE_BEST},
                 {"balanced", ROUTE_MODE_BALANCED},
                 {"cheapest", ROUTE_MODE_CHEAPEST},
                 {"local-only", ROUTE_MODE_LOCAL}};
    static const char *const substitutes[] = {"always", "failing", "never"};
    for (size_t i = 0; i < COUNT_OF(modes); i++)
        if (strcmp(conf_string(conf, "models.policy"), modes[i].word) == 0)
            p->policy.mode = modes[i].mode;
    for (size_t i = 0; i < COUNT_OF(substitutes); i++)
        if (strcmp(conf_string(conf, "models.substitute"), substitutes[i]) == 0)
            p->substitute = (enum model_substitute)i;
    p->exact = strcmp(conf_string(conf, "models.cache"), "exact") == 0;
    p->policy.floor = (double)conf_int(conf, "models.floor_percent") / 100;
    p->policy.value_usd = (double)conf_int(conf, "models.value_cents") / 100;
    p->policy.explore = (double)conf_int(conf, "models.explore_percent") / 100;
}

static int fill(struct store *s, struct model_plan *p, const struct conf *conf,
                const struct model_keys *keys, struct err *err) {
    struct db *db;
    int r = store_reader_get(s, &db, err);
    if (r < 0)
        return r;
    r = backend_list(db, &p->backends, err);
    if (r == 0)
        r = model_budget_read(db, conf, p, err);
    store_reader_put(s, db);
    if (r < 0)
        return r;
    p->offers = mem_zalloc((p->backends.count + 1) * sizeof *p->offers);
    p->unpaid = mem_zalloc((p->backends.count + 1) * sizeof *p->unpaid);
    if (!p->offers || !p->unpaid)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (p->backends.count == 0)
        (void)snprintf(p->why, sizeof p->why,
                       "no model backend is configured: `paired backends add` names one");
    for (size_t i = 0; r >= 0 && i < p->backends.count; i++)
        r = consider(s, p, &p->backends.items[i], conf_string(conf, "models.policy"), keys, err);
    return r < 0 ? r : 0;
}

int model_plan_new(struct services *services, const struct route_catalogue *catalogue,
                   const char *workspace, const struct model_keys *keys, struct model_plan **ret,
                   struct err *err) {
    struct store *s = services->store(services, err);
    if (!s)
        return err && err->code ? err->code : ERR_IO;
    struct model_plan *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->refs = 1;
    p->made_ms = model_now_ms();
    p->workspace = workspace ? mem_strdup(workspace) : NULL;
    struct conf *conf = conf_of(services->conf, workspace);
    int r = !conf || (workspace && !p->workspace) ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    if (r == 0) {
        read_policy(conf, p);
        r = fill(s, p, conf, keys, err);
    }
    if (r == 0 && catalogue)
        r = pick(p, catalogue, err);
    conf_free(conf);
    if (r < 0) {
        plan_free(p);
        return r;
    }
    *ret = p;
    return 0;
}
