// The code index on a tree: bench_index PATH [threads] [file to touch, from the root | -]
// Prints: first symbols, full cold index, warm start from the store's cache, a look when nothing
// changed, after a saved file (the third argument; "-" chooses one of usual size), memory.
#include "core/base/env.h"
#include "core/store/store.h"
#include "core/store/store_cache.h"
#include "core/workspace/index.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void) {
    return (double)env_now_mono_ns() / 1e6;
}

static double cpu_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double rss_mb(void) {
    char text[256] = "";
    int fd = open("/proc/self/statm", O_RDONLY);
    if (fd >= 0) {
        (void)!read(fd, text, sizeof text - 1);
        (void)close(fd);
    }
    char *second = strchr(text, ' ');
    return second ? (double)strtol(second, NULL, 10) * 4096 / 1048576 : 0;
}

static struct snapshot *get(struct index *ix, enum facts_tier tier, const char *what) {
    struct snapshot *s = NULL;
    struct err err = {0};
    const struct index_want want = {.tier = tier};
    double start = now_ms(), cpu = cpu_ms();
    if (index_get(ix, &want, &s, &err) < 0) {
        fprintf(stderr, "%s\n", err_text(&err));
        exit(1);
    }
    fprintf(stderr, "%-34s %9.2f ms %9.2f CPU   %u files, tier %d, RSS %.0f MB\n", what,
            now_ms() - start, cpu_ms() - cpu, snapshot_count(s), (int)snapshot_tier(s), rss_mb());
    return s;
}

static void append(const char *root, const char *file, const char *text) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", root, file);
    int fd = open(path, O_WRONLY | O_APPEND);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        perror(path);
    if (fd >= 0)
        (void)close(fd);
}

static const char *choose(const struct snapshot *s) { // a file of usual size
    uint32_t best = 0;
    for (uint32_t i = 0; i < snapshot_count(s); i++) {
        const struct snapshot_file *f = snapshot_file(s, i), *b = snapshot_file(s, best);
        if (f->facts && f->lang <= LANG_TREE_LAST && f->bytes < 20000 &&
            (!b->facts || b->bytes >= 20000 || f->bytes > b->bytes))
            best = i;
    }
    return snapshot_file(s, best)->path;
}

static void look_up(const struct snapshot *s, const char *name) {
    double start = now_ms();
    uint32_t d = snapshot_definitions(s, name, strlen(name), NULL, 0);
    uint32_t m = snapshot_mentions(s, name, strlen(name), NULL, 0);
    uint32_t w = snapshot_word(s, name, strlen(name), NULL, 0);
    fprintf(stderr, "%-34s %9.2f ms   %s: %u definitions, %u mentions, %u files\n", "look up",
            now_ms() - start, name, d, m, w);
}

static void imports(const struct snapshot *s) {
    double start = now_ms();
    uint32_t all = 0, found = 0;
    for (uint32_t i = 0; i < snapshot_count(s); i++) {
        const struct facts *f = snapshot_file(s, i)->facts;
        for (uint32_t k = 0; f && k < f->import_count; k++, all++)
            found += snapshot_import(s, i, k) >= 0;
    }
    fprintf(stderr, "%-34s %9.2f ms   %u imports, %u inside\n", "imports", now_ms() - start, all,
            found);
}

static void save_and_look(struct index *ix, const char *root, const char *file) {
    usleep(50000); // let times be older than the file system's clock step
    snapshot_put(get(ix, TIER_TREE, "settled"));
    snapshot_put(get(ix, TIER_TREE, "nothing changed"));
    for (int i = 0; i < 3; i++) {
        append(root, file, "\n");
        fprintf(stderr, "saved %s:\n", file);
        struct snapshot *s = get(ix, TIER_LEXICAL, "  symbols");
        snapshot_put(s);
        s = get(ix, TIER_TREE, "  trees");
        look_up(s, "main");
        snapshot_put(s);
        usleep(50000);
        snapshot_put(get(ix, TIER_TREE, "  settled"));
    }
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static struct store *open_store(const char *dir) {
    const struct store_config c = {.dir = dir, .readers = 2};
    struct store *s = NULL;
    struct err err = {0};
    if (store_open(&c, &s, &err) < 0) {
        fprintf(stderr, "%s\n", err_text(&err));
        exit(1);
    }
    return s;
}

static struct index *open_index(const char *root, unsigned threads, struct store *store) {
    const struct index_config c = {.root = root, .threads = threads, .store = store};
    struct index *ix = NULL;
    struct err err = {0};
    if (index_open(&c, &ix, &err) < 0) {
        fprintf(stderr, "%s\n", err_text(&err));
        exit(1);
    }
    return ix;
}

static void say(struct index *ix, const struct snapshot *s) {
    struct index_figures f;
    index_figures(ix, &f);
    fprintf(stderr,
            "%u files, %u of them code, %.1f MB, %u symbols, facts %.1f MB; cached %u, lexical %u, "
            "trees %u\n",
            f.files, f.code_files, (double)f.bytes / 1e6, f.symbols, (double)f.facts_bytes / 1e6,
            f.cached, f.parsed_lexical, f.parsed_tree);
    for (unsigned i = 0; snapshot_note(s, i); i++)
        fprintf(stderr, "note: %s\n", snapshot_note(s, i));
}

static void cold(const char *root, unsigned threads, struct store *store) {
    struct index *ix = open_index(root, threads, store);
    double start = now_ms();
    snapshot_put(get(ix, TIER_LEXICAL, "cold: first symbols"));
    struct snapshot *s = get(ix, TIER_TREE, "cold: trees");
    fprintf(stderr, "%-34s %9.2f ms\n", "cold: both", now_ms() - start);
    look_up(s, "main");
    look_up(s, "main");
    imports(s);
    say(ix, s);
    snapshot_put(s);
    start = now_ms();
    index_close(ix);
    fprintf(stderr, "%-34s %9.2f ms   cache %.1f MB\n", "close, what was left to save",
            now_ms() - start, (double)store_cache_bytes(store) / 1e6);
}

int main(int argc, char **argv) {
    char dir[] = "/tmp/paired-bench-XXXXXX";
    if (argc < 2 || !mkdtemp(dir)) {
        fprintf(stderr, "bench_index PATH [threads] [file to touch | -]\n");
        return 2;
    }
    unsigned threads = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2;
    struct store *store = open_store(dir);
    cold(argv[1], threads, store);
    (void)usleep(300000);
    struct index *ix = open_index(argv[1], threads, store);
    index_close(ix);
    for (int i = 0; i < 3; i++) {
        store_close(store);
        store = open_store(dir);
        ix = open_index(argv[1], threads, store);
        struct snapshot *s = get(ix, TIER_TREE, "warm");
        if (i == 2) {
            say(ix, s);
            if (argc > 3)
                save_and_look(ix, argv[1], strcmp(argv[3], "-") != 0 ? argv[3] : choose(s));
        }
        snapshot_put(s);
        index_close(ix);
    }
    store_close(store);
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
