// Text literals of a source file with the calls they are given to: a light outline of brackets, for
// questions as "which routes are registered", "what is printed", "which options are declared" that
// need no grammar. One pass by the lexer of clones, in any language it knows, with or without a
// tree. Pure; any thread; any bytes may be given.
#pragma once

#include "core/base/err.h"
#include "core/code/language.h"

enum {
    LITERALS_MAX = 200000,
    LITERAL_GROUPS_MAX = 400000,
    LITERAL_DEPTH_MAX = 256 // brackets deeper than this belong to the deepest
};

// A span of the text; bytes 0: none.
struct span {
    uint32_t at, bytes;
};

struct literal_group {   // a pair of brackets
    uint32_t start, end; // of the opening bracket; behind the closing one
    uint32_t line, end_line;
    uint32_t parent;    // index; 0 (the file itself) is its own
    uint32_t argument;  // which of its parent's, from 0
    struct span name;   // what is called or made: `parser.add_argument` before a bracket
    struct span key;    // of the parent: key= or key: before it
    struct span target; // `x` of `x = name(…)`, of the statement
    char bracket;
};
enum literal_flags {
    LITERAL_JOINED = 1,       // continues the literal before: "a" "b", "a" + "b"
    LITERAL_INTERPOLATED = 2, // f"…", `…${}`, "#{}": its text is not all there is
    LITERAL_PARTIAL = 4,      // something is added to it: "a" + x
    LITERAL_STATEMENT = 8     // stands for itself, as documentation does
};
struct literal {
    struct span text; // without quotes and prefixes, escapes as written
    uint32_t line, end_line;
    uint32_t group;     // index of the innermost brackets
    uint32_t argument;  // which of theirs, from 0
    struct span key;    // key= or key: before it
    struct span before; // the word right before it: `raise "…"`, `get "/"`
    uint32_t flags;
    char quote;
};
struct literals {
    const char *text; // borrowed
    uint32_t bytes;
    struct literal_group *groups; // [0] is the file
    uint32_t group_count, group_capacity;
    struct literal *list;
    uint32_t count, capacity;
    bool cut;
};
// 0; ERR_UNSUPPORTED: no code; ERR_NOMEM. Free with literals_done.
int literals_read(enum lang lang, const char *text, size_t bytes, struct literals *ret,
                  struct err *err);
void literals_done(struct literals *l); // accepts a zeroed one

bool span_is(const char *text, struct span s, const char *word);
// `a.b.name` and `a::name` end with it, as does `name`.
bool span_ends_with(const char *text, struct span s, const char *name);
// The last part of a dotted name.
struct span span_last(const char *text, struct span s);
