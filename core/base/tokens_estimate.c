#include "core/base/tokens.h"

#include "core/base/utf.h"

#include <stdbool.h>
#include <stdint.h>

// One pass over the characters, a running cost in twelfths of a token. The classes and weights
// follow how byte-pair vocabularies cut text: a short word (with the space before it) is one token
// and a long one gets another for every ten letters or so, digits go in groups of three,
// punctuation mostly stands alone, a run of spaces is one token, and a character outside the Latin
// blocks costs about one. Costs are only ever added, and a character's cost depends on what
// stands before it alone, so a longer text never costs less than its prefix: tokens_estimate_prefix
// can stop at the first character that passes the budget.
enum {
    UNIT = 12,
    WORD_LETTERS = 10, // letters of a word that one token covers: most known words are shorter
    DIGITS = 3,
    SPACES = 16, // blanks of an indentation that one token covers
    BORDER_BYTES_MAX = 32
};

enum class { CLASS_NONE, CLASS_LETTER, CLASS_DIGIT, CLASS_SPACE, CLASS_NEWLINE, CLASS_PUNCTUATION };

struct counter {
    uint64_t cost; // twelfths
    enum class last;
    unsigned run; // characters of the class in a row
};

static enum class class_of(unsigned char c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return CLASS_LETTER;
    if (c >= '0' && c <= '9') return CLASS_DIGIT;
    if (c == '\n') return CLASS_NEWLINE;
    if (c <= ' ' || c == 0x7F) return CLASS_SPACE;
    return CLASS_PUNCTUATION;
}

static unsigned ascii_cost(struct counter *c, unsigned char ch) {
    enum class now = class_of(ch);
    bool same = now == c->last;
    unsigned run = same ? c->run + 1 : 1;
    bool word_follows_space = c->last == CLASS_SPACE && c->run == 1;
    c->last = now;
    c->run = run;
    switch (now) {
    case CLASS_LETTER:
        return run % WORD_LETTERS == 1 ? UNIT : 0;
    case CLASS_DIGIT:
        return run % DIGITS == 1 ? UNIT : 0;
    case CLASS_SPACE: // a single blank belongs to the word behind it
        return run == 2 || (run > 2 && run % SPACES == 2) ? UNIT : 0;
    case CLASS_NEWLINE:
        return run == 1 ? UNIT : 0;
    case CLASS_PUNCTUATION: // "()", "->" and "/*" are often one token
        return run % 2 && word_follows_space ? UNIT : UNIT / 2;
    case CLASS_NONE:
        break;
    }
    return UNIT;
}

static unsigned wide_cost(struct counter *c, uint32_t point) {
    bool latin = point < 0x250; // é, ß …: breaks the word's merges, so dearer than a plain letter
    bool alphabet = point < 0x1100; // Greek, Cyrillic, Arabic, Hindi: words of about two letters
    bool emoji = point >= 0x1F000;
    c->run = c->last == CLASS_LETTER ? c->run + 1 : 1;
    c->last = latin || alphabet ? CLASS_LETTER : CLASS_NONE;
    if (latin)
        return UNIT / 2;
    if (alphabet)
        return UNIT * 5 / 12;
    return emoji ? UNIT * 2 : UNIT;
}

// Bytes of the character at s; adds its cost. A byte that is not UTF-8 costs a token of its own.
static size_t count_one(struct counter *c, const char *s, size_t n) {
    unsigned char first = (unsigned char)s[0];
    if (first < 0x80) {
        c->cost += ascii_cost(c, first);
        return 1;
    }
    size_t bytes;
    uint32_t point = utf_decode(s, n, &bytes);
    c->cost += wide_cost(c, point);
    return bytes;
}

static size_t tokens_of(uint64_t cost) {
    return (size_t)((cost + UNIT - 1) / UNIT);
}

size_t tokens_estimate(const char *text, size_t n) {
    struct counter c = {0};
    for (size_t i = 0; i < n;)
        i += count_one(&c, text + i, n - i);
    return tokens_of(c.cost);
}

size_t tokens_estimate_prefix(const char *text, size_t n, size_t budget) {
    struct counter c = {0};
    size_t end = 0;
    while (end < n) {
        size_t bytes = count_one(&c, text + end, n - end);
        if (tokens_of(c.cost) > budget)
            break;
        end += bytes;
    }
    if (end == n || end == 0)
        return end;
    // Not in the middle of a word, unless the word is longer than anybody's patience.
    for (size_t back = 0; back < BORDER_BYTES_MAX && back < end; back++) {
        enum class at = class_of((unsigned char)text[end - back]);
        enum class before = class_of((unsigned char)text[end - back - 1]);
        if ((at == CLASS_SPACE || at == CLASS_NEWLINE) && before != CLASS_SPACE &&
            before != CLASS_NEWLINE)
            return end - back;
    }
    return end;
}
