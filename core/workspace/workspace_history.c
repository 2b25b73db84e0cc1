// The history that askers share. A history is never changed while somebody may read it: for a new
// HEAD another one, begun with what the old one (or the store's cache) knows, takes its place.
#include "core/base/mem.h"
#include "core/workspace/history_cache.h"
#include "core/workspace/workspace_impl.h"

#include <string.h>

struct workspace_history {
    struct workspace *ws;
    struct history *history;
    unsigned users; // the workspace's own counts; guarded by its history_lock
};

void workspace_history_share(struct workspace_history *h) {
    (void)pthread_mutex_lock(&h->ws->history_lock);
    h->users++;
    (void)pthread_mutex_unlock(&h->ws->history_lock);
}

void workspace_history_put(struct workspace_history *h) {
    if (!h)
        return;
    (void)pthread_mutex_lock(&h->ws->history_lock);
    bool last = --h->users == 0;
    (void)pthread_mutex_unlock(&h->ws->history_lock);
    if (!last)
        return;
    history_free(h->history);
    mem_free(h);
}

void workspace_history_drop(struct workspace *ws) {
    workspace_history_put(ws->history);
    ws->history = NULL;
}

static struct workspace_history *current(struct workspace *ws) {
    (void)pthread_mutex_lock(&ws->history_lock);
    struct workspace_history *h = ws->history;
    if (h)
        h->users++;
    (void)pthread_mutex_unlock(&ws->history_lock);
    return h;
}

static struct workspace_history *make(struct workspace *ws, struct err *err) {
    struct workspace_history *h = mem_zalloc(sizeof *h);
    if (!h) {
        (void)err_set(err, ERR_NOMEM, "out of memory");
        return NULL;
    }
    *h = (struct workspace_history){.ws = ws, .users = 1};
    if (history_new(&h->history, err) == 0)
        return h;
    mem_free(h);
    return NULL;
}

static void replace(struct workspace *ws, struct workspace_history *h) {
    (void)pthread_mutex_lock(&ws->history_lock);
    struct workspace_history *old = ws->history;
    ws->history = h;
    h->users++;
    (void)pthread_mutex_unlock(&ws->history_lock);
    workspace_history_put(old);
}

// What is known already, so that only the new commits are read.
static void begin_with(struct workspace *ws, const struct workspace_history *old,
                       struct history *h) {
    AUTO_BUF bytes = BUF_INIT(0);
    if (!old)
        history_cache_load(workspace_store(ws), ws->root, h);
    else if (history_save(old->history, &bytes, NULL) == 0)
        (void)history_load(h, bytes.data, bytes.len, NULL); // or everything is read again
}

// Under history_work. *ret: held for the caller.
static int refresh(struct workspace *ws, struct git *g, const char *head,
                   struct workspace_history **ret, struct err *err) {
    struct workspace_history *old = current(ws), *h = NULL;
    struct history_config config = {.head = head};
    int r = 0;
    if (old && strcmp(history_head(old->history), head) == 0) {
        *ret = old;
        return 0;
    }
    h = make(ws, err);
    if (!h)
        r = ERR_NOMEM;
    bool changed = false;
    if (r == 0) {
        begin_with(ws, old, h->history);
        r = history_refresh(h->history, g, &config, &changed, err);
    }
    if (r == 0 && changed)
        history_cache_save(workspace_store(ws), ws->root, h->history);
    workspace_history_put(old);
    if (r < 0) {
        workspace_history_put(h);
        return r;
    }
    replace(ws, h);
    *ret = h;
    return 0;
}

static int without_git(struct workspace *ws, struct workspace_past *ret, const struct err *why,
                       struct err *err) {
    ret->held = make(ws, err);
    if (!ret->held)
        return ERR_NOMEM;
    ret->history = ret->held->history;
    ret->prefix = "";
    memcpy(ret->why, why->message, sizeof ret->why);
    return 0;
}

int workspace_past(struct workspace *ws, bool (*cancelled)(void *ctx), void *ctx,
                   struct workspace_past *ret, struct err *err) {
    struct git_config config = {.folder = ws->root, .cancelled = cancelled, .ctx = ctx};
    char head[GIT_ID_CHARS_MAX + 1];
    struct err why = {0};
    *ret = (struct workspace_past){.prefix = ""};
    int r = git_open(&config, &ret->git, &why);
    if (r == 0)
        r = git_head(ret->git, head, &why);
    if (r == 0) {
        (void)pthread_mutex_lock(&ws->history_work);
        r = refresh(ws, ret->git, head, &ret->held, &why);
        (void)pthread_mutex_unlock(&ws->history_work);
    }
    if (r == 0) {
        ret->history = ret->held->history;
        ret->prefix = git_prefix(ret->git);
        return 0;
    }
    git_close(ret->git);
    ret->git = NULL;
    if (r == ERR_CANCELLED || r == ERR_NOMEM)
        return err_set(err, r, "%s", err_text(&why));
    return without_git(ws, ret, &why, err);
}

void workspace_past_done(struct workspace_past *p) {
    git_close(p->git);
    workspace_history_put(p->held);
    *p = (struct workspace_past){0};
}

const char *workspace_below(const struct workspace_past *p, const char *path) {
    size_t n = strlen(p->prefix);
    return strncmp(path, p->prefix, n) == 0 ? path + n : NULL;
}
