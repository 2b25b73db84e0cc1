// Work for the pool from threads that are not the loop's (federation's): by way of a mailbox.
#include "core/base/mem.h"
#include "server/engine_parts.h"

struct work {
    void (*run)(void *ctx, bool ended);
    void *ctx;
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
    if (pool_submit(e->pool, POOL_NORMAL, run_work, work_done, message, NULL) < 0)
        drop_work(message);
}

int engine_work_open(struct engine *e, struct err *err) {
    return mailbox_new(e->loop, ENGINE_WORK_MAX, on_work, e, &e->work, err);
}

int engine_work(struct services *services, void (*run)(void *ctx, bool ended), void *ctx) {
    struct engine *e = services->engine;
    struct work *w = mem_alloc(sizeof *w);
    if (!w)
        return ERR_NOMEM;
    *w = (struct work){run, ctx, false};
    int r = mailbox_post(e->work, w);
    if (r < 0)
        mem_free(w);
    return r;
}

void engine_work_close(struct engine *e) {
    if (e->work)
        mailbox_close(e->work, drop_work);
    e->work = NULL;
}
