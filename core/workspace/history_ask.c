// What follows from the list of commits for files: churn, coupling, owners, hotspots.
#include "core/workspace/history_impl.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS_MAX = 4 * 1024 * 1024, SUPPORT_DEFAULT = 4 };

double history_weight(int64_t time, int64_t now) {
    double age = now > time ? (double)(now - time) / 86400.0 : 0;
    return exp2(-age / HISTORY_HALF_LIFE_DAYS);
}

void history_churn(const struct history *h, int64_t now, float *ret) {
    for (uint32_t i = 0; i < h->file_count; i++) {
        double sum = 0;
        for (uint32_t k = 0; k < h->files[i].commit_count; k++)
            sum +=
                history_weight(h->commits[h->file_commits[h->files[i].first_commit + k]].time, now);
        ret[i] = (float)sum;
    }
}

// --- coupling ----------------------------------------------------------------------------------

struct pair {
    uint64_t key; // a << 32 | b, a < b; 0: empty (no pair of a file with itself)
    uint32_t support;
};
struct pair_table {
    struct pair *slots;
    uint32_t mask, count;
};

static struct pair *pair_slot(struct pair_table *t, uint64_t key) {
    uint64_t hash = key * UINT64_C(0x9E3779B97F4A7C15);
    for (uint32_t at = (uint32_t)(hash >> 32) & t->mask;; at = (at + 1) & t->mask)
        if (t->slots[at].key == key || t->slots[at].key == 0)
            return &t->slots[at];
}

static int count_pair(struct pair_table *t, uint32_t a, uint32_t b) {
    uint64_t key = (uint64_t)(a < b ? a : b) << 32 | (a < b ? b : a);
    if (!t->slots || t->count * 2 > t->mask) {
        uint32_t size = t->slots ? (t->mask + 1) * 2 : 8192;
        struct pair *old = t->slots, *slots = mem_zalloc(size * sizeof *slots);
        uint32_t old_size = old ? t->mask + 1 : 0;
        if (!slots)
            return ERR_NOMEM;
        t->slots = slots;
        t->mask = size - 1;
        for (uint32_t i = 0; i < old_size; i++)
            if (old[i].key)
                *pair_slot(t, old[i].key) = old[i];
        mem_free(old);
    }
    struct pair *p = pair_slot(t, key);
    if (!p->key && t->count == PAIRS_MAX)
        return 0;
    t->count += !p->key;
    p->key = key;
    p->support++;
    return 0;
}

static bool counts(const struct commit *c) {
    return !(c->flags & HISTORY_MERGE) && c->change_count &&
           c->file_total <= HISTORY_COUPLED_FILES_MAX;
}

static int count_all(const struct history *h, struct pair_table *t, uint32_t *commits_of) {
    for (uint32_t i = 0; i < h->commit_count; i++) {
        const struct commit *c = &h->commits[i];
        if (!counts(c))
            continue;
        for (uint32_t x = 0; x < c->change_count; x++) {
            uint32_t a = h->changes[c->first_change + x].file;
            commits_of[a]++;
            for (uint32_t y = 0; y < x; y++) {
                uint32_t b = h->changes[c->first_change + y].file;
                int r = a == b ? 0 : count_pair(t, a, b);
                if (r < 0)
                    return r;
            }
        }
    }
    return 0;
}

static bool wanted_path(const char *path, const char *want) {
    if (!want)
        return true;
    size_t n = strlen(want);
    return n && want[n - 1] == '/' ? strncmp(path, want, n) == 0 : strcmp(path, want) == 0;
}

static double pair_score(const struct history_pair *p) {
    return p->support * (double)(p->a_to_b > p->b_to_a ? p->a_to_b : p->b_to_a);
}

static int by_score(const void *x, const void *y) {
    const struct history_pair *a = x, *b = y;
    double s = pair_score(a), t = pair_score(b);
    if (s != t)
        return s > t ? -1 : 1;
    if (a->a != b->a)
        return a->a < b->a ? -1 : 1;
    return a->b < b->b ? -1 : a->b > b->b;
}

static bool pair_wanted(const struct history *h, const struct history_coupling_want *w,
                        const struct history_pair *p) {
    const struct file *a = &h->files[p->a], *b = &h->files[p->b];
    float least = w->confidence_min > 0 ? w->confidence_min : 0.5F;
    return p->support >= (w->support_min ? w->support_min : SUPPORT_DEFAULT) &&
           (p->a_to_b >= least || p->b_to_a >= least) && (w->gone || (!a->gone && !b->gone)) &&
           (wanted_path(history_text(h, a->path), w->path) ||
            wanted_path(history_text(h, b->path), w->path));
}

