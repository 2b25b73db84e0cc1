// locate, pack and map on a real tree. Reads texts from stdin, each ended by a NUL byte:
//   bench_locate ROOT locate|files|features|map|pack [TOKENS…] < texts
// Prints what it found, one block for each text (see the python drivers beside this), times on
// stderr. With PAIRED_BENCH_HEAD=commit the history up to there is used too.
#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/store/store.h"
#include "core/workspace/index.h"
#include "core/workspace/locate.h"
#include "core/workspace/map.h"
#include "core/workspace/pack.h"
#include "core/workspace/search_impl.h"
#include "tests/bench/bench_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEXTS_MAX = 10000 };

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static const char *path_of(const struct search *s, uint32_t file) {
    return snapshot_file(search_snapshot(s), file)->path;
}

static int run_locate(const struct search *s, const char *text, size_t n) {
    struct locate_want want = {.text = text, .bytes = n, .files = 20, .symbols = 20};
    struct locate_result *r;
    struct err err = {0};
    if (locate(s, &want, &r, &err) < 0)
        return fprintf(stderr, "locate: %s\n", err.message);
    for (uint32_t i = 0; i < r->file_count; i++) {
        printf("f\t%.4f\t%s:%u", r->files[i].score, path_of(s, r->files[i].file), r->files[i].line);
        for (uint32_t k = 0; k < r->files[i].reasons.count; k++)
            printf("\t%s", r->files[i].reasons.at[k].text);
        printf("\n");
    }
    for (uint32_t i = 0; i < r->symbol_count; i++) {
        const struct place *p = &r->symbols[i].place;
        const struct facts *f = snapshot_file(search_snapshot(s), p->file)->facts;
        printf("s\t%.4f\t%s:%u\t%s", r->symbols[i].score, path_of(s, p->file),
               facts_symbol(f, p->symbol)->line, facts_text(f, facts_symbol(f, p->symbol)->name));
        for (uint32_t k = 0; k < r->symbols[i].reasons.count; k++)
            printf("\t%s", r->symbols[i].reasons.at[k].text);
        printf("\n");
    }
    if (*r->unknown)
        printf("unknown\t%s\n", r->unknown);
    locate_free(r);
    return 0;
}

// What fit_rank.py learns from.
static int run_features(const struct search *s, const char *text, size_t n, bool pack) {
    struct rank_want want = {
        .text = text, .bytes = n, .no_documents = true, .code_only = pack, .leave_tests = pack};
    struct ranking r;
    struct err err = {0};
    int e = search_rank(s, &want, &r, &err);
    for (uint32_t i = 0; e == 0 && i < r.file_count; i++) {
        printf("F\t%s", path_of(s, r.files[i].file));
        for (int k = 0; k < FF_COUNT; k++)
            printf("\t%.4g", (double)r.files[i].x[k]);
        printf("\n");
    }
    for (uint32_t i = 0; e == 0 && pack && i < r.unit_count; i++) {
        const struct fact_symbol *y = search_symbol(s, r.units[i].unit);
        printf("U\t%s\t%u\t%u\t%u\t%s", path_of(s, s->file_of[r.units[i].unit]), y->line,
               y->end_line, y->end - y->start, search_name(s, r.units[i].unit));
        for (int k = 0; k < UF_COUNT; k++)
            printf("\t%.4g", (double)r.units[i].x[k]);
        printf("\n");
    }
    ranking_done(&r);
    return e;
}

static int run_pack(const struct search *s, const char *text, size_t n, uint32_t tokens) {
    struct pack_want want = {.text = text, .bytes = n, .tokens = tokens};
    struct pack *p;
    struct err err = {0};
    if (pack_make(s, &want, &p, &err) < 0)
        return fprintf(stderr, "pack: %s\n", err.message);
    printf("pack\t%u\t%u\t%u\n", p->tokens, p->part_count, p->left_out);
    fwrite(p->text, 1, p->text_bytes, stdout);
    pack_free(p);
    return 0;
}

