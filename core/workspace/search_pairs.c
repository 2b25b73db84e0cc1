// Pairs of words that follow each other in a line, of questions and of code alike. Code is read by
// the 100 KB for each question, so this has a scanner of its own: words are split and folded as
// core/code/words.h does, endings are cut a little more roughly, which costs nothing as both sides
// of the comparison come from here.
#include "core/base/mem.h"
#include "core/code/words.h"
#include "core/workspace/search_impl.h"

#include <string.h>

enum { STOPS = 512 }; // a power of two
struct stops { // what words_stop said about a hash: hash | 1 = it is one, hash & ~1 = it is none
    uint64_t said[STOPS];
};

static bool is_lower(unsigned char c) {
    return (c >= 'a' && c <= 'z') || c >= 128;
}
static bool is_upper(unsigned char c) {
    return c >= 'A' && c <= 'Z';
}
static bool is_digit(unsigned char c) {
    return c >= '0' && c <= '9';
}

// End of the part at `i`: "HTTPServer2" is HTTP, Server, 2.
static size_t part_end(const unsigned char *t, size_t n, size_t i) {
    size_t end = i + 1;
    if (is_digit(t[i])) {
        while (end < n && is_digit(t[end]))
            end++;
        return end;
    }
    if (is_upper(t[i])) {
        while (end < n && is_upper(t[end]))
            end++;
        if (end < n && is_lower(t[end]) && end - i > 1)
            return end - 1;
    }
    while (end < n && is_lower(t[end]))
        end++;
    return end;
}

// "retries" and "retry" stay two words; "stops", "stopped" … nearly always meet.
static size_t stem(const char *w, size_t n) {
    if (n > 3 && w[n - 1] == 's' && w[n - 2] != 's')
        n--;
    if (n > 5 && memcmp(w + n - 3, "ing", 3) == 0)
        return n - 3;
    if (n > 4 && memcmp(w + n - 2, "ed", 2) == 0)
        return n - 2;
    return n > 3 && w[n - 1] == 'e' ? n - 1 : n;
}

static bool is_stop(struct stops *s, const char *w, size_t n, uint64_t hash) {
    uint64_t *said = &s->said[(hash >> 8) & (STOPS - 1)];
    if (n > 7)
        return false;
    if ((*said | 1) != (hash | 1) || !*said)
        *said = words_stop(w, n) ? hash | 1 : hash & ~(uint64_t)1;
    return *said & 1;
}

void query_pairs(const char *text, size_t n, pair_fn *on_pair, void *ctx) {
    const unsigned char *t = (const unsigned char *)text;
    struct stops stops = {{0}};
    uint64_t last = 0;
    for (size_t i = 0; i < n;) {
        unsigned char c = t[i];
        if (!is_lower(c) && !is_upper(c) && !is_digit(c)) {
            last = c == '\n' ? 0 : last;
            i++;
            continue;
        }
        size_t end = part_end(t, n, i), m = end - i;
        char word[WORD_BYTES_MAX];
        bool useful = is_digit(c) ? m == 3 || m == 4 : m > 1;
        m = m < sizeof word ? m : sizeof word;
        for (size_t k = 0; k < m; k++)
            word[k] = is_upper(t[i + k]) ? (char)(t[i + k] | 0x20) : (char)t[i + k];
        i = end;
        if (!useful || is_stop(&stops, word, m, search_hash(word, m)))
            continue;
        uint64_t hash = search_hash(word, stem(word, m));
        if (last)
            on_pair(ctx, (last * 0x9E3779B97F4A7C15u) ^ hash);
        last = hash;
    }
}
