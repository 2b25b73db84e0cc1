// A scaffold made of one file that its user chose: how it is built, with holes where it says what.
// Names that no standard library has become $A1, $A2 … (one number one name), strings $S1, numbers
// but 0 and 1 $N1, characters $C1; comments, imports, directives and macros go, and the bodies of
// functions become `$...` unless asked for. Indentation, blanks and empty lines are set anew.
//
// template_check is the gate, for who sends and who receives. It shares no code with what makes: it
// knows no tree, and looks at each word, number and sign of the text. Not for languages in which $
// means something (Bash, Ruby). Any thread.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/code/syntax.h"

#include <stdbool.h>

enum { TEMPLATE_BYTES_MAX = 32 * 1024, TEMPLATE_HOLES_MAX = 999 };

// `s` is used for parsing. ERR_UNSUPPORTED (no grammar, or $ means something), ERR_PARSE (the file
// has errors), ERR_LIMIT (too large, too many holes), ERR_NOT_FOUND (nothing is left), ERR_NOMEM.
int template_make(struct syntax *s, enum lang lang, const char *text, size_t n, bool bodies,
                  struct buf *out, struct err *err);
// 0, or ERR_PERM (err says what, not which), ERR_UNSUPPORTED.
int template_check(enum lang lang, const char *text, size_t n, struct err *err);
// Whether a word is the grammar's or a standard library's.
bool template_word_is_public(enum lang lang, const char *word, size_t n);
