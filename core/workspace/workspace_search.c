// Searches that know the history, one for each view and head. A view keeps them until it goes: an
// asker may still read one that was made for an older head.
#include "core/base/mem.h"
#include "core/workspace/search_past.h"
#include "core/workspace/workspace_impl.h"

#include <string.h>

enum { HEADS_MAX = 4 }; // of one view; with more, the oldest goes on being used

struct past_search {
    struct past_search *next;
    struct workspace_history *held;
    const struct history *history;
    struct search_past *past;
    struct search *search;
};

static void past_search_free(struct past_search *p) {
    if (!p)
        return;
    search_free(p->search); // borrows from the past, that from the history
    search_past_free(p->past);
    workspace_history_put(p->held);
    mem_free(p);
}

void workspace_searches_drop(struct workspace_view *v) {
    while (v->searches) {
        struct past_search *next = v->searches->next;
        past_search_free(v->searches);
        v->searches = next;
    }
}

static struct past_search *known(const struct workspace_view *v, const struct history *h) {
    unsigned n = 0;
    for (struct past_search *p = v->searches; p; p = p->next)
        if (strcmp(history_head(p->history), history_head(h)) == 0 || ++n == HEADS_MAX)
            return p;
    return NULL;
}

static int make(struct workspace_view *v, const struct workspace_past *past,
                struct search_config *config, struct err *err) {
    struct past_search *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = search_past_new(past->history, past->prefix, &p->past, err);
    if (r == 0) {
        config->history = search_past_history(p->past);
        r = search_new(config, &p->search, err);
    }
    if (r < 0) {
        past_search_free(p);
        return r;
    }
    p->held = past->held;
    p->history = past->history;
    workspace_history_share(p->held);
    p->next = v->searches;
    v->searches = p;
    return 0;
}

int workspace_view_search_past(struct workspace_view *v, const struct workspace_past *past,
                               bool (*cancelled)(void *ctx), void *ctx, const struct search **ret,
                               struct err *err) {
    struct search_config config = {.snapshot = v->snapshot, .cancelled = cancelled, .ctx = ctx};
    int r = 0;
    if (!history_commit_count(past->history)) {
        *ret = v->search;
        return 0;
    }
    (void)pthread_mutex_lock(&v->ws->history_work);
    struct past_search *p = known(v, past->history);
    if (!p) {
        r = make(v, past, &config, err);
        p = v->searches;
    }
    (void)pthread_mutex_unlock(&v->ws->history_work);
    if (r == 0)
        *ret = p->search;
    return r;
}
