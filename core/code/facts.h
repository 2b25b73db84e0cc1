// What the index keeps of one file: symbols with their metrics, references, imports, words,
// findings and fingerprints. One immutable block of memory without pointers, so that it is written
// to the cache and read back as it is; equal content gives equal bytes. Any thread.
//
// Two builders make it: facts_from_tree (exact) and facts_from_text (the lexical tier: a fast
// scanner that finds definitions, and nothing that needs a tree).
#pragma once

#include "core/base/err.h"
#include "core/code/language.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct syntax;

enum {
    FACTS_VERSION = 2, // of layout AND meaning: a cached block of another version is ignored
    FACTS_SYMBOLS_MAX = 65535,
    FACTS_REFS_MAX = 262144,
    FACTS_IMPORTS_MAX = 4096,
    FACTS_WORDS_MAX = 262144,
    FACTS_FINDINGS_MAX = 2000,
    FACTS_CLONES_MAX = 65536,
    FACTS_HASH_BYTES = 16
};

enum facts_tier { TIER_NAME, TIER_LEXICAL, TIER_TREE }; // NAME: only the path is known

enum facts_flags {
    FACTS_ERRORS = 1,    // the tree has ERROR nodes: something may be missing
    FACTS_CUT = 2,       // a maximum was reached: above, or what syntax_parse takes
    FACTS_TIMEOUT = 4,   // parsing was given up; the lexical tier stands
    FACTS_GENERATED = 8, // says so itself, or is minified
    FACTS_INVALID_UTF8 = 16
};

enum symbol_kind {
    SYMBOL_FUNCTION,
    SYMBOL_METHOD,
    SYMBOL_CLASS, // class, struct, interface, trait, enum, union
    SYMBOL_NAMESPACE,
    SYMBOL_TYPE,
    SYMBOL_VARIABLE, // of file or class scope
    SYMBOL_CONSTANT,
    SYMBOL_FIELD,
    SYMBOL_MACRO,
    SYMBOL_ENUMERATOR,
    SYMBOL_TEST,    // a test case: by the framework's shape
    SYMBOL_SECTION, // heading of a document
    SYMBOL_KIND_COUNT
};
enum symbol_flags {
    SYMBOL_EXPORTED = 1,    // visible outside of its file
    SYMBOL_DECLARATION = 2, // without a body
    SYMBOL_ENTRY = 4,       // main, init, route, decorator-registered …: used without a reference
    SYMBOL_DOCUMENTED = 8,  // a comment stands right before it
    SYMBOL_DEPRECATED = 16
};

// Names are offsets into the block's text pool: terminated UTF-8. Symbols stand in order of their
// beginning (an outer one first), but for what a method declares for its class (self.x of Python).
// Variables of functions are no symbols; functions in functions are. An `impl` of Rust is a
// namespace with the name of its type. A test of jest, RSpec, Catch … is called by its text.
struct fact_symbol {
    uint32_t name;
    uint32_t scope;      // 1 + index of the enclosing symbol; 0 = the file
    uint32_t start, end; // bytes of the whole definition, its leading comment not included
    uint32_t body; // byte where the body begins; `end` without one: [start, body) is the signature
    uint32_t line, end_line; // line: the one its name stands on
    uint8_t kind;            // enum symbol_kind
    uint8_t flags;           // enum symbol_flags
    uint8_t parameters;
    uint8_t nesting;                // deepest; functions only, like the following
    uint16_t cyclomatic;            // as lizard counts
    uint16_t cognitive;             // as SonarSource defines
    uint32_t code_lines;            // lines with code
    uint32_t shape_low, shape_high; // canonical hash of the body: equal for renamed copies; 0 none
};

enum ref_kind { REF_USE, REF_CALL, REF_TYPE, REF_MEMBER, REF_WRITE };
// All mentions of one name, of one kind, in one scope, in order of the first; trees only. What the
// function, or one around it, declares for itself (variables, parameters) is left out, and so are
// names in imports.
struct fact_ref {
    uint32_t name;
    uint32_t scope; // 1 + index of the innermost enclosing function or class; 0 = the file
    uint32_t line;  // of the first
    uint16_t count;
    uint8_t kind; // enum ref_kind
    uint8_t unused;
};

