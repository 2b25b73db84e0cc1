// The canonical form of code that patterns are made of: the named nodes and operators of a syntax
// tree in pre-order, without comments, layout, brackets and separators. Names are holes, except for
// those on the shipped list of the language's standard library (stdnames.h); literals are classes.
// What may not be in a pattern (errors, directives, imports, definitions, text of unknown kind)
// makes every node around it unfit. One object per thread; memory is kept for the next file.
#pragma once

#include "core/base/err.h"
#include "core/code/syntax.h"

enum form_kind {
    FORM_INNER,
    FORM_TOKEN,   // operator or keyword of the grammar
    FORM_KEPT,    // name of the standard library
    FORM_NAME,    // any other name: numbered by first use inside of the pattern
    FORM_LITERAL, // of a class; `name` tells equal literals apart, where asked for
    FORM_HOLE     // `$...`: only in patterns
};
enum form_flags {
    FORM_UNFIT = 1,       // something in it may not be in a pattern
    FORM_STATEMENT = 2,   // a pattern may begin here
    FORM_IN_BLOCK = 4,    // child of a block: may have neighbours in a window
    FORM_LIST = 8,        // block or arguments: a cut leaves the brackets
    FORM_EXPRESSION = 16, // a cut replaces it by a hole
    FORM_ACTION = 32,     // does something: no mere declaration
    FORM_CONTROL = 64,    // decides what is done: conditions, loops, handlers, functions as values
    FORM_PLAIN = 128      // of the library, but an everyday word as well
};
enum form_literal { // codes of FORM_LITERAL, equal in all languages
    FORM_STRING = 1,
    FORM_NUMBER,
    FORM_CHARACTER,
    FORM_EMPTY_STRING,
    FORM_ZERO,
    FORM_ONE,
    FORM_MINUS_ONE
};

struct form_node {
    uint32_t code;   // of type, text or class; the same in every version of a grammar
    uint32_t next;   // index of the first node behind the subtree
    uint32_t node;   // of the syntax tree
    uint32_t name;   // number of the name or literal in this form
    uint32_t before; // weight of all nodes before this one: keywords weigh nothing
    uint16_t depth;
    uint8_t kind;  // enum form_kind
    uint8_t flags; // enum form_flags
};

// Stands in the parsed text for a metavariable.
struct form_slot {
    uint32_t start, end; // bytes
    uint8_t kind;        // FORM_NAME, FORM_LITERAL or FORM_HOLE
    uint8_t code;        // enum form_literal
    uint16_t name;       // number of the metavariable: below FORM_SLOT_NAMES
};

struct form {
    struct form_node *nodes; // [count + 1]: the last one closes
    uint32_t count;
    uint32_t names; // numbers given
    enum lang lang;
    // inside
    uint32_t capacity;
    struct form_open *open;
    uint32_t open_capacity;
    struct form_name *table; // names by hash
    uint32_t table_slots;
    uint32_t table_used;
};

enum {
    FORM_NODES_MAX = 4 * 1024 * 1024,
    FORM_DEPTH_CUT = 4, // of a depth cut: deeper expressions become holes
    FORM_NAMES_MAX = 1024 * 1024,
    FORM_SLOT_NAMES = 256 // with slots these numbers are theirs, other names have higher ones
};

void form_init(struct form *f);
void form_done(struct form *f);
// Of the subtree at `root`. `slots` in order of `start`; may be NULL. ERR_NOMEM, ERR_LIMIT.
int form_build(struct form *f, const struct syntax *s, uint32_t root, const struct form_slot *slots,
               uint32_t slot_count, struct err *err);

static inline uint32_t form_weight(const struct form *f, uint32_t from, uint32_t to) {
    return f->nodes[to].before - f->nodes[from].before;
}

// Hashes of a range of neighbouring subtrees, with names numbered by first use. A walk may go on
// with the next neighbour: the hash after each is that of a window.
struct form_walk {
    uint32_t *seen;    // [names] epoch in which a name got its number
    uint16_t *number;  // [names]
    uint32_t capacity; // of both
    uint32_t epoch;
    uint64_t hash;
    uint16_t metavariables; // names and numbered literals
    uint16_t holes;         // places that are not fixed
    uint16_t repeats;       // uses of a name beyond its first
    uint16_t kept;          // names of the library, but for everyday words
    uint16_t cut;           // subtrees that a cut left out
    uint16_t weight;        // nodes that are left
    uint16_t actions, controls;
    uint16_t linked; // uses of names that stood before `mark` names were known
    uint16_t mark;   // set by the caller
    bool literals;   // number literals as names are: set after form_walk_start
};
void form_walk_done(struct form_walk *w);
// Begins a new pattern. 0 or ERR_NOMEM.
int form_walk_start(struct form_walk *w, const struct form *f);
// Adds the subtree at `i`, whole or cut at FORM_DEPTH_CUT.
void form_walk_add(struct form_walk *w, const struct form *f, uint32_t i, bool cut);
// The hash of what was added so far: never 0. A cut that left nothing out gives the whole tree's
// hash.
uint64_t form_walk_hash(const struct form_walk *w);
