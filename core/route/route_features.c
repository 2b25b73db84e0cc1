#include "core/route/route_features.h"

#include "core/route/route_head.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { BLOCK = 64, WORD_BYTES = 6, WORD_BYTES_COUNTED_MAX = 255 };
// The sum is divided by its number of features to this power. Chosen
// by cross-validation on the rows the prior is fitted on.
static const float NORM_POWER = .35F, NORM_SCALE = .566F;

enum class { DIGIT, UPPER, PUNCTUATION, LINE, HIGH, SIGN, STOP, CLASSES };

struct reader {
    struct route_features *f;
    const uint8_t *text;
    size_t n;
    uint64_t counts[CLASSES]; // bytes of each class
    uint64_t bytes, words, word_bytes, longest, numbers;
    size_t word_from; // where the word that is open began
    bool open;
    uint32_t before; // hash of the word before, 0 at the beginning
};

// Vectors of GCC and clang: what the machine lacks they make of what it has.
typedef uint8_t lanes __attribute__((vector_size(16)));
enum { FLUSH_BLOCKS = 60 }; // a lane counts up to four a block

static lanes between(lanes c, uint8_t first, uint8_t count) {
    return (lanes)((lanes)(c - first) < count);
}

// One bit for each lane that is set.
static uint64_t bits_of(lanes set) {
#ifdef __SSE2__
    typedef char signed_lanes __attribute__((vector_size(16)));
    return (uint16_t)__builtin_ia32_pmovmskb128((signed_lanes)set);
#else
    uint64_t halves[2], bits = 0;
    memcpy(halves, &set, sizeof halves);
    for (int i = 0; i < 2; i++) // the highest bit of each byte, gathered by one multiplication
        bits |=
            (((halves[i] & UINT64_C(0x8080808080808080)) >> 7) * UINT64_C(0x0102040810204080) >> 56)
            << (8 * i);
    return bits;
#endif
}

// One bit for each byte of the block that belongs to a word; counts the classes by the way.
static uint64_t classify(lanes sums[CLASSES], const uint8_t *block) {
    uint64_t bits = 0;
    for (int i = 0; i < BLOCK; i += 16) {
        lanes c;
        memcpy(&c, block + i, 16);
        lanes digit = between(c, '0', 10), letter = between(c | 0x20, 'a', 26);
        lanes high = (lanes)(c >= 128), word = digit | letter | high;
        // A set lane is 255: taking it away adds one.
        sums[DIGIT] -= digit;
        sums[UPPER] -= between(c, 'A', 26);
        sums[PUNCTUATION] -= between(c, 33, 94) & ~word;
        sums[LINE] -= (lanes)(c == '\n');
        sums[HIGH] -= high;
        sums[SIGN] -= (lanes)(c == '+') | (lanes)(c == '-') | (lanes)(c == '*') |
                      (lanes)(c == '/') | (lanes)(c == '^') | between(c, '<', 3);
        sums[STOP] -= (lanes)(c == '.') | (lanes)(c == '?');
        bits |= bits_of(word) << i;
    }
    return bits;
}

static void flush(struct reader *r, lanes sums[CLASSES]) {
    for (int k = 0; k < CLASSES; k++)
        for (int i = 0; i < 16; i++)
            r->counts[k] += sums[k][i];
    memset(sums, 0, CLASSES * sizeof *sums);
}

