#include "core/workspace/similar.h"

#include "core/base/mem.h"
#include "core/code/syntax.h"
#include "core/code/words.h"
#include "core/workspace/search_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What each likeness is worth; what the fragment lacks (no calls, no name) is left out of the sum.
// Set by hand: what is called says more about what code does than its words, those more than names.
static const double CALLS_WORTH = .45, WORDS_WORTH = .35, NAME_WORTH = .2;
static const double FLOOR = .35, OTHERS = .05; // vendored, generated, tests

enum {
    SHOWN = 5,
    FEATURES_MAX = 400, // names and words of the fragment
    MENTIONS_MAX = 512, // of one name: more say nothing
    CLOSE = 200,        // candidates compared closely
    SHARED = 5,
    ASKED_SLOTS = 8192 // names and words of the candidates: most stand in many of them
};

struct feature { // a called name or a word of the fragment
    const char *text;
    uint32_t n;
    uint64_t hash;
    float info;
};
struct asked { // how much a name or word says, by its hash; 0: free
    uint64_t hash;
    float info;
};
struct profile {
    struct feature *calls, *words;
    uint32_t call_count, word_count;
    double call_info, word_info, name_info;
    const char *name;
    uint64_t shape;
    uint32_t parameters;
    bool has_parameters;
};
struct finding_work {
    const struct search *s;
    const struct similar_want *want;
    const struct facts *facts; // the fragment's
    uint32_t scope;            // of it in those facts: 0 = all of it
    uint32_t self;             // unit that is not to be found; UINT32_MAX: none
    struct profile p;
    float *calls, *words; // [units] information that is shared
    uint32_t *stamp;      // [units]
    struct asked *asked;  // [ASKED_SLOTS] of calls, then as many of words
};

static bool eligible(const struct finding_work *w, uint32_t unit) {
    const struct fact_symbol *y = search_symbol(w->s, unit);
    const struct search_file *f = &w->s->files[w->s->file_of[unit]];
    return y && symbol_is_function(y) && y->kind != SYMBOL_TEST && unit != w->self &&
           !(y->flags & SYMBOL_DECLARATION) && w->s->owner[unit] == unit &&
           (w->want->tests || (!f->test && f->weight > (float)OTHERS));
}

static bool in_scope(const struct finding_work *w, uint32_t scope) {
    if (w->scope == 0)
        return true;
    for (int step = 0; scope && step < 64; step++) {
        if (scope == w->scope)
            return true;
        scope = scope <= w->facts->symbol_count ? facts_symbol(w->facts, scope - 1)->scope : 0;
    }
    return false;
}

static struct feature *find_feature(struct feature *list, uint32_t n, uint64_t hash) {
    for (uint32_t i = 0; i < n; i++)
        if (list[i].hash == hash)
            return &list[i];
    return NULL;
}

static void add_feature(struct feature *list, uint32_t *n, const char *text, float info) {
    size_t bytes = strlen(text);
    uint64_t hash = search_hash(text, bytes);
    if (*n == FEATURES_MAX || !bytes || find_feature(list, *n, hash))
        return;
    list[(*n)++] = (struct feature){.text = text, .n = (uint32_t)bytes, .hash = hash, .info = info};
}

static float rarity(const struct search *s, uint32_t with) {
    return logf(1 + ((float)s->file_count + 1) / (float)(with + 1));
}

static float call_info(const struct search *s, const char *name, size_t n) {
    struct place unused;
    uint32_t with = snapshot_mentions(s->snapshot, name, n, NULL, 0);
    // A function of this project that is called says most.
    float own = snapshot_definitions(s->snapshot, name, n, &unused, 1) ? 1.5F : 1;
    return own * rarity(s, with);
}

static float word_info(const struct search *s, const char *word, size_t n) {
    struct word_hit hit;
    uint32_t with = snapshot_word(s->snapshot, word, n, &hit, 1);
    return with <= s->file_count / 4 + 8 ? rarity(s, with) : 0; // nearly everywhere
}

