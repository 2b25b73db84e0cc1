// Words of a whole text by scope. Runs of letters are counted as they are first (a few thousand
// different ones in a large file), split and stemmed once each, and then added up by word.
#include "core/base/mem.h"
#include "core/code/facts_make.h"
#include "core/code/words.h"

#include <stdlib.h>
#include <string.h>

enum { RUN_BYTES_MAX = 64 }; // longer runs are encoded data

struct run { // of letters, as it stands in the text
    uint32_t hash, start, bytes;
    uint32_t first, count; // its words in `split`
    uint32_t scope, pair;  // where it was seen last, 1 + index into `pairs`
};
struct tally { // a run or a word in one scope
    uint32_t what, scope, count;
};
struct table { // of indexes + 1 into some array
    uint32_t *slots, mask;
};
struct order { // of a word among the words: its first bytes, big-endian
    uint64_t key;
    uint32_t word;
};

struct count {
    struct maker *m;
    struct run *runs;
    uint32_t run_count, run_capacity;
    struct table run_table;
    struct tally *pairs; // run and scope
    uint32_t pair_count, pair_capacity;
    struct table pair_table;
    uint32_t *split; // names of words
    uint32_t split_count, split_capacity;
    struct tally *sums; // word and scope
    uint32_t sum_count, sum_capacity;
    struct table sum_table;
};

// Names of a language's grammar say nothing about a file. Sorted.
static const char keywords[][10] = {
    "async",   "auto",     "await",     "bool",    "break",     "case",     "catch",  "char",
    "class",   "const",    "continue",  "def",     "default",   "define",   "done",   "double",
    "elif",    "else",     "elsif",     "end",     "endif",     "enum",     "esac",   "except",
    "export",  "extends",  "extern",    "false",   "final",     "finally",  "float",  "fn",
    "func",    "function", "goto",      "ifdef",   "ifndef",    "impl",     "import", "include",
    "int",     "let",      "long",      "mut",     "new",       "nil",      "none",   "null",
    "package", "private",  "protected", "pub",     "public",    "raise",    "return", "self",
    "short",   "signed",   "sizeof",    "static",  "struct",    "switch",   "throw",  "throws",
    "true",    "try",      "type",      "typedef", "undefined", "unsigned", "use",    "var",
    "void",    "yield"};

static int compare_keyword(const char *word, const char *text, size_t n) {
    int order = strncmp(word, text, n);
    return order ? order : word[n] != 0;
}

