#include "core/code/words.h"

#include "core/base/utf.h"

#include <string.h>

enum { DIGIT = 1, LOWER = 2, UPPER = 4, JOINER = 8, LETTER = LOWER | UPPER };
// clang-format off
static const uint8_t classes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0,
    0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 0, 0, 0, 0, 8,
    0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
};
// clang-format on

static uint8_t class_of(char c) {
    return classes[(unsigned char)c];
}

// Sorted; at most seven letters.
static const char stops[][8] = {
    "about", "after", "all",  "also", "an",   "and",  "any",  "are",  "as",    "at",
    "be",    "been",  "but",  "by",   "can",  "did",  "do",   "does", "for",   "from",
    "had",   "has",   "have", "how",  "i",    "if",   "in",   "into", "is",    "it",
    "its",   "me",    "my",   "no",   "not",  "of",   "on",   "or",   "our",   "should",
    "so",    "some",  "such", "than", "that", "the",  "them", "then", "there", "these",
    "they",  "this",  "to",   "was",  "we",   "were", "what", "when", "where", "which",
    "while", "who",   "why",  "will", "with", "you",  "your"};

bool words_stop(const char *folded, size_t n) {
    size_t low = 0, high = sizeof stops / sizeof *stops;
    char word[8] = {0};
    if (n > 7)
        return false;
    memcpy(word, folded, n);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = memcmp(word, stops[middle], 8);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return n == 1 && word[0] == 'a';
}

static bool ends(const char *w, size_t n, const char *with) {
    size_t m = strlen(with);
    return n >= m && memcmp(w + n - m, with, m) == 0;
}

static bool is_vowel(char c) {
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y';
}

static bool has_vowel(const char *w, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (is_vowel(w[i]))
            return true;
    return false;
}

static size_t singular(char *w, size_t n) {
    if (n < 4 || w[n - 1] != 's' || ends(w, n, "ss") || ends(w, n, "us") || ends(w, n, "is"))
        return n;
    if (ends(w, n, "ies") && n > 4) {
        w[n - 3] = 'y';
        return n - 2;
    }
    if (ends(w, n, "sses") || ends(w, n, "xes") || ends(w, n, "ches") || ends(w, n, "shes"))
        return n - 2;
    return n - 1;
}

// "stopped", "running": the doubled letter goes; "call", "pass", "buzz" keep theirs.
static size_t undouble(const char *w, size_t n) {
    if (n > 3 && w[n - 1] == w[n - 2] && !is_vowel(w[n - 1]) && !strchr("lsz", w[n - 1]))
        return n - 1;
    return n;
}

static size_t verb(char *w, size_t n) {
    if (ends(w, n, "ied") && n > 4) {
        w[n - 3] = 'y';
        return n - 2;
    }
    if (ends(w, n, "ed") && !ends(w, n, "eed") && n > 4 && has_vowel(w, n - 2))
        return undouble(w, n - 2);
    if (ends(w, n, "ing") && n > 5 && has_vowel(w, n - 3))
        return undouble(w, n - 3);
    return n;
}

// Light on purpose: what differs only by an ending becomes equal ("parse", "parses", "parsed",
// "parsing"), "parser" stays another word.
static size_t stem(char *w, size_t n) {
    if (n < 4 || class_of(w[n - 1]) != LOWER || (unsigned char)w[n - 1] >= 128)
        return n;
    n = singular(w, n);
    size_t m = verb(w, n);
    if (m == n && n > 3 && w[n - 1] == 'e' && !is_vowel(w[n - 2]))
        m--;
    return m;
}

// Cut between characters.
static size_t fold(char *to, const char *text, size_t n) {
    char wide[WORD_BYTES_MAX + 4];
    size_t m = 0;
    for (size_t i = 0; i < n && m < sizeof wide; i++)
        if (class_of(text[i]) & (LETTER | DIGIT))
            wide[m++] = class_of(text[i]) == UPPER ? (char)(text[i] | 0x20) : text[i];
    if (m > WORD_BYTES_MAX)
        m = utf_cut(wide, m, WORD_BYTES_MAX);
    memcpy(to, wide, m);
    return m;
}

// End of the part that begins at `at`: "HTTPServer2" is HTTP, Server, 2.
static size_t part_end(const char *t, size_t n, size_t at) {
    uint8_t first = class_of(t[at]);
    size_t i = at + 1;
    if (first == DIGIT) {
        while (i < n && class_of(t[i]) == DIGIT)
            i++;
        return i;
    }
    if (first == UPPER) {
        while (i < n && class_of(t[i]) == UPPER)
            i++;
        if (i < n && class_of(t[i]) == LOWER && i - at > 1)
            return i - 1;
    }
    while (i < n && class_of(t[i]) == LOWER)
        i++;
    return i;
}

static int say_part(const char *t, size_t n, bool alone, word_fn *on_word, void *ctx) {
    char word[WORD_BYTES_MAX];
    size_t m = fold(word, t, n);
    if (!m || (!alone && (m < 2 || words_stop(word, m))))
        return 0;
    m = stem(word, m);
    return on_word(ctx, word, m);
}

int words_of_identifier(const char *text, size_t n, word_fn *on_word, void *ctx) {
    size_t at = 0, parts = 0, first = 0, first_end = 0;
    while (at < n) {
        if (!(class_of(text[at]) & (LETTER | DIGIT))) {
            at++;
            continue;
        }
        size_t end = part_end(text, n, at);
        if (!parts++) {
            first = at;
            first_end = end;
        }
        at = end;
    }
    if (parts == 0)
        return 0;
    if (parts == 1)
        return say_part(text + first, first_end - first, true, on_word, ctx);
    char whole[WORD_BYTES_MAX];
    size_t m = fold(whole, text, n);
    int r = m ? on_word(ctx, whole, m) : 0;
    for (at = first; at < n && r >= 0;) {
        if (!(class_of(text[at]) & (LETTER | DIGIT))) {
            at++;
            continue;
        }
        size_t end = part_end(text, n, at);
        r = say_part(text + at, end - at, false, on_word, ctx);
        at = end;
    }
    return r < 0 ? r : 0;
}

static bool is_useful_number(const char *t, size_t n) {
    if (n != 3 && n != 4)
        return false;
    for (size_t i = 0; i < n; i++)
        if (class_of(t[i]) != DIGIT)
            return false;
    return true;
}

bool words_next(const char *text, size_t n, size_t *at, size_t *ret_start, size_t *ret_n) {
    size_t i = *at;
    while (i < n) {
        while (i < n && !classes[(unsigned char)text[i]])
            i++;
        size_t start = i;
        while (i < n && classes[(unsigned char)text[i]])
            i++;
        if (i == start ||
            (class_of(text[start]) == DIGIT && !is_useful_number(text + start, i - start)))
            continue;
        *at = i;
        *ret_start = start;
        *ret_n = i - start;
        return true;
    }
    *at = i;
    return false;
}

int words_of_text(const char *text, size_t n, word_fn *on_word, void *ctx) {
    size_t at = 0, start, m;
    while (words_next(text, n, &at, &start, &m)) {
        char folded[WORD_BYTES_MAX];
        if (m < 8 && words_stop(folded, fold(folded, text + start, m)))
            continue;
        int r = words_of_identifier(text + start, m, on_word, ctx);
        if (r < 0)
            return r;
    }
    return 0;
}
