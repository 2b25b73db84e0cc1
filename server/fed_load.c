// The grants as the thread knows them: loaded on a worker whenever they change.
#include "core/base/log.h"
#include "core/base/mem.h"
#include "server/fed_impl.h"

#include <time.h>

static int swap(struct fed_core *core, void *arg, struct err *err) {
    struct fed_grants **fresh = arg;
    (void)err;
    core->loading = false;
    if (*fresh) {
        fed_grants_free(core->grants);
        core->grants = *fresh;
        *fresh = NULL;
    }
    if (core->stale) {
        core->stale = false;
        fed_core_load_grants(core);
    }
    fed_core_tell_grants(core);
    return 0;
}

// The thread may be busy for long, or others wait for it; without this turn it would go without
// its grants for good. Ends also when the thread does.
static void insist(struct services *s, fed_fn *fn, void *arg) {
    for (;;) {
        struct err err = {0};
        if (fed_run(s, fn, arg, &err) >= 0 || (err.code != ERR_TIMEOUT && err.code != ERR_BUSY))
            return;
        (void)nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
}

static void load(void *ctx, bool ended) {
    struct services *s = ctx;
    struct fed_grants *fresh = NULL;
    struct err err = {0};
    if (ended)
        return;
    struct store *store = s->store(s, &err);
    int r = store ? fed_grants_load(store, &fresh, &err) : err.code;
    if (r < 0)
        log_line(LOG_WARN, "federation", "grants not loaded code=%s", err_name(r));
    insist(s, swap, &fresh);
    fed_grants_free(fresh); // nobody took it
}

void fed_core_load_grants(struct fed_core *core) {
    core->stale |= core->loading;
    if (core->loading)
        return;
    core->loading = core->services->work(core->services, load, core->services) == 0;
}

// --- changes: told on the thread that made them, which may not wait

static int again(struct fed_core *core, void *arg, struct err *err) {
    (void)arg, (void)err;
    fed_core_load_grants(core);
    return 0;
}

static void tell(void *ctx, bool ended) {
    struct services *s = ctx;
    if (!ended)
        insist(s, again, NULL);
}

static void on_change(void *ctx) {
    struct services *s = ctx;
    (void)s->work(s, tell, s);
}

void fed_core_watch_grants(struct fed_core *core, bool on) {
    if (core->store)
        consent_watch(core->store, on ? on_change : NULL, core->services);
}
