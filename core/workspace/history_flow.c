// How work lands on the main line: along the first parents of the head, a merge with what it
// brought, or a commit by itself.
#include "core/workspace/history_impl.h"

#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

static const int64_t WEEK = 7 * 86400;

struct landing_walk {
    const struct history *h;
    uint8_t *main_line; // of each commit: on the first-parent line, or brought by a newer merge
    uint32_t *stack, *seen_file;
    uint32_t stamp;
};

// What a merge brought: ancestors of its other parents that the main line does not have otherwise.
static void bring(struct landing_walk *w, uint32_t merge, struct history_landing *l) {
    const struct history *h = w->h;
    const struct commit *m = &h->commits[merge];
    int64_t oldest = m->time;
    uint32_t n = 0;
    w->stamp++;
    for (uint32_t p = 1; p < m->parent_count; p++) {
        uint32_t at = h->parent_index[m->first_parent + p];
        if (at != HISTORY_NONE && !w->main_line[at]) {
            w->main_line[at] = 1;
            w->stack[n++] = at;
        }
    }
    l->commits = 0;
    while (n) {
        const struct commit *c = &h->commits[w->stack[--n]];
        l->commits++;
        oldest = c->author_time < oldest ? c->author_time : oldest;
        for (uint32_t k = 0; k < c->change_count; k++) {
            uint32_t *seen = &w->seen_file[h->changes[c->first_change + k].file];
            l->files += *seen != w->stamp;
            *seen = w->stamp;
        }
        for (uint32_t p = 0; p < c->parent_count; p++) {
            uint32_t at = h->parent_index[c->first_parent + p];
            if (at != HISTORY_NONE && !w->main_line[at]) {
                w->main_line[at] = 1;
                w->stack[n++] = at;
            }
        }
    }
    l->lead = m->time > oldest ? m->time - oldest : 0;
}

static int by_number(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void quantiles(int64_t *list, uint32_t n, int64_t *ret_median, int64_t *ret_p85) {
    if (n)
        qsort(list, n, sizeof *list, by_number);
    *ret_median = n ? list[n / 2] : 0;
    *ret_p85 = n ? list[(uint32_t)((uint64_t)n * 85 / 100)] : 0;
}

static void count_week(struct history_flow *f, int64_t time, int64_t now) {
    int64_t week = now > time ? (now - time) / WEEK : 0;
    if (week < HISTORY_WEEKS_MAX)
        f->weeks[week]++;
}

static struct history_landing landing_of(struct landing_walk *w, uint32_t at) {
    const struct commit *c = &w->h->commits[at];
    struct history_landing l = {
        .commit = at, .commits = 1, .files = c->change_count, .merge = c->parent_count > 1};
    if (l.merge)
        bring(w, at, &l);
    else
        l.lead = c->time > c->author_time ? c->time - c->author_time : 0;
    return l;
}

static void walk_main_line(struct landing_walk *w, int64_t since, int64_t now,
                           struct history_flow *ret, struct history_landing *list, uint32_t max,
                           uint32_t *ret_count, int64_t *leads, int64_t *sizes) {
    const struct history *h = w->h;
    int64_t head = history_find_commit(h, h->head);
    uint32_t at = head < 0 ? HISTORY_NONE : (uint32_t)head, n = 0;
    for (uint32_t i = at;
         i != HISTORY_NONE;) { // first, so that a merge does not bring the main line
        w->main_line[i] = 1;
        i = h->commits[i].parent_count ? h->parent_index[h->commits[i].first_parent] : HISTORY_NONE;
    }
    while (at != HISTORY_NONE) {
        const struct commit *c = &h->commits[at];
        if (c->time >= since && c->time <= now) {
            struct history_landing l = landing_of(w, at);
            if (list && *ret_count < max)
                list[(*ret_count)++] = l;
            ret->landings++;
            ret->merges += l.merge;
            ret->fixes += (c->flags & HISTORY_FIX) != 0;
            ret->reverts += (c->flags & HISTORY_REVERT) != 0;
            leads[n] = l.lead;
            sizes[n++] = l.files;
            count_week(ret, c->time, now);
        }
        at = c->parent_count ? h->parent_index[c->first_parent] : HISTORY_NONE;
    }
    int64_t median = 0, late = 0;
    quantiles(leads, n, &ret->lead_median, &ret->lead_p85);
    quantiles(sizes, n, &median, &late);
    ret->files_median = (uint32_t)median;
    ret->files_p85 = (uint32_t)late;
}

int history_flow(const struct history *h, int64_t since, int64_t now, struct history_flow *ret,
                 struct history_landing *ret_list, uint32_t max, uint32_t *ret_count,
                 struct err *err) {
    uint32_t n = h->commit_count + 1;
    int64_t *leads = mem_alloc(n * sizeof *leads), *sizes = mem_alloc(n * sizeof *sizes);
    struct landing_walk w = {.h = h,
                             .main_line = mem_zalloc(n),
                             .stack = mem_alloc(n * sizeof *w.stack),
                             .seen_file = mem_zalloc((h->file_count + 1) * sizeof *w.seen_file)};
    bool ok = leads && sizes && w.main_line && w.stack && w.seen_file;
    *ret_count = 0;
    *ret = (struct history_flow){.landings = 0};
    if (ok) {
        // How many weeks there is anything to say of: since the oldest commit, or since `since`.
        int64_t oldest = now;
        for (uint32_t i = 0; i < h->commit_count; i++)
            oldest = h->commits[i].time < oldest ? h->commits[i].time : oldest;
        oldest = since > oldest ? since : oldest;
        int64_t weeks = h->commit_count && now > oldest ? (now - oldest + WEEK - 1) / WEEK : 0;
        ret->week_count = weeks < HISTORY_WEEKS_MAX ? (uint32_t)weeks : HISTORY_WEEKS_MAX;
        walk_main_line(&w, since, now, ret, ret_list, max, ret_count, leads, sizes);
    }
    mem_free(leads);
    mem_free(sizes);
    mem_free(w.main_line);
    mem_free(w.stack);
    mem_free(w.seen_file);
    return ok ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}
