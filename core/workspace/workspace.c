#include "core/workspace/workspace.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/workspace/derived.h"
#include "core/workspace/workspace_impl.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

struct workspaces {
    pthread_mutex_t lock;
    struct store *(*store)(void *ctx);
    void *ctx;
    struct derived *derived;
    struct workspace *open[WORKSPACES_MAX];
    unsigned count;
};

int workspaces_new(struct store *(*store)(void *ctx), void *ctx, const char *build,
                   struct workspaces **ret, struct err *err) {
    struct workspaces *w = mem_zalloc(sizeof *w);
    if (!w || !(w->derived = derived_new(store, ctx, build))) {
        mem_free(w);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    (void)pthread_mutex_init(&w->lock, NULL); // cannot fail without attributes
    w->store = store;
    w->ctx = ctx;
    *ret = w;
    return 0;
}

static void view_free(struct workspace_view *v) {
    if (!v)
        return;
    workspace_searches_drop(v);
    search_free(v->search); // borrows from the snapshot
    snapshot_put(v->snapshot);
    mem_free(v);
}

static void workspace_free(struct workspace *ws) {
    if (!ws)
        return;
    workspace_branches_drop(ws);
    view_free(ws->view);
    workspace_history_drop(ws);
    workspace_lines_drop(ws);
    (void)pthread_mutex_destroy(&ws->behind_lock);
    (void)pthread_mutex_destroy(&ws->lines_lock);
    (void)pthread_mutex_destroy(&ws->lines_work);
    (void)pthread_mutex_destroy(&ws->view_lock);
    (void)pthread_mutex_destroy(&ws->history_lock);
    (void)pthread_mutex_destroy(&ws->history_work);
    index_close(ws->index);
    mem_free(ws->root);
    mem_free(ws);
}

void workspaces_free(struct workspaces *w) {
    if (!w)
        return;
    for (unsigned i = 0; i < w->count; i++)
        workspace_free(w->open[i]);
    derived_flush(w->derived);
    derived_free(w->derived);
    (void)pthread_mutex_destroy(&w->lock);
    mem_free(w);
}

static int64_t now_ms(void) {
    return (int64_t)(env_now_mono_ns() / 1000000);
}

static void take_out(struct workspaces *w, unsigned i) {
    memmove(&w->open[i], &w->open[i + 1], (w->count - i - 1) * sizeof *w->open);
    w->count--;
}

void workspaces_sweep(struct workspaces *w, int64_t now_mono_ms) {
    struct workspace *gone[WORKSPACES_MAX];
    unsigned n = 0;
    (void)pthread_mutex_lock(&w->lock);
    for (unsigned i = w->count; i-- > 0;)
        if (!w->open[i]->users && now_mono_ms - w->open[i]->used_ms >= WORKSPACE_IDLE_MS) {
            gone[n++] = w->open[i];
            take_out(w, i);
        }
    (void)pthread_mutex_unlock(&w->lock);
    while (n)
        workspace_free(gone[--n]); // waits for a background pass: not under the lock
}

static struct workspace *find(struct workspaces *w, const char *root) {
    for (unsigned i = 0; i < w->count; i++)
        if (strcmp(w->open[i]->root, root) == 0)
            return w->open[i];
    return NULL;
}

// Room for one more: the one that has been unused longest goes. *ret_gone is freed by the caller,
// outside of the lock.
static bool make_room(struct workspaces *w, struct workspace **ret_gone) {
    unsigned oldest = WORKSPACES_MAX;
    *ret_gone = NULL;
    if (w->count < WORKSPACES_MAX)
        return true;
    for (unsigned i = 0; i < w->count; i++)
        if (!w->open[i]->users &&
            (oldest == WORKSPACES_MAX || w->open[i]->used_ms < w->open[oldest]->used_ms))
            oldest = i;
    if (oldest == WORKSPACES_MAX)
        return false;
    *ret_gone = w->open[oldest];
    take_out(w, oldest);
    return true;
}

static struct store *store_of(struct workspaces *w) {
    return w->store ? w->store(w->ctx) : NULL;
}

struct store *workspace_store(struct workspace *ws) {
    return store_of(ws->registry);
}

static int open_new(struct workspaces *w, const char *root, struct workspace **ret,
                    struct err *err) {
    struct workspace *ws = mem_zalloc(sizeof *ws);
    struct index_config config = {.root = root, .store = store_of(w)};
    if (!ws)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)pthread_mutex_init(&ws->view_lock, NULL);
    (void)pthread_mutex_init(&ws->behind_lock, NULL);
    (void)pthread_mutex_init(&ws->history_lock, NULL);
    (void)pthread_mutex_init(&ws->history_work, NULL);
    (void)pthread_mutex_init(&ws->lines_lock, NULL);
    (void)pthread_mutex_init(&ws->lines_work, NULL);
    ws->registry = w;
    ws->root = mem_strdup(root);
    if (!ws->root) {
        workspace_free(ws);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    int r = index_open(&config, &ws->index, err);
    if (r < 0) {
        workspace_free(ws);
        return r;
    }
    *ret = ws;
    return 0;
}

int workspaces_get(struct workspaces *w, const char *root, struct workspace **ret,
                   struct err *err) {
    struct workspace *ws, *gone = NULL;
    int r = 0;
    (void)pthread_mutex_lock(&w->lock);
    ws = find(w, root);
    if (!ws && !make_room(w, &gone))
        r = err_set(err, ERR_BUSY, "%d workspaces are in use; try again in a moment",
                    WORKSPACES_MAX);
    else if (!ws && (r = open_new(w, root, &ws, err)) == 0)
        w->open[w->count++] = ws;
    if (r == 0) {
        ws->users++;
        *ret = ws;
    }
    (void)pthread_mutex_unlock(&w->lock);
    workspace_free(gone);
    return r;
}

void workspace_put(struct workspace *ws) {
    if (!ws)
        return;
    (void)pthread_mutex_lock(&ws->registry->lock);
    ws->users--;
    ws->used_ms = now_ms();
    (void)pthread_mutex_unlock(&ws->registry->lock);
}

const char *workspace_root(const struct workspace *ws) {
    return ws->root;
}

struct index *workspace_index(struct workspace *ws) {
    return ws->index;
}

struct derived *workspace_derived(struct workspace *ws) {
    return ws->registry->derived;
}

// --- views -------------------------------------------------------------------------------------

static struct workspace_view *view_of(struct workspace *ws, uint64_t generation) {
    struct workspace_view *v = NULL;
    (void)pthread_mutex_lock(&ws->view_lock);
    if (ws->view && snapshot_generation(ws->view->snapshot) == generation) {
        v = ws->view;
        v->users++;
    }
    (void)pthread_mutex_unlock(&ws->view_lock);
    return v;
}

void workspace_view_put(struct workspace_view *v) {
    if (!v)
        return;
    (void)pthread_mutex_lock(&v->ws->view_lock);
    bool last = --v->users == 0;
    (void)pthread_mutex_unlock(&v->ws->view_lock);
    if (last)
        view_free(v);
}

// The newest one is kept for the next question.
static void keep_view(struct workspace *ws, struct workspace_view *v) {
    struct workspace_view *old = NULL;
    (void)pthread_mutex_lock(&ws->view_lock);
    if (!ws->view || snapshot_generation(ws->view->snapshot) < snapshot_generation(v->snapshot)) {
        old = ws->view;
        ws->view = v;
        v->users++;
    }
    (void)pthread_mutex_unlock(&ws->view_lock);
    workspace_view_put(old);
}

int workspace_view_get(struct workspace *ws, const struct index_want *want,
                       struct workspace_view **ret, struct err *err) {
    struct snapshot *snapshot = NULL;
    int r = index_get(ws->index, want, &snapshot, err);
    if (r < 0)
        return r;
    struct workspace_view *v = view_of(ws, snapshot_generation(snapshot));
    if (v) {
        snapshot_put(snapshot);
        *ret = v;
        return 0;
    }
    v = mem_zalloc(sizeof *v);
    if (!v) {
        snapshot_put(snapshot);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *v = (struct workspace_view){.ws = ws, .snapshot = snapshot, .users = 1};
    struct search_config config = {
        .snapshot = snapshot, .cancelled = want->cancelled, .ctx = want->ctx};
    r = search_new(&config, &v->search, err);
    if (r < 0) {
        view_free(v);
        return r;
    }
    keep_view(ws, v);
    *ret = v;
    return 0;
}

const struct snapshot *workspace_view_snapshot(const struct workspace_view *v) {
    return v->snapshot;
}

const struct search *workspace_view_search(const struct workspace_view *v) {
    return v->search;
}
