// Which live branches will conflict when they meet: with the main line, then among each other where
// they change the same files. git tries each merge, a few at a time; what two commits come to is
// the same for ever, so each pair is tried once (derived.h).
#include "core/base/crew.h"
#include "core/base/env.h"
#include "core/base/wire.h"
#include "core/workspace/branches_impl.h"
#include "core/workspace/derived.h"

#include <stdlib.h>
#include <string.h>

enum {
    FILES_PER_BRANCH_MAX = 20000,
    INDEX_WORTH_PAIRS = 3, // an index of the commits takes as long as a few tries,
    INDEX_WORTH_MS = 2000, // or as many as there is time for
    KEPT_VERSION = 2,
    DEFAULT_MS = 5000,
    NS_PER_MS = 1000000
};

#define NOMEM(e) err_set(e, ERR_NOMEM, "out of memory")

#define NO_ANSWER UINT32_MAX // where a kept pair has its number of files

enum outcome { PAIR_OPEN, PAIR_DONE, PAIR_NO_ANSWER };
struct pair {
    uint32_t a, b;
    enum outcome outcome;
    struct buf files; // of a conflict, terminated each: at most BRANCHES_CONFLICT_FILES_MAX
    uint32_t file_count, file_total;
    int result;
    struct err err;
};
struct touched;
struct work {
    struct git *g;
    struct branches_box *box;
    const struct meeting *meetings;
    const struct branches_want *want;
    struct derived *known; // NULL: nothing is kept
    struct buf shallow;    // what a shallow clone lacks: more may come, and other answers with it
    bool partial;          // what is missing may come
    uint64_t until_ns;
    uint32_t live[BRANCHES_LIVE_MAX], live_count;
    struct touched *touched;
    struct err touched_err[BRANCHES_LIVE_MAX];
    struct pair *pairs;
    uint32_t pair_count;
    uint32_t open[BRANCHES_PAIRS_MAX], open_count; // pairs that have to be tried
};

static unsigned time_given(const struct branches_want *want) {
    return want->ms ? want->ms : DEFAULT_MS;
}

static struct derived_part shallow_part(const struct work *w) {
    return (struct derived_part){w->shallow.data, w->shallow.len};
}

// --- which files a branch changes

struct touched { // files that a branch changed since it left the main line, sorted
    char **paths;
    uint32_t count, cap;
    struct buf part;
    bool all;   // too many to list: it may conflict with anything
    bool apart; // no ancestor in common with the main line
};

