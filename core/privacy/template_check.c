// The gate for templates: a text is lines of words, holes, small numbers and signs.
#include "core/privacy/template.h"

#include "core/base/mem.h"
#include "core/code/stdnames.h"

#include <string.h>

static bool dollar_means_something(enum lang lang) {
    return lang == LANG_BASH || lang == LANG_RUBY;
}

// Tokens whose text the grammar fixes: `if`, `struct`, `async` …
static bool is_of_grammar(enum lang lang, const char *word, size_t n) {
    const struct grammar *g = language_grammar(lang);
    for (uint32_t i = 0; g && i < g->symbol_count; i++) {
        const char *type;
        if (g->named[i] & SYMBOL_IS_NAMED)
            continue;
        type = language_type(lang, (uint16_t)i);
        if (type && *type == *word && strlen(type) == n && memcmp(type, word, n) == 0)
            return true;
    }
    return false;
}

bool template_word_is_public(enum lang lang, const char *word, size_t n) {
    return stdnames_has(lang, word, n) || stdnames_is_keyword(lang, word, n) ||
           is_of_grammar(lang, word, n);
}

static int refuse(struct err *err, const char *what) {
    return err_set(err, ERR_PERM, "the template holds %s", what);
}

static bool word_char(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

struct gate {
    enum lang lang;
    const char *text;
    size_t n;
    unsigned next[4]; // number of the next new hole: $A $S $N $C
};

// Holes are numbered as they come, so that numbers carry nothing. Length, or 0.
static size_t hole(struct gate *g, size_t at) {
    static const char kinds[] = "ASNC";
    size_t left = g->n - at;
    const char *s = g->text + at;
    if (left >= 4 && memcmp(s, "$...", 4) == 0)
        return 4;
    const char *kind = left >= 3 && s[1] ? strchr(kinds, s[1]) : NULL;
    if (!kind || s[2] < '1' || s[2] > '9')
        return 0;
    size_t i = 2;
    unsigned v = 0;
    for (; i < left && i < 5 && s[i] >= '0' && s[i] <= '9'; i++)
        v = v * 10 + (unsigned)(s[i] - '0');
    if (i < left && word_char(s[i]))
        return 0;
    unsigned *next = &g->next[kind - kinds];
    if (v > *next + 1)
        return 0;
    *next += v == *next + 1;
    return i;
}

static size_t word(const struct gate *g, size_t at) {
    size_t i = at;
    while (i < g->n && word_char(g->text[i]))
        i++;
    const char *s = g->text + at;
    size_t n = i - at;
    if (s[0] >= '0' && s[0] <= '9')
        return n == 1 && (s[0] == '0' || s[0] == '1') ? 1 : 0;
    return template_word_is_public(g->lang, s, n) ? n : 0;
}

// Blanks: by fours at the beginning of a line, single ones within.
static bool layout_is_plain(const char *text, size_t n) {
    size_t line = 0;
    bool lead = true; // only blanks so far
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n') {
            line = i + 1;
            lead = true;
        } else if (text[i] != ' ') {
            if (lead && ((i - line) % 4 || i - line > 128))
                return false;
            lead = false;
        } else if (!lead && text[i - 1] == ' ') {
            return false;
        }
    }
    return true;
}

static bool starts_comment(const struct gate *g, size_t at) {
    char c = g->text[at], next = at + 1 < g->n ? g->text[at + 1] : '\n';
    if (c == '#') // attributes of Rust are code
        return !(g->lang == LANG_RUST && (next == '[' || next == '!'));
    return c == '/' && (next == '*' || (next == '/' && g->lang != LANG_PYTHON));
}

int template_check(enum lang lang, const char *text, size_t n, struct err *err) {
    struct gate g = {.lang = lang, .text = text, .n = n};
    if (!lang || !language_has_tree(lang) || dollar_means_something(lang))
        return err_set(err, ERR_UNSUPPORTED, "there are no templates of this language");
    if (!n || n > TEMPLATE_BYTES_MAX || !layout_is_plain(text, n))
        return refuse(err, "another layout than templates have");
    for (size_t i = 0, taken; i < n; i += taken) {
        char c = text[i];
        taken = 1;
        if (c == '\n' || c == ' ')
            continue;
        if (starts_comment(&g, i))
            return refuse(err, "a comment");
        if (word_char(c)) {
            taken = word(&g, i);
            if (!taken)
                return refuse(err,
                              c >= '0' && c <= '9' ? "a number of its own" : "a name of its own");
        } else if (c == '$') {
            taken = hole(&g, i);
            if (!taken)
                return refuse(err, "a hole that is none");
        } else if ((c == '"' || c == '\'') && i + 1 < n && text[i + 1] == c) {
            taken = 2; // the empty string
        } else if (c <= ' ' || c > '~' || strchr("\"'`\\", c)) {
            return refuse(err, "a text of its own");
        }
    }
    return 0;
}
