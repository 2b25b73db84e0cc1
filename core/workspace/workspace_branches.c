// Branches with their conflicts, when a merge of two takes git a tenth of a second and there are
// hundreds of pairs: the question is answered with what is known after a moment, the rest is tried
// by a thread behind it, and lies in `derived` when it is asked for again.
#include "core/base/mem.h"
#include "core/workspace/branches.h"
#include "core/workspace/derived.h"
#include "core/workspace/workspace_impl.h"

#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ANSWER_MS = 400, BEHIND_MS = 120 * 1000, BEHIND_NICE = 5 };

struct workspace_behind {
    struct workspace *ws;
    struct git *git;
    char *base; // NULL: the usual one
    int64_t now;
    pthread_t thread;
    atomic_bool stop, over;
};

static bool stopped(void *ctx) {
    const struct workspace_behind *b = ctx;
    return atomic_load(&b->stop);
}

static void *try_the_rest(void *ctx) {
    struct workspace_behind *b = ctx;
    struct branches *all = NULL;
    struct branches_want want = {.base = b->base,
                                 .now = b->now,
                                 .conflicts = true,
                                 .ms = BEHIND_MS,
                                 .known = workspace_derived(b->ws)};
    // Nobody's hurry, that of the gits it starts included.
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), BEHIND_NICE);
    if (branches_read(b->git, &want, &all, NULL) == 0) // or whoever asks again hears why not
        branches_free(all);
    derived_flush(want.known);
    git_close(b->git);
    b->git = NULL;
    atomic_store(&b->over, true);
    return NULL;
}

static void end(struct workspace_behind *b) {
    if (!b)
        return;
    atomic_store(&b->stop, true);
    (void)pthread_join(b->thread, NULL);
    mem_free(b->base);
    mem_free(b);
}

static struct workspace_behind *begin(struct workspace *ws, const char *base, int64_t now) {
    struct workspace_behind *b = mem_zalloc(sizeof *b);
    if (!b)
        return NULL;
    struct git_config config = {.folder = ws->root, .cancelled = stopped, .ctx = b};
    b->ws = ws;
    b->now = now;
    if ((base && !(b->base = mem_strdup(base))) || git_open(&config, &b->git, NULL) < 0 ||
        pthread_create(&b->thread, NULL, try_the_rest, b) != 0) {
        git_close(b->git);
        mem_free(b->base);
        mem_free(b);
        return NULL;
    }
    return b;
}

static bool is_busy(struct workspace *ws) {
    (void)pthread_mutex_lock(&ws->behind_lock);
    bool busy = ws->behind && !atomic_load(&ws->behind->over);
    (void)pthread_mutex_unlock(&ws->behind_lock);
    return busy;
}

int workspace_branches_behind(struct workspace *ws, const char *base, int64_t now) {
    (void)pthread_mutex_lock(&ws->behind_lock);
    if (!ws->behind || atomic_load(&ws->behind->over)) {
        end(ws->behind); // has only to return
        ws->behind = begin(ws, base, now);
    }
    int r = ws->behind ? 0 : ERR_NOMEM;
    (void)pthread_mutex_unlock(&ws->behind_lock);
    return r;
}

int workspace_branches(struct workspace *ws, struct git *g, const char *base, int64_t now,
                       struct branches **ret, struct err *err) {
    struct branches_want want = {.base = base,
                                 .now = now,
                                 .conflicts = true,
                                 .ms = ANSWER_MS,
                                 .known_only = is_busy(ws),
                                 .known = workspace_derived(ws)};
    struct branches *all = NULL;
    int r = branches_read(g, &want, &all, err);
    if (r == 0 && all->pairs_open)
        (void)workspace_branches_behind(ws, base, now); // else whoever asks again tries some
    if (r == 0)
        *ret = all;
    return r;
}

void workspace_branches_drop(struct workspace *ws) {
    end(ws->behind);
    ws->behind = NULL;
}
