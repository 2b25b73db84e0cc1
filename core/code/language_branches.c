// Which tokens lizard 1.24 counts as branches, by language (terryyin/lizard,
// lizard_languages/*.py). It reads tokens, not trees, and so does metrics.c: code that the grammar
// cannot read counts all the same. For shells, which lizard does not know, the same idea.
#include "core/code/language.h"

#include "core/base/mem.h"
#include "core/code/language_impl.h"

#include <string.h>

struct branches {
    enum lang lang;
    const char *words[18];
};
static const struct branches branches[] = {
    {LANG_C, {"if", "for", "while", "case", "?", "&&", "||", "#if", "#ifdef", "#elif"}},
    {LANG_CPP, {"if", "for", "while", "case", "catch", "?", "&&", "||", "#if", "#ifdef", "#elif"}},
    {LANG_PYTHON, {"if", "elif", "for", "while", "except", "finally", "and", "or", "case"}},
    {LANG_JAVASCRIPT,
     {"if", "for", "while", "catch", "case", "?", "&&", "||", "??", "?.", "||=", "&&=", "?\?="}},
    {LANG_TYPESCRIPT,
     {"if", "for", "while", "catch", "case", "?", "&&", "||", "??", "?.", "||=", "&&=", "?\?="}},
    {LANG_TSX,
     {"if", "for", "while", "catch", "case", "?", "&&", "||", "??", "?.", "||=", "&&=", "?\?="}},
    {LANG_GO, {"if", "for", "case", "&&", "||"}},
    {LANG_RUST, {"if", "for", "while", "match", "where", "?", "&&", "||"}},
    {LANG_JAVA, {"if", "for", "while", "catch", "case", "?", "&&", "||"}},
    {LANG_BASH, {"if", "elif", "for", "while", "until", "select", "case_item", "&&", "||"}},
    {LANG_RUBY,
     {"if", "elsif", "until", "for", "while", "rescue", "ensure", "when", "and", "or", "||", "&&",
      "?", "||=", "&&="}},
};

bool language_branch(enum lang l, const char *type, bool named) {
    if (named && l != LANG_BASH)
        return false;
    for (size_t k = 0; k < COUNT_OF(branches); k++)
        for (size_t i = 0; branches[k].lang == l && branches[k].words[i]; i++)
            if (strcmp(branches[k].words[i], type) == 0)
                return named == (strcmp(type, "case_item") == 0);
    return false;
}
