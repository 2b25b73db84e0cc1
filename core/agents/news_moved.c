// What of a new text was there before: lines that the change removed elsewhere, and left alone.
#include "core/agents/news.h"

#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    PAIR_BYTES_MIN = 24, // two lines with less say too little to be recognised by
    SAID_BYTES_MIN = 24, // a line with less, or fewer words, is not known by itself
    SAID_WORDS_MIN = 4,
    REMOVED_MAX = 1 << 20,
    RUN = 4,       // tokens one behind the other
    RUN_WORDS = 2, // of them: the others are punctuation, of which all code has the same
    RUNS_MAX = 1 << 16,
};

static const uint64_t FNV_START = 14695981039346656037U, FNV_PRIME = 1099511628211U;

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static int put_hash(struct news_hashes *h, uint64_t hash, uint32_t max) {
    if (!hash || h->count >= max)
        return 0;
    if (h->count == h->capacity) {
        uint32_t more = h->capacity ? h->capacity * 2 : 256;
        uint64_t *list = mem_realloc(h->list, more * sizeof *list);
        if (!list)
            return ERR_NOMEM;
        h->list = list;
        h->capacity = more;
    }
    h->list[h->count++] = hash;
    return 0;
}

static int compare_hashes(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort_hashes(struct news_hashes *h) {
    uint32_t kept = 0;
    if (h->count)
        qsort(h->list, h->count, sizeof *h->list, compare_hashes);
    for (uint32_t i = 0; i < h->count; i++)
        if (!i || h->list[i] != h->list[kept - 1])
            h->list[kept++] = h->list[i];
    h->count = kept;
}

static bool has_hash(const struct news_hashes *h, uint64_t hash) {
    return hash && h->count &&
           bsearch(&hash, h->list, h->count, sizeof *h->list, compare_hashes) != NULL;
}

// --- pairs of lines ----------------------------------------------------------------------------

struct piece {
    const char *text;
    size_t n;
};

static struct piece trimmed(const char *text, size_t n) {
    while (n && is_space(*text)) {
        text++;
        n--;
    }
    while (n && is_space(text[n - 1]))
        n--;
    return (struct piece){text, n};
}

static struct piece next_line(const char **at, const char *end) {
    const char *eol = memchr(*at, '\n', (size_t)(end - *at));
    struct piece line = {*at, (size_t)((eol ? eol : end) - *at)};
    *at = eol ? eol + 1 : end;
    return line;
}

// FNV-1a
static uint64_t hash_bytes(uint64_t h, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)text[i]) * FNV_PRIME;
    return h;
}

// Of both lines; 0: they say too little.
static uint64_t pair_hash(struct piece a, struct piece b) {
    if (a.n + b.n < PAIR_BYTES_MIN || !a.n || !b.n)
        return 0;
    uint64_t h = hash_bytes(hash_bytes(FNV_START, a.text, a.n), "\n", 1);
    h = hash_bytes(h, b.text, b.n);
    return h ? h : 1;
}

// --- runs of tokens ----------------------------------------------------------------------------

struct tokens { // the last ones read
    uint64_t hash[RUN];
    bool word[RUN], known[RUN];
    uint32_t count;
};

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

static void take_token(struct tokens *t, struct piece *line, bool known) {
    size_t n = 1;
    bool word = is_word(line->text[0]);
    while (word && n < line->n && is_word(line->text[n]))
        n++;
    uint32_t at = t->count++ % RUN;
    t->hash[at] = hash_bytes(FNV_START, line->text, n);
    t->word[at] = word;
    t->known[at] = known;
    line->text += n;
    line->n -= n;
}

// The run that ends here; 0: there is none, or it says nothing.
static uint64_t run_hash(const struct tokens *t, bool *ret_known) {
    uint64_t h = FNV_START;
    unsigned words = 0;
    *ret_known = true;
    if (t->count < RUN)
        return 0;
    for (uint32_t i = 0; i < RUN; i++) {
        uint32_t at = (t->count + i) % RUN;
        h = (h ^ t->hash[at]) * FNV_PRIME;
        h ^= h >> 29;
        words += t->word[at];
        *ret_known &= t->known[at];
    }
    return words < RUN_WORDS ? 0 : h ? h : 1;
}

// All runs that end on the line: those of old lines to `known`, others to `other`.
static int read_line(struct tokens *t, struct piece line, bool old, struct news_hashes *known,
                     struct news_hashes *other, uint32_t max) {
    int r = 0;
    while (r == 0 && line.n) {
        if (is_space(*line.text)) {
            line.text++;
            line.n--;
            continue;
        }
        bool all_old;
        take_token(t, &line, old);
        uint64_t h = run_hash(t, &all_old);
        r = put_hash(all_old ? known : other, h, max);
    }
    return r;
}

static struct piece from_word(struct piece line) {
    while (line.n && !is_word(*line.text)) {
        line.text++;
        line.n--;
    }
    return line;
}

