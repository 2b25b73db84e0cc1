#include "core/workspace/branches.h"

#include "core/base/env.h"
#include "core/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFLICTS_MS_DEFAULT = 5000, COUNT_LINE_BYTES = 64 };

struct reading {
    struct branches *b;
    char head[GIT_ID_CHARS_MAX + 1];
};

void branches_free(struct branches *b) {
    if (!b)
        return;
    for (uint32_t i = 0; i < b->count; i++) {
        mem_free((char *)b->list[i].name);
        mem_free((char *)b->list[i].id);
    }
    for (uint32_t i = 0; i < b->conflict_count; i++)
        for (uint32_t k = 0; k < b->conflicts[i].file_count; k++)
            mem_free((char *)b->conflicts[i].files[k]);
    mem_free(b->list);
    mem_free(b->conflicts);
    mem_free(b);
}

// Branches at the same commit stand once; local ones come first.
static int take_ref(void *ctx, const struct git_ref *ref, struct err *err) {
    struct reading *x = ctx;
    struct branches *b = x->b;
    for (uint32_t i = 0; i < b->count; i++)
        if (strcmp(b->list[i].id, ref->id) == 0 && ref->remote)
            return 0;
    if (b->count == BRANCHES_MAX)
        return 0;
    struct branch *n = &b->list[b->count++];
    *n = (struct branch){.name = mem_strdup(ref->name),
                         .id = mem_strdup(ref->id),
                         .time = ref->time,
                         .remote = ref->remote};
    return n->name && n->id ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static const struct branch *named(const struct branches *b, const char *name) {
    for (uint32_t i = 0; i < b->count; i++) {
        const char *own = b->list[i].name;
        const char *slash = b->list[i].remote ? strchr(own, '/') : NULL;
        if (strcmp(own, name) == 0 || (slash && strcmp(slash + 1, name) == 0))
            return &b->list[i];
    }
    return NULL;
}

static int find_base(struct git *g, struct branches *b, const char *wanted, struct err *err) {
    static const char *const usual[] = {"main", "master", "trunk", "develop"};
    const struct branch *base = wanted ? named(b, wanted) : NULL;
    for (size_t i = 0; !wanted && !base && i < COUNT_OF(usual); i++)
        base = named(b, usual[i]);
    if (wanted && !base)
        return err_set(err, ERR_NOT_FOUND, "base: there is no branch %s", wanted);
    if (base) {
        (void)snprintf(b->base_name, sizeof b->base_name, "%s", base->name);
        (void)snprintf(b->base_id, sizeof b->base_id, "%s", base->id);
        return 0;
    }
    (void)snprintf(b->base_name, sizeof b->base_name, "HEAD");
    return git_head(g, b->base_id, err);
}

static int by_age(const void *x, const void *y) {
    const struct branch *a = x, *b = y;
    if (a->time != b->time)
        return a->time > b->time ? -1 : 1;
    return strcmp(a->name, b->name);
}

struct line {
    char text[COUNT_LINE_BYTES];
    size_t len;
};

static int take_line(void *ctx, const char *bytes, size_t n, struct err *err) {
    struct line *l = ctx;
    (void)err;
    size_t room = sizeof l->text - 1 - l->len;
    memcpy(l->text + l->len, bytes, n < room ? n : room);
    l->len += n < room ? n : room;
    return 0;
}

// How far it is from the main line, and when its first own commit was written.
static int compare(struct git *g, const struct branches *b, struct branch *x, struct err *err) {
    char range[2 * GIT_ID_CHARS_MAX + 8];
    struct line counts = {.len = 0};
    (void)snprintf(range, sizeof range, "%s...%s", b->base_id, x->id);
    const char *const count[] = {"rev-list", "--left-right", "--count", range, "--", NULL};
    struct git_run run = {.arguments = count, .output = take_line, .output_ctx = &counts};
    int r = git_run(g, &run, NULL, err);
    if (r < 0)
        return r;
    if (sscanf(counts.text, "%u %u", &x->behind, &x->ahead) != 2)
        return 0;
    x->compared = true;
    x->merged = x->ahead == 0;
    if (x->merged)
        return 0;
    // The oldest: all their times, the last one counts.
    char own[2 * GIT_ID_CHARS_MAX + 8], skip[32];
    struct line first = {.len = 0};
    (void)snprintf(own, sizeof own, "%s..%s", b->base_id, x->id);
    (void)snprintf(skip, sizeof skip, "--skip=%u", x->ahead - 1);
    const char *const oldest[] = {"log", "--format=%at", skip, "-n1", own, "--", NULL};
    run = (struct git_run){.arguments = oldest, .output = take_line, .output_ctx = &first};
    r = git_run(g, &run, NULL, err);
    x->first = r == 0 ? strtoll(first.text, NULL, 10) : 0;
    return r;
}

// Ids of the branches that the main line has, one a line.
struct merged {
    struct branches *b;
    struct buf line;
};

static int take_merged(void *ctx, const char *bytes, size_t n, struct err *err) {
    struct merged *m = ctx;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != '\n') {
            if (buf_putc(&m->line, bytes[i]) < 0)
                return err_set(err, ERR_NOMEM, "out of memory");
            continue;
        }
        for (uint32_t k = 0; m->line.len && k < m->b->count; k++)
            m->b->list[k].merged |= strcmp(m->b->list[k].id, m->line.data) == 0;
        buf_clear(&m->line);
    }
    return 0;
}

