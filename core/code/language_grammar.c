// Grammars of this build, their tables made on first use.
#include "core/code/language.h"

#include "core/base/mem.h"
#include "core/code/language_impl.h"
#include "core/code/node_type.h"

#include <pthread.h>
#include <string.h>

#ifdef PAIRED_TREES
#include <tree_sitter/api.h>

#define GRAMMAR(name) const TSLanguage *tree_sitter_##name(void);
#include <grammars.inc>
#undef GRAMMAR

static const struct {
    const char *name;
    const TSLanguage *(*get)(void);
} available[] = {
#define GRAMMAR(name) {#name, tree_sitter_##name},
#include <grammars.inc>
#undef GRAMMAR
};

enum { TABLES = LANG_TREE_LAST + 1 };
static struct grammar tables[TABLES];
static const struct grammar *ready[TABLES]; // set once, under the lock
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const TSLanguage *find(enum lang l) {
    for (size_t k = 0; k < COUNT_OF(available); k++)
        if (strcmp(available[k].name, language_name(l)) == 0)
            return available[k].get();
    return NULL;
}

// FNV-1a, 32 bits (Fowler, Noll, Vo; draft-eastlake-fnv): of the type's text, which survives new
// grammar versions, where numbers do not.
static uint32_t hash_type(const char *text) {
    uint32_t h = 2166136261u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h;
}

static const char *const type_names[NODE_TYPE_COUNT] = {"",
#define X(name) #name,
                                                        NODE_TYPES(X)
#undef X
};

static uint16_t find_type(const char *text) {
    size_t low = 1, high = NODE_TYPE_COUNT;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(text, type_names[middle]);
        if (order == 0)
            return (uint16_t)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NODE_OTHER;
}

static bool fill(struct grammar *g, enum lang l, const TSLanguage *ts) {
    uint32_t symbols = ts_language_symbol_count(ts), fields = ts_language_field_count(ts);
    uint8_t *role = mem_zalloc(symbols), *named = mem_zalloc(symbols),
            *field = mem_zalloc(fields + 1);
    uint32_t *hash = mem_zalloc(symbols * sizeof *hash);
    uint16_t *numbers = mem_zalloc(symbols * sizeof *numbers);
    if (!role || !named || !field || !hash || !numbers) {
        mem_free(role);
        mem_free(named);
        mem_free(field);
        mem_free(hash);
        mem_free(numbers);
        return false;
    }
    for (uint32_t i = 0; i < symbols; i++) {
        const char *type = ts_language_symbol_name(ts, (TSSymbol)i);
        if (!type)
            continue;
        bool is_named = ts_language_symbol_type(ts, (TSSymbol)i) == TSSymbolTypeRegular;
        named[i] = is_named ? SYMBOL_IS_NAMED : 0;
        if (language_branch(l, type, is_named))
            named[i] |= SYMBOL_IS_BRANCH;
        role[i] = language_role(l, type, is_named);
        hash[i] = hash_type(type) ^ (is_named ? 0 : 1);
        numbers[i] = is_named ? find_type(type) : NODE_OTHER;
    }
    for (uint32_t i = 1; i <= fields; i++)
        field[i] = language_field(ts_language_field_name_for_id(ts, (TSFieldId)i));
    *g = (struct grammar){.ts = ts,
                          .symbol_count = symbols,
                          .role = role,
                          .named = named,
                          .type_hash = hash,
                          .type = numbers,
                          .field_count = fields,
                          .field = field};
    return true;
}

const struct grammar *language_grammar(enum lang l) {
    if (l < LANG_TREE_FIRST || l > LANG_TREE_LAST)
        return NULL;
    const struct grammar *g = __atomic_load_n(&ready[l], __ATOMIC_ACQUIRE);
    if (g)
        return g;
    const TSLanguage *ts = find(l);
    if (!ts)
        return NULL;
    (void)pthread_mutex_lock(&lock);
    if (!ready[l] && fill(&tables[l], l, ts))
        __atomic_store_n(&ready[l], &tables[l], __ATOMIC_RELEASE);
    g = ready[l];
    (void)pthread_mutex_unlock(&lock);
    return g;
}

bool language_has_tree(enum lang l) {
    return l >= LANG_TREE_FIRST && l <= LANG_TREE_LAST && find(l) != NULL;
}

const char *language_type(enum lang l, uint16_t symbol) {
    const struct grammar *g = language_grammar(l);
    const char *type =
        g && symbol < g->symbol_count ? ts_language_symbol_name(g->ts, symbol) : NULL;
    return type ? type : "ERROR";
}

#else

const struct grammar *language_grammar(enum lang l) {
    (void)l;
    return NULL;
}

bool language_has_tree(enum lang l) {
    (void)l;
    return false;
}

const char *language_type(enum lang l, uint16_t symbol) {
    (void)l, (void)symbol;
    return "ERROR";
}
#endif
