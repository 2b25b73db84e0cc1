#include "core/workspace/search_graph.h"

#include "core/base/mem.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const double DAMPING = .85; // Page, Brin 1998
enum { STEPS_MAX = 60 };
static const double ENOUGH = 1e-7; // change of all ranks in a step
// A file's use of its own definitions: says which of them matter, but does not move the walk.
static const float OWN_SHARE = .1F;

// --- definitions by name ------------------------------------------------------------------------

struct defs {
    struct posting *at; // sorted by name's hash, then unit
    uint32_t count;
    uint32_t *slots; // 1 + first posting of a name
    uint32_t mask;
};

// What other files can mean by a name.
static bool is_target(const struct fact_symbol *y) {
    return y->kind != SYMBOL_FIELD && y->kind != SYMBOL_SECTION && y->kind != SYMBOL_TEST &&
           y->kind != SYMBOL_NAMESPACE;
}

static void defs_free(struct defs *d) {
    mem_free(d->at);
    mem_free(d->slots);
}

static int defs_make(const struct search *s, struct defs *d) {
    uint32_t names = 0;
    d->at = mem_alloc((s->unit_count + 1) * sizeof *d->at);
    if (!d->at)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < s->file_count; i++) {
        const struct facts *facts = search_facts(s, i);
        for (uint32_t k = 0; facts && k < facts->symbol_count; k++) {
            const struct fact_symbol *y = facts_symbol(facts, k);
            const char *name = facts_text(facts, y->name);
            if (is_target(y) && *name)
                d->at[d->count++] = (struct posting){.word = search_hash(name, strlen(name)),
                                                     .id = s->files[i].first + 1 + k};
        }
    }
    struct postings p = {.at = d->at, .count = d->count};
    postings_sort(&p);
    d->mask = 1;
    while (d->mask < 2 * d->count + 2)
        d->mask *= 2;
    d->slots = mem_zalloc(d->mask * sizeof *d->slots);
    if (!d->slots)
        return ERR_NOMEM;
    d->mask--;
    for (uint32_t i = 0; i < d->count; i++) {
        if (i && d->at[i].word == d->at[i - 1].word)
            continue;
        uint32_t at = (uint32_t)(d->at[i].word >> 20) & d->mask;
        while (d->slots[at])
            at = (at + 1) & d->mask;
        d->slots[at] = 1 + i;
        names++;
    }
    return 0;
}

static uint32_t defs_find(const struct defs *d, uint64_t word, uint32_t *first) {
    uint32_t at = (uint32_t)(word >> 20) & d->mask, n = 0;
    for (; d->slots[at]; at = (at + 1) & d->mask) {
        *first = d->slots[at] - 1;
        if (d->at[*first].word != word)
            continue;
        while (*first + n < d->count && d->at[*first + n].word == word)
            n++;
        return n;
    }
    return 0;
}

// --- edges --------------------------------------------------------------------------------------

struct making {
    const struct search *s;
    struct defs defs;
    struct graph *g;
    uint32_t cap;
    float *sum;     // [unit_count] mentions by the file at hand
    uint32_t *seen; // units with a sum
    uint32_t *near; // [file_count] 1 + the file that was at hand when this one was near it
};

// What a name of plain letters means is uncertain where nothing says that the file knows its
// definition, and a method of such a name (`get`, `items`, `update`) is rather that of a container.
static const float FAR = .1F, GUESSED = .2F, PLAIN_METHOD = .03F;

static int add_edge(struct making *m, uint32_t unit, float weight) {
    struct graph *g = m->g;
    if (g->edge_count == m->cap) {
        uint32_t cap = m->cap ? m->cap * 2 : 4096;
        if (m->cap >= GRAPH_EDGES_MAX) {
            g->cut = true;
            return 0;
        }
        struct graph_edge *more = mem_realloc(g->edges, cap * sizeof *more);
        if (!more)
            return ERR_NOMEM;
        g->edges = more;
        m->cap = cap;
    }
    g->edges[g->edge_count++] = (struct graph_edge){.unit = unit, .weight = weight};
    return 0;
}

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void mark_path(struct making *m, uint32_t file, const char *path, size_t n) {
    int64_t i = snapshot_find(m->s->snapshot, path, n);
    if (i >= 0)
        m->near[i] = 1 + file;
}

