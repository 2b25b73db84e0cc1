#include "core/base/tokens_bpe.h"

#include "core/base/mem.h"
#include "core/base/tokens_vocab.h"

#include <assert.h>

// From the build (third_party/tokens): the packed vocabulary, or none.
extern const uint8_t tokens_vocab_data[];
bool tokens_vocab_there(void);

enum { SMALL_BYTES = 64, NO_RANK = VOCAB_NO_RANK };
static_assert((int)BPE_TOKEN_BYTES_MAX == (int)VOCAB_TOKEN_BYTES_MAX, "one limit, two names");

bool bpe_present(void) {
    return tokens_vocab_there();
}

static inline bool same_bytes(const uint8_t *a, const uint8_t *b, size_t n) {
    for (; n > 8; a += 8, b += 8, n -= 8) // most are shorter, and a call costs more
        if (vocab_load(a, 8) != vocab_load(b, 8))
            return false;
    return vocab_load(a, n) == vocab_load(b, n);
}

// Rank of a string of bytes, NO_RANK when it is no token.
static inline uint32_t rank_of(const uint8_t *s, size_t n) {
    if (n > VOCAB_TOKEN_BYTES_MAX)
        return NO_RANK;
    const uint8_t *at = tokens_vocab_data;
    struct vocab_header header;
    uint16_t shift;
    uint64_t slot;
    memcpy(&header.slots, at + offsetof(struct vocab_header, slots), sizeof header.slots);
    at += sizeof header;
    struct vocab_place place = vocab_place_of(s, n);
    memcpy(&shift, at + place.bucket * sizeof shift, sizeof shift);
    at += VOCAB_BUCKETS * sizeof shift;
    memcpy(&slot, at + vocab_slot(place, shift, header.slots) * sizeof slot, sizeof slot);
    if (slot >> 46 != place.check || ((slot >> 21) & 0x7F) + 1 != n)
        return NO_RANK;
    at += (size_t)header.slots * sizeof slot + (slot & 0x1FFFFF);
    return same_bytes(at, s, n) ? (uint32_t)(slot >> 28) & 0x3FFFFU : NO_RANK;
}

// --- short pieces: nearly all of them ------------------------------------------------------------
// start[i] is where part i begins, ranks[i] the rank of the union of parts i and i + 1.
static size_t count_small(const uint8_t *s, size_t n) {
    uint8_t start[SMALL_BYTES + 1];
    uint32_t ranks[SMALL_BYTES];
    size_t parts = n;
    for (size_t i = 0; i <= n; i++)
        start[i] = (uint8_t)i;
    for (size_t i = 0; i + 1 < n; i++)
        ranks[i] = rank_of(s + i, 2);
    for (;;) {
        size_t best = 0;
        uint32_t rank = NO_RANK;
        for (size_t i = 0; i + 1 < parts; i++) {
            if (ranks[i] < rank) {
                rank = ranks[i];
                best = i;
            }
        }
        if (rank == NO_RANK)
            return parts;
        parts--;
        memmove(start + best + 1, start + best + 2, (parts - best) * sizeof *start);
        memmove(ranks + best, ranks + best + 1, (parts - best - 1) * sizeof *ranks);
        if (best + 1 < parts)
            ranks[best] = rank_of(s + start[best], (size_t)(start[best + 2] - start[best]));
        if (best > 0)
            ranks[best - 1] =
                rank_of(s + start[best - 1], (size_t)(start[best + 1] - start[best - 1]));
    }
}

// --- long pieces: a list of parts and a heap of the unions ---------------------------------------
// A heap entry is rank << 32 | where the left part begins: the leftmost of equal ranks comes first.
// An entry is stale when the rank of that union has changed.
struct part {
    uint32_t prev, next, rank;
};

static void sift_down(uint64_t *heap, size_t n, size_t i) {
    uint64_t moving = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= moving)
            break;
        heap[i] = heap[child];
    }
    heap[i] = moving;
}

static void sift_up(uint64_t *heap, size_t i) {
    uint64_t moving = heap[i];
    for (; i > 0 && heap[(i - 1) / 2] > moving; i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = moving;
}

struct joining {
    const uint8_t *s;
    struct part *parts; // by their first byte; parts[n] is the end
    uint64_t *heap;
    size_t n, heap_count;
};

static uint32_t union_rank(const struct joining *j, uint32_t left) {
    uint32_t right = j->parts[left].next;
    if (right >= j->n)
        return NO_RANK;
    return rank_of(j->s + left, j->parts[right].next - left);
}

static void push_union(struct joining *j, uint32_t left) {
    uint32_t rank = union_rank(j, left);
    j->parts[left].rank = rank;
    if (rank == NO_RANK)
        return;
    j->heap[j->heap_count] = (uint64_t)rank << 32 | left;
    sift_up(j->heap, j->heap_count++);
}

static size_t join_all(struct joining *j) {
    size_t parts = j->n;
    while (j->heap_count) {
        uint32_t left = (uint32_t)j->heap[0], rank = (uint32_t)(j->heap[0] >> 32);
        j->heap[0] = j->heap[--j->heap_count];
        if (j->heap_count)
            sift_down(j->heap, j->heap_count, 0);
        struct part *p = &j->parts[left];
        if (p->rank != rank) // stale, or swallowed
            continue;
        uint32_t right = p->next;
        p->next = j->parts[right].next;
        j->parts[p->next].prev = left;
        j->parts[right].rank = NO_RANK;
        parts--;
        push_union(j, left);
        if (left > 0)
            push_union(j, p->prev);
    }
    return parts;
}

// False without memory.
static bool count_large(const uint8_t *s, size_t n, size_t *ret) {
    AUTO_FREE struct part *parts = mem_alloc((n + 1) * sizeof *parts);
    // Each union takes one entry off and puts at most two on.
    AUTO_FREE uint64_t *heap = parts ? mem_alloc(2 * n * sizeof *heap) : NULL;
    if (!heap)
        return false;
    struct joining j = {.s = s, .parts = parts, .heap = heap, .n = n};
    for (uint32_t i = 0; i <= n; i++)
        parts[i] = (struct part){.prev = i - 1, .next = i + 1, .rank = NO_RANK};
    for (uint32_t i = 0; i + 1 < n; i++) {
        parts[i].rank = rank_of(s + i, 2);
        if (parts[i].rank != NO_RANK)
            heap[j.heap_count++] = (uint64_t)parts[i].rank << 32 | i;
    }
    for (size_t i = j.heap_count / 2; i-- > 0;)
        sift_down(heap, j.heap_count, i);
    *ret = join_all(&j);
    return true;
}

size_t bpe_count(const uint8_t *s, size_t n) {
    if (n <= VOCAB_TOKEN_BYTES_MAX && (n == 1 || rank_of(s, n) != NO_RANK))
        return 1;
    if (n <= SMALL_BYTES)
        return count_small(s, n);
    size_t sum = 0, part;
    for (size_t at = 0; at < n; at += part) {
        size_t tokens;
        part = n - at < BPE_PIECE_BYTES_MAX ? n - at : BPE_PIECE_BYTES_MAX;
        if (part <= SMALL_BYTES || !count_large(s + at, part, &tokens)) {
            part = part < SMALL_BYTES ? part : SMALL_BYTES;
            tokens = count_small(s + at, part);
        }
        sum += tokens;
    }
    return sum;
}
