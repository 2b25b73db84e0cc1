// Defects that a tree shows by itself (research: swallowed errors, unreachable code, identical
// branches, leaks on early returns …). Precision first: what is not sure is not said. The table of
// rules is rules.c; a check is a function over the flat tree, one pass for all where they can
// share it. Pure; any thread.
#pragma once

#include "core/code/finding.h"
#include "core/code/syntax.h"

// Samples of defects, inputs of tests: a path of those, of which nothing is said.
bool checks_is_material(const char *path);
// Below a folder of tests, and not named as one: what tests read, as likely as what helps them.
bool checks_may_be_input(const char *path);
// Findings in order of position, then rule. What on_finding returned, or ERR_NOMEM.
int checks_run(const struct syntax *s, const char *path, finding_fn *on_finding, void *ctx,
               struct err *err);
