// Which files change together: pairs over the whole history, and what is missing beside given
// files.
#include "core/workspace/history_impl.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SUPPORT_DEFAULT = 4 };
#define CONFIDENCE_DEFAULT 0.5F
#define NOMEM(e)           err_set(e, ERR_NOMEM, "out of memory")

// The different files of a commit; at most `max` are written, the number of all is returned. The
// stamp tells what was seen already.
static uint32_t files_of_commit(const struct history *h, uint32_t i, uint32_t *stamp, uint32_t mark,
                                uint32_t *ret, uint32_t max) {
    const struct log_commit *c = &h->log.commits[i];
    uint32_t n = 0;
    for (uint32_t k = c->first_change; k < c->first_change + c->change_count; k++) {
        uint32_t file = h->change_file[k];
        if (stamp[file] == mark)
            continue;
        stamp[file] = mark;
        if (n < max)
            ret[n] = file;
        n++;
    }
    return n;
}

static bool counts(const struct history *h, uint32_t i) {
    return h->log.commits[i].file_total <= HISTORY_COUPLED_FILES_MAX;
}

// --- pairs

struct best { // the best so far, in order; a bounded list
    struct history_pair *list;
    uint32_t count, max, total;
};

static float strength(const struct history_pair *p) {
    return (float)p->support * (p->a_to_b > p->b_to_a ? p->a_to_b : p->b_to_a);
}

static bool goes_before(const struct history_pair *x, const struct history_pair *y) {
    float sx = strength(x), sy = strength(y);
    if (sx != sy)
        return sx > sy;
    return x->a != y->a ? x->a < y->a : x->b < y->b;
}

static void offer(struct best *best, const struct history_pair *p) {
    best->total++;
    if (best->max == 0 ||
        (best->count == best->max && !goes_before(p, &best->list[best->count - 1])))
        return;
    uint32_t low = 0, high = best->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (goes_before(&best->list[mid], p))
            low = mid + 1;
        else
            high = mid;
    }
    uint32_t keep = best->count < best->max ? best->count : best->max - 1;
    memmove(best->list + low + 1, best->list + low, (keep - low) * sizeof *best->list);
    best->list[low] = *p;
    best->count = keep + 1;
}

static bool is_meant(const struct history *h, uint32_t file, const char *path) {
    const char *name = log_name(&h->log.paths, h->files[file].path);
    size_t n = strlen(path);
    bool folder = n == 0 || path[n - 1] == '/';
    return strncmp(name, path, n) == 0 && (folder || name[n] == '\0');
}

struct pairing {
    const struct history *h;
    const struct history_coupling_want *want;
    uint32_t *together, *touched, *stamp, *commits; // of each file
    struct best best;
};

// All partners of one file, so no table of pairs is needed: counts by file, cleared afterwards.
static void pair_file(struct pairing *s, uint32_t a) {
    const struct history *h = s->h;
    const struct derived_file *f = &h->files[a];
    uint32_t touched = 0, row[HISTORY_COUPLED_FILES_MAX];
    for (uint32_t k = 0; k < f->count; k++) {
        uint32_t at = h->file_commits[f->first + k];
        if (!counts(h, at))
            continue;
        uint32_t n =
            files_of_commit(h, at, s->stamp, a * 2 + (k & 1) + 1, row, HISTORY_COUPLED_FILES_MAX);
        for (uint32_t j = 0; j < n; j++) {
            uint32_t b = row[j];
            if (b > a && s->together[b]++ == 0)
                s->touched[touched++] = b;
            s->stamp[b] = 0;
        }
    }
    for (uint32_t j = 0; j < touched; j++) {
        uint32_t b = s->touched[j], support = s->together[b];
        s->together[b] = 0;
        struct history_pair p = {.a = a,
                                 .b = b,
                                 .support = support,
                                 .a_commits = s->commits[a],
                                 .b_commits = s->commits[b],
                                 .a_to_b = (float)support / (float)s->commits[a],
                                 .b_to_a = (float)support / (float)s->commits[b]};
        float stronger = p.a_to_b > p.b_to_a ? p.a_to_b : p.b_to_a;
        const struct history_coupling_want *w = s->want;
        if (support >= (w->support_min ? w->support_min : SUPPORT_DEFAULT) &&
            stronger >= (w->confidence_min > 0 ? w->confidence_min : CONFIDENCE_DEFAULT) &&
            (w->gone || (!f->gone && !h->files[b].gone)) &&
            (!w->path || is_meant(h, a, w->path) || is_meant(h, b, w->path)))
            offer(&s->best, &p);
    }
}