struct fact_import {
    uint32_t module; // as written: "core/base/buf.h", "..util", "react"
    uint32_t name;   // what is taken from it; 0 = all of it
    uint32_t alias;  // 0 = none
    uint32_t line;
    uint8_t local; // "…" of C, relative imports
    uint8_t unused[3];
};

// Words for search: of identifiers (split), comments and strings, folded by words.h; keywords of
// languages are left out. Sorted by text (strcmp), then scope.
struct fact_word {
    uint32_t word;
    uint32_t scope; // 1 + index of the innermost function or class; 0 = the file
    uint16_t count;
    uint16_t unused;
};

struct fact_finding {
    uint16_t rule; // index into the table of rules of this version
    uint8_t confidence;
    uint8_t has_fix;
    uint32_t start, end, line, end_line;
    uint32_t message;
    uint32_t fix_start, fix_end, fix_text;
};

struct fact_clone { // winnowed fingerprints of token runs (clones.h), in order of position
    uint32_t hash;
    uint32_t line;
    uint32_t token; // number of the token in the file at which it begins
};

struct facts {
    uint32_t version;
    uint32_t bytes; // of the whole block
    uint8_t lang;   // enum lang
    uint8_t tier;   // enum facts_tier
    uint16_t flags;
    uint32_t text_bytes, lines, code_lines, comment_lines,
        tokens; // tokens: lexical, not of a model
    uint32_t symbol_count, ref_count, import_count, word_count, finding_count, clone_count;
    // offsets of the arrays from the block's start
    uint32_t symbols, refs, imports, words, findings, clones, pool, pool_bytes;
};

struct facts_options {
    const char *path; // for language rules (tests, entry points); not kept
    bool no_findings, no_words, no_clones;
};
// `s` holds the parsed tree of the text. *ret: free with mem_free. ERR_NOMEM, ERR_LIMIT.
int facts_from_tree(const struct syntax *s, const struct facts_options *o, struct facts **ret,
                    struct err *err);
int facts_from_text(enum lang lang, const char *text, size_t bytes, const struct facts_options *o,
                    struct facts **ret, struct err *err);
// Parses with the limits when a grammar is there, else (or when that fails) the lexical tier with
// the reason in flags. What callers use.
int facts_build(struct syntax *s, enum lang lang, const char *text, size_t bytes,
                const struct facts_options *o, struct facts **ret, struct err *err);
// Of bytes that come from a cache: every count and offset is inside, every name terminated.
bool facts_valid(const void *bytes, size_t n);

static inline const struct fact_symbol *facts_symbol(const struct facts *f, uint32_t i) {
    return (const struct fact_symbol *)((const char *)f + f->symbols) + i;
}
static inline const struct fact_ref *facts_ref(const struct facts *f, uint32_t i) {
    return (const struct fact_ref *)((const char *)f + f->refs) + i;
}
static inline const struct fact_import *facts_import(const struct facts *f, uint32_t i) {
    return (const struct fact_import *)((const char *)f + f->imports) + i;
}
static inline const struct fact_word *facts_word(const struct facts *f, uint32_t i) {
    return (const struct fact_word *)((const char *)f + f->words) + i;
}
static inline const struct fact_finding *facts_finding(const struct facts *f, uint32_t i) {
    return (const struct fact_finding *)((const char *)f + f->findings) + i;
}
static inline const struct fact_clone *facts_clone(const struct facts *f, uint32_t i) {
    return (const struct fact_clone *)((const char *)f + f->clones) + i;
}
static inline const char *facts_text(const struct facts *f, uint32_t name) {
    return (const char *)f + f->pool + name; // 0 is the empty text
}
const char *symbol_kind_name(enum symbol_kind kind); // "function", "class" …