static float info_of(const struct finding_work *w, bool call, const char *text) {
    size_t n = strlen(text);
    uint64_t hash = search_hash(text, n);
    struct asked *at = &w->asked[(call ? 0 : ASKED_SLOTS) + hash % ASKED_SLOTS];
    if (at->hash == hash && hash)
        return at->info;
    at->hash = hash;
    at->info = call ? call_info(w->s, text, n) : word_info(w->s, text, n);
    return at->info;
}

static int profile_make(struct finding_work *w, struct err *err) {
    struct profile *p = &w->p;
    struct word_hit hit;
    p->calls = mem_alloc(FEATURES_MAX * sizeof *p->calls);
    p->words = mem_alloc(FEATURES_MAX * sizeof *p->words);
    if (!p->calls || !p->words)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->name = "";
    if (w->scope) {
        const struct fact_symbol *y = facts_symbol(w->facts, w->scope - 1);
        p->name = facts_text(w->facts, y->name);
        p->shape = (uint64_t)y->shape_high << 32 | y->shape_low;
        p->parameters = y->parameters;
        p->has_parameters = true;
    }
    for (uint32_t i = 0; i < w->facts->ref_count; i++) {
        const struct fact_ref *ref = facts_ref(w->facts, i);
        const char *name = facts_text(w->facts, ref->name);
        if (ref->kind != REF_CALL || !in_scope(w, ref->scope))
            continue;
        add_feature(p->calls, &p->call_count, name, info_of(w, true, name));
    }
    for (uint32_t i = 0; i < w->facts->word_count; i++) {
        const struct fact_word *word = facts_word(w->facts, i);
        const char *text = facts_text(w->facts, word->word);
        if (in_scope(w, word->scope))
            add_feature(p->words, &p->word_count, text,
                        rarity(w->s, snapshot_word(w->s->snapshot, text, strlen(text), &hit, 1)));
    }
    for (uint32_t i = 0; i < p->call_count; i++)
        p->call_info += (double)p->calls[i].info;
    for (uint32_t i = 0; i < p->word_count; i++)
        p->word_info += (double)p->words[i].info;
    return 0;
}

// --- who shares what ----------------------------------------------------------------------------

static int spread_calls(struct finding_work *w, struct err *err) {
    AUTO_FREE struct mention *at = mem_alloc(MENTIONS_MAX * sizeof *at);
    if (!at)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < w->p.call_count; i++) {
        const struct feature *f = &w->p.calls[i];
        uint32_t n = snapshot_mentions(w->s->snapshot, f->text, f->n, at, MENTIONS_MAX);
        for (uint32_t k = 0; n <= MENTIONS_MAX && k < n; k++) {
            const struct fact_ref *ref = facts_ref(search_facts(w->s, at[k].file), at[k].ref);
            if (ref->kind != REF_CALL || ref->scope >= w->s->files[at[k].file].units)
                continue;
            uint32_t unit = w->s->owner[w->s->files[at[k].file].first + ref->scope];
            if (w->stamp[unit] != i + 1)
                w->calls[unit] += f->info;
            w->stamp[unit] = i + 1;
        }
    }
    return 0;
}

static int spread_words(struct finding_work *w, struct err *err) {
    uint32_t max = w->s->file_count;
    AUTO_FREE struct word_hit *at = mem_alloc((max + 1) * sizeof *at);
    if (!at)
        return err_set(err, ERR_NOMEM, "out of memory");
    memset(w->stamp, 0, w->s->unit_count * sizeof *w->stamp);
    for (uint32_t i = 0; i < w->p.word_count; i++) {
        const struct feature *f = &w->p.words[i];
        uint32_t n = snapshot_word(w->s->snapshot, f->text, f->n, at, max);
        if (n > max / 4 + 8) // nearly everywhere
            continue;
        for (uint32_t k = 0; k < n; k++) {
            const struct facts *facts = search_facts(w->s, at[k].file);
            const struct search_file *file = &w->s->files[at[k].file];
            for (uint32_t j = at[k].word; j < facts->word_count; j++) {
                const struct fact_word *word = facts_word(facts, j);
                if (strcmp(facts_text(facts, word->word), f->text) != 0)
                    break;
                if (word->scope >= file->units)
                    continue;
                uint32_t unit = w->s->owner[file->first + word->scope];
                if (w->stamp[unit] != i + 1)
                    w->words[unit] += f->info;
                w->stamp[unit] = i + 1;
            }
        }
    }
    return 0;
}

