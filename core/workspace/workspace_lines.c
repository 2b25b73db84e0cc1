// What follows what in a workspace's code: read on demand, shared by those who ask.
#include "core/base/mem.h"
#include "core/code/follow.h"
#include "core/workspace/workspace_impl.h"

#include <stdatomic.h>
#include <string.h>

struct numbered {
    char *path;
    uint32_t number;
};
struct workspace_lines { // constant, but for the holders
    atomic_uint holders;
    uint64_t state; // of the files that it was read from
    struct follow *follow;
    struct numbered *files; // by path, as in the snapshot
    uint32_t count;
};

void workspace_lines_put(struct workspace_lines *l) {
    if (!l || atomic_fetch_sub(&l->holders, 1) != 1)
        return;
    for (uint32_t i = 0; i < l->count; i++)
        mem_free(l->files[i].path);
    mem_free(l->files);
    follow_free(l->follow);
    mem_free(l);
}

struct workspace_lines *workspace_lines_get(struct workspace *ws) {
    (void)pthread_mutex_lock(&ws->lines_lock);
    struct workspace_lines *l = ws->lines;
    if (l)
        (void)atomic_fetch_add(&l->holders, 1);
    (void)pthread_mutex_unlock(&ws->lines_lock);
    return l;
}

void workspace_lines_drop(struct workspace *ws) {
    workspace_lines_put(TAKE(ws->lines));
}

const struct follow *workspace_lines_follow(const struct workspace_lines *l) {
    return l->follow;
}

int64_t workspace_lines_file(const struct workspace_lines *l, const char *path) {
    uint32_t low = 0, high = l->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = strcmp(l->files[middle].path, path);
        if (c == 0)
            return l->files[middle].number;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

// --- reading -------------------------------------------------------------------------------------

// Other people's code and what no person wrote are nobody's habits.
static bool is_taken(const struct snapshot_file *f) {
    return f->facts && follow_knows(f->lang) && !(f->flags & (FILE_VENDORED | FILE_GENERATED)) &&
           !(f->facts->flags & FACTS_GENERATED);
}

static uint64_t state_of(const struct snapshot *s) {
    uint64_t h = 14695981039346656037U; // FNV-1a, of names and contents
    for (uint32_t i = 0; i < snapshot_count(s); i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        if (!is_taken(f))
            continue;
        for (const char *p = f->path; *p; p++)
            h = (h ^ (unsigned char)*p) * 1099511628211U;
        for (size_t k = 0; k < sizeof f->hash; k++)
            h = (h ^ f->hash[k]) * 1099511628211U;
    }
    return h | 1;
}

// How much of the path is the same: folders.
static unsigned nearness(const char *a, const char *b) {
    unsigned n = 0;
    for (; *a && *a == *b; a++, b++)
        n += *a == '/';
    return n;
}

static int take_file(struct workspace_lines *l, const struct snapshot *s, uint32_t i) {
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
    const struct snapshot_file *f = snapshot_file(s, i);
    if (snapshot_text(s, i, &text, NULL) < 0 || !text.len)
        return 0;
    return follow_add(l->follow, f->lang, text.data, text.len, &l->files[i].number, NULL);
}

// Files near the one that is worked on first; of the same nearness by path.
static int take_files(struct workspace_lines *l, const struct snapshot *s, const char *path,
                      bool (*cancelled)(void *ctx), void *ctx) {
    enum { DEPTH_MAX = 16 };
    int r = 0;
    for (unsigned depth = DEPTH_MAX + 1; r == 0 && depth-- > 0;) {
        for (uint32_t i = 0; r == 0 && i < l->count; i++) {
            unsigned near = nearness(path, snapshot_file(s, i)->path);
            if ((near < DEPTH_MAX ? near : DEPTH_MAX) != depth || !is_taken(snapshot_file(s, i)))
                continue;
            r = cancelled && cancelled(ctx) ? ERR_CANCELLED : take_file(l, s, i);
        }
    }
    return r == ERR_LIMIT ? 0 : r; // enough is as good as all
}

// Those that were not taken are left out of the list.
static int name_files(struct workspace_lines *l, const struct snapshot *s) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->count; i++) {
        if (l->files[i].number == UINT32_MAX)
            continue;
        l->files[kept].path = mem_strdup(snapshot_file(s, i)->path);
        if (!l->files[kept].path) {
            l->count = kept;
            return ERR_NOMEM;
        }
        l->files[kept++].number = l->files[i].number;
    }
    l->count = kept;
    return 0;
}

static int read_lines(const struct snapshot *s, const char *path, bool (*cancelled)(void *ctx),
                      void *ctx, struct workspace_lines **ret, struct err *err) {
    struct workspace_lines *l = mem_zalloc(sizeof *l);
    uint32_t n = snapshot_count(s);
    int r = l ? 0 : ERR_NOMEM;
    if (r == 0) {
        atomic_init(&l->holders, 1);
        l->follow = follow_new();
        l->files = mem_zalloc((n + 1) * sizeof *l->files);
        r = l->follow && l->files ? 0 : ERR_NOMEM;
    }
    for (uint32_t i = 0; r == 0 && i < n; i++)
        l->files[i].number = UINT32_MAX;
    if (r == 0) {
        l->count = n;
        l->state = state_of(s);
        r = take_files(l, s, path, cancelled, ctx);
        int named = r == 0 ? name_files(l, s) : 0;
        if (r < 0)
            l->count = 0; // no path is there yet
        r = r < 0 ? r : named;
    }
    if (r == 0)
        r = follow_finish(l->follow, NULL);
    if (r < 0) {
        workspace_lines_put(l);
        return err_set(err, r, r == ERR_CANCELLED ? "cancelled" : "out of memory");
    }
    *ret = l;
    return 0;
}

static int read_under_lock(struct workspace *ws, const char *path, bool (*cancelled)(void *ctx),
                           void *ctx, struct err *err) {
    const struct index_want want = {.tier = TIER_LEXICAL, .cancelled = cancelled, .ctx = ctx};
    struct workspace_lines *old = workspace_lines_get(ws), *made = NULL;
    struct snapshot *s = NULL;
    int r = index_get(ws->index, &want, &s, err);
    bool same = r == 0 && old && old->state == state_of(s);
    workspace_lines_put(old);
    if (r == 0 && !same)
        r = read_lines(s, path, cancelled, ctx, &made, err);
    snapshot_put(s);
    if (!made)
        return r;
    (void)pthread_mutex_lock(&ws->lines_lock);
    old = ws->lines;
    ws->lines = made;
    (void)pthread_mutex_unlock(&ws->lines_lock);
    workspace_lines_put(old);
    return 0;
}

int workspace_lines_read(struct workspace *ws, const char *path, bool (*cancelled)(void *ctx),
                         void *ctx, struct err *err) {
    if (pthread_mutex_trylock(&ws->lines_work) != 0)
        return 0;
    int r = read_under_lock(ws, path, cancelled, ctx, err);
    (void)pthread_mutex_unlock(&ws->lines_work);
    return r;
}