int history_coupling(const struct history *h, const struct history_coupling_want *w,
                     struct history_pair *ret, uint32_t max, uint32_t *ret_count,
                     uint32_t *ret_total, struct err *err) {
    size_t n = h->file_count + 1U;
    AUTO_FREE uint32_t *together = mem_zalloc(n * sizeof *together);
    AUTO_FREE uint32_t *touched = mem_alloc(n * sizeof *touched);
    AUTO_FREE uint32_t *stamp = mem_zalloc(n * sizeof *stamp);
    AUTO_FREE uint32_t *commits = mem_zalloc(n * sizeof *commits);
    if (!together || !touched || !stamp || !commits)
        return NOMEM(err);
    for (uint32_t i = 0; i < h->file_count; i++)
        for (uint32_t k = 0; k < h->files[i].count; k++)
            commits[i] += counts(h, h->file_commits[h->files[i].first + k]);
    struct pairing s = {h, w, together, touched, stamp, commits, {ret, 0, max, 0}};
    for (uint32_t a = 0; a < h->file_count; a++)
        if (w->gone || !h->files[a].gone)
            pair_file(&s, a);
    *ret_count = s.best.count;
    if (ret_total)
        *ret_total = s.best.total;
    return 0;
}

// --- what usually changes with these

// The weight of a commit k places from the newest is a long memory and a short one. Figures found
// by trying, on five repositories, which files of a commit are foretold best by one of the others.
#define LONG_MEMORY    1500.0 // commits after which half of the weight is left
#define SHORT_MEMORY   60.0
#define SHORT_SHARE    3.0
#define PRIOR_STRENGTH 30.0 // of how often a file changes at all, when little else is known
#define PRIOR_ANY      0.1
#define PRIOR_FOLDER   0.3
#define RECENT_ANY     3.0 // of what changes these days, whatever with
#define RECENT_FOLDER  3.0
#define RECENT_LEAST   0.05
#define SAME_STEM      0.3 // x.c and x.h and test_x.c
enum { STEM_BYTES_MAX = 128 };

struct query {
    const struct history *h;
    const struct history_cochange_want *want;
    uint32_t *given;    // files of the query, each once
    uint32_t *given_at; // their place in the query
    uint32_t given_count;
    uint8_t *is_given; // of each file
    double *score;     // of each file, all given ones together
    double *strongest; // the part of the one that says so most
    double *one;       // the part of the given file that is looked at
    double *weight;    // of each commit
    double *changes;   // of each file: weight of its commits
    uint64_t *stem;    // of each file: of its stem; 0: none
    uint32_t *with, *support, *support_one, *touched, *stamp;
    double *recent; // the same in short memory
    double all, all_recent;
};

// Of the name in lower case, up to the first dot, without what marks a test: "test_foo.c",
// "foo_test.go" and "foo.h" have one stem.
static uint64_t stem_of(const char *path) {
    static const char *const marks[] = {"test_", "_test", "test", "_spec", "spec"};
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    char stem[STEM_BYTES_MAX];
    size_t n = 0;
    for (; base[n] && base[n] != '.' && n + 1 < STEM_BYTES_MAX; n++)
        stem[n] = (char)tolower((unsigned char)base[n]);
    stem[n] = '\0';
    for (size_t k = 0; k < COUNT_OF(marks); k++) {
        char *at = strstr(stem, marks[k]);
        size_t m = strlen(marks[k]);
        if (!at || n == m)
            continue;
        memmove(at, at + m, n - (size_t)(at - stem) - m + 1);
        n -= m;
    }
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)stem[i]) * UINT64_C(0x100000001B3);
    return n ? hash | 1 : 0;
}

