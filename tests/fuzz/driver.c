// Runs a fuzz target without a fuzzer: driver SEEDS [SECONDS]. Each seed as it is, each of its
// prefixes, and a fixed sequence of mutations of it, until the time is up. The same on every run
// and machine (but for the time cap), so a failure can be repeated; the input that was running is
// named on stderr when the target dies.
#include "core/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
// A target may have one-time preparations.
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

enum { SEEDS_MAX = 512, SEED_BYTES_MAX = 64 * 1024, MUTATIONS = 4000, PREFIXES_MAX = 512 };
enum { INPUT_BYTES_MAX = 2 * SEED_BYTES_MAX + 64 };

struct seed {
    char name[256];
    uint8_t *data;
    size_t size;
};

static struct seed seeds[SEEDS_MAX];
static size_t seed_count;
static char running[320]; // what the target is given, for the note of its death
static time_t give_up;

static void on_death(int signum) {
    (void)!write(STDERR_FILENO, running, strlen(running));
    (void)signal(signum, SIG_DFL);
    (void)raise(signum);
}

static uint64_t next(uint64_t *x) { // xorshift64
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x >> 11;
}

static size_t below(uint64_t *x, size_t n) {
    return n ? (size_t)(next(x) % n) : 0;
}

static time_t seconds_now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

// In a block of exactly its size, so that ASan sees a byte read too far.
static void run(const uint8_t *data, size_t size) {
    uint8_t *copy = mem_alloc(size);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    mem_free(copy);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct seed *)a)->name, ((const struct seed *)b)->name);
}

static int load(const char *dir, const char *name) {
    struct seed *s = &seeds[seed_count];
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    (void)snprintf(s->name, sizeof s->name, "%s", name);
    FILE *file = fopen(path, "rb");
    s->data = mem_alloc(SEED_BYTES_MAX);
    if (!file || !s->data)
        return -1;
    s->size = fread(s->data, 1, SEED_BYTES_MAX, file);
    int r = ferror(file) || !feof(file) ? -1 : 0; // a seed over the maximum is a mistake
    (void)fclose(file);
    seed_count++;
    return r;
}

static int load_all(const char *dir) {
    DIR *d = opendir(dir);
    if (!d)
        return -1;
    int r = 0;
    struct dirent *e;
    while (r == 0 && (e = readdir(d)) != NULL)
        if (e->d_name[0] != '.')
            r = seed_count < SEEDS_MAX ? load(dir, e->d_name) : -1;
    (void)closedir(d);
    qsort(seeds, seed_count, sizeof *seeds, by_name);
    return r;
}

static size_t insert(uint8_t *data, size_t size, size_t at, const uint8_t *bytes, size_t n) {
    if (size + n > INPUT_BYTES_MAX)
        return size;
    memmove(data + at + n, data + at, size - at);
    memcpy(data + at, bytes, n);
    return size + n;
}

// One change. Sizes and borders are what parsers get wrong, so those come more often than chance
// would have them.
static size_t mutate(uint8_t *data, size_t size, uint64_t *x) {
    static const uint8_t odd[] = {0,   1,   0x7F, 0x80, 0xFF, '"', '\\', '{', '[',
                                  ']', '}', '\n', '\r', ':',  '0', '9',  '-'};
    const struct seed *other = &seeds[below(x, seed_count)];
    size_t at = below(x, size + 1);
    size_t span = below(x, size - at + 1);
    uint8_t piece[256];
    switch (below(x, 8)) {
    case 0: // a bit
        if (at < size)
            data[at] ^= (uint8_t)(1U << below(x, 8));
        return size;
    case 1: // a byte that means something to parsers
        if (at < size)
            data[at] = odd[below(x, sizeof odd)];
        return size;
    case 2:
        return insert(data, size, at, &odd[below(x, sizeof odd)], 1);
    case 3: // cut the end
        return at;
    case 4: // cut the middle
        memmove(data + at, data + at + span, size - at - span);
        return size - span;
    case 5: // repeat a piece
        span = span < sizeof piece ? span : sizeof piece;
        memcpy(piece, data + at, span);
        for (size_t times = 1 + below(x, 4); times > 0; times--)
            size = insert(data, size, at, piece, span);
        return size;
    case 6: { // a piece of another seed
        size_t from = below(x, other->size + 1);
        return insert(data, size, at, other->data + from, below(x, other->size - from + 1));
    }
    default: // a number, small or large, in eight bytes
        for (size_t i = at; i < size && i < at + 8; i++)
            data[i] = (uint8_t)(below(x, 2) ? 0xFF : 0);
        return size;
    }
}

static uint8_t input[INPUT_BYTES_MAX];

static uint64_t run_seed(const struct seed *s) {
    uint64_t runs = 0, x = 0x9E3779B97F4A7C15U ^ s->size;
    size_t step = s->size / PREFIXES_MAX + 1;
    for (size_t n = 0; n <= s->size; n += step, runs++) {
        (void)snprintf(running, sizeof running, "driver: died on the first %zu bytes of %s\n", n,
                       s->name);
        run(s->data, n);
    }
    (void)snprintf(running, sizeof running, "driver: died on %s\n", s->name);
    run(s->data, s->size);
    for (int round = 0; round < MUTATIONS && seconds_now() < give_up; round++, runs++) {
        (void)snprintf(running, sizeof running, "driver: died on mutation %d of %s\n", round,
                       s->name);
        size_t size = s->size;
        memcpy(input, s->data, size);
        for (size_t changes = 1 + below(&x, 4); changes > 0; changes--)
            size = mutate(input, size, &x);
        run(input, size);
    }
    return runs + 1;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        (void)fprintf(stderr, "usage: %s SEEDS [SECONDS]\n", argv[0]);
        return 2;
    }
    if (LLVMFuzzerInitialize)
        (void)LLVMFuzzerInitialize(&argc, &argv);
    if (load_all(argv[1]) < 0 || seed_count == 0) {
        (void)fprintf(stderr, "driver: no seeds could be read from %s: %s\n", argv[1],
                      strerror(errno));
        return 1;
    }
    (void)signal(SIGABRT, on_death);
    give_up = seconds_now() + (argc > 2 ? strtol(argv[2], NULL, 10) : 40);
    uint64_t runs = 0;
    for (size_t i = 0; i < seed_count; i++)
        runs += run_seed(&seeds[i]);
    (void)fprintf(stderr, "driver: %zu seeds, %llu inputs\n", seed_count, (unsigned long long)runs);
    for (size_t i = 0; i < seed_count; i++)
        mem_free(seeds[i].data);
    return 0;
}
