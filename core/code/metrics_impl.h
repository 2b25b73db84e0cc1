// Inside of the metrics files.
#pragma once

#include "core/code/metrics.h"
#include "core/code/node_type.h"

// Is it a function of its own, for all that is counted?
bool metrics_is_function(const struct syntax *s, uint32_t i);
// Is what the lambda holds left out of the function around it (cyclomatic)?
bool metrics_is_separate(const struct syntax *s, uint32_t i);
// A token that SYMBOL_IS_BRANCH marks: how much it adds.
unsigned metrics_branch(const struct syntax *s, uint32_t i);
// Adds one and its nesting; its body is a level deeper.
bool metrics_is_structural(const struct syntax *s, uint32_t i);
// Adds one alone: else, elif, goto, jumps to labels.
unsigned metrics_flat(const struct syntax *s, uint32_t i);
// Nodes [*ret_start, *ret_end) that are a level deeper than the structure `i` itself.
void metrics_deeper(const struct syntax *s, uint32_t i, uint32_t *ret_start, uint32_t *ret_end);
// Is it an expression of && or ||?
bool metrics_is_logical(const struct syntax *s, uint32_t i);
// Does what `i` holds continue the logical expression around it?
bool metrics_continues_logical(const struct syntax *s, uint32_t i);
// Does the call go to the function itself?
bool metrics_is_recursion(const struct syntax *s, uint32_t call, uint32_t function, uint32_t name,
                          unsigned parameters);
// Functions within do not count a level deeper: idioms that stand for what a language lacks.
bool metrics_is_transparent(const struct syntax *s, uint32_t function);
uint32_t metrics_parameters(const struct syntax *s, uint32_t function); // the list, or 0