int history_coupling(const struct history *h, const struct history_coupling_want *w,
                     struct history_pair *ret, uint32_t max, uint32_t *ret_count,
                     uint32_t *ret_total, struct err *err) {
    struct pair_table t = {0};
    uint32_t *commits_of = mem_zalloc((h->file_count + 1) * sizeof *commits_of), n = 0;
    int r = commits_of ? count_all(h, &t, commits_of) : ERR_NOMEM;
    struct history_pair *all = r == 0 ? mem_alloc((t.count + 1) * sizeof *all) : NULL;
    for (uint32_t i = 0; all && t.slots && i <= t.mask; i++) {
        if (!t.slots[i].key)
            continue;
        struct history_pair p = {.a = (uint32_t)(t.slots[i].key >> 32),
                                 .b = (uint32_t)t.slots[i].key,
                                 .support = t.slots[i].support};
        p.a_commits = commits_of[p.a];
        p.b_commits = commits_of[p.b];
        p.a_to_b = (float)p.support / (float)p.a_commits;
        p.b_to_a = (float)p.support / (float)p.b_commits;
        if (pair_wanted(h, w, &p))
            all[n++] = p;
    }
    if (n)
        qsort(all, n, sizeof *all, by_score);
    *ret_count = n < max ? n : max;
    if (ret_total)
        *ret_total = n;
    if (*ret_count)
        memcpy(ret, all, *ret_count * sizeof *ret);
    bool ok = all != NULL;
    mem_free(all);
    mem_free(t.slots);
    mem_free(commits_of);
    return ok ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

// --- what changes along ------------------------------------------------------------------------

struct tally {
    double score, best; // best: the strongest single reason
    uint32_t with, support, of;
};

static int by_tally(const void *x, const void *y) {
    const struct history_cochange *a = x, *b = y;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->file < b->file ? -1 : a->file > b->file;
}

// One given file's commits: each names the others in it, a recent one more, a large one less.
static void tally_file(const struct history *h, const struct history_cochange_want *w,
                       uint32_t query, uint32_t file, int64_t now, struct tally *t, double *mine,
                       uint32_t *support) {
    const struct file *f = &h->files[file];
    double all = 1; // a prior: what was seen once is not certain
    uint32_t of = 0;
    for (uint32_t k = 0; k < f->commit_count; k++) {
        uint32_t at = h->file_commits[f->first_commit + k];
        const struct commit *c = &h->commits[at];
        if (at < w->skip || (c->flags & HISTORY_MERGE))
            continue;
        double size = c->file_total > HISTORY_COUPLED_FILES_MAX
                          ? pow(HISTORY_COUPLED_FILES_MAX / (double)c->file_total, 2)
                          : 1;
        double weight = (0.25 + history_weight(c->time, now)) * size;
        all += weight;
        of++;
        for (uint32_t i = 0; i < c->change_count; i++) {
            mine[h->changes[c->first_change + i].file] += weight;
            support[h->changes[c->first_change + i].file]++;
        }
    }
    for (uint32_t i = 0; i < h->file_count; i++) {
        if (mine[i] > 0 && i != file) {
            double share = mine[i] / all;
            t[i].score += share;
            if (share > t[i].best) {
                t[i].best = share;
                t[i].with = query;
                t[i].support = support[i];
                t[i].of = of;
            }
        }
        mine[i] = 0;
        support[i] = 0;
    }
}

int history_cochanges(const struct history *h, const struct history_cochange_want *w,
                      struct history_cochange *ret, uint32_t max, uint32_t *ret_count,
                      struct err *err) {
    uint32_t n = h->file_count + 1, count = 0;
    struct tally *t = mem_zalloc(n * sizeof *t);
    double *mine = mem_zalloc(n * sizeof *mine);
    uint32_t *support = mem_zalloc(n * sizeof *support);
    struct history_cochange *all = mem_alloc(n * sizeof *all);
    bool *given = mem_zalloc(n);
    int64_t now = w->now ? w->now : h->commit_count ? h->commits[0].time : 0;
    bool ok = t && mine && support && all && given;
    for (uint32_t i = 0; ok && i < w->path_count; i++) {
        int64_t file = history_find(h, w->paths[i]);
        if (file < 0 || given[file])
            continue;
        given[file] = true;
        tally_file(h, w, i, (uint32_t)file, now, t, mine, support);
    }
    for (uint32_t i = 0; ok && i < h->file_count; i++)
        if (t[i].score > 0 && !given[i] && (w->gone || !h->files[i].gone))
            all[count++] =
                (struct history_cochange){i, t[i].with, t[i].support, t[i].of, (float)t[i].score};
    if (count)
        qsort(all, count, sizeof *all, by_tally);
    *ret_count = count < max ? count : max;
    if (ok && *ret_count)
        memcpy(ret, all, *ret_count * sizeof *ret);
    mem_free(t);
    mem_free(mine);
    mem_free(support);
    mem_free(all);
    mem_free(given);
    return ok ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

// --- owners ------------------------------------------------------------------------------------

struct work {
    double weight;
    uint32_t author, commits;
    int64_t last;
};

static int by_weight(const void *x, const void *y) {
    const struct work *a = x, *b = y;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    return a->author < b->author ? -1 : a->author > b->author;
}

static void add_work(struct work *list, const struct commit *c, int64_t now) {
    struct work *w = &list[c->author];
    w->weight += history_weight(c->time, now);
    w->commits++;
    w->author = c->author;
    if (c->time > w->last)
        w->last = c->time;
}

// Each commit counts once, however many of the files it changed.
static void collect_work(const struct history *h, const char *path, int64_t now,
                         struct work *list) {
    size_t n = strlen(path);
    bool folder = n == 0 || path[n - 1] == '/';
    int64_t file = folder ? -1 : history_find(h, path);
    if (!folder) {
        for (uint32_t k = 0; file >= 0 && k < h->files[file].commit_count; k++)
            add_work(list, &h->commits[h->file_commits[h->files[file].first_commit + k]], now);
        return;
    }
    for (uint32_t i = 0; i < h->commit_count; i++) {
        const struct commit *c = &h->commits[i];
        for (uint32_t k = 0; k < c->change_count; k++) {
            const struct file *f = &h->files[h->changes[c->first_change + k].file];
            if (strncmp(history_text(h, f->path), path, n) != 0)
                continue;
            add_work(list, c, now);
            break;
        }
    }
}

int history_owners(const struct history *h, const char *path, int64_t now,
                   struct history_owners *ret, struct err *err) {
    struct work *list = mem_zalloc((h->author_count + 1) * sizeof *list);
    double sum = 0, so_far = 0;
    *ret = (struct history_owners){.commits = 0};
    if (!list)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!now && h->commit_count)
        now = h->commits[0].time;
    collect_work(h, path, now, list);
    qsort(list, h->author_count, sizeof *list, by_weight);
    for (uint32_t i = 0; i < h->author_count && list[i].commits; i++) {
        sum += list[i].weight;
        ret->authors++;
        ret->commits += list[i].commits;
    }
    for (uint32_t i = 0; i < ret->authors; i++) {
        if (ret->share_count < COUNT_OF(ret->shares))
            ret->shares[ret->share_count++] = (struct history_share){
                list[i].author, list[i].commits, (float)(sum > 0 ? list[i].weight / sum : 0)};
        if (so_far * 2 <= sum)
            ret->bus_factor++;
        so_far += list[i].weight;
    }
    if (ret->authors) {
        ret->main_share = ret->shares[0].share;
        ret->main_last = list[0].last;
    }
    bool any = ret->authors > 0;
    mem_free(list);
    return any ? 0 : err_set(err, ERR_NOT_FOUND, "no commit that was read changed %s", path);
}

// --- hotspots ----------------------------------------------------------------------------------

static int by_heat(const void *x, const void *y) {
    const struct history_hotspot *a = x, *b = y;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->file < b->file ? -1 : a->file > b->file;
}

int history_hotspots(const struct history *h, int64_t now, history_complexity_fn *fn, void *ctx,
                     struct history_hotspot *ret, uint32_t max, uint32_t *ret_count,
                     struct err *err) {
    float *churn = mem_alloc((h->file_count + 1) * sizeof *churn), most_churn = 0;
    struct history_hotspot *all = mem_alloc((h->file_count + 1) * sizeof *all);
    double most_complex = 0;
    uint32_t count = 0;
    bool ok = churn && all;
    if (ok)
        history_churn(h, now, churn);
    for (uint32_t i = 0; ok && i < h->file_count; i++) {
        double complexity = h->files[i].gone ? 0 : fn(ctx, history_text(h, h->files[i].path));
        if (complexity <= 0)
            continue;
        most_churn = churn[i] > most_churn ? churn[i] : most_churn;
        most_complex = complexity > most_complex ? complexity : most_complex;
        all[count++] = (struct history_hotspot){i, h->files[i].commits, churn[i], complexity, 0};
    }
    for (uint32_t i = 0; i < count; i++)
        all[i].score =
            most_churn > 0
                ? (float)((double)(all[i].churn / most_churn) * all[i].complexity / most_complex)
                : 0;
    if (count)
        qsort(all, count, sizeof *all, by_heat);
    *ret_count = count < max ? count : max;
    if (ok && *ret_count)
        memcpy(ret, all, *ret_count * sizeof *ret);
    mem_free(churn);
    mem_free(all);
    return ok ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}
