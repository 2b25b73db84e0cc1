// Fingerprints that several places share are followed forward while both places agree: a chain.
// With the texts at hand a chain is compared token by token and extended to its true borders.
#include "core/code/clones.h"

#include "core/base/mem.h"
#include "core/code/clones_impl.h"
#include "core/code/clones_lex.h"

#include <stdlib.h>
#include <string.h>

enum { PAIRS_DEFAULT = 10000, PAIRS_CEILING = 1024 * 1024, RADIX = 2048 };

struct tokens { // of a text read again
    struct clone_token *t;
    uint32_t count;
    bool tried;
};

struct match {
    const struct clone_source *sources;
    uint32_t source_count;
    struct clone_options o;
    uint32_t total;       // fingerprints of all sources: numbered through
    uint32_t *first;      // [source_count + 1] number of a source's first
    uint32_t *hash;       // [total]
    uint32_t *order;      // [total] numbers by hash, then by number
    uint8_t *usable;      // [total] occurs in 2 to CLONES_PLACES_MAX places
    struct tokens *texts; // [source_count]
    uint64_t kept;        // tokens in `texts`
    struct found *found;
    uint32_t count, capacity;
};

struct found {
    uint32_t a, b;             // sources
    uint32_t token_a, token_b; // first tokens
    uint32_t line_a, end_a, line_b, end_b;
    uint32_t tokens;
};

// Stable, so equal hashes stay in order of their numbers.
static void radix_sort(const uint32_t *hash, uint32_t *order, uint32_t *other, uint32_t n) {
    for (uint32_t k = 0; k < n; k++)
        order[k] = k;
    for (unsigned shift = 0; shift < 33; shift += 11) {
        uint32_t place[RADIX] = {0}, sum = 0;
        for (uint32_t k = 0; k < n; k++)
            place[hash[k] >> shift & (RADIX - 1)]++;
        for (uint32_t k = 0; k < RADIX; k++) {
            uint32_t here = place[k];
            place[k] = sum;
            sum += here;
        }
        for (uint32_t k = 0; k < n; k++)
            other[place[hash[order[k]] >> shift & (RADIX - 1)]++] = order[k];
        memcpy(order, other, n * sizeof *order);
    }
}

static int prepare(struct match *m) {
    uint64_t total = 0;
    m->first = mem_alloc((m->source_count + 1) * sizeof *m->first);
    if (!m->first)
        return ERR_NOMEM;
    for (uint32_t k = 0; k < m->source_count; k++) {
        m->first[k] = (uint32_t)total;
        total += m->sources[k].count;
        if (total > INT32_MAX)
            return ERR_LIMIT;
    }
    m->first[m->source_count] = m->total = (uint32_t)total;
    m->hash = mem_alloc(total * sizeof *m->hash);
    m->order = mem_alloc(total * sizeof *m->order);
    m->usable = mem_zalloc(total);
    m->texts = mem_zalloc(m->source_count * sizeof *m->texts);
    AUTO_FREE uint32_t *other = mem_alloc(total * sizeof *other);
    if (!m->hash || !m->order || !m->usable || !m->texts || !other)
        return ERR_NOMEM;
    for (uint32_t k = 0; k < m->source_count; k++)
        for (uint32_t i = 0; i < m->sources[k].count; i++)
            m->hash[m->first[k] + i] = m->sources[k].clones[i].hash;
    radix_sort(m->hash, m->order, other, m->total);
    return 0;
}

static void match_done(struct match *m) {
    mem_free(m->first);
    mem_free(m->hash);
    mem_free(m->order);
    mem_free(m->usable);
    for (uint32_t k = 0; m->texts && k < m->source_count; k++)
        mem_free(m->texts[k].t);
    mem_free(m->texts);
    mem_free(m->found);
}

static uint32_t source_of(const struct match *m, uint32_t number) {
    uint32_t low = 0, high = m->source_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (m->first[middle] <= number)
            low = middle;
        else
            high = middle;
    }
    return low;
}

// Two places walked together, by number.
struct walk {
    uint32_t a, b; // sources
    uint32_t x, y; // fingerprints
};

static const struct fact_clone *at(const struct match *m, uint32_t source, uint32_t number) {
    return &m->sources[source].clones[number - m->first[source]];
}