static int take_touched(void *ctx, const char *bytes, size_t n, struct err *err) {
    struct touched *t = ctx;
    for (size_t at = 0; at < n && !t->all;) {
        const char *stop = memchr(bytes + at, '\0', n - at);
        size_t some = stop ? (size_t)(stop - bytes) - at + 1 : n - at;
        if (buf_append(&t->part, bytes + at, some) < 0)
            return err_set(err, ERR_LIMIT, "a name in the repository is too long");
        at += some;
        if (!stop)
            break;
        if (t->count == t->cap) {
            uint32_t cap = t->cap ? t->cap * 2 : 32;
            char **fresh = mem_realloc(t->paths, cap * sizeof *fresh);
            if (!fresh)
                return NOMEM(err);
            t->paths = fresh;
            t->cap = cap;
        }
        char *copy = mem_strdup(t->part.data);
        if (!copy)
            return NOMEM(err);
        t->paths[t->count++] = copy;
        t->all = t->count >= FILES_PER_BRANCH_MAX;
        buf_clear(&t->part);
    }
    return 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void touched_done(struct touched *t) {
    for (uint32_t i = 0; i < t->count; i++)
        mem_free(t->paths[i]);
    mem_free(t->paths);
    buf_done(&t->part);
}

static int ask_touched(struct git *g, const char *range, struct touched *t, int *ret_status,
                       struct err *err) {
    const char *const arguments[] = {"diff",
                                     "-z",
                                     "--name-only",
                                     "--no-renames",
                                     "--no-ext-diff",
                                     "--no-textconv",
                                     "--no-relative",
                                     "--ignore-submodules=dirty",
                                     range,
                                     "--",
                                     NULL};
    t->part = BUF_INIT(GIT_PATH_BYTES_MAX + 1);
    struct git_run run = {.arguments = arguments, .output = take_touched, .output_ctx = t};
    int r = git_run(g, &run, ret_status, err);
    t->apart = *ret_status != 0;
    if (t->count > 1)
        qsort(t->paths, t->count, sizeof *t->paths, by_name);
    return r;
}

static bool take_known(const struct buf *bytes, struct touched *t) {
    struct wire w = wire_of(bytes->data, bytes->len);
    uint32_t how = wire_u32(&w);
    t->all = how & 1;
    t->apart = how & 2;
    uint32_t count = wire_u32(&w);
    if (count > FILES_PER_BRANCH_MAX || !(t->paths = mem_alloc((count + 1) * sizeof *t->paths)))
        return false;
    for (; t->count < count; t->count++)
        if (!(t->paths[t->count] = mem_strdup(wire_text(&w, NULL))))
            return false;
    return wire_done(&w);
}

static void keep_touched(struct derived *known, const struct derived_key *key,
                         const struct touched *t) {
    AUTO_BUF bytes = BUF_INIT(DERIVED_VALUE_BYTES_MAX);
    wire_put_u32(&bytes, (t->all ? 1U : 0U) | (t->apart ? 2U : 0U));
    wire_put_u32(&bytes, t->count);
    for (uint32_t i = 0; i < t->count; i++)
        wire_put_string(&bytes, t->paths[i]);
    if (!bytes.failed)
        derived_put(known, key, bytes.data, bytes.len);
}

// From where the branch left the main line, which git looks for itself when that is no single
// place.
static int find_touched(const struct work *w, const char *meeting, const char *id,
                        struct touched *t, struct err *err) {
    const char *base = w->box->pub.base_id;
    AUTO_FREE char *range =
        meeting[0] ? mem_format("%s..%s", meeting, id) : mem_format("%s...%s", base, id);
    AUTO_BUF bytes = BUF_INIT(DERIVED_VALUE_BYTES_MAX);
    if (!range)
        return NOMEM(err);
    const struct derived_part parts[] = {DERIVED_TEXT(range), shallow_part(w)};
    struct derived_key key =
        derived_key(w->known, DERIVED_TOUCHED, KEPT_VERSION, parts, COUNT_OF(parts));
    if (derived_get(w->known, &key, &bytes) && take_known(&bytes, t))
        return 0;
    touched_done(t);
    *t = (struct touched){0};
    int status = 0;
    int r = ask_touched(w->g, range, t, &status, err);
    if (r == 0 && (status == 0 || !w->partial))
        keep_touched(w->known, &key, t);
    return r;
}

static bool meet(const struct touched *a, const struct touched *b) {
    uint32_t i = 0, k = 0;
    if (a->all || b->all || a->apart || b->apart)
        return true;
    while (i < a->count && k < b->count) {
        int c = strcmp(a->paths[i], b->paths[k]);
        if (c == 0)
            return true;
        i += c < 0;
        k += c > 0;
    }
    return false;
}

static int touch_one(void *ctx, unsigned worker, uint32_t i) {
    struct work *w = ctx;
    const struct branch *b = &w->box->pub.list[w->live[i]];
    (void)worker;
    return find_touched(w, w->meetings[w->live[i]].id, b->id, &w->touched[i], &w->touched_err[i]);
}

static int touch_all(struct work *w, struct err *err) {
    w->g->still = true;
    int r = crew_run(w->live_count, touch_one, w);
    w->g->still = false;
    for (uint32_t i = 0; r < 0 && i < w->live_count; i++)
        if (w->touched_err[i].message[0])
            return err_set(err, r, "%s", err_text(&w->touched_err[i]));
    return r;
}

// --- pairs

static const char *id_of(const struct work *w, uint32_t branch) {
    return branch == BRANCHES_BASE ? w->box->pub.base_id : w->box->pub.list[branch].id;
}

static struct derived_key pair_key(const struct work *w, const struct pair *p) {
    const struct derived_part parts[] = {DERIVED_TEXT(id_of(w, p->a)), DERIVED_TEXT(id_of(w, p->b)),
                                         shallow_part(w)};
    return derived_key(w->known, DERIVED_MERGE, KEPT_VERSION, parts, COUNT_OF(parts));
}

static bool look_up(const struct work *w, struct pair *p) {
    struct derived_key key = pair_key(w, p);
    AUTO_BUF bytes = BUF_INIT(DERIVED_VALUE_BYTES_MAX);
    if (!derived_get(w->known, &key, &bytes))
        return false;
    struct wire in = wire_of(bytes.data, bytes.len);
    uint32_t total = wire_u32(&in), count = wire_u32(&in);
    if (in.failed || count > BRANCHES_CONFLICT_FILES_MAX)
        return false;
    p->outcome = total == NO_ANSWER ? PAIR_NO_ANSWER : PAIR_DONE;
    if (p->outcome == PAIR_NO_ANSWER)
        return true;
    p->file_total = total;
    p->file_count = count;
    (void)buf_append(&p->files, in.at, (size_t)(in.end - in.at));
    return !p->files.failed;
}

static void keep_pair(const struct work *w, const struct pair *p) {
    struct derived_key key = pair_key(w, p);
    AUTO_BUF bytes = BUF_INIT(DERIVED_VALUE_BYTES_MAX);
    wire_put_u32(&bytes, p->outcome == PAIR_NO_ANSWER ? NO_ANSWER : p->file_total);
    wire_put_u32(&bytes, p->file_count);
    (void)buf_append(&bytes, p->files.data, p->files.len);
    if (!bytes.failed)
        derived_put(w->known, &key, bytes.data, bytes.len);
}

static int take_file(void *ctx, const char *path, struct err *err) {
    struct pair *p = ctx;
    if (p->file_count < BRANCHES_CONFLICT_FILES_MAX) {
        if (buf_append(&p->files, path, strlen(path) + 1) < 0)
            return NOMEM(err);
        p->file_count++;
    }
    p->file_total++;
    return 0;
}

static int try_pair(void *ctx, unsigned worker, uint32_t i) {
    struct work *w = ctx;
    struct pair *p = &w->pairs[w->open[i]];
    (void)worker;
    if (env_now_mono_ns() > w->until_ns)
        return 0;
    p->result = git_merge_conflicts(w->g, id_of(w, p->a), id_of(w, p->b), take_file, p, &p->err);
    p->outcome = p->result == ERR_NOT_FOUND ? PAIR_NO_ANSWER : PAIR_DONE;
    if (p->result == 0 || (p->outcome == PAIR_NO_ANSWER && !w->partial))
        keep_pair(w, p);
    return p->outcome == PAIR_NO_ANSWER ? 0 : p->result;
}

static void add_pair(struct work *w, uint32_t a, uint32_t b, bool apart) {
    struct branches *p = &w->box->pub;
    if (w->pair_count == BRANCHES_PAIRS_MAX) {
        p->pairs_left++;
        return;
    }
    struct pair *x = &w->pairs[w->pair_count];
    *x = (struct pair){
        .a = a, .b = b, .files = BUF_INIT(BRANCHES_CONFLICT_FILES_MAX * (GIT_PATH_BYTES_MAX + 1))};
    if (apart)
        x->outcome = PAIR_NO_ANSWER;
    else if (!look_up(w, x))
        w->open[w->open_count++] = w->pair_count;
    w->pair_count++;
}

static int list_pairs(struct work *w, struct err *err) {
    w->pairs = mem_zalloc(BRANCHES_PAIRS_MAX * sizeof *w->pairs);
    if (!w->pairs)
        return NOMEM(err);
    for (uint32_t i = 0; i < w->live_count; i++)
        add_pair(w, w->live[i], BRANCHES_BASE, w->touched[i].apart);
    for (uint32_t i = 0; i < w->live_count; i++)
        for (uint32_t k = i + 1; k < w->live_count; k++)
            if (meet(&w->touched[i], &w->touched[k]))
                add_pair(w, w->live[i], w->live[k], w->touched[i].apart != w->touched[k].apart);
    return 0;
}

static int try_all(struct work *w, struct err *err) {
    const char *ids[BRANCHES_LIVE_MAX + 1];
    for (uint32_t i = 0; i < w->live_count; i++)
        ids[i] = w->box->pub.list[w->live[i]].id;
    ids[w->live_count] = w->box->pub.base_id;
    int r = git_version(w->g, err);
    if (r < 0)
        return r;
    if (w->want->known_only)
        return 0;
    // Each try looks for a common ancestor: cheap only with an index of the commits.
    if (w->open_count >= INDEX_WORTH_PAIRS && time_given(w->want) >= INDEX_WORTH_MS)
        git_index_commits(w->g, ids, w->live_count + 1);
    w->g->still = true;
    r = crew_run(w->open_count, try_pair, w);
    w->g->still = false;
    for (uint32_t i = 0; r < 0 && i < w->open_count; i++) {
        struct pair *p = &w->pairs[w->open[i]];
        if (p->result < 0 && p->outcome != PAIR_NO_ANSWER)
            return err_set(err, r, "%s", err_text(&p->err));
    }
    return r;
}

// --- what comes of it

static int add_conflict(struct branches_box *box, const struct pair *x, struct err *err) {
    struct branches *p = &box->pub;
    struct branch_conflict c = {.a = x->a, .b = x->b, .file_total = x->file_total};
    const char *at = x->files.data, *end = at + x->files.len;
    for (; c.file_count < x->file_count && at < end; at += strlen(at) + 1) {
        const char *name = branches_keep(box, at);
        if (!name)
            return NOMEM(err);
        c.files[c.file_count++] = name;
    }
    if (p->conflict_count == box->conflict_cap) {
        uint32_t cap = box->conflict_cap ? box->conflict_cap * 2 : 16;
        struct branch_conflict *fresh = mem_realloc(p->conflicts, cap * sizeof *fresh);
        if (!fresh)
            return NOMEM(err);
        p->conflicts = fresh;
        box->conflict_cap = cap;
    }
    p->conflicts[p->conflict_count++] = c;
    return 0;
}

static int by_pair(const void *a, const void *b) {
    const struct branch_conflict *x = a, *y = b;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    return x->b < y->b ? -1 : x->b > y->b;
}

static int settle(struct work *w, struct err *err) {
    struct branches *p = &w->box->pub;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < w->pair_count; i++) {
        const struct pair *x = &w->pairs[i];
        bool tried = x->outcome == PAIR_DONE || x->outcome == PAIR_NO_ANSWER;
        p->pairs_tried += tried;
        p->pairs_open += !tried;
        if (x->outcome == PAIR_DONE && x->file_total)
            r = add_conflict(w->box, x, err);
    }
    if (p->conflict_count > 1)
        qsort(p->conflicts, p->conflict_count, sizeof *p->conflicts, by_pair);
    return r;
}