static int find_merged(struct git *g, struct branches *b, struct err *err) {
    char merged[GIT_ID_CHARS_MAX + 16];
    struct merged m = {.b = b, .line = BUF_INIT(4096)};
    (void)snprintf(merged, sizeof merged, "--merged=%s", b->base_id);
    const char *const arguments[] = {"for-each-ref", "--format=%(objectname)", merged,
                                     "refs/heads",   "refs/remotes",           NULL};
    struct git_run run = {.arguments = arguments, .output = take_merged, .output_ctx = &m};
    int r = git_run(g, &run, NULL, err);
    buf_done(&m.line);
    return r;
}

// Each comparison is two runs of git: only for those that somebody works on.
static int compare_all(struct git *g, struct branches *b, int64_t now, struct err *err) {
    uint32_t live = 0;
    int r = find_merged(g, b, err);
    for (uint32_t i = 0; r == 0 && i < b->count; i++) {
        struct branch *x = &b->list[i];
        bool young = now - x->time < (int64_t)BRANCHES_STALE_DAYS * 86400;
        if (x->merged || !young || live >= BRANCHES_LIVE_MAX)
            continue;
        r = compare(g, b, x, err);
        x->live = r == 0 && x->compared && !x->merged;
        live++;
    }
    return r;
}

static int take_path(void *ctx, const char *path, struct err *err) {
    struct branch_conflict *c = ctx;
    c->file_total++;
    if (c->file_count == BRANCHES_CONFLICT_FILES_MAX)
        return 0;
    c->files[c->file_count] = mem_strdup(path);
    if (!c->files[c->file_count])
        return err_set(err, ERR_NOMEM, "out of memory");
    c->file_count++;
    return 0;
}

static int try_pair(struct git *g, struct branches *b, uint32_t x, uint32_t y, struct err *err) {
    struct branch_conflict *c = &b->conflicts[b->conflict_count];
    const char *other = y == BRANCHES_BASE ? b->base_id : b->list[y].id;
    *c = (struct branch_conflict){.a = x, .b = y};
    int r = git_merge_conflicts(g, b->list[x].id, other, take_path, c, err);
    b->pairs_tried += r == 0;
    if (r == 0 && c->file_total)
        b->conflict_count++;
    else
        for (uint32_t k = 0; k < c->file_count; k++)
            mem_free((char *)c->files[k]);
    return r;
}

static int by_place(const void *x, const void *y) {
    const struct branch_conflict *a = x, *b = y;
    if (a->a != b->a)
        return a->a < b->a ? -1 : 1;
    return a->b < b->b ? -1 : a->b > b->b;
}

// Each live branch with the main line, then the pairs of them, newest first, while there is time.
static int try_all(struct git *g, struct branches *b, unsigned ms, struct err *err) {
    uint64_t end = env_now_mono_ns() + (uint64_t)(ms ? ms : CONFLICTS_MS_DEFAULT) * 1000000;
    struct err why = {0};
    int r = 0;
    b->conflicts = mem_alloc(BRANCHES_PAIRS_MAX * sizeof *b->conflicts);
    if (!b->conflicts)
        return err_set(err, ERR_NOMEM, "out of memory");
    b->conflicts_known = true;
    for (uint32_t sum = 0; r == 0 && sum < 2 * b->count; sum++)
        for (uint32_t x = 0; r == 0 && x < b->count && x <= sum; x++) {
            uint32_t y = sum - x;
            // y == 0 stands for the main line
            uint32_t other = y == 0 ? BRANCHES_BASE : y - 1 + x + 1;
            if (!b->list[x].live || (y && (other >= b->count || !b->list[other].live)))
                continue;
            if (b->pairs_tried >= BRANCHES_PAIRS_MAX || env_now_mono_ns() > end)
                b->pairs_left++;
            else
                r = try_pair(g, b, x, other, &why);
        }
    if (r == ERR_UNSUPPORTED) {
        b->conflicts_known = false;
        r = 0;
    }
    if (b->conflict_count)
        qsort(b->conflicts, b->conflict_count, sizeof *b->conflicts, by_place);
    return r < 0 ? err_set(err, r, "%s", err_text(&why)) : 0;
}

int branches_read(struct git *g, const struct branches_want *w, struct branches **ret,
                  struct err *err) {
    struct reading x = {.b = mem_zalloc(sizeof *x.b)};
    if (!x.b || !(x.b->list = mem_zalloc(BRANCHES_MAX * sizeof *x.b->list))) {
        branches_free(x.b);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    int r = git_head(g, x.head, err);
    if (r == 0)
        r = git_branches(g, take_ref, &x, err);
    if (r == 0)
        r = find_base(g, x.b, w->base, err);
    if (r == 0) {
        const char *current = git_branch(g);
        for (uint32_t i = 0; i < x.b->count; i++)
            x.b->list[i].head =
                current && !x.b->list[i].remote && strcmp(x.b->list[i].name, current) == 0;
        qsort(x.b->list, x.b->count, sizeof *x.b->list, by_age);
        r = compare_all(g, x.b, w->now, err);
    }
    if (r == 0 && w->conflicts)
        r = try_all(g, x.b, w->ms, err);
    if (r < 0) {
        branches_free(x.b);
        return r;
    }
    *ret = x.b;
    return 0;
}
