#include "tests/bench/bench_log.h"

#include "core/base/buf.h"
#include "core/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUPLED_FILES_MAX = 30, SUPPORT_MIN = 2 };
static const double HALF_LIFE = 180 * 86400.0;

struct change { // sorted by path, then commit (0 = newest)
    const char *path;
    uint32_t commit;
};
struct commit {
    double time;
    const char *subject;
    uint32_t first, files; // into by_commit
};
struct bench_log {
    struct buf text;
    struct commit *commits;
    uint32_t commit_count;
    struct change *changes;   // by path
    struct change *by_commit; // as they were read
    uint32_t change_count;
    struct search_history history;
};

static int by_path(const void *a, const void *b) {
    const struct change *x = a, *y = b;
    int c = strcmp(x->path, y->path);
    return c ? c : (x->commit > y->commit) - (x->commit < y->commit);
}

static uint32_t find(const struct bench_log *l, const char *path, uint32_t *first) {
    uint32_t low = 0, high = l->change_count, n = 0;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (strcmp(l->changes[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + n < l->change_count && strcmp(l->changes[low + n].path, path) == 0)
        n++;
    *first = low;
    return n;
}

static double churn(void *ctx, const char *path) {
    const struct bench_log *l = ctx;
    uint32_t first, n = find(l, path, &first);
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum +=
            exp2((l->commits[l->changes[first + i].commit].time - l->commits[0].time) / HALF_LIFE);
    return sum;
}

static void messages(void *ctx, const char *path,
                     void (*on_text)(void *to, const char *text, size_t bytes), void *to) {
    const struct bench_log *l = ctx;
    uint32_t first, n = find(l, path, &first);
    for (uint32_t i = 0; i < n; i++) {
        const char *subject = l->commits[l->changes[first + i].commit].subject;
        on_text(to, subject, strlen(subject));
    }
}

static unsigned coupled(void *ctx, const char *path, const char **ret_path, double *ret_share,
                        unsigned max) {
    const struct bench_log *l = ctx;
    uint32_t first, n = find(l, path, &first), count = 0;
    struct change *others = mem_alloc((size_t)n * COUPLED_FILES_MAX * sizeof *others + 1);
    unsigned found = 0;
    for (uint32_t i = 0; others && i < n; i++) {
        const struct commit *c = &l->commits[l->changes[first + i].commit];
        for (uint32_t k = 0; c->files <= COUPLED_FILES_MAX && k < c->files; k++)
            if (strcmp(l->by_commit[c->first + k].path, path) != 0)
                others[count++] = l->by_commit[c->first + k];
    }
    if (count)
        qsort(others, count, sizeof *others, by_path);
    for (uint32_t i = 0; i < count;) {
        uint32_t end = i;
        while (end < count && strcmp(others[end].path, others[i].path) == 0)
            end++;
        double share = (double)(end - i) / n;
        if (end - i >= SUPPORT_MIN) {
            unsigned at = found < max ? found++ : max - 1;
            if (at < max && (at + 1 < max || found < max || share > ret_share[at])) {
                while (at && ret_share[at - 1] < share) {
                    ret_share[at] = ret_share[at - 1];
                    ret_path[at] = ret_path[at - 1];
                    at--;
                }
                ret_share[at] = share;
                ret_path[at] = others[i].path;
            }
        }
        i = end;
    }
    mem_free(others);
    return found;
}

static int load(struct bench_log *l, const char *path) {
    FILE *f = fopen(path, "r");
    char chunk[65536];
    size_t n;
    if (!f)
        return -1;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        (void)buf_append(&l->text, chunk, n);
    (void)fclose(f);
    return l->text.failed || !l->text.len ? -1 : 0;
}

static int parse(struct bench_log *l) {
    uint32_t lines = 1;
    for (size_t i = 0; i < l->text.len; i++)
        lines += l->text.data[i] == '\n';
    l->commits = mem_alloc(lines * sizeof *l->commits);
    l->changes = mem_alloc(lines * sizeof *l->changes);
    l->by_commit = mem_alloc(lines * sizeof *l->by_commit);
    if (!l->commits || !l->changes || !l->by_commit)
        return -1;
    for (char *at = l->text.data, *next; at && *at; at = next) {
        next = strchr(at, '\n');
        if (next)
            *next++ = '\0';
        char *subject = *at == 1 ? strchr(at, 2) : NULL;
        if (subject) {
            l->commits[l->commit_count++] = (struct commit){
                .time = strtod(at + 1, NULL), .subject = subject + 1, .first = l->change_count};
        } else if (*at && l->commit_count) {
            l->by_commit[l->change_count++] =
                (struct change){.path = at, .commit = l->commit_count - 1};
            l->commits[l->commit_count - 1].files++;
        }
    }
    memcpy(l->changes, l->by_commit, l->change_count * sizeof *l->changes);
    qsort(l->changes, l->change_count, sizeof *l->changes, by_path);
    return 0;
}

struct bench_log *bench_log_read(const char *path) {
    struct bench_log *l = mem_zalloc(sizeof *l);
    if (!l)
        return NULL;
    l->text = BUF_INIT(0);
    l->history =
        (struct search_history){.ctx = l, .churn = churn, .coupled = coupled, .messages = messages};
    if (load(l, path) < 0 || parse(l) < 0) {
        bench_log_free(l);
        return NULL;
    }
    return l;
}

const struct search_history *bench_log_history(struct bench_log *l) {
    return &l->history;
}

void bench_log_free(struct bench_log *l) {
    if (!l)
        return;
    buf_done(&l->text);
    mem_free(l->commits);
    mem_free(l->changes);
    mem_free(l->by_commit);
    mem_free(l);
}
