// Work for the pool from threads that are not the loop's (federation's): by way of a mailbox.
#include "core/base/mem.h"
#include "server/engine_parts.h"

struct work {
    void (*run)(void *ctx, bool ended);
    void *ctx;
    enum pool_priority priority;
    bool done;
};

static void run_work(void *ctx, struct job *job) {
    struct work *w = ctx;
    (void)job;
    w->done = true;
    w->run(w->ctx, false);
}

static void drop_work(void *message) {
    struct work *w = message;
    if (!w->done)
        w->run(w->ctx, true);
    mem_free(w);
}

static void work_done(void *ctx, bool cancelled) {
    (void)cancelled;
    drop_work(ctx);
}

static void on_work(void *ctx, void *message) {
    struct engine *e = ctx;
    struct work *w = message;
    if (pool_submit(e->pool, w->priority, run_work, work_done, w, NULL) < 0)
        drop_work(message);
}

int engine_work_open(struct engine *e, struct err *err) {
    int r = mailbox_new(e->loop, ENGINE_WORK_MAX, on_work, e, &e->work, err);
    if (r == 0)
        (void)mailbox_ref(e->work); // workers may still post when it has been closed
    return r;
}

static int post(struct services *services, enum pool_priority priority,
                void (*run)(void *ctx, bool ended), void *ctx) {
    struct engine *e = services->engine;
    struct work *w = mem_alloc(sizeof *w);
    if (!w)
        return ERR_NOMEM;
    *w = (struct work){run, ctx, priority, false};
    int r = mailbox_post(e->work, w);
    if (r < 0)
        mem_free(w);
    return r;
}

int engine_work(struct services *services, void (*run)(void *ctx, bool ended), void *ctx) {
    return post(services, POOL_NORMAL, run, ctx);
}

int engine_work_behind(struct services *services, void (*run)(void *ctx, bool ended), void *ctx) {
    return post(services, POOL_BACKGROUND, run, ctx);
}

void engine_work_close(struct engine *e) {
    if (e->work)
        mailbox_close(e->work, drop_work);
}

void engine_work_free(struct engine *e) {
    mailbox_unref(e->work);
}