static int find(struct work *w, struct err *err) {
    struct branches *p = &w->box->pub;
    int r = touch_all(w, err);
    if (r == 0)
        r = list_pairs(w, err);
    if (r == 0 && w->open_count)
        r = try_all(w, err);
    if (r == ERR_UNSUPPORTED) {
        p->conflicts_known = false;
        return 0;
    }
    return r == 0 ? settle(w, err) : r;
}

int branches_conflicts(struct git *g, const struct branches_want *want, struct branches_box *box,
                       const struct meeting *meetings, struct err *err) {
    struct touched touched[BRANCHES_LIVE_MAX] = {0};
    struct work *w = mem_zalloc(sizeof *w);
    if (!w)
        return NOMEM(err);
    *w = (struct work){.g = g,
                       .box = box,
                       .meetings = meetings,
                       .want = want,
                       .partial = git_traits(g) & GIT_PARTIAL,
                       .until_ns = env_now_mono_ns() + (uint64_t)time_given(want) * NS_PER_MS,
                       .touched = touched};
    if (git_shallow_commits(g, &w->shallow) == 0)
        w->known = want->known;
    box->pub.conflicts_known = true;
    for (uint32_t i = 0; i < box->pub.count && w->live_count < BRANCHES_LIVE_MAX; i++)
        if (box->pub.list[i].live)
            w->live[w->live_count++] = i;
    int r = find(w, err);
    for (uint32_t i = 0; i < w->live_count; i++)
        touched_done(&touched[i]);
    for (uint32_t i = 0; i < w->pair_count; i++)
        buf_done(&w->pairs[i].files);
    buf_done(&w->shallow);
    mem_free(w->pairs);
    mem_free(w);
    return r;
}