// --- close comparison ---------------------------------------------------------------------------

struct totals { // of all that a unit calls and says
    double calls, words;
};

static struct totals unit_totals(const struct finding_work *w, uint32_t unit) {
    const struct search *s = w->s;
    uint32_t file = s->file_of[unit], first = s->files[file].first, units = s->files[file].units;
    const struct facts *facts = search_facts(s, file);
    struct totals t = {0};
    for (uint32_t i = 0; i < facts->ref_count; i++) {
        const struct fact_ref *ref = facts_ref(facts, i);
        if (ref->kind != REF_CALL || ref->scope >= units || s->owner[first + ref->scope] != unit)
            continue;
        t.calls += (double)info_of(w, true, facts_text(facts, ref->name));
    }
    for (uint32_t i = 0; i < facts->word_count; i++) {
        const struct fact_word *word = facts_word(facts, i);
        if (word->scope >= units || s->owner[first + word->scope] != unit)
            continue;
        t.words += (double)info_of(w, false, facts_text(facts, word->word));
    }
    return t;
}

struct name_parts {
    uint64_t part[16];
    uint32_t count;
};

static int keep_name_part(void *ctx, const char *word, size_t n) {
    struct name_parts *p = ctx;
    if (p->count < COUNT_OF(p->part))
        p->part[p->count++] = search_hash(word, n);
    return 0;
}

// Dice coefficient of the names' words.
static double name_likeness(const char *a, const char *b) {
    struct name_parts x = {0}, y = {0};
    uint32_t both = 0;
    if (!*a || !*b)
        return 0;
    (void)words_of_identifier(a, strlen(a), keep_name_part, &x);
    (void)words_of_identifier(b, strlen(b), keep_name_part, &y);
    for (uint32_t i = 0; i < x.count; i++)
        for (uint32_t k = 0; k < y.count; k++)
            both += x.part[i] == y.part[k];
    return x.count + y.count ? 2.0 * both / (x.count + y.count) : 0;
}

static double jaccard(double shared, double a, double b) {
    double all = a + b - shared;
    return all > 0 && shared > 0 ? (shared < all ? shared / all : 1) : 0;
}

static bool calls_it(const struct finding_work *w, uint32_t unit) {
    const char *name = search_name(w->s, unit);
    return find_feature(w->p.calls, w->p.call_count, search_hash(name, strlen(name))) != NULL;
}

static void compare(const struct finding_work *w, uint32_t unit, struct similar_hit *ret) {
    const struct profile *p = &w->p;
    const struct fact_symbol *y = search_symbol(w->s, unit);
    struct totals t = unit_totals(w, unit);
    double calls = jaccard((double)w->calls[unit], p->call_info, t.calls);
    double words = jaccard((double)w->words[unit], p->word_info, t.words);
    double name = name_likeness(p->name, search_name(w->s, unit));
    double worth = WORDS_WORTH, sum = WORDS_WORTH * words;
    uint32_t file = w->s->file_of[unit];
    if (p->call_count) {
        worth += CALLS_WORTH;
        sum += CALLS_WORTH * calls;
    }
    if (*p->name) {
        worth += NAME_WORTH;
        sum += NAME_WORTH * name;
    }
    *ret =
        (struct similar_hit){.place = {.file = file, .symbol = unit - w->s->files[file].first - 1},
                             .score = sum / worth};
    if (p->has_parameters && p->parameters != y->parameters)
        ret->score *= .95;
    ret->how = (calls >= .3 ? SIMILAR_CALLS : 0U) | (words >= .3 ? SIMILAR_WORDS : 0U) |
               (name >= .5 ? SIMILAR_NAME : 0U) | (calls_it(w, unit) ? SIMILAR_CALLED : 0U);
    uint64_t shape = (uint64_t)y->shape_high << 32 | y->shape_low;
    if (p->shape && shape == p->shape) {
        ret->how |= SIMILAR_COPY;
        ret->score = 1;
    }
}

