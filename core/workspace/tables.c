#include "core/workspace/tables.h"

#include "core/base/mem.h"

#include <pthread.h>
#include <string.h>

enum { RADIX_BITS = 11, RADIX = 1 << RADIX_BITS, RADIX_PASSES = 3 };

struct table {
    struct table_post *posts;
    uint32_t count;
    bool made;
};
struct tables {
    atomic_uint refs;
    pthread_mutex_t lock; // while one is made
    struct table table[TABLE_KINDS];
    uint32_t count;
    struct entry *entries[];
};

struct tables *tables_new(struct entry *const *entries, uint32_t count) {
    struct tables *t = mem_zalloc(sizeof *t + count * sizeof *t->entries);
    if (!t)
        return NULL;
    atomic_init(&t->refs, 1);
    (void)pthread_mutex_init(&t->lock, NULL);
    t->count = count;
    for (uint32_t i = 0; i < count; i++)
        t->entries[i] = entry_ref(entries[i]);
    return t;
}

struct tables *tables_ref(struct tables *t) {
    if (t)
        (void)atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tables_put(struct tables *t) {
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < t->count; i++)
        entry_put(t->entries[i]);
    for (int k = 0; k < TABLE_KINDS; k++)
        mem_free(t->table[k].posts);
    (void)pthread_mutex_destroy(&t->lock);
    mem_free(t);
}

uint32_t tables_count(const struct tables *t) {
    return t->count;
}

const struct entry *tables_entry(const struct tables *t, uint32_t slot) {
    return t->entries[slot];
}

// FNV-1a with a final mix: names are short, and a clash costs one comparison.
uint32_t tables_hash(const char *name, size_t n) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)name[i]) * 16777619u;
    h ^= h >> 15;
    h *= 0x85ebca6bu;
    return h ^ h >> 13;
}

const char *tables_name(const struct facts *f, enum table_kind kind, uint32_t at) {
    switch (kind) {
    case TABLE_DEFINITIONS:
        return facts_text(f, facts_symbol(f, at)->name);
    case TABLE_MENTIONS:
        return facts_text(f, facts_ref(f, at)->name);
    case TABLE_WORDS:
    case TABLE_KINDS:
        break;
    }
    return facts_text(f, facts_word(f, at)->word);
}

uint32_t tables_items(const struct facts *f, enum table_kind kind) {
    return kind == TABLE_DEFINITIONS ? f->symbol_count
           : kind == TABLE_MENTIONS  ? f->ref_count
                                     : f->word_count;
}

// Symbols without a name say nothing here; of words, the first of each run counts.
bool tables_is_post(const struct facts *f, enum table_kind kind, uint32_t at) {
    switch (kind) {
    case TABLE_DEFINITIONS:
        return facts_symbol(f, at)->name != 0;
    case TABLE_MENTIONS:
        return facts_ref(f, at)->name != 0;
    case TABLE_WORDS:
    case TABLE_KINDS:
        break;
    }
    return at == 0 || facts_word(f, at)->word != facts_word(f, at - 1)->word;
}

static uint32_t fill(const struct tables *t, enum table_kind kind, struct table_post *posts) {
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < t->count; slot++) {
        const struct facts *f = t->entries[slot]->unit ? t->entries[slot]->unit->facts : NULL;
        uint32_t items = f ? tables_items(f, kind) : 0;
        for (uint32_t at = 0; at < items; at++) {
            if (!tables_is_post(f, kind, at))
                continue;
            if (posts) {
                const char *name = tables_name(f, kind, at);
                posts[count] = (struct table_post){tables_hash(name, strlen(name)), slot, at};
            }
            if (++count == TABLE_POSTS_MAX)
                return count;
        }
    }
    return count;
}

static void count_digits(const struct table_post *posts, uint32_t n,
                         uint32_t starts[RADIX_PASSES][RADIX]) {
    for (uint32_t i = 0; i < n; i++)
        for (int pass = 0; pass < RADIX_PASSES; pass++)
            starts[pass][posts[i].hash >> (pass * RADIX_BITS) & (RADIX - 1)]++;
    for (int pass = 0; pass < RADIX_PASSES; pass++) {
        uint32_t at = 0;
        for (int digit = 0; digit < RADIX; digit++) {
            uint32_t here = starts[pass][digit];
            starts[pass][digit] = at;
            at += here;
        }
    }
}

// By hash; stable, so that equal ones stay by slot and position. Returns where the result is.
static struct table_post *sort(struct table_post *posts, struct table_post *other, uint32_t n) {
    uint32_t starts[RADIX_PASSES][RADIX] = {0};
    count_digits(posts, n, starts);
    for (int pass = 0; pass < RADIX_PASSES; pass++) {
        for (uint32_t i = 0; i < n; i++)
            other[starts[pass][posts[i].hash >> (pass * RADIX_BITS) & (RADIX - 1)]++] = posts[i];
        struct table_post *swap = posts;
        posts = other;
        other = swap;
    }
    return posts;
}

static int make(struct tables *t, enum table_kind kind) {
    uint32_t n = fill(t, kind, NULL);
    AUTO_FREE struct table_post *posts = mem_alloc(n * sizeof *posts);
    AUTO_FREE struct table_post *other = mem_alloc(n * sizeof *other);
    if (!posts || !other)
        return ERR_NOMEM;
    (void)fill(t, kind, posts);
    bool in_other = sort(posts, other, n) == other;
    t->table[kind].posts = in_other ? TAKE(other) : TAKE(posts);
    t->table[kind].count = n;
    t->table[kind].made = true;
    return 0;
}

static uint32_t first_of(const struct table *t, uint64_t hash) {
    uint32_t low = 0, high = t->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->posts[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int tables_find(struct tables *t, enum table_kind kind, uint32_t hash,
                const struct table_post **ret, uint32_t *ret_count) {
    struct table *table = &t->table[kind];
    (void)pthread_mutex_lock(&t->lock);
    int r = table->made ? 0 : make(t, kind);
    (void)pthread_mutex_unlock(&t->lock);
    if (r < 0)
        return r;
    uint32_t first = first_of(table, hash), last = first;
    while (last < table->count && table->posts[last].hash == hash)
        last++;
    *ret = table->posts + first;
    *ret_count = last - first;
    return 0;
}

size_t tables_bytes(struct tables *t) {
    size_t bytes = sizeof *t + t->count * sizeof *t->entries;
    (void)pthread_mutex_lock(&t->lock);
    for (int k = 0; k < TABLE_KINDS; k++)
        bytes += t->table[k].count * sizeof *t->table[k].posts;
    (void)pthread_mutex_unlock(&t->lock);
    return bytes;
}
