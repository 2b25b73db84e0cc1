// Passes: who may ask the gateway, on behalf of which workspace. They are kept in memory by their
// hash; those for `gateway env` in the store, too. Workers and the loop meet in the mailbox.
#include "core/base/env.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "core/store/blobs.h"
#include "server/gateway_impl.h"
#include "server/models_impl.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PASSES_KEY "gateway/passes" // lines: 64 hex digits, a blank, the workspace

enum { WISH_SECONDS = 5 };

struct wish { // of a worker, which waits; two references
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int refs;
    bool done;
    int r;
    struct err err;
    bool close, kept;
    uint8_t hash[32];
    char *workspace;
    struct model_keys keys;
    uint16_t port;
};

static void wish_unref(struct wish *w) {
    (void)pthread_mutex_lock(&w->lock);
    int left = --w->refs;
    (void)pthread_mutex_unlock(&w->lock);
    if (left)
        return;
    model_keys_done(&w->keys);
    mem_free(w->workspace);
    (void)pthread_mutex_destroy(&w->lock);
    (void)pthread_cond_destroy(&w->changed);
    mem_free(w);
}

static void hash_of(const char *token, uint8_t out[32]) {
    secret_hash(NULL, token, strlen(token), NULL, 0, out);
}

// --- on the loop

const struct gateway_entry *gateway_entry_of(const struct gateway *g, const char *token) {
    uint8_t hash[32];
    if (!token || strlen(token) >= 256)
        return NULL;
    hash_of(token, hash);
    for (size_t i = 0; i < g->entry_count; i++)
        if (secret_equal(g->entries[i].hash, hash, sizeof hash))
            return &g->entries[i];
    return NULL;
}

static void entry_done(struct gateway_entry *e) {
    model_keys_done(&e->keys);
    mem_free(e->workspace);
}

// A request that is on its way borrows its pass's keys: such a pass stays until the engine's end.
static void remove_entry(struct gateway *g, size_t i) {
    entry_done(&g->entries[i]);
    memmove(&g->entries[i], &g->entries[i + 1], (g->entry_count - i - 1) * sizeof *g->entries);
    g->entry_count--;
}

static int add_entry(struct gateway *g, const uint8_t hash[32], char **workspace,
                     struct model_keys *keys, bool kept, struct err *err) {
    for (size_t i = 0; i < g->entry_count; i++)
        if (memcmp(g->entries[i].hash, hash, 32) == 0)
            return 0;
    if (g->entry_count == GATEWAY_PASSES_MAX)
        return err_set(err, ERR_LIMIT,
                       "the gateway gave %d passes already; `paired stop` ends them",
                       GATEWAY_PASSES_MAX);
    struct gateway_entry *e = &g->entries[g->entry_count++];
    *e = (struct gateway_entry){.workspace = *workspace, .keys = *keys, .kept = kept};
    memcpy(e->hash, hash, 32);
    *workspace = NULL;
    *keys = (struct model_keys){0};
    return 0;
}

static int close_entry(struct gateway *g, const uint8_t hash[32], struct err *err) {
    for (size_t i = 0; i < g->entry_count; i++) {
        if (memcmp(g->entries[i].hash, hash, 32) != 0)
            continue;
        if (g->visit_count == 0)
            remove_entry(g, i);
        else
            secret_random(g->entries[i].hash, 32); // nobody knows it any more
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "there is no such pass");
}

static void on_wish(void *ctx, void *message) {
    struct gateway *g = ctx;
    struct wish *w = message;
    struct err err = {0};
    int r = g->stopped ? err_set(&err, ERR_CANCELLED, "the engine is ending") : 0;
    if (r == 0 && w->close) {
        r = close_entry(g, w->hash, &err);
    } else if (r == 0 && (r = gateway_listen(g, &err)) == 0) {
        r = add_entry(g, w->hash, &w->workspace, &w->keys, w->kept, &err);
        w->port = http_server_port(g->server);
    }
    (void)pthread_mutex_lock(&w->lock);
    w->r = r;
    w->err = err;
    w->done = true;
    (void)pthread_cond_signal(&w->changed);
    (void)pthread_mutex_unlock(&w->lock);
    wish_unref(w);
}

