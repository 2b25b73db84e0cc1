#include "core/route/route_features.h"

#include "core/route/route_head.h"
#include "core/route/route_lanes.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 64, WORD_BYTES = 8, LONG_WORD_BYTES = 9 };
// Between a head's features and its sum: their number to this power. Chosen by cross-validation.
static const float NORM_POWER = .35F, NORM_SCALE = .566F;

enum class { UPPER, SIGN, STOP, PERCENT, COMMA, CLASSES };

struct reader {
    struct route_features *f;
    uint64_t counts[CLASSES];     // bytes of each class
    size_t choices, first_choice; // lines that offer a choice; where the first begins
    // Of the windows of which the words are read:
    size_t window_bytes;
    uint64_t words, word_bytes, long_words, numbers, number_bytes, decimals;
    uint64_t choice_words, choice_words_known; // within the choices; of them, read before
};

typedef route_lanes lanes;
// A lane counts up to four a block, and no window has so many blocks that it overflows.
_Static_assert(4 * ((ROUTE_HEAD_BYTES + ROUTE_TAIL_BYTES) / BLOCK + 1) < 256, "lanes of counters");

// --- shape

// Counts the classes of a block; one bit for each byte of it that belongs to a word.
static uint64_t classify(lanes sums[CLASSES], const uint8_t *block) {
    uint64_t bits = 0;
    for (int i = 0; i < BLOCK; i += 16) {
        lanes c;
        memcpy(&c, block + i, 16);
        // A set lane is 255: taking it away adds one.
        sums[UPPER] -= route_between(c, 'A', 26);
        sums[SIGN] -= (lanes)(c == '+') | (lanes)(c == '-') | (lanes)(c == '*') |
                      (lanes)(c == '/') | (lanes)(c == '^') | route_between(c, '<', 3);
        sums[STOP] -= (lanes)(c == '.') | (lanes)(c == '?');
        sums[PERCENT] -= (lanes)(c == '%');
        sums[COMMA] -= (lanes)(c == ',');
        bits |= route_bits_of(route_between(c, '0', 10) | route_between(c | 0x20, 'a', 26) |
                              (lanes)(c >= 128))
                << i;
    }
    return bits;
}

static void flush(struct reader *r, lanes sums[CLASSES]) {
    for (int k = 0; k < CLASSES; k++)
        for (int i = 0; i < 16; i++)
            r->counts[k] += sums[k][i];
    memset(sums, 0, CLASSES * sizeof *sums);
}

// Newlines of a block that begins at `at`: which of the lines offer a choice?
static void choices(struct reader *r, const uint8_t *text, size_t n, uint64_t lines, size_t at) {
    for (; lines && r->choices < 2; lines &= lines - 1) {
        size_t line = at + (size_t)__builtin_ctzll(lines);
        if (n - line < 4 || (uint8_t)(text[line + 1] - 'A') >= 10 ||
            (text[line + 2] != '.' && text[line + 2] != ')') || text[line + 3] != ' ')
            continue;
        if (r->choices++ == 0)
            r->first_choice = line;
    }
}

static uint64_t newlines(const uint8_t *block) {
    uint64_t lines = 0;
    for (int i = 0; i < BLOCK; i += 16) {
        lanes c;
        memcpy(&c, block + i, 16);
        lines |= route_bits_of((lanes)(c == '\n')) << i;
    }
    return lines;
}

static void find_choices(struct reader *r, const uint8_t *text, size_t from, size_t to) {
    uint8_t last[BLOCK] = {0};
    size_t at = from;
    for (; at + BLOCK <= to; at += BLOCK)
        choices(r, text, to, newlines(text + at), at);
    if (at < to)
        memcpy(last, text + at, to - at);
    choices(r, text, to, newlines(last), at);
}

// --- words

// A window that is read, and what is counted in it: of its own, so that it can stay in registers.
struct window {
    const uint8_t *text;
    size_t n;
    size_t first_choice;
    size_t word_from; // where the word that is open began
    bool open;
    uint32_t before, before_that; // hashes of the two words before, 0 where there is none
    uint32_t words, pairs;        // as in route_features
    uint64_t read, word_bytes, long_words, numbers, number_bytes, decimals, choice_words, known;
};

