// Size and complexity of functions, from the tree alone.
//
// Cyclomatic complexity is counted as lizard 1.24 does (terryyin/lizard), so that figures can be
// compared: 1, plus one for each if, loop, case, catch, conditional operator, && and ||, by
// language as its readers define. Cognitive complexity is SonarSource's ("Cognitive Complexity: a
// new way of measuring understandability", G. A. Campbell, version 1.7): +1 for each break in the
// linear flow, +1 for each level of nesting around it, +1 for each run of equal logical operators,
// +1 for recursion and jumps to labels.
#pragma once

#include "core/code/syntax.h"

struct metrics {
    uint32_t node; // the function
    uint16_t cyclomatic, cognitive;
    uint8_t nesting, parameters;
    uint32_t code_lines; // lines with code between its first and last line
};
enum { METRICS_FUNCTIONS_MAX = 65535 };
// Every function and named lambda of the tree in order of position. *ret of *ret_count: mem_free.
// One pass over the nodes whatever the nesting. ERR_NOMEM.
int metrics_of(const struct syntax *s, struct metrics **ret, uint32_t *ret_count, struct err *err);