static int run_map(const struct search *s, const char *text, size_t n, uint32_t tokens) {
    struct map_want want = {.query = text, .query_bytes = n, .tokens = tokens};
    struct code_map *m;
    struct err err = {0};
    if (map_make(s, &want, &m, &err) < 0)
        return fprintf(stderr, "map: %s\n", err.message);
    printf("map\t%u\t%u\t%u\n", m->tokens, m->line_count, m->symbols_left);
    fwrite(m->text, 1, m->text_bytes, stdout);
    map_free(m);
    return 0;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int run_one(const struct search *s, const char *mode, const char *text, size_t bytes,
                   const char *tokens) {
    uint32_t budget = tokens ? (uint32_t)strtoul(tokens, NULL, 10) : 0;
    if (strcmp(mode, "locate") == 0)
        return run_locate(s, text, bytes);
    if (strcmp(mode, "features") == 0)
        return run_features(s, text, bytes, true);
    if (strcmp(mode, "files") == 0)
        return run_features(s, text, bytes, false);
    if (strcmp(mode, "map") == 0)
        return run_map(s, text, bytes, budget);
    return run_pack(s, text, bytes, budget);
}

// One answer for each text and budget.
static int run_all(const struct search *s, const char *mode, char *const *tokens) {
    AUTO_BUF in = BUF_INIT(0);
    char chunk[65536];
    size_t n, at = 0, count = 0;
    AUTO_FREE double *times = mem_alloc(TEXTS_MAX * sizeof *times);
    while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0)
        if (buf_append(&in, chunk, n) < 0)
            return 1;
    while (times && at < in.len && count < TEXTS_MAX) {
        const char *text = in.data + at;
        size_t bytes = strlen(text);
        for (size_t k = 0; count < TEXTS_MAX; k++) {
            double start = now_ms();
            if (run_one(s, mode, text, bytes, tokens[k]))
                return 1;
            times[count++] = now_ms() - start;
            putchar(0);
            if (!tokens[k] || !tokens[k + 1])
                break;
        }
        at += bytes + 1;
    }
    if (!count)
        return 0;
    qsort(times, count, sizeof *times, by_value);
    fprintf(stderr, "%s: %zu texts, median %.2f ms, p95 %.2f ms, worst %.2f ms\n", mode, count,
            times[count / 2], times[count * 95 / 100], times[count - 1]);
    return 0;
}

int main(int argc, char **argv) {
    struct err err = {0};
    struct index *ix = NULL;
    struct snapshot *snapshot = NULL;
    struct search *s = NULL;
    if (argc < 3) {
        fprintf(stderr,
                "usage: bench_locate ROOT locate|files|features|map|pack [TOKENS…] < texts\n");
        return 2;
    }
    struct index_config config = {.root = argv[1], .threads = 2};
    const char *folder = getenv("PAIRED_BENCH_STORE");
    struct store_config store = {.dir = folder, .readers = 2};
    if (folder && store_open(&store, &config.store, &err) < 0)
        fprintf(stderr, "bench_locate: without a cache: %s\n", err.message);
    struct index_want want = {.tier = TIER_TREE};
    double start = now_ms();
    int r = index_open(&config, &ix, &err);
    if (r == 0)
        r = index_get(ix, &want, &snapshot, &err);
    double indexed = now_ms();
    struct bench_log *log =
        getenv("PAIRED_BENCH_LOG") ? bench_log_read(getenv("PAIRED_BENCH_LOG")) : NULL;
    struct search_config sc = {.snapshot = snapshot,
                               .history = log ? bench_log_history(log) : NULL};
    if (r == 0)
        r = search_new(&sc, &s, &err);
    if (r == 0) {
        fprintf(stderr, "%u files, index %.0f ms, search %.1f ms, %.1f MB\n",
                snapshot_count(snapshot), indexed - start, now_ms() - indexed,
                (double)search_memory(s) / 1e6);
        r = run_all(s, argv[2], argv + 3);
    } else {
        fprintf(stderr, "bench_locate: %s\n", err.message);
    }
    search_free(s);
    bench_log_free(log);
    snapshot_put(snapshot);
    index_close(ix);
    store_close(config.store);
    return r == 0 ? 0 : 1;
}