// Of a line's words in whatever letters, without the signs around them and the mark in front;
// 0: it says too little.
static uint64_t said_hash(struct piece line) {
    static const char *const marks[] = {"todo", "fixme", "xxx", "hack"};
    size_t words = 0;
    line = from_word(line);
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        size_t n = strlen(marks[i]);
        if (line.n > n && strncasecmp(line.text, marks[i], n) == 0 && !is_word(line.text[n])) {
            line = from_word((struct piece){line.text + n, line.n - n});
            break;
        }
    }
    while (line.n && !is_word(line.text[line.n - 1]))
        line.n--;
    for (size_t i = 0; i < line.n; i++)
        words += is_word(line.text[i]) && (!i || !is_word(line.text[i - 1]));
    if (line.n < SAID_BYTES_MIN || words < SAID_WORDS_MIN)
        return 0;
    uint64_t h = FNV_START;
    for (size_t i = 0; i < line.n; i++) {
        char small =
            line.text[i] >= 'A' && line.text[i] <= 'Z' ? (char)(line.text[i] | 0x20) : line.text[i];
        h = hash_bytes(h, &small, 1);
    }
    return h ? h : 1;
}

// --- what was removed --------------------------------------------------------------------------

static int add_hunk(struct news_removed *r, const struct diff_hunk *h) {
    const char *at = h->text, *end = h->text + h->text_bytes;
    struct tokens tokens = {.count = 0};
    struct piece last = {NULL, 0};
    int result = 0;
    while (at < end && result == 0) {
        struct piece line = next_line(&at, end);
        if (!line.n || *line.text != '-')
            continue;
        struct piece now = trimmed(line.text + 1, line.n - 1);
        result = read_line(&tokens, now, true, &r->runs, &r->runs, REMOVED_MAX);
        if (!now.n || result < 0)
            continue;
        result = put_hash(&r->pairs, pair_hash(last, now), REMOVED_MAX);
        if (result == 0)
            result = put_hash(&r->said, said_hash(now), REMOVED_MAX);
        last = now;
    }
    return result;
}

static int make_removed(struct news_removed *r, const struct diff *d, struct err *err) {
    int result = 0;
    for (uint32_t k = 0; k < d->hunk_count && result == 0; k++)
        if (d->hunks[k].old_count)
            result = add_hunk(r, &d->hunks[k]);
    sort_hashes(&r->pairs);
    sort_hashes(&r->said);
    sort_hashes(&r->runs);
    r->made = result == 0;
    return result < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

int news_is_moved(struct news_removed *r, const struct diff *d, const char *text, size_t bytes,
                  uint32_t line, struct err *err) {
    struct piece before = {NULL, 0}, here = {NULL, 0}, behind = {NULL, 0};
    const char *at = text, *end = text + bytes;
    int result = d && !r->made ? make_removed(r, d, err) : 0;
    if (result < 0 || !d || !r->pairs.count)
        return result;
    for (uint32_t k = 1; at < end && !behind.n; k++) {
        struct piece now = next_line(&at, end);
        now = trimmed(now.text, now.n);
        if (k < line && now.n)
            before = now;
        else if (k == line)
            here = now;
        else if (k > line)
            behind = now;
    }
    return has_hash(&r->pairs, pair_hash(before, here)) ||
           has_hash(&r->pairs, pair_hash(here, behind));
}

int news_is_said_again(struct news_removed *r, const struct diff *d, const char *text, size_t bytes,
                       uint32_t line, struct err *err) {
    const char *at = text, *end = text + bytes;
    int result = d && !r->made ? make_removed(r, d, err) : 0;
    if (result < 0 || !d || !r->said.count)
        return result;
    struct piece here = {NULL, 0};
    for (uint32_t k = 1; at < end && k <= line; k++)
        here = next_line(&at, end);
    return has_hash(&r->said, said_hash(here));
}

static unsigned percent_of(const struct news_removed *r, const struct news_hashes *old,
                           const struct news_hashes *other) {
    uint32_t all = old->count, known = old->count;
    for (uint32_t i = 0; i < other->count; i++) {
        if (has_hash(old, other->list[i]))
            continue;
        all++;
        known += has_hash(&r->runs, other->list[i]);
    }
    return all ? (unsigned)((uint64_t)known * 100 / all) : 0;
}

int news_known_percent(struct news_removed *r, const struct diff *d, const struct diff_file *f,
                       struct news_piece piece, unsigned *ret, struct err *err) {
    struct news_hashes old = {0}, other = {0};
    struct tokens tokens = {.count = 0};
    const char *at = piece.text, *end = piece.text + piece.bytes;
    int result = d && !r->made ? make_removed(r, d, err) : 0;
    *ret = 0;
    if (result < 0 || !d)
        return result;
    for (uint32_t k = 1; at < end && k <= piece.end_line && result == 0; k++) {
        struct piece now = next_line(&at, end);
        if (k >= piece.line)
            result =
                read_line(&tokens, now, f && !diff_touches(d, f, k, k), &old, &other, RUNS_MAX);
    }
    sort_hashes(&old);
    sort_hashes(&other);
    if (result == 0)
        *ret = percent_of(r, &old, &other);
    mem_free(old.list);
    mem_free(other.list);
    return result < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

void news_removed_done(struct news_removed *r) {
    mem_free(r->pairs.list);
    mem_free(r->said.list);
    mem_free(r->runs.list);
    *r = (struct news_removed){0};
}
