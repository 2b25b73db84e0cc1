// The gate, in any language (the first byte chooses it). What it lets through holds no byte outside
// of printable ASCII, and no word of three letters or more that is neither of the library nor of
// the language's grammar; the words are looked for without a parser.
#include "core/base/mem.h"
#include "core/code/scrub.h"
#include "core/code/stdnames.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct syntax *tree;

// A word that some anonymous token of the grammar consists of or holds ("is not").
static bool is_of_grammar(enum lang lang, const char *word, size_t n) {
    const struct grammar *g = language_grammar(lang);
    for (uint32_t k = 0; g && k < g->symbol_count; k++) {
        for (const char *type = language_type(lang, (uint16_t)k); *type;) {
            size_t length = strcspn(type, " ");
            if (length == n && memcmp(type, word, n) == 0)
                return true;
            type += length + (type[length] == ' ');
        }
    }
    return false;
}

static void check(enum lang lang, const char *text, size_t n) {
    for (size_t k = 0; k < n;) {
        while (k < n && isdigit((unsigned char)text[k]))
            k++;
        size_t from = k;
        while (k < n && (isalnum((unsigned char)text[k]) || text[k] == '_'))
            k++;
        if (k - from >= 3 && !stdnames_has(lang, text + from, k - from) &&
            !stdnames_is_keyword(lang, text + from, k - from) &&
            !is_of_grammar(lang, text + from, k - from)) {
            // Names of shells and Ruby have other signs in them: /dev/null, nil?, -maxdepth.
            size_t start = from, end = k;
            while (start && !isspace((unsigned char)text[start - 1]) &&
                   !strchr("([{,;", text[start - 1]))
                start--;
            while (end < n && !isspace((unsigned char)text[end]) && !strchr(")]},;.", text[end]))
                end++;
            bool known = stdnames_has(lang, text + from, end - from) ||
                         stdnames_has(lang, text + start, end - start) ||
                         stdnames_has(lang, text + start, k - start);
            if (!known) {
                (void)fprintf(stderr, "let through: %.*s\n", (int)n, text);
                abort();
            }
        }
        k += k == from;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || (!tree && !(tree = syntax_new())))
        return 0;
    enum lang lang = (enum lang)(data[0] % LANG_COUNT);
    const char *text = (const char *)data + 1;
    if (scrub_check(tree, lang, text, size - 1, NULL) < 0)
        return 0;
    for (size_t k = 0; k + 1 < size; k++)
        if (text[k] != '\n' && (text[k] < ' ' || text[k] > '~'))
            abort();
    check(lang, text, size - 1);
    return 0;
}
