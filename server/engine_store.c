#include "core/base/env.h"
#include "core/base/log.h"
#include "server/engine_parts.h"

#include <string.h>
#include <time.h>

enum {
    WAIT_MS = 30000,
    WAIT_STEP_MS = 100,
    RETRY_MS = 1000,
    LEAVE_MS = 7000, // an engine that leaves needs ENGINE_DRAIN_MS, and closes its store
    LEAVE_STEP_MS = 1,
    LEAVE_SLOW_MS = 10,
    LEAVE_STEPS = 50 // then slower
};
static const uint64_t NS_PER_MS = 1000000;

int engine_store_init(struct engine_store *s, const struct dirs *dirs, const struct conf *conf,
                      struct err *err) {
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int e = pthread_mutex_init(&s->lock, NULL);
    if (!e)
        e = pthread_cond_init(&s->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    s->config = (struct store_config){.dir = dirs->state,
                                      .readers = (unsigned)conf_int(conf, "engine.workers"),
                                      .rotate_days = conf_int(conf, "store.rotate_days")};
    s->opening = true; // until the first engine_store_open has run
    return e ? err_errno(err, e, "cannot prepare the store") : 0;
}

static void sleep_ms(long ms) {
    (void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

// The engine before this one gives its socket away first and its store last.
static int open_when_free(struct engine_store *s, struct store **ret, struct err *err) {
    uint64_t until = env_now_mono_ns() + (s->opened ? 0 : LEAVE_MS * NS_PER_MS);
    s->opened = true;
    for (unsigned step = 0;; step++) {
        int r = store_open(&s->config, ret, err);
        if (r != ERR_BUSY || atomic_load(&s->stopping) || env_now_mono_ns() >= until)
            return r;
        sleep_ms(step < LEAVE_STEPS ? LEAVE_STEP_MS : LEAVE_SLOW_MS);
    }
}

// `opening` is set by the caller, so that only one thread is here.
void engine_store_open(struct engine_store *s) {
    struct store *store = NULL;
    struct err err = {0};
    int r = open_when_free(s, &store, &err);
    if (r < 0)
        log_line(LOG_ERROR, "store", "opening failed code=%s", err_name(r));
    (void)pthread_mutex_lock(&s->lock);
    s->opening = false;
    s->store = r < 0 ? NULL : store;
    s->failure = r < 0 ? err : (struct err){0}; // not what there was to wait for
    s->failed_ns = env_now_mono_ns();
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

// Lock held. 0, ERR_CANCELLED, ERR_TIMEOUT.
static int wait_opening(struct engine_store *s, struct err *err) {
    uint64_t until = env_now_mono_ns() + WAIT_MS * NS_PER_MS;
    while (s->opening) {
        if (atomic_load(&s->stopping))
            return err_set(err, ERR_CANCELLED, "the engine is ending");
        if (env_now_mono_ns() >= until)
            return err_set(err, ERR_TIMEOUT,
                           "the store is still being opened; try again in a moment");
        struct timespec at;
        (void)clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_nsec += WAIT_STEP_MS * 1000000;
        at.tv_sec += at.tv_nsec / 1000000000;
        at.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&s->changed, &s->lock, &at);
    }
    return 0;
}

struct store *engine_store_get(struct engine_store *s, struct err *err) {
    (void)pthread_mutex_lock(&s->lock);
    int r = wait_opening(s, err);
    // What was wrong (a full disk, another process) may be over by now; not asked more than once a
    // second.
    bool again = r == 0 && !s->store && !atomic_load(&s->stopping) &&
                 env_now_mono_ns() - s->failed_ns >= RETRY_MS * NS_PER_MS;
    if (again) {
        s->opening = true;
        (void)pthread_mutex_unlock(&s->lock);
        engine_store_open(s);
        (void)pthread_mutex_lock(&s->lock);
        r = wait_opening(s, err);
    }
    struct store *store = s->store;
    if (r == 0 && !store)
        (void)err_set(err, s->failure.code ? s->failure.code : ERR_IO, "%s", err_text(&s->failure));
    (void)pthread_mutex_unlock(&s->lock);
    return r < 0 ? NULL : store;
}

int engine_store_repair(struct engine_store *s, struct err *err) {
    (void)pthread_mutex_lock(&s->lock);
    int r = wait_opening(s, err);
    struct store *open = s->store;
    if (r == 0 && !open) {
        s->opening = true;
        s->config.accept_damage = true;
        (void)pthread_mutex_unlock(&s->lock);
        engine_store_open(s);
        (void)pthread_mutex_lock(&s->lock);
        s->config.accept_damage = false;
        if (!s->store)
            r = err_set(err, s->failure.code ? s->failure.code : ERR_IO, "%s",
                        err_text(&s->failure));
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (r == 0 && open)
        r = store_accept(open, err);
    if (r == 0)
        log_line(LOG_WARN, "store", "damage accepted");
    return r;
}

struct store *engine_store_peek(struct engine_store *s) {
    (void)pthread_mutex_lock(&s->lock);
    struct store *store = s->store;
    (void)pthread_mutex_unlock(&s->lock);
    return store;
}

void engine_store_close(struct engine_store *s, bool awaited) {
    if (awaited)
        store_close_soon(s->store);
    else
        store_close(s->store);
    s->store = NULL;
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
}