// One step further in both, when the fingerprints there agree and are equally far away.
static bool step(const struct match *m, struct walk *w, bool back) {
    uint32_t x = back ? w->x - 1 : w->x + 1, y = back ? w->y - 1 : w->y + 1;
    if (back ? w->x == m->first[w->a] || w->y == m->first[w->b]
             : x == m->first[w->a + 1] || y == m->first[w->b + 1])
        return false;
    if (m->hash[x] != m->hash[y] || at(m, w->a, x)->token - at(m, w->a, w->x)->token !=
                                        at(m, w->b, y)->token - at(m, w->b, w->y)->token)
        return false;
    w->x = x;
    w->y = y;
    return true;
}

static bool has_usable_before(const struct match *m, struct walk w) {
    while (step(m, &w, true))
        if (m->usable[w.x])
            return true;
    return false;
}

// The line where the run of a chain's last fingerprint ends: by the chain's lines per token, but
// not behind the next fingerprint that begins after it.
static uint32_t guess_end(const struct match *m, uint32_t source, uint32_t first, uint32_t last) {
    const struct fact_clone *f = at(m, source, first), *l = at(m, source, last);
    uint32_t tokens = l->token - f->token, lines = l->line - f->line;
    uint32_t end =
        l->line + (tokens ? (uint32_t)((uint64_t)lines * CLONES_RUN / tokens) : CLONES_RUN / 6);
    for (uint32_t k = last + 1; k < m->first[source + 1]; k++) {
        const struct fact_clone *c = at(m, source, k);
        if (c->token < l->token + CLONES_RUN)
            end = c->line > end ? c->line : end;
        else
            return c->line < end ? c->line : end;
    }
    return end;
}

static int add_token(struct tokens *x, uint32_t *capacity, struct clone_token t) {
    if (x->count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 1024;
        struct clone_token *grown = mem_realloc(x->t, *capacity * sizeof *grown);
        if (!grown)
            return ERR_NOMEM;
        x->t = grown;
    }
    x->t[x->count++] = t;
    return 0;
}

// The tokens of a source, read once. NULL when they cannot be had.
static int read_tokens(struct match *m, uint32_t source, const struct tokens **ret) {
    struct tokens *x = &m->texts[source];
    *ret = NULL;
    if (!x->tried && m->o.text && m->kept < CLONES_TOKENS_KEPT) {
        enum lang lang = LANG_NONE;
        const char *text = NULL;
        size_t bytes = 0;
        struct clone_lexer lexer;
        struct clone_token t;
        uint32_t capacity = 0;
        x->tried = true;
        if (m->o.text(m->o.ctx, m->sources[source].file, &lang, &text, &bytes) < 0 ||
            !clone_lexer_start(&lexer, lang, text, bytes))
            return 0;
        while (clone_lexer_next(&lexer, &t))
            if (add_token(x, &capacity, t) < 0)
                return ERR_NOMEM;
        m->kept += x->count;
    }
    if (x->t)
        *ret = x;
    return 0;
}

static bool is_dull(const struct clone_token *t, uint32_t n) {
    uint32_t seen[CLONES_DISTINCT_MIN], distinct = 0, words = 0;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = 0;
        words += t[k].kind == CLONE_WORD;
        while (i < distinct && seen[i] != t[k].hash)
            i++;
        if (i == distinct && distinct < CLONES_DISTINCT_MIN)
            seen[distinct++] = t[k].hash;
    }
    return distinct < CLONES_DISTINCT_MIN || words * CLONES_WORDS_SHARE < n;
}

// True borders. False: no copy after all (the text has changed, or two hashes met).
static bool refine(const struct tokens *a, const struct tokens *b, struct found *f) {
    uint32_t x = f->token_a, y = f->token_b, n = 0;
    while (x + n < a->count && y + n < b->count && a->t[x + n].hash == b->t[y + n].hash)
        n++;
    if (n < CLONES_RUN)
        return false;
    while (x && y && a->t[x - 1].hash == b->t[y - 1].hash) {
        x--;
        y--;
        n++;
    }
    if (f->a == f->b && n > y - x)
        n = y - x; // copies of one file may touch, not overlap
    if (is_dull(a->t + x, n))
        return false;
    *f = (struct found){.a = f->a,
                        .b = f->b,
                        .token_a = x,
                        .token_b = y,
                        .line_a = a->t[x].line,
                        .end_a = a->t[x + n - 1].line,
                        .line_b = b->t[y].line,
                        .end_b = b->t[y + n - 1].line,
                        .tokens = n};
    return true;
}