// The first bytes of a word in lower case, whatever the machine's byte order does to them.
static inline uint64_t word_key(const struct window *w, size_t from, size_t len) {
    uint64_t key = 0;
    size_t used = len < WORD_BYTES ? len : WORD_BYTES;
    if (__builtin_expect(from + WORD_BYTES <= w->n, 1)) {
        memcpy(&key, w->text + from, WORD_BYTES);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        key = __builtin_bswap64(key);
#endif
        key &= UINT64_MAX >> (64 - 8 * used);
    } else {
        for (size_t i = 0; i < used; i++)
            key |= (uint64_t)w->text[from + i] << (8 * i);
    }
    return key | UINT64_C(0x2020202020202020);
}

static inline uint32_t hash_of(uint64_t key) {
    return (uint32_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

// 1 if the bucket is new, else 0; no branch, for which of them it is nobody can foresee.
static inline uint32_t first_time(uint64_t *seen, uint32_t bucket) {
    uint32_t place = bucket / (ROUTE_BUCKETS / ROUTE_SEEN_PLACES);
    uint64_t old = seen[place >> 6];
    seen[place >> 6] = old | UINT64_C(1) << (place & 63);
    return (uint32_t)(~old >> (place & 63)) & 1;
}

static inline void pair(struct route_features *f, struct window *w, uint32_t hash, uint32_t with,
                        uint32_t distance) {
    uint32_t bucket = (hash * 31U + with * distance) >> (32 - ROUTE_BUCKET_BITS);
    f->buckets[ROUTE_PLACES - 1 - w->pairs] = bucket; // kept only if it is new
    w->pairs += first_time(f->seen, bucket);
}

static inline bool digit(uint8_t c) {
    return (uint8_t)(c - '0') < 10;
}

static inline void take(struct route_features *f, struct window *w, size_t from, size_t len) {
    static const uint64_t NUMBER_KEY = UINT64_C(0x2020202020202023); // "#"
    uint32_t hash = hash_of(word_key(w, from, len));
    uint32_t bucket = hash >> (32 - ROUTE_BUCKET_BITS);
    uint32_t fresh = first_time(f->seen, bucket);
    f->buckets[w->words] = bucket;
    w->words += fresh;
    if (__builtin_expect(digit(w->text[from]), 0)) {
        hash = hash_of(NUMBER_KEY);
        w->numbers++;
        w->number_bytes += len;
        w->decimals += from >= 2 && w->text[from - 1] == '.' && digit(w->text[from - 2]);
    } else {
        w->long_words += len >= LONG_WORD_BYTES;
    }
    if (w->before)
        pair(f, w, hash, w->before, UINT32_C(0x9E3779B1));
    if (w->before_that)
        pair(f, w, hash, w->before_that, UINT32_C(0x85EBCA6B));
    w->before_that = w->before;
    w->before = hash | 1;
    if (__builtin_expect(from > w->first_choice, 0)) {
        w->choice_words++;
        w->known += !fresh;
    }
}

// Takes the words that end in a block which begins at `at`.
static inline void walk(struct route_features *f, struct window *w, uint64_t bits, size_t at) {
    uint64_t before = bits << 1 | (w->open ? 1 : 0);
    uint64_t starts = bits & ~before, ends = ~bits & before;
    size_t from = w->word_from;
    w->read += (unsigned)__builtin_popcountll(ends);
    w->word_bytes += (unsigned)__builtin_popcountll(bits);
    if (!w->open && starts) {
        from = at + (size_t)__builtin_ctzll(starts);
        starts &= starts - 1;
    }
    for (; ends; ends &= ends - 1) {
        take(f, w, from, at + (size_t)__builtin_ctzll(ends) - from);
        if (starts) {
            from = at + (size_t)__builtin_ctzll(starts);
            starts &= starts - 1;
        }
    }
    w->open = bits >> 63;
    w->word_from = from;
}

static void add_up(struct reader *r, const struct window *w) {
    r->f->words = w->words;
    r->f->pairs = w->pairs;
    r->words += w->read;
    r->word_bytes += w->word_bytes;
    r->long_words += w->long_words;
    r->numbers += w->numbers;
    r->number_bytes += w->number_bytes;
    r->decimals += w->decimals;
    r->choice_words += w->choice_words;
    r->choice_words_known += w->known;
}

static void read_words(struct reader *r, const uint8_t *text, size_t n, size_t from, size_t to) {
    uint8_t last[BLOCK] = {0};
    lanes sums[CLASSES] = {{0}};
    struct window w = {.text = text,
                       .n = n,
                       .first_choice = r->first_choice,
                       .words = r->f->words,
                       .pairs = r->f->pairs};
    bool whole = true;
    r->window_bytes += to - from;
    for (size_t at = from; whole; at += BLOCK) {
        const uint8_t *block = text + at;
        whole = at + BLOCK <= to;
        if (!whole) { // zeros end what is open
            memcpy(last, text + at, to - at);
            block = last;
        }
        walk(r->f, &w, classify(sums, block), at);
    }
    add_up(r, &w);
    flush(r, sums);
}

// --- figures

// Mean and deviation over the rows that the prior is fitted on bring all figures to one size.
static void put(struct reader *r, int i, float value, float mean, float deviation) {
    float z = (value - mean) / deviation;
    r->f->dense[i] = z > 4 ? 4 : z < -4 ? -4 : z;
}

static float share(uint64_t of, uint64_t all) {
    return all ? (float)of / (float)all : 0;
}

static void shape(struct reader *r, size_t n) {
    struct route_features *f = r->f;
    // Counts of a part are scaled to the whole.
    float whole = r->window_bytes ? (float)n / (float)r->window_bytes : 1;
    const uint64_t *c = r->counts;
    size_t stem = r->choices >= 2 ? r->first_choice : n;
    uint64_t letter_words = r->words - r->numbers;
    f->choices = r->choices >= 2;
    put(r, 0, logf(1 + (float)n), 5.74F, .73F);
    put(r, 1, logf(1 + (float)stem), 5.07F, .96F);
    put(r, 2, logf(1 + whole * (float)r->words), 4.03F, .70F);
    put(r, 3, share(c[UPPER], r->window_bytes + 1), .041F, .028F);
    put(r, 4, logf(1 + whole * (float)c[SIGN]), .41F, .60F);
    put(r, 5, logf(1 + whole * (float)c[STOP]), 2.03F, .45F);
    put(r, 6, share(r->word_bytes - r->number_bytes, letter_words), 4.6F, .70F);
    put(r, 7, logf(1 + whole * (float)c[PERCENT]), .04F, .22F);
    put(r, 8, logf(1 + whole * (float)c[COMMA]), .87F, .91F);
    put(r, 9, share(f->words, r->words), .72F, .13F);
    put(r, 10, share(r->long_words, letter_words), .107F, .078F);
    put(r, 11, f->choices ? share(r->choice_words_known, r->choice_words) : 0, .33F, .26F);
    put(r, 12, logf(1 + whole * (float)r->decimals), .065F, .29F);
    put(r, 13, logf(1 + whole * (float)r->numbers), .76F, .89F);
    float weight = (float)f->words + ROUTE_PAIR_WEIGHT * (float)f->pairs;
    f->scale = weight > 0 ? NORM_SCALE * powf(weight, -NORM_POWER) : 0;
}

void route_features_read(struct route_features *f, const char *text, size_t n) {
    struct reader r = {.f = f, .first_choice = SIZE_MAX};
    const uint8_t *bytes = (const uint8_t *)text;
    f->words = f->pairs = 0;
    memset(f->seen, 0, sizeof f->seen);
    if (n <= ROUTE_SHAPE_HEAD_BYTES + ROUTE_SHAPE_TAIL_BYTES) {
        find_choices(&r, bytes, 0, n);
    } else {
        find_choices(&r, bytes, 0, ROUTE_SHAPE_HEAD_BYTES);
        find_choices(&r, bytes, n - ROUTE_SHAPE_TAIL_BYTES, n);
    }
    if (n <= ROUTE_HEAD_BYTES + ROUTE_TAIL_BYTES) {
        read_words(&r, bytes, n, 0, n);
    } else {
        read_words(&r, bytes, n, 0, ROUTE_HEAD_BYTES);
        read_words(&r, bytes, n, n - ROUTE_TAIL_BYTES, n);
    }
    shape(&r, n);
}
