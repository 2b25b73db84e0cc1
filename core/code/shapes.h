// Renamed copies: functions whose bodies differ in nothing but names and literals. Any thread.
#pragma once

#include "core/base/err.h"
#include "core/code/syntax.h"

enum { SHAPE_TOKENS_MIN = 30 }; // shorter bodies are alike by nature

// Hash of the body of a function (a node with a body, or the body itself): equal for renamed
// copies. 0: too short, or no body. For fact_symbol's shape_low and shape_high.
uint64_t canon_shape(const struct syntax *s, uint32_t node);

struct shape {
    uint64_t hash;
    uint32_t file, symbol; // the caller's numbers
};
// Sorts the shapes in place, copies together, and leaves out those that stand alone and those that
// have no hash. Returns how many are left; equal hashes are neighbours, in order of file and
// symbol.
uint32_t shapes_group(struct shape *shapes, uint32_t count);
