// How changes land: along the first parents of the head, each with what it was the first to bring.
#include "core/workspace/history_impl.h"

#include <stdlib.h>
#include <string.h>

enum { WEEK_SECONDS = 7 * 86400 };

#define NOMEM(e) err_set(e, ERR_NOMEM, "out of memory")

struct walk {
    const struct history *h;
    uint8_t *seen;   // of each commit: brought by an older landing, or this one
    uint32_t *stack; // commits to visit; each is pushed once
    uint32_t *stamp; // of each file: the landing that last counted it, + 1
    uint32_t number;
};

// What this landing reaches and no older one did.
static void bring(struct walk *w, uint32_t at, struct history_landing *ret) {
    const struct log *l = &w->h->log;
    uint32_t depth = 0;
    int64_t first = l->commits[at].author_time;
    *ret = (struct history_landing){.commit = at,
                                    .merge = (l->commits[at].flags & HISTORY_MERGE) != 0};
    w->stack[depth++] = at;
    w->seen[at] = 1;
    w->number++;
    while (depth > 0) {
        uint32_t i = w->stack[--depth];
        const struct log_commit *c = &l->commits[i];
        ret->commits += i != at || !ret->merge;
        if (!(c->flags & HISTORY_MERGE) && c->author_time < first)
            first = c->author_time;
        for (uint32_t k = 0; k < c->change_count; k++) {
            uint32_t file = w->h->change_file[c->first_change + k];
            ret->files += w->stamp[file] != w->number;
            w->stamp[file] = w->number;
        }
        for (uint32_t k = 0; k < c->parent_count; k++) {
            uint32_t parent = l->links[c->first_link + k].commit;
            if (parent == HISTORY_NONE || w->seen[parent])
                continue;
            w->seen[parent] = 1;
            w->stack[depth++] = parent;
        }
    }
    ret->lead = l->commits[at].time > first ? l->commits[at].time - first : 0;
}

// The head and its first parents, newest first, as far as they were read.
static uint32_t main_line(const struct history *h, uint32_t *ret) {
    uint32_t n = 0;
    int64_t at = h->head[0] ? history_find_commit(h, h->head) : -1;
    while (at >= 0 && n < h->log.commit_count) { // a cycle cannot be longer
        const struct log_commit *c = &h->log.commits[at];
        ret[n++] = (uint32_t)at;
        uint32_t parent = c->parent_count ? h->log.links[c->first_link].commit : HISTORY_NONE;
        at = parent == HISTORY_NONE ? -1 : (int64_t)parent;
    }
    return n;
}

static int by_number(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

// Nearest rank.
static int64_t quantile(const int64_t *sorted, uint32_t n, unsigned percent) {
    uint64_t rank = ((uint64_t)n * percent + 99) / 100;
    return n ? sorted[rank ? rank - 1 : 0] : 0;
}

static void summarise(const struct history *h, const struct history_landing *list, uint32_t n,
                      int64_t since, int64_t now, int64_t *numbers, struct history_flow *ret) {
    int64_t oldest = now;
    *ret = (struct history_flow){.landings = n};
    for (uint32_t i = 0; i < h->log.commit_count; i++)
        oldest = h->log.commits[i].time < oldest ? h->log.commits[i].time : oldest;
    oldest = since > oldest ? since : oldest;
    if (now > oldest) {
        int64_t weeks = (now - oldest - 1) / WEEK_SECONDS + 1;
        ret->week_count = weeks < HISTORY_WEEKS_MAX ? (uint32_t)weeks : HISTORY_WEEKS_MAX;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct log_commit *c = &h->log.commits[list[i].commit];
        int64_t week = (now - c->time) / WEEK_SECONDS;
        ret->merges += list[i].merge;
        ret->fixes += (c->flags & HISTORY_FIX) != 0;
        ret->reverts += (c->flags & HISTORY_REVERT) != 0;
        if (ret->week_count == 0)
            ret->week_count = 1;
        if (week == ret->week_count) // begun exactly then
            week--;
        if (week < ret->week_count)
            ret->weeks[week]++;
    }
    for (uint32_t i = 0; i < n; i++)
        numbers[i] = list[i].lead;
    if (n > 1)
        qsort(numbers, n, sizeof *numbers, by_number);
    ret->lead_median = quantile(numbers, n, 50);
    ret->lead_p85 = quantile(numbers, n, 85);
    for (uint32_t i = 0; i < n; i++)
        numbers[i] = list[i].files;
    if (n > 1)
        qsort(numbers, n, sizeof *numbers, by_number);
    ret->files_median = (uint32_t)quantile(numbers, n, 50);
    ret->files_p85 = (uint32_t)quantile(numbers, n, 85);
}

int history_flow(const struct history *h, int64_t since, int64_t now, struct history_flow *ret,
                 struct history_landing *ret_list, uint32_t max, uint32_t *ret_count,
                 struct err *err) {
    size_t n = h->log.commit_count + 1U;
    AUTO_FREE uint32_t *chain = mem_alloc(n * sizeof *chain);
    AUTO_FREE uint32_t *stack = mem_alloc(n * sizeof *stack);
    AUTO_FREE uint8_t *seen = mem_zalloc(n);
    AUTO_FREE uint32_t *stamp = mem_zalloc((h->file_count + 1U) * sizeof *stamp);
    AUTO_FREE struct history_landing *list = mem_alloc(n * sizeof *list);
    AUTO_FREE int64_t *numbers = mem_alloc(n * sizeof *numbers);
    if (!chain || !stack || !seen || !stamp || !list || !numbers)
        return NOMEM(err);
    struct walk w = {h, seen, stack, stamp, 0};
    uint32_t length = main_line(h, chain), count = 0;
    for (uint32_t i = length; i-- > 0;)
        bring(&w, chain[i], &list[i]); // the oldest first
    for (uint32_t i = 0; i < length; i++) {
        const struct log_commit *c = &h->log.commits[list[i].commit];
        // The first one of a history that was cut has more behind it than is known.
        bool edge = h->cut && i + 1 == length;
        if (c->time >= since && c->time <= now && !edge)
            list[count++] = list[i];
    }
    summarise(h, list, count, since, now, numbers, ret);
    uint32_t given = ret_list ? (count < max ? count : max) : 0;
    if (given > 0)
        memcpy(ret_list, list, given * sizeof *list);
    if (ret_count)
        *ret_count = given;
    return 0;
}