static uint32_t file_of(const struct match *m, uint32_t source) {
    return m->sources[source].file;
}

static int by_length(const void *x, const void *y) {
    const struct found *f = x, *g = y;
    if (f->tokens != g->tokens)
        return f->tokens > g->tokens ? -1 : 1;
    if (f->a != g->a)
        return f->a < g->a ? -1 : 1;
    if (f->token_a != g->token_a)
        return f->token_a < g->token_a ? -1 : 1;
    if (f->b != g->b)
        return f->b < g->b ? -1 : 1;
    return (f->token_b > g->token_b) - (f->token_b < g->token_b);
}

static int keep(struct match *m, const struct found *f) {
    if (m->count == PAIRS_CEILING) { // a pathological tree: the longer half stays
        qsort(m->found, m->count, sizeof *m->found, by_length);
        m->count /= 2;
    }
    if (m->count == m->capacity) {
        uint32_t capacity = m->capacity ? m->capacity * 2 : 256;
        struct found *found = mem_realloc(m->found, capacity * sizeof *found);
        if (!found)
            return ERR_NOMEM;
        m->found = found;
        m->capacity = capacity;
    }
    m->found[m->count++] = *f;
    return 0;
}

static int follow(struct match *m, struct walk w) {
    struct found f = {.a = w.a,
                      .b = w.b,
                      .token_a = at(m, w.a, w.x)->token,
                      .token_b = at(m, w.b, w.y)->token,
                      .line_a = at(m, w.a, w.x)->line,
                      .line_b = at(m, w.b, w.y)->line};
    struct walk last = w, ahead = w;
    while (step(m, &ahead, false))
        if (m->usable[ahead.x])
            last = ahead;
    f.tokens = at(m, w.a, last.x)->token + CLONES_RUN - f.token_a;
    // Without the texts what both sides share may go on for a window on either side.
    if (f.tokens + 2 * (CLONES_WINDOW - 1) < m->o.tokens_min)
        return 0;
    const struct tokens *a, *b;
    if (read_tokens(m, w.a, &a) < 0 || read_tokens(m, w.b, &b) < 0)
        return ERR_NOMEM;
    if (a && b) {
        if (!refine(a, b, &f) || f.tokens < m->o.tokens_min)
            return 0;
        return keep(m, &f);
    }
    if (f.tokens + CLONES_WINDOW - 1 < m->o.tokens_min)
        return 0;
    f.end_a = guess_end(m, w.a, w.x, last.x);
    f.end_b = guess_end(m, w.b, w.y, last.y);
    if (f.a == f.b && f.token_b - f.token_a < f.tokens) {
        f.tokens = f.token_b - f.token_a;
        f.end_a = f.line_b > f.line_a ? f.line_b - 1 : f.line_a;
        f.end_b = f.line_b + (f.end_a - f.line_a);
        if (f.tokens + CLONES_WINDOW - 1 < m->o.tokens_min)
            return 0;
    }
    return keep(m, &f);
}

static int group(struct match *m, const uint32_t *numbers, uint32_t n) {
    uint32_t source[CLONES_PLACES_MAX];
    for (uint32_t k = 0; k < n; k++)
        source[k] = source_of(m, numbers[k]);
    for (uint32_t i = 0; i + 1 < n; i++)
        for (uint32_t k = i + 1; k < n; k++) {
            if (m->o.only_file >= 0 && file_of(m, source[i]) != m->o.only_file &&
                file_of(m, source[k]) != m->o.only_file)
                continue;
            struct walk w = {.a = source[i], .b = source[k], .x = numbers[i], .y = numbers[k]};
            if (has_usable_before(m, w))
                continue;
            int r = follow(m, w);
            if (r < 0)
                return r;
        }
    return 0;
}

typedef int group_fn(struct match *m, const uint32_t *numbers, uint32_t n);

static int mark(struct match *m, const uint32_t *numbers, uint32_t n) {
    for (uint32_t k = 0; k < n; k++)
        m->usable[numbers[k]] = 1;
    return 0;
}