static void drop_wish(void *message) {
    wish_unref(message);
}

// --- on a worker

static struct wish *wish_new(void) {
    struct wish *w = mem_zalloc(sizeof *w);
    pthread_condattr_t attributes;
    if (!w)
        return NULL;
    w->refs = 2;
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return w;
}

// Takes one reference; the other is the loop's, or dropped.
static int await(struct gateway *g, struct wish *w, uint16_t *ret_port, struct err *err) {
    struct timespec until;
    int r = mailbox_post(g->mailbox, w);
    if (r < 0) {
        wish_unref(w);
        wish_unref(w);
        return err_set(err, r, "the gateway has too much to do just now");
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WISH_SECONDS;
    (void)pthread_mutex_lock(&w->lock);
    while (!w->done && pthread_cond_timedwait(&w->changed, &w->lock, &until) == 0)
        ;
    r = w->done ? w->r : err_set(&w->err, ERR_TIMEOUT, "the gateway did not answer in time");
    if (err)
        *err = w->err;
    if (ret_port)
        *ret_port = w->port;
    (void)pthread_mutex_unlock(&w->lock);
    wish_unref(w);
    return r;
}

struct kept {
    char hash[65]; // hex
    const char *workspace;
};

static int keep(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct kept *k = ctx;
    AUTO_BUF all = {0};
    (void)result;
    int r = blob_get(db, PASSES_KEY, &all, err);
    if (r < 0)
        return r;
    (void)buf_printf(&all, "%s %s\n", k->hash, k->workspace ? k->workspace : "");
    return all.failed ? err_set(err, ERR_NOMEM, "out of memory")
                      : blob_put(db, PASSES_KEY, all.data, all.len, env_now_wall_ms(), err);
}

static int keep_pass(struct gateway *g, const struct wish *w, struct err *err) {
    struct kept k = {.workspace = w->workspace};
    struct store *s = g->services->store(g->services, err);
    (void)sodium_bin2hex(k.hash, sizeof k.hash, w->hash, sizeof w->hash);
    if (w->workspace && strchr(w->workspace, '\n'))
        return err_set(err, ERR_INVAL, "a folder with a line break in its name");
    return s ? store_write(s, NULL, keep, &k, NULL, NULL, err) : ERR_IO;
}

int gateway_open(struct gateway *g, const char *workspace, struct model_keys *keys, bool kept,
                 struct gateway_pass *ret, struct err *err) {
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; // 32: five bits each
    uint8_t random[GATEWAY_TOKEN_BYTES];
    struct wish *w = wish_new();
    if (!w) {
        model_keys_done(keys);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    (void)snprintf(ret->token, sizeof ret->token, "paired-");
    secret_random(random, sizeof random);
    for (size_t i = strlen(ret->token); i + 1 < sizeof ret->token; i++)
        ret->token[i] = letters[random[i] & 31];
    ret->token[sizeof ret->token - 1] = '\0';
    hash_of(ret->token, w->hash);
    w->workspace = workspace ? mem_strdup(workspace) : NULL;
    w->keys = *keys;
    *keys = (struct model_keys){0};
    w->kept = kept;
    int r = workspace && !w->workspace ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    if (r == 0 && kept)
        r = keep_pass(g, w, err);
    if (r < 0) {
        wish_unref(w);
        wish_unref(w);
        return r;
    }
    return await(g, w, &ret->port, err);
}

int gateway_close(struct gateway *g, const char *token, struct err *err) {
    struct wish *w = wish_new();
    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory");
    w->close = true;
    hash_of(token, w->hash);
    return await(g, w, NULL, err);
}

int gateway_models(struct gateway *g, const char *workspace, struct buf *out, struct err *err) {
    struct model_plan *plan = NULL;
    int r = model_plan_new(g->services, NULL, workspace, NULL, &plan, err);
    if (r < 0)
        return r;
    bool first = true;
    (void)buf_puts(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < plan->count; i++) {
        const struct backend *b = plan->offers[i].backend;
        for (size_t k = 0; k < b->model_count; k++) {
            (void)buf_puts(out, first ? "{\"id\":" : ",{\"id\":");
            (void)buf_put_json_string(out, b->models[k].name, strlen(b->models[k].name));
            (void)buf_puts(out, ",\"object\":\"model\",\"type\":\"model\",\"owned_by\":");
            (void)buf_put_json_string(out, b->name, strlen(b->name));
            (void)buf_putc(out, '}');
            first = false;
        }
    }
    (void)buf_puts(out, "],\"has_more\":false}");
    model_plan_unref(plan);
    return out->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

// --- passes from earlier

struct kept_list {
    struct gateway *gateway;
    struct buf all;
    struct err err;
    int r;
};

static void load_run(void *ctx, struct job *job) {
    struct kept_list *k = ctx;
    struct services *services = k->gateway->services;
    struct store *s = services->store(services, &k->err);
    struct db *db;
    (void)job;
    k->r = s ? store_reader_get(s, &db, &k->err) : ERR_IO;
    if (k->r < 0)
        return;
    k->r = blob_get(db, PASSES_KEY, &k->all, &k->err);
    store_reader_put(s, db);
}

static void take_lines(struct gateway *g, char *at) {
    for (char *end; (end = strchr(at, '\n')); at = end + 1) {
        struct model_keys none = {0};
        uint8_t hash[32];
        *end = '\0';
        if (end - at < 65 || sodium_hex2bin(hash, sizeof hash, at, 64, NULL, NULL, NULL) != 0)
            continue;
        char *workspace = at[65] ? mem_strdup(at + 65) : NULL;
        if (workspace || !at[65])
            (void)add_entry(g, hash, &workspace, &none, true, NULL);
        mem_free(workspace);
    }
}

static void load_done(void *ctx, bool cancelled) {
    struct kept_list *k = ctx;
    struct gateway *g = k->gateway;
    int r = k->r;
    if (r >= 0 && !cancelled && !g->stopped) {
        if (k->all.len)
            take_lines(g, k->all.data);
        r = gateway_listen(g, &k->err);
    }
    if (r < 0)
        log_line(LOG_ERROR, "gateway", "not serving: %s", err_text(&k->err));
    buf_done(&k->all);
    mem_free(k);
}

void gateway_serve(struct gateway *g) {
    struct kept_list *k = mem_zalloc(sizeof *k);
    g->served = true;
    if (!k)
        return;
    k->gateway = g;
    if (pool_submit(g->pool, POOL_NORMAL, load_run, load_done, k, NULL) < 0)
        mem_free(k);
}

bool gateway_served(const struct gateway *g) {
    return g && g->served;
}

// --- life and death

int gateway_new(struct loop *l, struct pool *pool, struct services *services, uint16_t port,
                struct gateway **ret, struct err *err) {
    struct gateway *g = mem_zalloc(sizeof *g);
    if (!g)
        return err_set(err, ERR_NOMEM, "out of memory");
    g->loop = l;
    g->pool = pool;
    g->services = services;
    g->port = port;
    g->entries = mem_alloc(GATEWAY_PASSES_MAX * sizeof *g->entries);
    int r = g->entries ? mailbox_new(l, 64, on_wish, g, &g->mailbox, err)
                       : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = model_waits_new(l, g, &g->waits, err);
    if (r < 0) {
        if (g->mailbox)
            mailbox_close(g->mailbox, drop_wish);
        mem_free(g->entries);
        mem_free(g);
        return r;
    }
    *ret = g;
    return 0;
}

void gateway_done(struct gateway *g) {
    if (!g)
        return;
    mailbox_close(g->mailbox, drop_wish);
    model_waits_free(g->waits);
    for (size_t i = 0; i < g->entry_count; i++)
        entry_done(&g->entries[i]);
    models_done(g->models);
    mem_free(g->entries);
    mem_free(g);
}