static bool is_keyword(const char *text, size_t n) {
    size_t low = 0, high = COUNT_OF(keywords);
    if (n > 9)
        return false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare_keyword(keywords[middle], text, n);
        if (order == 0)
            return true;
        if (order > 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static bool fail(struct count *c) {
    c->m->failed = ERR_NOMEM;
    return false;
}

static bool reserve(struct count *c, void *array, uint32_t count, uint32_t *capacity, size_t each) {
    void *old;
    if (count < *capacity)
        return true;
    memcpy(&old, array, sizeof old);
    uint32_t wanted = *capacity ? *capacity * 2 : 512;
    void *new = mem_realloc(old, wanted * each);
    if (!new)
        return fail(c);
    memcpy(array, &new, sizeof new);
    *capacity = wanted;
    return true;
}

static uint32_t mix(uint64_t x) {
    x *= 0x9E3779B97F4A7C15U;
    return (uint32_t)(x >> 32);
}

static uint32_t hash_run(const char *text, size_t n) {
    uint64_t h = n, w;
    for (; n >= 8; text += 8, n -= 8) {
        memcpy(&w, text, 8);
        h = (h ^ w) * 0x9E3779B97F4A7C15U;
        h ^= h >> 29;
    }
    w = 0;
    memcpy(&w, text, n);
    return mix(h ^ w ^ h >> 32);
}

static uint32_t hash_tally(const struct tally *t) {
    return mix((uint64_t)t->what << 32 | t->scope);
}

static bool table_new(struct count *c, struct table *t, uint32_t size) {
    t->slots = mem_zalloc(size * sizeof *t->slots);
    t->mask = size - 1;
    return t->slots || fail(c);
}

// Doubles a table of tallies that is half full.
static bool table_grow(struct count *c, struct table *t, const struct tally *all, uint32_t count) {
    if (count * 2 <= t->mask)
        return true;
    struct table bigger;
    if (!table_new(c, &bigger, (t->mask + 1) * 2))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = hash_tally(&all[i]) & bigger.mask;
        while (bigger.slots[at])
            at = (at + 1) & bigger.mask;
        bigger.slots[at] = i + 1;
    }
    mem_free(t->slots);
    *t = bigger;
    return true;
}

// 1 + index of the tally, 0 when memory ran out.
static uint32_t add(struct count *c, struct table *t, struct tally **all, uint32_t *count,
                    uint32_t *capacity, struct tally what) {
    uint32_t at = hash_tally(&what) & t->mask;
    for (; t->slots[at]; at = (at + 1) & t->mask) {
        struct tally *have = &(*all)[t->slots[at] - 1];
        if (have->what == what.what && have->scope == what.scope) {
            have->count += what.count;
            return t->slots[at];
        }
    }
    if (!reserve(c, all, *count, capacity, sizeof **all))
        return 0;
    (*all)[(*count)++] = what;
    t->slots[at] = *count;
    return table_grow(c, t, *all, *count) ? *count : 0;
}

static bool grow_runs(struct count *c) {
    struct table bigger;
    if (c->run_count * 2 <= c->run_table.mask)
        return true;
    if (!table_new(c, &bigger, (c->run_table.mask + 1) * 2))
        return false;
    for (uint32_t i = 0; i < c->run_count; i++) {
        uint32_t at = c->runs[i].hash & bigger.mask;
        while (bigger.slots[at])
            at = (at + 1) & bigger.mask;
        bigger.slots[at] = i + 1;
    }
    mem_free(c->run_table.slots);
    c->run_table = bigger;
    return true;
}

// Index of the run, UINT32_MAX when memory ran out.
static uint32_t run_of(struct count *c, uint32_t start, uint32_t bytes) {
    const char *text = c->m->text;
    uint32_t hash = hash_run(text + start, bytes), at = hash & c->run_table.mask;
    for (; c->run_table.slots[at]; at = (at + 1) & c->run_table.mask) {
        const struct run *r = &c->runs[c->run_table.slots[at] - 1];
        if (r->hash == hash && r->bytes == bytes &&
            memcmp(text + r->start, text + start, bytes) == 0)
            return c->run_table.slots[at] - 1;
    }
    if (!reserve(c, &c->runs, c->run_count, &c->run_capacity, sizeof *c->runs))
        return UINT32_MAX;
    c->runs[c->run_count++] = (struct run){.hash = hash, .start = start, .bytes = bytes};
    c->run_table.slots[at] = c->run_count;
    return grow_runs(c) ? c->run_count - 1 : UINT32_MAX;
}

struct inside { // the innermost scope at a place; places only grow
    const struct maker *m;
    uint32_t next;   // symbol not yet passed
    uint32_t scope;  // 1 + index
    uint32_t change; // the next place at which it may be another
};

static void inside_move(struct inside *in, uint32_t at) {
    const struct maker *m = in->m;
    if (at < in->change)
        return;
    for (;;) {
        while (in->scope && m->symbols[in->scope - 1].end <= at)
            in->scope = m->symbols[in->scope - 1].scope;
        if (in->next == m->symbol_count || m->symbols[in->next].start > at)
            break;
        const struct fact_symbol *s = &m->symbols[in->next++];
        if (make_is_scope(s->kind) && s->end > at)
            in->scope = in->next;
    }
    in->change = in->scope ? m->symbols[in->scope - 1].end : UINT32_MAX;
    if (in->next < m->symbol_count && m->symbols[in->next].start < in->change)
        in->change = m->symbols[in->next].start;
}

static void count_runs(struct count *c) {
    struct inside in = {.m = c->m};
    size_t at = 0, start, n;
    while (words_next(c->m->text, c->m->bytes, &at, &start, &n)) {
        if (n > RUN_BYTES_MAX)
            continue;
        inside_move(&in, (uint32_t)start);
        uint32_t run = run_of(c, (uint32_t)start, (uint32_t)n);
        if (run == UINT32_MAX)
            return;
        struct run *r = &c->runs[run];
        if (r->pair && r->scope == in.scope) { // as most of them
            c->pairs[r->pair - 1].count++;
            continue;
        }
        r->scope = in.scope;
        r->pair = add(c, &c->pair_table, &c->pairs, &c->pair_count, &c->pair_capacity,
                      (struct tally){run, in.scope, 1});
        if (!r->pair)
            return;
    }
}

static int add_split(void *ctx, const char *word, size_t n) {
    struct count *c = ctx;
    uint32_t name = make_name(c->m, word, n);
    if (!name)
        return c->m->failed;
    if (!reserve(c, &c->split, c->split_count, &c->split_capacity, sizeof *c->split))
        return ERR_NOMEM;
    c->split[c->split_count++] = name;
    return 0;
}

static void split_runs(struct count *c) {
    for (uint32_t i = 0; i < c->run_count && !c->m->failed; i++) {
        struct run *r = &c->runs[i];
        const char *text = c->m->text + r->start;
        r->first = c->split_count;
        if (!is_keyword(text, r->bytes))
            (void)words_of_text(text, r->bytes, add_split, c);
        r->count = c->split_count - r->first;
    }
}

static void add_up(struct count *c) {
    for (uint32_t i = 0; i < c->pair_count; i++) {
        const struct tally *p = &c->pairs[i];
        const struct run *r = &c->runs[p->what];
        for (uint32_t k = 0; k < r->count; k++)
            if (!add(c, &c->sum_table, &c->sums, &c->sum_count, &c->sum_capacity,
                     (struct tally){c->split[r->first + k], p->scope, p->count}))
                return;
    }
}

static uint64_t first_bytes(const char *word) {
    uint64_t key = 0;
    for (unsigned i = 0; i < 8 && word[i]; i++)
        key |= (uint64_t)(unsigned char)word[i] << (56 - 8 * i);
    return key;
}

static bool order_before(const struct maker *m, const struct order *a, const struct order *b) {
    if (a->key != b->key)
        return a->key < b->key;
    return strcmp(m->pool + a->word, m->pool + b->word) < 0;
}

// Merge sort from below; `spare` has room for as many.
static struct order *sort_orders(const struct maker *m, struct order *a, struct order *spare,
                                 size_t n) {
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t low = 0; low < n; low += 2 * width) {
            size_t middle = low + width < n ? low + width : n;
            size_t high = low + 2 * width < n ? low + 2 * width : n, i = low, j = middle;
            for (size_t k = low; k < high; k++)
                spare[k] =
                    j == high || (i < middle && !order_before(m, &a[j], &a[i])) ? a[i++] : a[j++];
        }
        struct order *t = a;
        a = spare;
        spare = t;
    }
    return a;
}