// The strongest of what is shared: called names first, then words.
static void note_shared(const struct finding_work *w, struct similar_hit *hit) {
    const struct search *s = w->s;
    uint32_t first = s->files[hit->place.file].first, unit = first + 1 + hit->place.symbol;
    uint32_t units = s->files[hit->place.file].units;
    const struct facts *facts = search_facts(s, hit->place.file);
    size_t n = 0, size = sizeof hit->shared;
    const struct feature *best[SHARED] = {0};
    for (uint32_t i = 0; i < facts->ref_count + facts->word_count; i++) {
        bool call = i < facts->ref_count;
        uint32_t scope =
            call ? facts_ref(facts, i)->scope : facts_word(facts, i - facts->ref_count)->scope;
        if (scope >= units || s->owner[first + scope] != unit ||
            (call && facts_ref(facts, i)->kind != REF_CALL))
            continue;
        const char *text = facts_text(facts, call ? facts_ref(facts, i)->name
                                                  : facts_word(facts, i - facts->ref_count)->word);
        const struct feature *f =
            call ? find_feature(w->p.calls, w->p.call_count, search_hash(text, strlen(text)))
                 : find_feature(w->p.words, w->p.word_count, search_hash(text, strlen(text)));
        for (size_t k = 0; f && k < SHARED && best[k] != f; k++) {
            if (best[k] && best[k]->info >= f->info)
                continue;
            memmove(&best[k + 1], &best[k], (SHARED - 1 - k) * sizeof best[0]);
            best[k] = f;
            break;
        }
    }
    for (size_t k = 0; k < SHARED && best[k] && n + best[k]->n + 3 < size; k++)
        n += (size_t)snprintf(hit->shared + n, size - n, "%s%.*s", k ? ", " : "", (int)best[k]->n,
                              best[k]->text);
}

struct candidate {
    double value;
    uint32_t unit;
};

static int by_candidate(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->value > y->value || x->value < y->value)
        return x->value > y->value ? -1 : 1;
    return (x->unit > y->unit) - (x->unit < y->unit);
}

static int by_hit(const void *a, const void *b) {
    const struct similar_hit *x = a, *y = b;
    if (x->score > y->score || x->score < y->score)
        return x->score > y->score ? -1 : 1;
    if (x->place.file != y->place.file)
        return x->place.file < y->place.file ? -1 : 1;
    return (x->place.symbol > y->place.symbol) - (x->place.symbol < y->place.symbol);
}

static int choose(struct finding_work *w, struct similar_result *r, struct err *err) {
    const struct search *s = w->s;
    uint32_t n = 0, max = w->want->max ? w->want->max : SHOWN;
    double least = w->want->floor > 0 ? w->want->floor : FLOOR;
    max = max < SIMILAR_MAX ? max : SIMILAR_MAX;
    AUTO_FREE struct candidate *c = mem_alloc((s->unit_count + 1) * sizeof *c);
    r->hits = mem_alloc(CLOSE * sizeof *r->hits);
    if (!c || !r->hits)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t u = 0; u < s->unit_count; u++) {
        if (!eligible(w, u))
            continue;
        const struct fact_symbol *y = search_symbol(s, u);
        uint64_t shape = (uint64_t)y->shape_high << 32 | y->shape_low;
        double v = CALLS_WORTH * (w->p.call_info > 0 ? (double)w->calls[u] / w->p.call_info : 0) +
                   WORDS_WORTH * (w->p.word_info > 0 ? (double)w->words[u] / w->p.word_info : 0);
        if (w->p.shape && shape == w->p.shape)
            v = 10;
        if (v > 0)
            c[n++] = (struct candidate){.value = v, .unit = u};
    }
    qsort(c, n, sizeof *c, by_candidate);
    for (uint32_t i = 0; i < n && i < CLOSE; i++) {
        compare(w, c[i].unit, &r->hits[r->count]);
        r->compared++;
        r->count += r->hits[r->count].score >= least;
    }
    qsort(r->hits, r->count, sizeof *r->hits, by_hit);
    r->count = r->count < max ? r->count : max;
    for (uint32_t i = 0; i < r->count; i++)
        note_shared(w, &r->hits[i]);
    return 0;
}