static int each_group(struct match *m, group_fn *fn) {
    for (uint32_t from = 0, to; from < m->total; from = to) {
        to = from + 1;
        while (to < m->total && m->hash[m->order[to]] == m->hash[m->order[from]])
            to++;
        if (to - from < 2 || to - from > CLONES_PLACES_MAX)
            continue;
        int r = fn(m, m->order + from, to - from);
        if (r < 0)
            return r;
    }
    return 0;
}

static int by_files(const void *x, const void *y) {
    const struct found *f = x, *g = y;
    if (f->a != g->a)
        return f->a < g->a ? -1 : 1;
    if (f->b != g->b)
        return f->b < g->b ? -1 : 1;
    return by_length(x, y);
}

static bool inside(const struct found *f, const struct found *of) {
    return f->token_a >= of->token_a && f->token_a + f->tokens <= of->token_a + of->tokens &&
           f->token_b >= of->token_b && f->token_b + f->tokens <= of->token_b + of->tokens;
}

// A piece of text that repeats itself agrees with itself at many distances: the longest pair of two
// neighbouring stretches stands for all of them.
static bool inside_repeat(const struct found *f, const struct found *of) {
    return of->a == of->b && of->token_b - (of->token_a + of->tokens) < CLONES_RUN &&
           f->token_a >= of->token_a && f->token_b + f->tokens <= of->token_b + of->tokens;
}

// Pairs inside of a longer one of the same two files go. Looks back over a bounded number of them.
static void drop_inner(struct match *m) {
    enum { BACK_MAX = 2000 };
    uint32_t kept = 0, group_start = 0;
    if (!m->count)
        return;
    qsort(m->found, m->count, sizeof *m->found, by_files);
    for (uint32_t k = 0; k < m->count; k++) {
        struct found f = m->found[k];
        if (kept && (m->found[kept - 1].a != f.a || m->found[kept - 1].b != f.b))
            group_start = kept;
        bool inner = false;
        for (uint32_t i = group_start; i < kept && i < group_start + BACK_MAX && !inner; i++)
            inner = inside(&f, &m->found[i]) || inside_repeat(&f, &m->found[i]);
        if (!inner)
            m->found[kept++] = f;
    }
    m->count = kept;
    qsort(m->found, m->count, sizeof *m->found, by_length);
}

static struct clone_pair as_pair(const struct match *m, const struct found *f) {
    struct clone_pair p = {.file_a = file_of(m, f->a),
                           .line_a = f->line_a,
                           .end_line_a = f->end_a,
                           .file_b = file_of(m, f->b),
                           .line_b = f->line_b,
                           .end_line_b = f->end_b,
                           .tokens = f->tokens};
    if (p.file_a < p.file_b || (p.file_a == p.file_b && p.line_a <= p.line_b))
        return p;
    return (struct clone_pair){.file_a = p.file_b,
                               .line_a = p.line_b,
                               .end_line_a = p.end_line_b,
                               .file_b = p.file_a,
                               .line_b = p.line_a,
                               .end_line_b = p.end_line_a,
                               .tokens = p.tokens};
}

static int run(struct match *m, struct clone_pair **ret, uint32_t *ret_count) {
    int r = prepare(m);
    if (r < 0)
        return r;
    (void)each_group(m, mark);
    r = each_group(m, group);
    if (r < 0)
        return r;
    drop_inner(m);
    uint32_t n = m->count < m->o.pairs_max ? m->count : m->o.pairs_max;
    struct clone_pair *pairs = mem_alloc(n * sizeof *pairs);
    if (!pairs)
        return ERR_NOMEM;
    for (uint32_t k = 0; k < n; k++)
        pairs[k] = as_pair(m, &m->found[k]);
    *ret = pairs;
    *ret_count = n;
    return 0;
}

int clones_match(const struct clone_source *sources, uint32_t count, const struct clone_options *o,
                 struct clone_pair **ret, uint32_t *ret_count, struct err *err) {
    struct match m = {.sources = sources, .source_count = count, .o = {.only_file = -1}};
    if (o)
        m.o = *o;
    if (!m.o.tokens_min)
        m.o.tokens_min = CLONES_TOKENS_MIN;
    if (!m.o.pairs_max)
        m.o.pairs_max = PAIRS_DEFAULT;
    int r = run(&m, ret, ret_count);
    match_done(&m);
    if (r == ERR_LIMIT)
        return err_set(err, r, "more fingerprints than can be compared at once");
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}
