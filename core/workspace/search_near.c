// Neighbours of what was found, by calls; the pool of units that is ranked closely; pairs of words
// that stand side by side in the text and in the code ("max retries", "collect only").
#include "core/workspace/search_score.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEEDS = 60,         // units whose neighbours are looked for
    CALLERS_SEEDS = 40, // … and whose callers
    AMBIGUOUS = 3,      // a name with more definitions leads nowhere
    MENTIONS_MAX = 256, // of one name
    PAIR_UNITS = 50,    // units whose text is read: more make it slower, not better
    PAIR_UNIT_BYTES = 64 * 1024,
    PAIR_BYTES = 1024 * 1024, // of all of them
    PAIRS_PER_UNIT = 256,
    PAIR_BLOOM = 32768 // bits
};

struct best { // units with the greatest values: a heap with the least of them on top
    struct best_at {
        double value;
        uint32_t unit;
    } * at;
    uint32_t count, max;
};

static bool less(const struct best_at *a, const struct best_at *b) {
    if (a->value < b->value || a->value > b->value)
        return a->value < b->value;
    return a->unit > b->unit;
}

static void sink(struct best *b, uint32_t i) {
    for (;;) {
        uint32_t l = 2 * i + 1, least = i;
        if (l < b->count && less(&b->at[l], &b->at[least]))
            least = l;
        if (l + 1 < b->count && less(&b->at[l + 1], &b->at[least]))
            least = l + 1;
        if (least == i)
            return;
        struct best_at t = b->at[i];
        b->at[i] = b->at[least];
        b->at[least] = t;
        i = least;
    }
}

static void offer(struct best *b, double value, uint32_t unit) {
    struct best_at x = {.value = value, .unit = unit};
    if (b->count < b->max) {
        uint32_t i = b->count++;
        b->at[i] = x;
        while (i && less(&b->at[i], &b->at[(i - 1) / 2])) {
            struct best_at t = b->at[i];
            b->at[i] = b->at[(i - 1) / 2];
            b->at[(i - 1) / 2] = t;
            i = (i - 1) / 2;
        }
    } else if (b->max && less(&b->at[0], &x)) {
        b->at[0] = x;
        sink(b, 0);
    }
}

static int best_first(const void *a, const void *b) {
    return less(a, b) ? 1 : less(b, a) ? -1 : 0;
}

static bool has_any(const struct work *w, uint32_t unit) {
    return w->body[unit] > 0 || w->name[unit] > 0 || w->exact[unit] > 0 || w->frame[unit] > 0 ||
           w->called[unit] > 0 || w->calls[unit] > 0;
}

// Calls `value` for each unit that stands for itself and has anything.
static void choose(struct work *w, struct best *b, double (*value)(const struct work *, uint32_t),
                   bool functions_only) {
    const struct search *s = w->s;
    for (uint32_t i = 0; i < s->file_count; i++) {
        const struct search_file *f = &s->files[i];
        if (!(w->files[i].weight > 0))
            continue;
        for (uint32_t u = f->first + 1; u < f->first + f->units; u++) {
            if (s->owner[u] != u || !has_any(w, u))
                continue;
            const struct fact_symbol *y = search_symbol(s, u);
            if (y->kind == SYMBOL_FIELD || y->kind == SYMBOL_SECTION ||
                (functions_only && !symbol_is_function(y)))
                continue;
            offer(b, value(w, u), u);
        }
    }
    qsort(b->at, b->count, sizeof *b->at, best_first);
}

static double quotient(float a, float b) {
    return b > 0 ? (double)a / (double)b : 0;
}

// How sure it is that this one is worth looking around: words, name, mention, frame, file.
static double seed_value(const struct work *w, uint32_t unit) {
    const struct file_work *f = &w->files[w->s->file_of[unit]];
    double v = quotient(w->body[unit], w->most.body) +
               .5 * quotient(unit_name_match(w, unit), w->most.name) +
               .3 * (double)(w->exact[unit] + w->frame[unit]) +
               .2 * quotient(f->body, w->most.file_body) + .15 * quotient(f->path, w->most.path);
    return f->weight < 1 ? v * (double)f->weight : v;
}