// The files that this one imports; for a header of C the source of the same name too.
static void mark_near(struct making *m, uint32_t file) {
    static const char *const sources[] = {".c", ".cc", ".cpp", ".cxx"};
    const struct facts *facts = search_facts(m->s, file);
    for (uint32_t i = 0; facts && i < facts->import_count; i++) {
        int64_t to = snapshot_import(m->s->snapshot, file, i);
        if (to < 0)
            continue;
        m->near[to] = 1 + file;
        const char *path = snapshot_file(m->s->snapshot, (uint32_t)to)->path;
        const char *dot = strrchr(path, '.');
        char other[512];
        if (!dot || dot[1] != 'h' || (size_t)(dot - path) + 8 > sizeof other)
            continue;
        memcpy(other, path, (size_t)(dot - path));
        for (size_t k = 0; k < COUNT_OF(sources); k++) {
            size_t n = strlen(sources[k]);
            memcpy(other + (dot - path), sources[k], n);
            mark_path(m, file, other, (size_t)(dot - path) + n);
        }
    }
}

static bool same_folder(const struct making *m, uint32_t a, uint32_t b) {
    const char *x = snapshot_file(m->s->snapshot, a)->path;
    const char *y = snapshot_file(m->s->snapshot, b)->path;
    const char *slash = strrchr(x, '/');
    size_t n = slash ? (size_t)(slash - x) + 1 : 0;
    return strncmp(x, y, n) == 0 && !strchr(y + n, '/');
}

static bool is_compound(const char *name, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (name[i] == '_' || (name[i] >= 'A' && name[i] <= 'Z' && name[i - 1] >= 'a'))
            return true;
    return false;
}

// Shares one file's mentions of a name among its definitions.
static void add_ref(struct making *m, uint32_t file, const struct fact_ref *ref, uint32_t *seen) {
    const struct search *s = m->s;
    const char *name = facts_text(search_facts(s, file), ref->name);
    size_t n = strlen(name);
    uint32_t first = 0;
    uint32_t all = n > 1 ? defs_find(&m->defs, search_hash(name, n), &first) : 0;
    float worth[GRAPH_DEFINERS_MAX], sum = 0;
    bool known = false;
    if (!all || all > GRAPH_DEFINERS_MAX)
        return;
    for (uint32_t k = 0; k < all; k++) {
        uint32_t to = s->file_of[m->defs.at[first + k].id];
        bool near = to == file || m->near[to] == 1 + file || same_folder(m, file, to);
        known = known || near;
        worth[k] = near ? 1 : FAR;
        sum += worth[k];
    }
    float count = (float)ref->count * (known || (all == 1 && is_compound(name, n)) ? 1 : GUESSED);
    for (uint32_t k = 0; k < all; k++) {
        uint32_t unit = m->defs.at[first + k].id;
        if (!(m->sum[unit] > 0))
            m->seen[(*seen)++] = unit;
        bool method = search_symbol(s, unit)->kind == SYMBOL_METHOD && !is_compound(name, n);
        m->sum[unit] += count * worth[k] / sum * (method ? PLAIN_METHOD : 1);
    }
}

// All edges of one file. A name's weight is the information that mentioning it gives:
// ln(files / files that define it), shared among its definitions.
static int add_file(struct making *m, uint32_t file) {
    const struct search *s = m->s;
    const struct facts *facts = search_facts(s, file);
    uint32_t seen = 0, first = 0;
    m->g->first[file] = m->g->edge_count;
    mark_near(m, file);
    for (uint32_t i = 0; facts && i < facts->ref_count; i++)
        add_ref(m, file, facts_ref(facts, i), &seen);
    qsort(m->seen, seen, sizeof *m->seen, by_number);
    int r = 0;
    for (uint32_t i = 0; i < seen; i++) {
        uint32_t unit = m->seen[i];
        const char *name = search_name(s, unit);
        uint32_t all = defs_find(&m->defs, search_hash(name, strlen(name)), &first);
        float info = logf(1 + (float)s->file_count / (float)(all ? all : 1));
        if (r == 0)
            r = add_edge(m, unit, sqrtf(m->sum[unit]) * info);
        m->sum[unit] = 0;
    }
    return r;
}

static struct graph *graph_make(const struct search *s) {
    struct making m = {.s = s, .g = mem_zalloc(sizeof *m.g)};
    int r = m.g ? defs_make(s, &m.defs) : ERR_NOMEM;
    if (r == 0) {
        m.g->first = mem_alloc((s->file_count + 1) * sizeof *m.g->first);
        m.sum = mem_zalloc((s->unit_count + 1) * sizeof *m.sum);
        m.seen = mem_alloc((s->unit_count + 1) * sizeof *m.seen);
        m.near = mem_zalloc((s->file_count + 1) * sizeof *m.near);
        r = m.g->first && m.sum && m.seen && m.near ? 0 : ERR_NOMEM;
    }
    for (uint32_t i = 0; r == 0 && i < s->file_count; i++)
        r = add_file(&m, i);
    if (r == 0)
        m.g->first[s->file_count] = m.g->edge_count;
    defs_free(&m.defs);
    mem_free(m.sum);
    mem_free(m.seen);
    mem_free(m.near);
    if (r < 0) {
        graph_free(m.g);
        return NULL;
    }
    return m.g;
}

