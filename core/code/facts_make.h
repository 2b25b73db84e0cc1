// Inside of the facts builders: collects what one file has and writes the block. A failed
// allocation is remembered and reported by make_finish, so that the passes need not look.
// One owner, one file.
#pragma once

#include "core/code/facts.h"

// Uses that are noted for the builder's own sake and do not reach the block.
enum { REF_KINDS = REF_WRITE + 1, REF_LOCAL = REF_KINDS, REF_SEEN, REF_SHARED };

enum {
    NAME_BYTES_MAX = 240, // of a symbol, module …; longer ones are cut
    SCOPE_STEPS_MAX = 32  // scopes around a use in which a local of its name is looked for
};

struct maker {
    const char *text; // of the file
    uint32_t bytes;
    enum lang lang;
    uint16_t flags; // enum facts_flags
    int failed;     // ERR_NOMEM once something was lost

    char *pool;
    uint32_t pool_bytes, pool_capacity;
    struct name_slot *names; // hash table over the pool
    uint32_t name_count, name_mask;

    struct fact_symbol *symbols;
    uint32_t symbol_count, symbol_capacity;
    struct fact_ref *refs; // of one name, kind and scope each; hash table beside
    uint32_t ref_count, ref_capacity, *ref_table, ref_mask;
    struct fact_import *imports;
    uint32_t import_count, import_capacity;
    struct fact_word *words;
    uint32_t word_count;
    struct fact_finding *findings;
    uint32_t finding_count, finding_capacity;
    struct fact_clone *clones;
    uint32_t clone_count;

    uint32_t lines, code_lines, comment_lines, tokens;
};

struct name_slot {
    uint32_t hash, name; // 0 = empty
};

void make_start(struct maker *m, enum lang lang, const char *text, size_t bytes);
void make_end(struct maker *m); // frees what make_finish did not
// Writes the block; *ret: mem_free.
int make_finish(struct maker *m, enum facts_tier tier, struct facts **ret, struct err *err);

// Offset in the pool; 0 for the empty name (and when memory ran out).
uint32_t make_name(struct maker *m, const char *text, size_t n);
// Index of a new symbol, with everything the caller knows of it; UINT32_MAX: no room.
uint32_t make_symbol(struct maker *m, const struct fact_symbol *symbol);
// One mention; `scope` as in struct fact_ref.
void make_ref(struct maker *m, uint32_t name, unsigned kind, uint32_t scope, uint32_t line);
bool make_has_ref(const struct maker *m, uint32_t name, unsigned kind, uint32_t scope);
void make_import(struct maker *m, const struct fact_import *import);
struct finding;
void make_finding(struct maker *m, const struct finding *f);
// Fingerprints of the text's token runs.
void make_clones(struct maker *m);
// The whole text's words, by the scopes of the symbols.
void make_words(struct maker *m);
// Kinds of symbols that are scopes of uses and words.
static inline bool make_is_scope(uint8_t kind) {
    return kind <= SYMBOL_NAMESPACE || kind == SYMBOL_TEST;
}
// What the lexical tier finds in a part of the text that the grammar could not read: its symbols
// are added, in `scope` (1 + index).
void make_from_part(struct maker *m, const char *path, uint32_t start, uint32_t end, uint32_t line,
                    uint32_t scope);
// Does the head of the file say that it was generated, or is it minified?
bool make_is_generated(const char *text, size_t bytes, uint32_t lines);