static void raise(float *most, double v) {
    if ((float)v > *most)
        *most = (float)v;
}

// What the seed mentions: definitions in its own file first, else where there are few.
static void spread_down(struct work *w, uint32_t seed, double value) {
    const struct search *s = w->s;
    uint32_t file = s->file_of[seed], first = s->files[file].first;
    const struct facts *facts = search_facts(s, file);
    struct place at[AMBIGUOUS + 1];
    for (uint32_t i = 0; i < facts->ref_count; i++) {
        const struct fact_ref *ref = facts_ref(facts, i);
        if (ref->scope >= s->files[file].units || s->owner[first + ref->scope] != seed)
            continue;
        const char *name = facts_text(facts, ref->name);
        uint32_t n = snapshot_definitions(s->snapshot, name, strlen(name), at, AMBIGUOUS + 1);
        if (n == 0 || n > AMBIGUOUS)
            continue;
        for (uint32_t k = 0; k < n; k++) {
            uint32_t unit = s->owner[s->files[at[k].file].first + 1 + at[k].symbol];
            if (unit != seed && w->files[at[k].file].weight > 0)
                raise(&w->called[unit], value / n);
        }
    }
}

static void spread_up(struct work *w, uint32_t seed, double value, struct mention *buffer) {
    const struct search *s = w->s;
    const char *name = search_name(s, seed);
    struct place unused;
    uint32_t definitions = snapshot_definitions(s->snapshot, name, strlen(name), &unused, 1);
    if (definitions == 0 || definitions > AMBIGUOUS)
        return;
    uint32_t n = snapshot_mentions(s->snapshot, name, strlen(name), buffer, MENTIONS_MAX);
    for (uint32_t i = 0; i < n && i < MENTIONS_MAX; i++) {
        uint32_t file = buffer[i].file;
        const struct fact_ref *ref = facts_ref(search_facts(s, file), buffer[i].ref);
        if (ref->scope >= s->files[file].units || !(w->files[file].weight > 0))
            continue;
        uint32_t unit = s->owner[s->files[file].first + ref->scope];
        if (unit != seed && unit != s->files[file].first)
            raise(&w->calls[unit], value / definitions);
    }
}

static void find_near_files(struct work *w) {
    for (uint32_t i = 0; i < w->s->file_count; i++) {
        uint32_t first = w->s->files[i].first, end = first + w->s->files[i].units;
        for (uint32_t u = first; u < end; u++)
            raise(&w->files[i].near, (double)w->called[u]);
    }
}

int work_near(struct work *w, struct err *err) {
    AUTO_FREE struct best_at *at = mem_alloc(RANK_UNITS_MAX * sizeof *at);
    AUTO_FREE struct mention *mentions = mem_alloc(MENTIONS_MAX * sizeof *mentions);
    struct best b = {.at = at, .max = SEEDS};
    w->r->units = mem_alloc(RANK_UNITS_MAX * sizeof *w->r->units);
    if (!at || !mentions || !w->r->units)
        return err_set(err, ERR_NOMEM, "out of memory");
    choose(w, &b, seed_value, true);
    for (uint32_t i = 0; i < b.count; i++) {
        spread_down(w, at[i].unit, at[i].value);
        if (i < CALLERS_SEEDS)
            spread_up(w, at[i].unit, at[i].value, mentions);
    }
    find_near_files(w);
    b = (struct best){.at = at, .max = RANK_UNITS_MAX};
    choose(w, &b, unit_first_logit, false);
    w->r->unit_count = b.count;
    for (uint32_t i = 0; i < b.count; i++)
        w->r->units[i] = (struct ranked_unit){.unit = at[i].unit};
    return 0;
}

// --- pairs --------------------------------------------------------------------------------------

struct pair_scan {
    const struct query *q;
    uint32_t *stamp; // [pair_count]: last unit that had it, + 1
    uint32_t *with;  // [pair_count]: units that have it
    uint16_t *found; // of the unit at hand
    uint32_t count, unit;
    uint64_t bloom[PAIR_BLOOM / 64]; // most pairs of code are none of the text's
};

