// What the router knows of quotas, and what it has learned, outlives the engine: read before the
// first choice, written behind the answers while it changes and once more at the end. A killed
// engine loses what the last MODEL_KEEP_MS brought.
#include "core/base/env.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/store/blobs.h"
#include "server/models_impl.h"

static const char LEDGER[] = "route/ledger", LEARNED[] = MODEL_LEARNED_BLOB;

void model_kept_done(struct model_kept *k) {
    if (!k)
        return;
    buf_done(&k->ledger);
    buf_done(&k->learned);
    mem_free(k);
}

// --- reading: on a worker, taken on the loop

static int read_both(struct store *s, struct model_kept *k, struct err *err) {
    struct db *db;
    int r = store_reader_get(s, &db, err);
    if (r < 0)
        return r;
    r = blob_get(db, LEDGER, &k->ledger, err);
    if (r >= 0)
        r = blob_get(db, LEARNED, &k->learned, err);
    store_reader_put(s, db);
    return r;
}

struct model_kept *model_keep_read(struct services *services) {
    struct err err = {0};
    struct store *s = services->store(services, &err);
    struct model_kept *k = s ? mem_zalloc(sizeof *k) : NULL;
    if (!k)
        return NULL; // with the next request
    k->ledger.max = k->learned.max = BLOB_BYTES_MAX;
    if (read_both(s, k, &err) >= 0)
        return k;
    log_line(LOG_WARN, "models", "what the router knew was not read: %s", err_text(&err));
    model_kept_done(k);
    return NULL;
}

void model_keep_take(struct models *m, const struct model_kept *k) {
    struct err err = {0};
    if (m->kept || !k)
        return;
    m->kept = true;
    if (k->ledger.len && route_ledger_read(m->ledger, k->ledger.data, k->ledger.len, &err) < 0)
        log_line(LOG_WARN, "models", "%s: begun anew", err_text(&err));
    m->kept_changes = route_ledger_changes(m->ledger);
    // Forgotten while this was being read: it may be from before.
    if (!k->learned.len || m->forgotten)
        return;
    int r = m->predictor ? 0 : route_predictor_new(&m->predictor, &err);
    if (r == 0)
        r = route_predictor_read(m->predictor, k->learned.data, k->learned.len, &err);
    if (r < 0)
        log_line(LOG_WARN, "models", "%s: begun anew", err_text(&err));
    m->kept_outcomes = m->predictor ? route_outcomes(m->predictor, NULL) : 0;
}

// --- writing

static bool is_changed(const struct models *m) {
    return m->kept && (route_ledger_changes(m->ledger) != m->kept_changes ||
                       (m->predictor && route_outcomes(m->predictor, NULL) != m->kept_outcomes));
}

// As bytes, and from now on unchanged. NULL: no memory; with the next change.
static struct model_kept *take_down(struct models *m) {
    struct model_kept *k = mem_zalloc(sizeof *k);
    if (!k)
        return NULL;
    k->ledger.max = k->learned.max = BLOB_BYTES_MAX;
    uint64_t outcomes = m->predictor ? route_outcomes(m->predictor, NULL) : 0;
    int r = route_ledger_write(m->ledger, &k->ledger, NULL);
    if (r == 0 && m->predictor && outcomes != m->kept_outcomes)
        r = route_predictor_write(m->predictor, &k->learned, NULL);
    if (r < 0) {
        model_kept_done(k);
        return NULL;
    }
    m->kept_changes = route_ledger_changes(m->ledger);
    m->kept_outcomes = outcomes;
    return k;
}

static int write_both(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct model_kept *k = ctx;
    int64_t now_ms = model_now_ms();
    (void)result;
    int r = blob_put(db, LEDGER, k->ledger.data, k->ledger.len, now_ms, err);
    if (r == 0 && k->learned.len)
        r = blob_put(db, LEARNED, k->learned.data, k->learned.len, now_ms, err);
    return r;
}

static void write_run(void *ctx, struct job *job) {
    struct model_kept *k = ctx;
    struct err err = {0};
    struct store *s = k->m->services->store(k->m->services, &err);
    (void)job;
    k->written = s && store_write(s, NULL, write_both, k, NULL, NULL, &err) >= 0;
    if (!k->written)
        log_line(LOG_WARN, "models", "what the router knows was not written: %s", err_text(&err));
}

static void write_done(void *ctx, bool cancelled) {
    struct model_kept *k = ctx;
    struct models *m = k->m;
    bool written = k->written && !cancelled;
    model_kept_done(k);
    m->keeping = false;
    if (written) {
        model_keep_soon(m); // what changed meanwhile
        return;
    }
    m->kept_changes--; // with the next change, or at the end
    m->kept_outcomes--;
}

static void on_keep_time(void *ctx) {
    struct models *m = ctx;
    m->keep_timer = NULL;
    struct model_kept *k = is_changed(m) ? take_down(m) : NULL;
    if (!k)
        return;
    k->m = m;
    m->keeping = true;
    if (pool_submit(m->pool, POOL_NORMAL, write_run, write_done, k, NULL) < 0) {
        m->keeping = false;
        m->kept_changes--; // with the next change, or at the end
        m->kept_outcomes--;
        model_kept_done(k);
    }
}

void model_keep_soon(struct models *m) {
    if (!m->keep_timer && !m->keeping && !m->stopped && is_changed(m))
        m->keep_timer = env_timer_start(loop_env(m->loop), MODEL_KEEP_MS, on_keep_time, m);
}

void model_keep_rest(struct models *m) {
    struct model_kept *k = is_changed(m) ? take_down(m) : NULL;
    struct store *s = k ? m->services->store(m->services, NULL) : NULL;
    if (s)
        (void)store_write(s, NULL, write_both, k, NULL, NULL, NULL);
    model_kept_done(k);
}

// --- the choices

static void whys_run(void *ctx, struct job *job) {
    struct models *m = ctx;
    struct err err = {0};
    struct store *s = m->services->store(m->services, &err);
    (void)job;
    m->whys_saved = s ? model_whys_save(m->services->whys, s, &err) : ERR_IO;
    if (m->whys_saved < 0)
        log_line(LOG_WARN, "models", "why was not written: %s", err_text(&err));
}

static void whys_done(void *ctx, bool cancelled) {
    struct models *m = ctx;
    (void)cancelled;
    m->whys_saving = false;
    if (m->whys_again)
        model_whys_soon(m);
}

static void on_whys_time(void *ctx) {
    struct models *m = ctx;
    m->whys_timer = NULL;
    m->whys_saving = pool_submit(m->pool, POOL_NORMAL, whys_run, whys_done, m, NULL) == 0;
    m->whys_again = !m->whys_saving; // with the next choice, or at the end
}

void model_whys_soon(struct models *m) {
    m->whys_again = true;
    if (m->whys_timer || m->whys_saving || m->stopped)
        return;
    int ms = m->whys_saved * MODEL_WHYS_EACH_MS; // a program's hundreds a second: some of them
    m->whys_timer = env_timer_start(
        loop_env(m->loop), (uint64_t)(ms > MODEL_WHYS_MS ? ms : MODEL_WHYS_MS), on_whys_time, m);
}

void model_whys_rest(struct models *m) {
    struct store *s = m->whys_again ? m->services->store(m->services, NULL) : NULL;
    if (s)
        (void)model_whys_save(m->services->whys, s, NULL);
}
