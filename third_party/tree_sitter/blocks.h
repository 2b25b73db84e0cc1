// The allocator of unit.c. Inside of tree_memory_parse blocks come from the thread's chunks, sorted
// into free lists by size; otherwise from malloc, where tree-sitter cannot go on without memory.
// What was taken in one of the two ways is given back in the same.
#pragma once

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_BYTES_FIRST = 64 * 1024,
    CHUNK_BYTES_MAX = 4 * 1024 * 1024,
    CHUNK_BYTES_KEPT = 16 * 1024 * 1024, // … for the next parse
    BLOCK_STEP = 16,
    SMALL_CLASSES = 32,           // up to 512 bytes, in steps
    CLASSES = SMALL_CLASSES + 23, // then each twice the one before, up to 2^32
    LOOKED_UP = 4096
};

struct block {
    size_t kind; // its class: 8 bytes, so that what follows is aligned
};

struct chunk {
    struct chunk *next;
    size_t bytes; // behind this header
};

struct looked_up {
    uint32_t key; // state and symbol
    uint16_t value;
    uint16_t known;
};

struct tree_memory {
    struct tree_chunks chunks;
    struct chunk *used, *spare;
    size_t held, spare_bytes, next_bytes;
    char *at, *end; // of the newest chunk
    void *free[CLASSES];
    jmp_buf *out;
    enum tree_result why;
    struct TSParser *parser;
    const TSLanguage *language; // of what was looked up
    struct looked_up looked_up[LOOKED_UP];
};

// Of the thread; NULL outside of a parse.
static _Thread_local struct tree_memory *current;

static inline unsigned block_class(size_t bytes) {
    if (bytes <= (size_t)BLOCK_STEP * SMALL_CLASSES)
        return (unsigned)((bytes + BLOCK_STEP - 1) / BLOCK_STEP) - !!bytes;
    return SMALL_CLASSES + (unsigned)(64 - 9 - __builtin_clzl(bytes - 1)) - 1;
}

static inline size_t class_bytes(size_t c) {
    return c < SMALL_CLASSES ? (c + 1) * BLOCK_STEP : (size_t)1024 << (c - SMALL_CLASSES);
}

static __attribute__((noreturn, noinline)) void blocks_leave(struct tree_memory *m,
                                                             enum tree_result why) {
    m->why = why;
    longjmp(*m->out, 1);
}

static __attribute__((noinline)) void *blocks_more(struct tree_memory *m, unsigned c) {
    size_t need = class_bytes(c) + sizeof(struct block);
    struct chunk **at = &m->spare;
    while (*at && (*at)->bytes < need)
        at = &(*at)->next;
    struct chunk *chunk = *at;
    if (chunk) {
        *at = chunk->next;
        m->spare_bytes -= chunk->bytes;
    } else {
        size_t bytes = m->next_bytes < need ? need : m->next_bytes;
        if (c >= CLASSES - 1 || bytes > m->chunks.bytes_max - m->held)
            blocks_leave(m, TREE_TOO_LARGE);
        chunk = m->chunks.take(sizeof *chunk + bytes);
        if (!chunk)
            blocks_leave(m, TREE_NO_MEMORY);
        chunk->bytes = bytes;
        if (m->next_bytes < CHUNK_BYTES_MAX)
            m->next_bytes *= 2;
    }
    m->held += chunk->bytes;
    chunk->next = m->used;
    m->used = chunk;
    m->at = (char *)(chunk + 1);
    m->end = m->at + chunk->bytes;
    struct block *b = (struct block *)(void *)m->at;
    b->kind = c;
    m->at += need;
    return b + 1;
}

static inline void *blocks_take(struct tree_memory *m, size_t bytes) {
    unsigned c = block_class(bytes);
    void *got = m->free[c];
    if (got) {
        memcpy(&m->free[c], got, sizeof(void *));
        return got;
    }
    size_t need = class_bytes(c) + sizeof(struct block);
    if ((size_t)(m->end - m->at) < need)
        return blocks_more(m, c);
    struct block *b = (struct block *)(void *)m->at;
    b->kind = c;
    m->at += need;
    return b + 1;
}

static void *blocks_or_end(void *got, size_t bytes) {
    if (got || !bytes)
        return got;
    (void)fprintf(stderr, "paired: no memory for %zu bytes of a syntax tree\n", bytes);
    abort();
}

static inline void *blocks_malloc(size_t bytes) {
    struct tree_memory *m = current;
    return m ? blocks_take(m, bytes) : blocks_or_end(malloc(bytes), bytes);
}

static inline void *blocks_calloc(size_t count, size_t bytes) {
    struct tree_memory *m = current;
    if (!m)
        return blocks_or_end(calloc(count, bytes), count * bytes);
    if (bytes && count > m->chunks.bytes_max / bytes)
        blocks_leave(m, TREE_TOO_LARGE);
    void *got = blocks_take(m, count * bytes);
    return memset(got, 0, count * bytes);
}

static inline void blocks_free(void *p) {
    struct tree_memory *m = current;
    if (!m) {
        free(p);
    } else if (p) {
        size_t c = ((struct block *)p - 1)->kind;
        memcpy(p, &m->free[c], sizeof(void *));
        m->free[c] = p;
    }
}

static void *blocks_realloc(void *p, size_t bytes) {
    struct tree_memory *m = current;
    if (!m)
        return blocks_or_end(realloc(p, bytes), bytes);
    size_t had = p ? class_bytes(((struct block *)p - 1)->kind) : 0;
    if (bytes <= had)
        return p;
    void *got = blocks_take(m, bytes);
    if (p) {
        memcpy(got, p, had);
        blocks_free(p);
    }
    return got;
}

// All blocks end; chunks stay up to a limit.
static void blocks_reset(struct tree_memory *m) {
    struct chunk *next;
    for (struct chunk *c = m->used; c; c = next) {
        next = c->next;
        if (m->spare_bytes + c->bytes > CHUNK_BYTES_KEPT) {
            m->chunks.give(c);
            continue;
        }
        m->spare_bytes += c->bytes;
        c->next = m->spare;
        m->spare = c;
    }
    m->used = NULL;
    m->held = 0;
    m->next_bytes = CHUNK_BYTES_FIRST;
    m->at = m->end = NULL;
    memset(m->free, 0, sizeof m->free);
}
