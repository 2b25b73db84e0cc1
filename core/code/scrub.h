// The gate in front of what is shared: re-reads the text of a pattern and refuses everything that
// is not a name of the shipped standard-library lists, a small literal, a metavariable or a word of
// the grammar. Sender and receiver use it, and it shares no code with what makes patterns: no
// printer, no form. (It lives in core/code because it needs grammars and name lists; a layer of its
// own would add a name and separate nothing.)
//
// Refused: bytes outside of printable ASCII and line breaks, spaces that the layout does not ask
// for, bytes that no token covers, comments, errors, directives, imports, definitions, decorators,
// other names and literals, less than 6 or more than 64 nodes, more than 24 metavariables, more
// than 60 % holes. What it does not do: judge whether the idiom itself is a secret.
#pragma once

#include "core/base/err.h"
#include "core/code/syntax.h"

enum {
    SCRUB_BYTES_MAX = 4096,
    SCRUB_NODES_MIN = 6,
    SCRUB_NODES_MAX = 64,
    SCRUB_METAVARIABLES_MAX = 24,
    SCRUB_HOLES_PERCENT_MAX = 60
};

// `s` is used for parsing; what it held is gone. 0, or ERR_PERM (refused: err says why, without
// the text), ERR_UNSUPPORTED (no grammar), ERR_NOMEM.
int scrub_check(struct syntax *s, enum lang lang, const char *text, size_t bytes, struct err *err);
