// pack RANKS.js OUTPUT: turns js-tiktoken's ranks file into the table that core/base/tokens_vocab.h
// describes. Runs on the building machine. The file is one JavaScript object; its member
// "bpe_ranks" is a string of lines "! FIRST-RANK BASE64 BASE64 …", with \n written as an escape.
#include "core/base/tokens_vocab.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKENS_MAX = 1 << 18, INPUT_BYTES_MAX = 16 << 20 };

struct token {
    const uint8_t *s;
    size_t n;
    uint32_t rank;
    struct token *inside; // a longer token that begins or ends with this one
    bool at_end;
    uint32_t offset;
    struct vocab_place place;
};

static struct token tokens[TOKENS_MAX];
static struct token *sorted[TOKENS_MAX];
static size_t count;
static uint8_t blob[VOCAB_BYTES_MAX + VOCAB_TOKEN_BYTES_MAX];
static size_t blob_bytes;
static uint16_t shifts[VOCAB_BUCKETS];

static void die(const char *what) {
    fprintf(stderr, "pack: %s\n", what);
    exit(1);
}

static char *read_whole(const char *path) {
    FILE *f = fopen(path, "rb");
    char *text = malloc(INPUT_BYTES_MAX + 1);
    if (!f || !text)
        die("the ranks cannot be read");
    size_t n = fread(text, 1, INPUT_BYTES_MAX, f);
    fclose(f);
    text[n] = '\0';
    return text;
}

static int base64_value(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

// Decodes in place (the bytes are fewer than the digits) and records the token.
static char *take_token(char *p, uint32_t rank) {
    uint8_t *out = (uint8_t *)p;
    size_t n = 0;
    uint32_t bits = 0;
    int have = 0;
    for (; base64_value(*p) >= 0; p++) {
        bits = bits << 6 | (uint32_t)base64_value(*p);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (uint8_t)(bits >> have);
        }
    }
    while (*p == '=')
        p++;
    if (n == 0 || n > VOCAB_TOKEN_BYTES_MAX || count == TOKENS_MAX || rank >= VOCAB_NO_RANK)
        die("a token is too long, or there are too many");
    tokens[count++] =
        (struct token){.s = out, .n = n, .rank = rank, .place = vocab_place_of(out, n)};
    return p;
}

static void parse(char *text) {
    char *p = strstr(text, "\"bpe_ranks\":\"");
    if (!p)
        die("no bpe_ranks in the file");
    p += strlen("\"bpe_ranks\":\"");
    while (*p == '!') {
        uint32_t rank = (uint32_t)strtoul(p + 1, &p, 10);
        while (*p == ' ')
            p = take_token(p + 1, rank++);
        if (p[0] == '\\' && p[1] == 'n')
            p += 2;
    }
    if (*p != '"' || count < 100000)
        die("bpe_ranks is not what it used to be");
}

static int by_bytes(const void *a, const void *b) {
    const struct token *x = *(struct token *const *)a, *y = *(struct token *const *)b;
    int d = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);
    return d ? d : (x->n > y->n) - (x->n < y->n);
}

static int by_bytes_from_the_end(const void *a, const void *b) {
    const struct token *x = *(struct token *const *)a, *y = *(struct token *const *)b;
    for (size_t i = 1; i <= x->n && i <= y->n; i++)
        if (x->s[x->n - i] != y->s[y->n - i])
            return x->s[x->n - i] < y->s[y->n - i] ? -1 : 1;
    return (x->n > y->n) - (x->n < y->n);
}