// The first bytes of a word in lower case, whatever the machine's byte order does to them.
static inline uint64_t word_key(const struct reader *r, size_t from, size_t len) {
    uint64_t key = 0;
    size_t used = len < WORD_BYTES ? len : WORD_BYTES;
    if (__builtin_expect(from + 8 <= r->n, 1)) {
        memcpy(&key, r->text + from, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        key = __builtin_bswap64(key);
#endif
        key &= (UINT64_C(1) << (8 * used)) - 1;
    } else {
        for (size_t i = 0; i < used; i++)
            key |= (uint64_t)r->text[from + i] << (8 * i);
    }
    return key | UINT64_C(0x202020202020);
}

// 1 if the bucket is new, else 0; no branch, for which of them it is nobody can foresee.
static inline uint32_t first_time(uint64_t *seen, uint32_t bucket) {
    uint64_t old = seen[bucket >> 6];
    seen[bucket >> 6] = old | UINT64_C(1) << (bucket & 63);
    return (uint32_t)(~old >> (bucket & 63)) & 1;
}

// Takes the words that end in a block which begins at `at`.
static void walk(struct reader *r, uint64_t bits, size_t at) {
    struct route_features *f = r->f;
    uint64_t before = bits << 1 | (r->open ? 1 : 0);
    uint64_t starts = bits & ~before, ends = ~bits & before;
    uint32_t words = f->words, pairs = f->pairs, last = r->before;
    size_t from = r->word_from;
    if (!r->open && starts) {
        from = at + (size_t)__builtin_ctzll(starts);
        starts &= starts - 1;
    }
    for (; ends; ends &= ends - 1) {
        size_t len = at + (size_t)__builtin_ctzll(ends) - from;
        uint64_t product = word_key(r, from, len) * UINT64_C(0x9E3779B97F4A7C15);
        uint32_t hash = (uint32_t)(product >> 32), bucket = hash >> 16;
        // Written in any case, kept only if it is new.
        f->buckets[words] = (uint16_t)bucket;
        words += first_time(f->seen, bucket);
        bucket = (hash * 31U + last * UINT32_C(0x9E3779B1)) >> 16;
        if (__builtin_expect(last != 0, 1)) {
            f->buckets[ROUTE_PLACES - 1 - pairs] = (uint16_t)bucket;
            pairs += first_time(f->seen, bucket);
        }
        last = hash | 1;
        r->words++;
        r->word_bytes += len;
        r->longest = len > r->longest ? len : r->longest;
        r->numbers += (uint8_t)(r->text[from] - '0') < 10;
        if (starts) {
            from = at + (size_t)__builtin_ctzll(starts);
            starts &= starts - 1;
        }
    }
    r->open = bits >> 63;
    r->word_from = from;
    r->before = last;
    f->words = words;
    f->pairs = pairs;
}

static void scan(struct reader *r, const char *text, size_t n) {
    uint8_t last[BLOCK] = {0};
    lanes sums[CLASSES] = {{0}};
    r->text = (const uint8_t *)text;
    r->n = n;
    r->bytes += n;
    r->open = false;
    size_t at = 0;
    for (size_t blocks = 1; at + BLOCK <= n; at += BLOCK, blocks++) {
        walk(r, classify(sums, r->text + at), at);
        if (blocks % FLUSH_BLOCKS == 0)
            flush(r, sums);
    }
    if (at < n)
        memcpy(last, r->text + at, n - at);
    walk(r, classify(sums, last), at); // zeros end what is open
    flush(r, sums);
}

static void shape(struct reader *r, size_t n) {
    float words = (float)r->words, bytes = (float)r->bytes;
    float unread = n > 0 ? (float)n / (bytes > 0 ? bytes : 1) : 1; // counts are scaled to the whole
    const uint64_t *c = r->counts;
    float *d = r->f->dense;
    float distinct = (float)(r->f->words + r->f->pairs);
#define SHARE(class) ((float)c[class] / (bytes + 1))
    d[0] = logf(1 + (float)n) / 5 - 1.1F;
    d[1] = SHARE(DIGIT) * 5;
    d[2] = SHARE(UPPER) * 5;
    d[3] = SHARE(PUNCTUATION) * 5;
    d[4] = logf(1 + unread * (float)c[LINE]) / 2 - .8F;
    d[5] = SHARE(HIGH) * 5;
    d[6] = r->words ? (float)r->word_bytes / words / 5 - .9F : 0;
    d[7] = fminf((float)r->longest, WORD_BYTES_COUNTED_MAX) / 15 - .7F;
    d[8] = SHARE(SIGN) * 10;
    d[9] = logf(1 + unread * (float)r->numbers) / 2;
    d[10] = logf(1 + unread * (float)c[STOP]) / 2;
    d[11] = r->words ? distinct / (words * 2) - .8F : 0;
#undef SHARE
    float weight = (float)r->f->words + ROUTE_PAIR_WEIGHT * (float)r->f->pairs;
    r->f->scale = weight > 0 ? NORM_SCALE * powf(weight, -NORM_POWER) : 0;
}

void route_features_read(struct route_features *f, const char *text, size_t n) {
    struct reader r = {.f = f};
    f->words = f->pairs = 0;
    memset(f->seen, 0, sizeof f->seen);
    if (n <= ROUTE_HEAD_BYTES + ROUTE_TAIL_BYTES) {
        scan(&r, text, n);
    } else {
        scan(&r, text, ROUTE_HEAD_BYTES);
        scan(&r, text + n - ROUTE_TAIL_BYTES, ROUTE_TAIL_BYTES);
    }
    shape(&r, n);
}
