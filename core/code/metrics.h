// Size and complexity of functions, from the tree alone.
//
// Cyclomatic complexity is counted as lizard 1.24 does (terryyin/lizard), so that figures can be
// compared: 1, plus one for each if, loop, case, catch, conditional operator, && and ||, by
// language as its readers define (language_branches.c): `??` of JavaScript counts twice, `?` of
// Rust and `#if` of C once, `unless` of Ruby not at all; nested functions count for themselves
// only, and so do function literals of JavaScript and Go, while other languages' lambdas belong to
// the function around. For shells the same idea.
//
// Where they differ (redis/src 0.5 %, sphinx 0, nats-server 0.1 %, gson 0.1 %, commons-lang 0,
// express 0.2 %, webpack 3.9 %, ripgrep 2.5 %, zod 5.2 %, sinatra 5.7 % of the functions that both
// see; each one and its cause: tests/bench/lizard_differences.tsv) lizard is misled:
// it takes `a && (b = c)` of C for a reference and takes one off, counts `.catch(` of JavaScript,
// the `?` of `Map<Class<?>, B<?>>` and the `||` of a Rust closure without parameters, takes
// `struct{}` in the results of a Go function for its body, and ends or mixes up functions of
// JavaScript that are deep in calls. Tokens that the grammar of C loses inside of macro arguments
// are lost here too.
//
// Cognitive complexity is SonarSource's ("Cognitive Complexity: a new way of measuring
// understandability", G. A. Campbell, version 1.7): +1 for each break in the linear flow, +1 for
// each level of nesting around it, +1 for each run of equal logical operators, +1 for recursion and
// jumps to labels. Nested functions and lambdas count one level deeper for the function around
// them, but for the two idioms of its appendix (decorators of Python, functions of JavaScript that
// only declare). What it leaves open: comprehensions of Python and preprocessor lines cost nothing,
// `else` of a loop does, `else` of a try does not.
#pragma once

#include "core/code/syntax.h"

struct metrics {
    uint32_t node; // the function, lambda, or block of a macro that makes one
    uint16_t cyclomatic, cognitive;
    uint8_t nesting, parameters; // nesting: the deepest of control structures and lambdas
    uint32_t code_lines;         // lines with code between its first and last line
};
enum { METRICS_FUNCTIONS_MAX = 65535 };
// Every function with a body and every lambda, in order of position. *ret of *ret_count: mem_free.
// One pass over the nodes whatever the nesting. ERR_NOMEM.
int metrics_of(const struct syntax *s, struct metrics **ret, uint32_t *ret_count, struct err *err);
// The entry of a node, NULL when it has none.
const struct metrics *metrics_find(const struct metrics *m, uint32_t count, uint32_t node);
