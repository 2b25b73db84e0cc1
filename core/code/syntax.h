// Syntax trees in a form that is cheap to read: tree-sitter parses, one walk writes every node into
// an array in pre-order, and all analyses are loops over that array. Nothing recurses, whatever the
// input's depth.
//
// A `struct syntax` keeps parser and array for the next file: one per worker thread, one user at a
// time. What it points to is valid until the next parse. Where a tree is kept, tree-sitter itself
// ends the process when an allocation fails; sizes are limited before it is asked.
//
// Source: tree-sitter 0.25, lib/include/tree_sitter/api.h; third_party/tree_sitter/unit.c.
#pragma once

#include "core/base/err.h"
#include "core/code/language.h"

enum {
    SYNTAX_BYTES_MAX = 2 * 1024 * 1024,        // of a file; larger ones stay lexical
    SYNTAX_NODES_MAX = 4 * 1024 * 1024,        // of a tree (24 bytes each)
    SYNTAX_TREE_BYTES_MAX = 512 * 1024 * 1024, // while it is made; usual are 15 for one of the file
    SYNTAX_LINE_BYTES_MAX = 32 * 1024,         // a longer line is generated or minified
    SYNTAX_BACKGROUND_MS = 250,                // usual limits on the parsing thread's time
    SYNTAX_KEYSTROKE_MS = 2
};

struct node {
    uint32_t start, end; // bytes in the text
    uint32_t line;       // of `start`, from 1
    uint32_t next;       // index of the first node behind this subtree
    uint32_t parent;     // index; the root is its own
    uint16_t symbol;     // the grammar's number; UINT16_MAX for ERROR
    uint8_t role;        // enum role
    uint8_t field;       // enum field_role
};

struct syntax {
    enum lang lang;
    const struct grammar *grammar;
    const char *text; // borrowed
    uint32_t bytes;
    struct node *nodes; // nodes[0] is the root
    uint32_t count;
    uint32_t lines;  // of the text
    uint32_t errors; // ERROR and MISSING nodes
    // inside
    uint32_t capacity;
    void *memory; // of trees that are read once
    void *parser; // of trees that are kept
    enum lang parser_lang;
    struct syntax_frame *stack; // of subtrees
    uint32_t stack_capacity;
    bool plain; // tests only: by tree-sitter's public interface alone
};

struct syntax_limits {
    unsigned ms;                  // 0 = SYNTAX_BACKGROUND_MS
    bool (*cancelled)(void *ctx); // asked every few milliseconds; may be NULL
    void *ctx;
};

struct syntax *syntax_new(void);    // NULL when out of memory
void syntax_free(struct syntax *s); // accepts NULL

// 0, or ERR_UNSUPPORTED (no grammar), ERR_LIMIT (size, nodes, line length), ERR_TIMEOUT,
// ERR_CANCELLED, ERR_NOMEM. `text` has to stay while the tree is read.
int syntax_parse(struct syntax *s, enum lang lang, const char *text, size_t bytes,
                 const struct syntax_limits *limits, struct err *err);

// The same for a text that is parsed again after an edit: what the edit did not touch is taken from
// the tree of the text before, which costs a fiftieth. *kept: of the parse before (NULL: none),
// then of this one; on failure NULL. Where the text has errors the tree may be another one than a
// fresh parse makes. About twenty bytes of memory for a byte of text.
struct syntax_kept;
int syntax_parse_kept(struct syntax *s, enum lang lang, const char *text, size_t bytes,
                      const struct syntax_limits *limits, struct syntax_kept **kept,
                      struct err *err);
void syntax_kept_free(struct syntax_kept *k); // accepts NULL; any thread

// --- reading. i < s->count; 0 (the root) stands for "none" where a node is returned.
static inline uint32_t syntax_first(const struct syntax *s, uint32_t i) {
    return i + 1 < s->nodes[i].next ? i + 1 : 0;
}
static inline uint32_t syntax_sibling(const struct syntax *s, uint32_t i) {
    uint32_t next = s->nodes[i].next;
    return i && next < s->nodes[s->nodes[i].parent].next ? next : 0;
}
static inline bool syntax_named(const struct syntax *s, uint32_t i) {
    uint16_t symbol = s->nodes[i].symbol;
    return symbol == UINT16_MAX || (s->grammar->named[symbol] & SYMBOL_IS_NAMED);
}
// First child in this field, or with this role.
uint32_t syntax_child(const struct syntax *s, uint32_t i, enum field_role field);
uint32_t syntax_child_role(const struct syntax *s, uint32_t i, enum role role);
// First named child that is no comment; the one behind `i` among its siblings.
uint32_t syntax_first_named(const struct syntax *s, uint32_t i);
uint32_t syntax_next_named(const struct syntax *s, uint32_t i);
// Nearest proper ancestor with this role.
uint32_t syntax_ancestor(const struct syntax *s, uint32_t i, enum role role);
// Last line of the node, from 1.
uint32_t syntax_end_line(const struct syntax *s, uint32_t i);
// Text of a node: not terminated.
static inline const char *syntax_text(const struct syntax *s, uint32_t i, size_t *ret_n) {
    *ret_n = s->nodes[i].end - s->nodes[i].start;
    return s->text + s->nodes[i].start;
}
bool syntax_text_is(const struct syntax *s, uint32_t i, const char *word);
const char *syntax_type(const struct syntax *s, uint32_t i);
bool syntax_type_is(const struct syntax *s, uint32_t i, const char *type);
// The node that holds a definition's name (through declarators, qualified names …), or 0.
uint32_t syntax_name(const struct syntax *s, uint32_t i);
