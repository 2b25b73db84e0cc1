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
    LOOKED_UP_BITS = 14,
    LOOKED_UP = 1 << LOOKED_UP_BITS
};

// With -DPAIRED_SANITIZE_TREES=ON ASan sees what is free and what was not asked for.
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define blocks_hide(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define blocks_show(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define blocks_hide(p, n) ((void)(p), (void)(n))
#define blocks_show(p, n) ((void)(p), (void)(n))
#endif

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

static inline void *blocks_cut(struct tree_memory *m, unsigned c, size_t bytes) {
    struct block *b = (struct block *)(void *)m->at;
    m->at += class_bytes(c) + sizeof *b;
    blocks_show(b, sizeof *b + bytes);
    b->kind = c;
    return b + 1;
}

static __attribute__((noinline)) void *blocks_more(struct tree_memory *m, unsigned c,
                                                   size_t bytes) {
    size_t need = class_bytes(c) + sizeof(struct block);
    struct chunk **at = &m->spare;
    while (*at && (*at)->bytes < need)
        at = &(*at)->next;
    struct chunk *chunk = *at;
    if (chunk) {
        *at = chunk->next;
        m->spare_bytes -= chunk->bytes;
    } else {
        size_t room = m->next_bytes < need ? need : m->next_bytes;
        if (room > m->chunks.bytes_max - m->held)
            blocks_leave(m, TREE_TOO_LARGE);
        chunk = m->chunks.take(sizeof *chunk + room);
        if (!chunk)
            blocks_leave(m, TREE_NO_MEMORY);
        chunk->bytes = room;
        if (m->next_bytes < CHUNK_BYTES_MAX)
            m->next_bytes *= 2;
    }
    m->held += chunk->bytes;
    chunk->next = m->used;
    m->used = chunk;
    m->at = (char *)(chunk + 1);
    m->end = m->at + chunk->bytes;
    blocks_hide(m->at, chunk->bytes);
    return blocks_cut(m, c, bytes);
}

static inline void *blocks_take(struct tree_memory *m, size_t bytes) {
    if (__builtin_expect(bytes > m->chunks.bytes_max, 0))
        blocks_leave(m, TREE_TOO_LARGE);
    unsigned c = block_class(bytes);
    void *got = m->free[c];
    if (got) {
        blocks_show(got, bytes > sizeof got ? bytes : sizeof got);
        memcpy(&m->free[c], got, sizeof got);
        return got;
    }
    return (size_t)(m->end - m->at) < class_bytes(c) + sizeof(struct block)
               ? blocks_more(m, c, bytes)
               : blocks_cut(m, c, bytes);
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
        blocks_show(p, sizeof(void *));
        memcpy(p, &m->free[c], sizeof(void *));
        m->free[c] = p;
        blocks_hide(p, class_bytes(c));
    }
}

static void *blocks_realloc(void *p, size_t bytes) {
    struct tree_memory *m = current;
    if (!m)
        return blocks_or_end(realloc(p, bytes), bytes);
    size_t had = p ? class_bytes(((struct block *)p - 1)->kind) : 0;
    if (bytes <= had) {
        blocks_show(p, bytes);
        return p;
    }
    void *got = blocks_take(m, bytes);
    if (p) {
        blocks_show(p, had);
        memcpy(got, p, had);
        blocks_free(p);
    }
    return got;
}

// For the scanners of the languages.
static void *blocks_malloc_called(size_t bytes) {
    return blocks_malloc(bytes);
}
static void *blocks_calloc_called(size_t count, size_t bytes) {
    return blocks_calloc(count, bytes);
}
static void blocks_free_called(void *p) {
    blocks_free(p);
}
void *(*ts_current_malloc)(size_t) = blocks_malloc_called;
void *(*ts_current_calloc)(size_t, size_t) = blocks_calloc_called;
void *(*ts_current_realloc)(void *, size_t) = blocks_realloc;
void (*ts_current_free)(void *) = blocks_free_called;

// All blocks end; chunks stay up to a limit.
static void blocks_reset(struct tree_memory *m) {
    struct chunk *next;
    for (struct chunk *c = m->used; c; c = next) {
        next = c->next;
        blocks_show(c + 1, c->bytes);
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
