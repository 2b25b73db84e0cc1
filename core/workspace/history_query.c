// Churn, ownership, hotspots.
#include "core/workspace/history_impl.h"

#include <stdlib.h>
#include <string.h>

#define NOMEM(e) err_set(e, ERR_NOMEM, "out of memory")

void history_churn(const struct history *h, int64_t now, float *ret) {
    for (uint32_t i = 0; i < h->file_count; i++) {
        const struct derived_file *f = &h->files[i];
        double sum = 0;
        for (uint32_t k = 0; k < f->count; k++)
            sum += history_weight(h->log.commits[h->file_commits[f->first + k]].time, now);
        ret[i] = (float)sum;
    }
}

// --- ownership

struct person {
    uint32_t author, commits;
    double weight;
    int64_t last;
};

static int by_weight(const void *a, const void *b) {
    const struct person *x = a, *y = b;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return x->author < y->author ? -1 : x->author > y->author;
}

// Files [first, last) that the path means: one file, or all below a folder.
static bool files_of(const struct history *h, const char *path, uint32_t *ret_first,
                     uint32_t *ret_last) {
    size_t n = strlen(path);
    if (n > 0 && path[n - 1] != '/') {
        int64_t i = history_find(h, path);
        *ret_first = i < 0 ? 0 : (uint32_t)i;
        *ret_last = *ret_first + (i >= 0);
        return i >= 0;
    }
    uint32_t first = 0, last = h->file_count;
    while (first < last) { // sorted by path: what begins with it stands together
        uint32_t mid = first + (last - first) / 2;
        if (strncmp(log_name(&h->log.paths, h->files[mid].path), path, n) < 0)
            first = mid + 1;
        else
            last = mid;
    }
    while (last < h->file_count &&
           strncmp(log_name(&h->log.paths, h->files[last].path), path, n) == 0)
        last++;
    *ret_first = first;
    *ret_last = last;
    return last > first;
}

static void fill_owners(struct person *people, uint32_t count, struct history_owners *ret) {
    double total = 0, sum = 0;
    for (uint32_t i = 0; i < count; i++)
        total += people[i].weight;
    // So old that nothing is left of the weights: then commits count.
    if (total <= 0) {
        for (uint32_t i = 0; i < count; i++)
            total += people[i].weight = people[i].commits;
    }
    qsort(people, count, sizeof *people, by_weight);
    ret->authors = count;
    for (uint32_t i = 0; i < count; i++) {
        if (i < COUNT_OF(ret->shares))
            ret->shares[ret->share_count++] = (struct history_share){
                people[i].author, people[i].commits, (float)(people[i].weight / total)};
        if (sum * 2 <= total)
            ret->bus_factor++;
        sum += people[i].weight;
    }
    ret->main_share = ret->shares[0].share;
    ret->main_last = people[0].last;
}

int history_owners(const struct history *h, const char *path, int64_t now,
                   struct history_owners *ret, struct err *err) {
    uint32_t first, last, count = 0;
    if (!files_of(h, path, &first, &last))
        return err_set(err, ERR_NOT_FOUND, "no commit that was read changed %s", path);
    uint32_t all = h->log.people.count;
    AUTO_FREE struct person *people = mem_zalloc((all + 1U) * sizeof *people);
    AUTO_FREE uint8_t *seen = mem_zalloc(h->log.commit_count + 1U);
    if (!people || !seen)
        return NOMEM(err);
    *ret = (struct history_owners){0};
    for (uint32_t i = first; i < last; i++)
        for (uint32_t k = 0; k < h->files[i].count; k++) {
            uint32_t at = h->file_commits[h->files[i].first + k];
            const struct log_commit *c = &h->log.commits[at];
            if (seen[at])
                continue;
            seen[at] = 1;
            ret->commits++;
            struct person *p = &people[c->author];
            p->author = c->author;
            p->last = p->commits++ == 0 || c->time > p->last ? c->time : p->last;
            p->weight += history_weight(c->time, now);
        }
    for (uint32_t i = 0; i < all; i++)
        if (people[i].commits > 0)
            people[count++] = people[i];
    fill_owners(people, count, ret);
    return 0;
}

// --- hotspots

static int by_score(const void *a, const void *b) {
    const struct history_hotspot *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->file < y->file ? -1 : x->file > y->file;
}

int history_hotspots(const struct history *h, int64_t now, history_complexity_fn *fn, void *ctx,
                     struct history_hotspot *ret, uint32_t max, uint32_t *ret_count,
                     struct err *err) {
    uint32_t n = h->file_count, count = 0;
    AUTO_FREE float *churn = mem_alloc((n + 1U) * sizeof *churn);
    AUTO_FREE struct history_hotspot *all = mem_alloc((n + 1U) * sizeof *all);
    if (!churn || !all)
        return NOMEM(err);
    history_churn(h, now, churn);
    double most_churn = 0, most_complexity = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (h->files[i].gone)
            continue;
        double complexity = fn(ctx, log_name(&h->log.paths, h->files[i].path));
        if (!(complexity > 0))
            continue;
        all[count++] = (struct history_hotspot){
            .file = i, .commits = h->files[i].count, .churn = churn[i], .complexity = complexity};
        most_churn = churn[i] > most_churn ? churn[i] : most_churn;
        most_complexity = complexity > most_complexity ? complexity : most_complexity;
    }
    for (uint32_t k = 0; k < count; k++)
        all[k].score =
            most_churn > 0
                ? (float)(all[k].churn / most_churn * (all[k].complexity / most_complexity))
                : 0;
    if (count > 1)
        qsort(all, count, sizeof *all, by_score);
    *ret_count = count < max ? count : max;
    if (*ret_count > 0)
        memcpy(ret, all, *ret_count * sizeof *ret);
    return 0;
}