const struct graph *search_graph(const struct search *s) {
    static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
    struct search *owner =
        (struct search *)(uintptr_t)s; // only this member changes, under the lock
    struct graph *g = atomic_load(&owner->graph);
    if (g)
        return g;
    pthread_mutex_lock(&making);
    g = atomic_load(&owner->graph);
    if (!g) {
        g = graph_make(s);
        atomic_store(&owner->graph, g);
    }
    pthread_mutex_unlock(&making);
    return g;
}

void graph_free(struct graph *g) {
    if (!g)
        return;
    mem_free(g->first);
    mem_free(g->edges);
    mem_free(g);
}

// --- the walk -----------------------------------------------------------------------------------

struct walk {
    const struct search *s;
    const struct graph *g;
    const float *weight;
    double *out; // [files] sum of what leaves each file
};

static double edge_weight(const struct walk *w, uint32_t from, const struct graph_edge *e) {
    uint32_t to = w->s->file_of[e->unit];
    return to == from ? 0 : (double)e->weight * (double)w->weight[to];
}

// One step: ranks flow along the edges; what cannot flow restarts.
static double step(const struct walk *w, const double *restart, const double *rank, double *next) {
    uint32_t n = w->s->file_count;
    double lost = 0, change = 0;
    for (uint32_t i = 0; i < n; i++) {
        next[i] = 0;
        // A file of little weight keeps little of its rank to pass on.
        double kept = w->out[i] > 0 ? (double)(w->weight[i] < 1 ? w->weight[i] : 1) : 0;
        lost += rank[i] * (1 - DAMPING * kept);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!(w->out[i] > 0))
            continue;
        double flow = DAMPING * rank[i] * (double)(w->weight[i] < 1 ? w->weight[i] : 1) / w->out[i];
        for (uint32_t k = w->g->first[i]; k < w->g->first[i + 1]; k++)
            next[w->s->file_of[w->g->edges[k].unit]] += flow * edge_weight(w, i, &w->g->edges[k]);
    }
    for (uint32_t i = 0; i < n; i++) {
        next[i] += lost * restart[i];
        change += fabs(next[i] - rank[i]);
    }
    return change;
}

static void share(const struct walk *w, const double *rank, double *shares) {
    for (uint32_t i = 0; i < w->s->file_count; i++) {
        double own = 0;
        double kept = (double)(w->weight[i] < 1 ? w->weight[i] : 1);
        for (uint32_t k = w->g->first[i]; k < w->g->first[i + 1]; k++)
            if (w->s->file_of[w->g->edges[k].unit] == i)
                own += (double)w->g->edges[k].weight;
        for (uint32_t k = w->g->first[i]; k < w->g->first[i + 1]; k++) {
            const struct graph_edge *e = &w->g->edges[k];
            if (w->s->file_of[e->unit] == i)
                shares[e->unit] += (double)OWN_SHARE * rank[i] * (double)e->weight / own;
            else if (w->out[i] > 0)
                shares[e->unit] += kept * rank[i] * edge_weight(w, i, e) / w->out[i];
        }
    }
}

int graph_rank(const struct search *s, const struct graph *g, const float *weight,
               const double *restart, double *rank, double *shares, struct err *err) {
    uint32_t n = s->file_count;
    AUTO_FREE double *other = mem_alloc((n + 1) * sizeof *other);
    AUTO_FREE double *out = mem_zalloc((n + 1) * sizeof *out);
    struct walk w = {.s = s, .g = g, .weight = weight, .out = out};
    if (!other || !out)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++) {
        rank[i] = restart[i];
        for (uint32_t k = g->first[i]; k < g->first[i + 1]; k++)
            out[i] += edge_weight(&w, i, &g->edges[k]);
    }
    for (int i = 0; i < STEPS_MAX; i++) {
        double change = step(&w, restart, rank, other);
        memcpy(rank, other, n * sizeof *rank);
        if (change < ENOUGH)
            break;
    }
    memset(shares, 0, s->unit_count * sizeof *shares);
    share(&w, rank, shares);
    return 0;
}