static int find(struct finding_work *w, struct similar_result *r, struct err *err) {
    size_t units = w->s->unit_count + 1;
    w->calls = mem_zalloc(units * sizeof *w->calls);
    w->words = mem_zalloc(units * sizeof *w->words);
    w->stamp = mem_zalloc(units * sizeof *w->stamp);
    w->asked = mem_zalloc(2 * (size_t)ASKED_SLOTS * sizeof *w->asked);
    int e = w->calls && w->words && w->stamp && w->asked ? profile_make(w, err)
                                                         : err_set(err, ERR_NOMEM, "out of memory");
    if (e == 0)
        e = spread_calls(w, err);
    if (e == 0)
        e = spread_words(w, err);
    if (e == 0)
        e = choose(w, r, err);
    if (e == 0 && !w->p.call_count && !w->p.word_count)
        snprintf(r->note, sizeof r->note, "nothing to compare: no calls and no words");
    mem_free(w->calls);
    mem_free(w->words);
    mem_free(w->stamp);
    mem_free(w->asked);
    mem_free(w->p.calls);
    mem_free(w->p.words);
    return e;
}

// The fragment's function when it has one (the longest), else all of it.
static uint32_t main_scope(const struct facts *f) {
    uint32_t best = 0, length = 0;
    for (uint32_t i = 0; i < f->symbol_count; i++) {
        const struct fact_symbol *y = facts_symbol(f, i);
        if (symbol_is_function(y) && y->end - y->start > length) {
            length = y->end - y->start;
            best = i + 1;
        }
    }
    return length * 2 >= f->text_bytes ? best : 0;
}

static int find_fragment(struct finding_work *w, struct similar_result *r, struct err *err) {
    struct facts_options o = {.no_findings = true, .no_clones = true};
    struct facts *facts = NULL;
    struct syntax *syntax = syntax_new();
    if (!syntax)
        return err_set(err, ERR_NOMEM, "out of memory");
    o.path = "";
    int e = facts_build(syntax, w->want->lang, w->want->text, w->want->bytes, &o, &facts, err);
    if (e == 0) {
        w->facts = facts;
        w->scope = main_scope(facts);
        e = find(w, r, err);
    }
    mem_free(facts);
    syntax_free(syntax);
    return e;
}

int similar_find(const struct search *s, const struct similar_want *want,
                 struct similar_result **ret, struct err *err) {
    struct finding_work w = {.s = s, .want = want, .self = UINT32_MAX};
    if (!want->text == !want->symbol)
        return err_set(err, ERR_INVAL, "either a fragment or a symbol is needed");
    if (want->text && want->bytes > SIMILAR_FRAGMENT_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a fragment has at most %d bytes",
                       SIMILAR_FRAGMENT_BYTES_MAX);
    const struct place *at = want->symbol;
    if (at && (at->file >= s->file_count || at->symbol + 1 >= s->files[at->file].units))
        return err_set(err, ERR_INVAL, "the symbol is not in the workspace");
    struct similar_result *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_set(err, ERR_NOMEM, "out of memory");
    int e;
    if (at) {
        w.facts = search_facts(s, at->file);
        w.scope = at->symbol + 1;
        w.self = s->owner[s->files[at->file].first + w.scope];
        e = find(&w, r, err);
    } else {
        e = find_fragment(&w, r, err);
    }
    if (e < 0) {
        similar_free(r);
        return e;
    }
    *ret = r;
    return 0;
}

void similar_free(struct similar_result *r) {
    if (!r)
        return;
    mem_free(r->hits);
    mem_free(r);
}