static int longest_first(const void *a, const void *b) {
    const struct token *x = *(struct token *const *)a, *y = *(struct token *const *)b;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

// " is" needs no bytes of its own beside " island", nor "land": that saves a third.
static void share(bool ends) {
    qsort(sorted, count, sizeof *sorted, ends ? by_bytes_from_the_end : by_bytes);
    for (size_t i = 0; i + 1 < count; i++) {
        struct token *t = sorted[i], *next = sorted[i + 1];
        const uint8_t *from = ends ? next->s + next->n - t->n : next->s;
        if (t->inside || next->n <= t->n || memcmp(t->s, from, t->n) != 0)
            continue;
        t->inside = next;
        t->at_end = ends;
    }
}

static void lay_bytes(void) {
    for (size_t i = 0; i < count; i++)
        sorted[i] = &tokens[i];
    share(false);
    share(true);
    qsort(sorted, count, sizeof *sorted, longest_first);
    for (size_t i = 0; i < count; i++) {
        struct token *t = sorted[i], *in = t->inside;
        if (in) {
            t->offset = in->offset + (t->at_end ? (uint32_t)(in->n - t->n) : 0);
            continue;
        }
        if (blob_bytes + t->n > VOCAB_BYTES_MAX)
            die("the tokens have too many bytes");
        t->offset = (uint32_t)blob_bytes;
        memcpy(blob + blob_bytes, t->s, t->n);
        blob_bytes += t->n;
    }
}

static size_t bucket_sizes[VOCAB_BUCKETS];

static int fullest_bucket_first(const void *a, const void *b) {
    const struct token *x = *(struct token *const *)a, *y = *(struct token *const *)b;
    size_t in_x = bucket_sizes[x->place.bucket], in_y = bucket_sizes[y->place.bucket];
    if (in_x != in_y)
        return in_x > in_y ? -1 : 1;
    if (x->place.bucket != y->place.bucket)
        return x->place.bucket < y->place.bucket ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static bool try_shift(struct token **bucket, size_t n, uint32_t shift, uint64_t *slots,
                      uint32_t slot_count, uint64_t none) {
    for (size_t i = 0; i < n; i++) {
        struct token *t = bucket[i];
        uint64_t *slot = &slots[vocab_slot(t->place, shift, slot_count)];
        if (*slot != none) {
            while (i-- > 0)
                slots[vocab_slot(bucket[i]->place, shift, slot_count)] = none;
            return false;
        }
        *slot = vocab_pack(t->offset, t->n, t->rank, t->place.check);
    }
    return true;
}

static void lay_slots(uint64_t *slots, uint32_t slot_count) {
    uint64_t none = vocab_pack(0, 1, VOCAB_NO_RANK, 0);
    for (uint32_t i = 0; i < slot_count; i++)
        slots[i] = none;
    for (size_t i = 0; i < count; i++)
        bucket_sizes[tokens[i].place.bucket]++;
    qsort(sorted, count, sizeof *sorted, fullest_bucket_first);
    for (size_t i = 0; i < count;) {
        uint32_t bucket = sorted[i]->place.bucket, shift = 0;
        size_t n = bucket_sizes[bucket];
        while (!try_shift(sorted + i, n, shift, slots, slot_count, none))
            if (++shift > UINT16_MAX)
                die("no perfect hash: change the mixing");
        shifts[bucket] = (uint16_t)shift;
        i += n;
    }
}

int main(int argc, char **argv) {
    if (argc != 3)
        die("usage: pack RANKS.js OUTPUT");
    char *text = read_whole(argv[1]);
    parse(text);
    lay_bytes();
    uint32_t slot_count = (uint32_t)(count + count / 50);
    uint64_t *slots = malloc(slot_count * sizeof *slots);
    if (!slots)
        die("out of memory");
    lay_slots(slots, slot_count);
    struct vocab_header header = {.magic = "o200k-1",
                                  .slots = slot_count,
                                  .tokens = (uint32_t)count,
                                  .bytes = (uint32_t)blob_bytes};
    FILE *f = fopen(argv[2], "wb");
    if (!f || fwrite(&header, sizeof header, 1, f) != 1 ||
        fwrite(shifts, sizeof shifts, 1, f) != 1 ||
        fwrite(slots, sizeof *slots, slot_count, f) != slot_count ||
        fwrite(blob, 1, blob_bytes, f) != blob_bytes || fclose(f) != 0)
        die("the output cannot be written");
    free(slots);
    free(text);
    return 0;
}
