// Memory: the only allocator of the project's own code. Every call can be made to fail by a test
// (mem_fail_at), so that each failure path is run. Any thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

// NULL when out of memory (or when the test asked for it). n == 0 gives a valid, distinct block.
void *mem_alloc(size_t n);
void *mem_zalloc(size_t n);
void *mem_realloc(void *p, size_t n); // p stays valid when NULL is returned
// Room for one more in an array of `count` elements of `size` bytes: doubles it when it is full. 0;
// ERR_LIMIT: it holds `max` already; ERR_NOMEM. The array and what it holds stay as they are then.
int mem_grow(void **list, uint32_t count, uint32_t *capacity, size_t size, uint32_t max);
void mem_free(void *p); // accepts NULL

char *mem_strdup(const char *s); // NULL when out of memory
char *mem_strndup(const char *s,
                  size_t n); // copies exactly n bytes and terminates; NULL when out of memory
char *mem_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Makes jansson allocate through this module and seeds its hash tables; call once, before a second
// thread.
void mem_init_json(void);

// Tests only: the nth allocation from now (1 = the next) of any thread fails, once; 0 switches it
// off.
void mem_fail_at(uint64_t nth);
// Tests only: allocations counted since the last mem_fail_at().
uint64_t mem_count(void);

static inline void mem_free_slot(void *slot) {
    void *p;
    __builtin_memcpy(&p, slot, sizeof p);
    mem_free(p);
}
#define AUTO_FREE __attribute__((cleanup(mem_free_slot)))

// `return TAKE(p)`: moves an AUTO_FREE pointer out of its variable.
#define TAKE(p)                                                                                    \
    __extension__({                                                                                \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