static void note_pair(void *ctx, uint64_t pair) {
    struct pair_scan *p = ctx;
    uint32_t low = 0, high = p->q->pair_count, bit = (uint32_t)(pair >> 30) % PAIR_BLOOM;
    if (!(p->bloom[bit / 64] >> bit % 64 & 1))
        return;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (p->q->pairs[middle] < pair)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == p->q->pair_count || p->q->pairs[low] != pair || p->stamp[low] == p->unit + 1 ||
        p->count == PAIRS_PER_UNIT)
        return;
    p->stamp[low] = p->unit + 1;
    p->with[low]++;
    p->found[p->count++] = (uint16_t)low;
}

static int by_unit(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

struct pair_lists {
    uint32_t units[PAIR_UNITS]; // ascending: one file after the other
    uint32_t counts[PAIR_UNITS];
    uint16_t found[PAIR_UNITS][PAIRS_PER_UNIT];
    uint32_t count;
};

// Reads the texts of the units. A file that has changed since is passed over.
static int scan_pairs(struct work *w, struct pair_scan *p, struct pair_lists *l, struct err *err) {
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX + 1);
    uint32_t open = UINT32_MAX;
    size_t left = PAIR_BYTES;
    for (uint32_t i = 0; i < l->count; i++) {
        uint32_t file = w->s->file_of[l->units[i]];
        const struct fact_symbol *y = search_symbol(w->s, l->units[i]);
        if (file != open) {
            buf_clear(&text);
            int r = snapshot_text(w->s->snapshot, file, &text, NULL);
            if (r == ERR_NOMEM)
                return err_set(err, ERR_NOMEM, "out of memory");
            if (r < 0)
                buf_clear(&text);
            open = file;
        }
        size_t end = y->end < text.len ? y->end : text.len;
        size_t n = end > y->start ? end - y->start : 0;
        n = n < PAIR_UNIT_BYTES ? n : PAIR_UNIT_BYTES;
        n = n < left ? n : left;
        left -= n;
        p->unit = i;
        p->found = l->found[i];
        p->count = 0;
        query_pairs(text.data + y->start, n, note_pair, p);
        l->counts[i] = p->count;
    }
    return 0;
}

static void score_pairs(struct work *w, const struct pair_scan *p, const struct pair_lists *l) {
    double most = 0;
    for (uint32_t i = 0; i < l->count; i++) {
        double v = 0;
        for (uint32_t k = 0; k < l->counts[i]; k++)
            v += log(1 + (double)l->count / p->with[l->found[i][k]]);
        w->pairs[l->units[i]] = (float)v;
        if (v > most && work_is_main(w, w->s->file_of[l->units[i]]))
            most = v;
    }
    for (uint32_t i = 0; i < l->count; i++) {
        float *v = &w->pairs[l->units[i]];
        struct file_work *f = &w->files[w->s->file_of[l->units[i]]];
        *v = most > 0 ? (float)((double)*v / most) : 0;
        *v = *v > 1 ? 1 : *v;
        raise(&f->pairs, (double)*v);
    }
}

int work_pairs(struct work *w, struct err *err) {
    const struct query *q = &w->r->query;
    if (!q->pair_count)
        return 0;
    AUTO_FREE struct pair_lists *l = mem_zalloc(sizeof *l);
    AUTO_FREE uint32_t *counts = mem_zalloc(2 * q->pair_count * sizeof *counts);
    if (!l || !counts)
        return err_set(err, ERR_NOMEM, "out of memory");
    struct pair_scan p = {.q = q, .stamp = counts, .with = counts + q->pair_count};
    for (uint32_t i = 0; i < q->pair_count; i++) {
        uint32_t bit = (uint32_t)(q->pairs[i] >> 30) % PAIR_BLOOM;
        p.bloom[bit / 64] |= (uint64_t)1 << bit % 64;
    }
    for (uint32_t i = 0; i < w->r->unit_count && l->count < PAIR_UNITS; i++)
        if (symbol_is_function(search_symbol(w->s, w->r->units[i].unit)))
            l->units[l->count++] = w->r->units[i].unit;
    qsort(l->units, l->count, sizeof *l->units, by_unit);
    int r = scan_pairs(w, &p, l, err);
    if (r == 0)
        score_pairs(w, &p, l);
    return r;
}
