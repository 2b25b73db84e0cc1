#include "core/base/mem.h"

#include "core/base/err.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Counting costs one relaxed atomic add, and only while a test has switched it on.
static atomic_bool counting;
static atomic_uint_fast64_t counted;
static atomic_uint_fast64_t fail_at;

static bool must_fail(void) {
    if (!atomic_load_explicit(&counting, memory_order_relaxed))
        return false;
    uint64_t n = atomic_fetch_add_explicit(&counted, 1, memory_order_relaxed) + 1;
    return n == atomic_load_explicit(&fail_at, memory_order_relaxed);
}

void mem_fail_at(uint64_t nth) {
    atomic_store(&counted, 0);
    atomic_store(&fail_at, nth);
    atomic_store(&counting, nth != 0);
}

uint64_t mem_count(void) {
    return atomic_load(&counted);
}

void *mem_alloc(size_t n) {
    return must_fail() ? NULL : malloc(n ? n : 1);
}

void *mem_zalloc(size_t n) {
    return must_fail() ? NULL : calloc(1, n ? n : 1);
}

void *mem_realloc(void *p, size_t n) {
    return must_fail() ? NULL : realloc(p, n ? n : 1);
}

int mem_grow(void **list, uint32_t count, uint32_t *capacity, size_t size, uint32_t max) {
    if (count < *capacity)
        return 0;
    if (*capacity >= max)
        return ERR_LIMIT;
    uint32_t more = *capacity ? *capacity * 2 : 64;
    void *grown = mem_realloc(*list, more * size);
    if (!grown)
        return ERR_NOMEM;
    *list = grown;
    *capacity = more;
    return 0;
}

void mem_free(void *p) {
    free(p);
}

char *mem_strndup(const char *s, size_t n) {
    char *copy = n < SIZE_MAX ? mem_alloc(n + 1) : NULL;
    if (copy) {
        memcpy(copy, s, n);
        copy[n] = '\0';
    }
    return copy;
}

char *mem_strdup(const char *s) {
    return mem_strndup(s, strlen(s));
}

char *mem_format(const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        return NULL;
    char *text = mem_alloc((size_t)n + 1);
    if (!text)
        return NULL;
    va_start(args, format);
    (void)vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

void mem_init_json(void) {
    json_set_alloc_funcs(mem_alloc, mem_free);
    json_object_seed(0);
}