static size_t folder_bytes(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

static const char *path_of(const struct history *h, uint32_t file) {
    return log_name(&h->log.paths, h->files[file].path);
}

static void weigh(struct query *q) {
    const struct history *h = q->h;
    for (uint32_t i = q->want->skip; i < h->log.commit_count; i++) {
        double age = (double)(i - q->want->skip);
        double n = h->log.commits[i].file_total;
        double size = n > HISTORY_COUPLED_FILES_MAX ? HISTORY_COUPLED_FILES_MAX / n : 1;
        q->weight[i] =
            (exp2(-age / LONG_MEMORY) + SHORT_SHARE * exp2(-age / SHORT_MEMORY)) * size * size;
    }
    for (uint32_t f = 0; f < h->file_count; f++) {
        q->stem[f] = stem_of(path_of(h, f));
        for (uint32_t k = 0; k < h->files[f].count; k++) {
            uint32_t at = h->file_commits[h->files[f].first + k];
            if (at < q->want->skip)
                continue;
            q->changes[f] += exp2(-(double)(at - q->want->skip) / LONG_MEMORY);
            q->recent[f] += exp2(-(double)(at - q->want->skip) / SHORT_MEMORY);
        }
        q->all += q->changes[f];
        q->all_recent += q->recent[f];
    }
}

static void add_one(struct query *q, uint32_t b, double score, uint32_t *count) {
    if (q->one[b] == 0)
        q->touched[(*count)++] = b;
    q->one[b] += score;
}

// Files that changed together with `a`, and those named like it.
static uint32_t partners(struct query *q, uint32_t a, uint32_t mark) {
    const struct history *h = q->h;
    const struct derived_file *f = &h->files[a];
    uint32_t count = 0, row[HISTORY_COUPLED_FILES_MAX * 8];
    for (uint32_t k = 0; k < f->count; k++) {
        uint32_t at = h->file_commits[f->first + k];
        if (at < q->want->skip || h->log.commits[at].file_total < 2)
            continue;
        uint32_t n = files_of_commit(h, at, q->stamp, mark + k, row, COUNT_OF(row));
        if (n > COUNT_OF(row)) // its weight would be next to nothing
            continue;
        double each = q->weight[at] / sqrt(n > 1 ? n - 1 : 1);
        for (uint32_t j = 0; j < n; j++)
            if (row[j] != a) {
                add_one(q, row[j], each, &count);
                q->support_one[row[j]] += counts(h, at);
            }
    }
    return count;
}

static void ask_one(struct query *q, uint32_t which, uint32_t *mark) {
    const struct history *h = q->h;
    uint32_t a = q->given[which];
    const char *path = path_of(h, a);
    size_t folder = folder_bytes(path);
    uint32_t count = partners(q, a, *mark);
    *mark += h->files[a].count;
    for (uint32_t b = 0; b < h->file_count; b++) {
        if (b == a || !(q->changes[b] > 0))
            continue;
        bool akin = q->stem[a] && q->stem[b] == q->stem[a];
        if (akin)
            add_one(q, b, SAME_STEM, &count);
        if (q->recent[b] <= RECENT_LEAST && q->one[b] == 0)
            continue;
        const char *name = path_of(h, b);
        bool near = folder_bytes(name) == folder && memcmp(name, path, folder) == 0;
        double prior = PRIOR_STRENGTH * (PRIOR_ANY + (near ? PRIOR_FOLDER : 0)) / q->all;
        add_one(q, b, prior * q->changes[b], &count);
        if (q->recent[b] > RECENT_LEAST)
            add_one(q, b, (RECENT_ANY + (near ? RECENT_FOLDER : 0)) * q->recent[b] / q->all_recent,
                    &count);
    }
    for (uint32_t j = 0; j < count; j++) {
        uint32_t b = q->touched[j];
        q->score[b] += q->one[b];
        if (q->one[b] > q->strongest[b]) {
            q->strongest[b] = q->one[b];
            q->with[b] = q->given_at[which];
            q->support[b] = q->support_one[b];
        }
        q->one[b] = 0;
        q->support_one[b] = 0;
    }
}

static bool better(const struct history_cochange *x, const struct history_cochange *y) {
    return x->score != y->score ? x->score > y->score : x->file < y->file;
}

static uint32_t choose(const struct query *q, struct history_cochange *ret, uint32_t max) {
    const struct history *h = q->h;
    uint32_t count = 0;
    for (uint32_t b = 0; b < h->file_count; b++) {
        if (!(q->score[b] > 0) || q->is_given[b] || (h->files[b].gone && !q->want->gone))
            continue;
        struct history_cochange x = {
            .file = b, .with = q->with[b], .support = q->support[b], .score = (float)q->score[b]};
        if (count == max && (max == 0 || !better(&x, &ret[max - 1])))
            continue;
        uint32_t at = count < max ? count++ : max - 1;
        for (; at > 0 && better(&x, &ret[at - 1]); at--)
            ret[at] = ret[at - 1];
        ret[at] = x;
    }
    return count;
}

static void count_of(const struct query *q, struct history_cochange *x) {
    int64_t a = history_find(q->h, q->want->paths[x->with]);
    const struct derived_file *f = &q->h->files[a];
    for (uint32_t k = 0; k < f->count; k++)
        x->of += q->h->file_commits[f->first + k] >= q->want->skip &&
                 counts(q->h, q->h->file_commits[f->first + k]);
}

static void find_given(struct query *q) {
    for (uint32_t i = 0; i < q->want->path_count; i++) {
        int64_t file = history_find(q->h, q->want->paths[i]);
        if (file < 0 || q->is_given[file])
            continue;
        q->is_given[file] = 1;
        q->given_at[q->given_count] = i;
        q->given[q->given_count++] = (uint32_t)file;
    }
}

int history_cochanges(const struct history *h, const struct history_cochange_want *w,
                      struct history_cochange *ret, uint32_t max, uint32_t *ret_count,
                      struct err *err) {
    size_t files = h->file_count + 1U, given = w->path_count + 1U;
    struct query q = {.h = h, .want = w};
    // One block for each kind of number.
    AUTO_FREE double *numbers =
        mem_zalloc((5 * files + h->log.commit_count + 1U) * sizeof *numbers);
    AUTO_FREE uint64_t *stem = mem_alloc(files * sizeof *stem);
    AUTO_FREE uint32_t *counts_of = mem_zalloc((5 * files + 2 * given) * sizeof *counts_of);
    AUTO_FREE uint8_t *is_given = mem_zalloc(files);
    if (!numbers || !counts_of || !stem || !is_given)
        return NOMEM(err);
    q.score = numbers;
    q.strongest = numbers + files;
    q.one = numbers + 2 * files;
    q.changes = numbers + 3 * files;
    q.recent = numbers + 4 * files;
    q.weight = numbers + 5 * files;
    q.stem = stem;
    q.with = counts_of;
    q.support = counts_of + files;
    q.support_one = counts_of + 2 * files;
    q.touched = counts_of + 3 * files;
    q.stamp = counts_of + 4 * files;
    q.given = counts_of + 5 * files;
    q.given_at = q.given + given;
    q.is_given = is_given;
    find_given(&q);
    uint32_t mark = 1;
    if (q.given_count > 0)
        weigh(&q);
    for (uint32_t i = 0; i < q.given_count; i++)
        ask_one(&q, i, &mark);
    *ret_count = choose(&q, ret, max);
    for (uint32_t i = 0; i < *ret_count; i++)
        count_of(&q, &ret[i]);
    return 0;
}
