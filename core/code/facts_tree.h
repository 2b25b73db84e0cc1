// Inside of the tree tier: one pass over the flat tree. Definitions are recognised by one function
// per language (symbols_*.c), uses by role (facts_refs.c). A definition marks the leaves that it
// has explained, since it stands before them in the array.
#pragma once

#include "core/code/facts_make.h"
#include "core/code/node_type.h"

enum mark { // what a leaf is, decided by a node above it
    MARK_NONE,
    MARK_DONE,  // a definition's name: no use
    MARK_LOCAL, // declares a name of the function around it
    MARK_CALL,
    MARK_TYPE,
    MARK_MEMBER,
    MARK_WRITE,
    MARK_USE
};

struct scope {
    uint32_t node, end; // its node; the first one behind it
    uint32_t symbol;    // 1 + index of the innermost function or class, 0 = the file
    bool function;      // variables declared here are local
    bool hidden;        // what is declared here is not visible outside of the file
    uint8_t access;     // of members that follow, as the language's function sets it
};

enum { WALK_DEPTH_MAX = 4096, PATTERN_NODES_MAX = 256 };

struct walk {
    const struct syntax *s;
    struct maker *m;
    const char *path; // never NULL
    bool is_header;
    bool in_bats;       // between "@test … {" and "}"
    uint8_t *mark;      // [s->count] enum mark
    uint32_t *function; // [symbols] node of the function, for its metrics; 0 none
    uint32_t function_count, function_capacity;
    struct scope *scopes; // the file's own at 0
    uint32_t depth, capacity;
    uint32_t doc_end;   // byte behind the last comment that stood alone
    uint32_t skip_to;   // nodes before it are passed over
    uint32_t code_line; // last line counted
    void (*define)(struct walk *w, uint32_t i);
};

struct definition {
    uint32_t node;       // its scope ends behind it
    uint32_t outer;      // the whole with export, decorators, template: 0 = node
    uint32_t name;       // leaf; marked DONE
    const char *text;    // name to use instead of the leaf's text
    size_t n;            //
    uint32_t line;       // of the name; 0 = the leaf's
    uint32_t body;       // node; 0 none
    uint32_t parameters; // node; 0 none
    uint32_t function;   // node that metrics go by; 0 none
    enum symbol_kind kind;
    uint8_t flags;
};
// 1 + index of the symbol, 0 when there is none (no name, no room).
uint32_t walk_define(struct walk *w, const struct definition *d);
// What follows until the node's end is in this scope. `symbol`: 0 = that of the scope around.
void walk_enter(struct walk *w, uint32_t node, uint32_t symbol, bool function);
struct scope *walk_scope(struct walk *w); // the innermost
void walk_mark(struct walk *w, uint32_t i, enum mark mark);
// All identifiers of a pattern, its default values and types aside.
void walk_mark_pattern(struct walk *w, uint32_t i, enum mark mark);
// The leaf that names what an expression stands for: `c` of `a.b->c`; 0 none.
uint32_t walk_leaf(const struct walk *w, uint32_t i);
// Uses in text that the grammar leaves alone (bodies of macros).
void walk_refs_in_text(struct walk *w, uint32_t i);
void walk_leaf_refs(struct walk *w, uint32_t i); // for every leaf
void walk_uses(struct walk *w, uint32_t i);      // for every inner node
void walk_import(struct walk *w, uint32_t i);    // for ROLE_IMPORT, or what works like one
// JS: import("x"), require("x"); Ruby: require "x"; bash: source x. True when it was one.
bool walk_import_call(struct walk *w, uint32_t i);

static inline const char *walk_text(const struct walk *w, uint32_t i, size_t *ret_n) {
    return syntax_text(w->s, i, ret_n);
}
static inline enum node_type walk_type(const struct walk *w, uint32_t i) {
    return node_type(w->s, i);
}
bool walk_has_word(const struct walk *w, uint32_t i, const char *word); // a child of this text
bool walk_starts(const struct walk *w, uint32_t i, const char *with);
bool walk_is_caps(const struct walk *w, uint32_t leaf); // THIS_SHAPE
bool walk_path_has(const struct walk *w, const char *part);
// Text of a string without its quotes.
const char *walk_string(const struct walk *w, uint32_t i, size_t *ret_n);

void define_c(struct walk *w, uint32_t i); // and C++
void define_python(struct walk *w, uint32_t i);
void define_javascript(struct walk *w, uint32_t i); // and TypeScript
void define_go(struct walk *w, uint32_t i);
void define_rust(struct walk *w, uint32_t i);
void define_java(struct walk *w, uint32_t i);
void define_bash(struct walk *w, uint32_t i);
void define_ruby(struct walk *w, uint32_t i);
uint32_t c_declarator_name(const struct walk *w, uint32_t i, bool *ret_function);