static int compare_scopes(const void *a, const void *b) {
    const struct fact_word *x = a, *y = b;
    return (x->scope > y->scope) - (x->scope < y->scope);
}

// The words there are, sorted by text, and for each the chain of its sums.
struct index {
    uint32_t *slot; // [pool_bytes] 1 + index into `head`, by name
    uint32_t *head, *next;
    struct order *orders, *spare;
    uint32_t words;
};

static void index_free(struct index *x) {
    mem_free(x->slot);
    mem_free(x->head);
    mem_free(x->next);
    mem_free(x->orders);
    mem_free(x->spare);
}

static bool index_new(struct count *c, struct index *x) {
    size_t n = c->sum_count;
    *x = (struct index){.slot = mem_zalloc(c->m->pool_bytes * sizeof *x->slot),
                        .head = mem_zalloc(n * sizeof *x->head),
                        .next = mem_zalloc(n * sizeof *x->next),
                        .orders = mem_alloc(n * sizeof *x->orders),
                        .spare = mem_alloc(n * sizeof *x->spare)};
    if (!x->slot || !x->head || !x->next || !x->orders || !x->spare)
        return fail(c);
    for (uint32_t i = 0; i < c->sum_count; i++) {
        uint32_t word = c->sums[i].what;
        if (!x->slot[word]) {
            x->orders[x->words] = (struct order){first_bytes(c->m->pool + word), word};
            x->slot[word] = ++x->words;
        }
        uint32_t *head = &x->head[x->slot[word] - 1];
        x->next[i] = *head;
        *head = i + 1;
    }
    return true;
}

static void write_words(struct count *c) {
    struct maker *m = c->m;
    struct index x;
    if (!c->sum_count)
        return;
    uint32_t max = c->sum_count < FACTS_WORDS_MAX ? c->sum_count : FACTS_WORDS_MAX;
    if (index_new(c, &x) && !(m->words = mem_alloc(max * sizeof *m->words)))
        (void)fail(c);
    if (!m->failed) {
        const struct order *sorted = sort_orders(m, x.orders, x.spare, x.words);
        for (uint32_t i = 0; i < x.words && m->word_count < max; i++) {
            uint32_t first = m->word_count, at = x.head[x.slot[sorted[i].word] - 1];
            for (; at && m->word_count < max; at = x.next[at - 1]) {
                const struct tally *t = &c->sums[at - 1];
                uint16_t count = (uint16_t)(t->count < UINT16_MAX ? t->count : UINT16_MAX);
                m->words[m->word_count++] =
                    (struct fact_word){.word = t->what, .scope = t->scope, .count = count};
            }
            if (m->word_count - first > 1)
                qsort(m->words + first, m->word_count - first, sizeof *m->words, compare_scopes);
        }
        if (c->sum_count > max)
            m->flags |= FACTS_CUT;
    }
    index_free(&x);
}

void make_words(struct maker *m) {
    struct count c = {.m = m};
    if (m->failed)
        return;
    if (table_new(&c, &c.run_table, 1024) && table_new(&c, &c.pair_table, 2048) &&
        table_new(&c, &c.sum_table, 4096)) {
        count_runs(&c);
        if (!m->failed)
            split_runs(&c);
        if (!m->failed)
            add_up(&c);
        if (!m->failed)
            write_words(&c);
    }
    mem_free(c.runs);
    mem_free(c.run_table.slots);
    mem_free(c.pairs);
    mem_free(c.pair_table.slots);
    mem_free(c.split);
    mem_free(c.sums);
    mem_free(c.sum_table.slots);
}
