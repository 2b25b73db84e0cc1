// Copies, patterns, matching and what patterns give away, on a tree of files:
//   bench_miner FOLDER [TOP] [PAYLOADS]
// prints times (CPU of this thread), sizes and the TOP patterns of each language; with PAYLOADS so
// many payloads of planted files go through the gate. Test folders are left out of mining.
#include "core/base/mem.h"
#include "core/code/clones.h"
#include "core/code/miner.h"
#include "core/code/patterns.h"
#include "tests/unit/code/payloads.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { FILES_MAX = 200000, FILE_BYTES_MAX = 2 * 1024 * 1024, SET_MAX = 10000 };

static struct file {
    char *path, *text;
    size_t bytes;
    enum lang lang;
    bool test;
} files[FILES_MAX];
static uint32_t file_count;

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long rss_mb(void) {
    struct rusage r;
    (void)getrusage(RUSAGE_SELF, &r);
    return r.ru_maxrss / 1024;
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)ftw;
    if (type != FTW_F || st->st_size > FILE_BYTES_MAX || strstr(path, "/.git/") ||
        file_count == FILES_MAX)
        return 0;
    FILE *in = fopen(path, "rb");
    char *text = mem_alloc((size_t)st->st_size + 1);
    size_t n = in && text ? fread(text, 1, (size_t)st->st_size, in) : 0;
    if (in)
        (void)fclose(in);
    enum lang lang = language_of(path, text, n < 4096 ? n : 4096);
    if (!language_is_code(lang)) {
        mem_free(text);
        return 0;
    }
    files[file_count++] = (struct file){
        .path = mem_strdup(path),
        .text = text,
        .bytes = n,
        .lang = lang,
        .test = strstr(path, "test") || strstr(path, "Test"),
    };
    return 0;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static int text_of(void *ctx, uint32_t file, enum lang *ret_lang, const char **ret_text,
                   size_t *ret_bytes) {
    (void)ctx;
    *ret_lang = files[file].lang;
    *ret_text = files[file].text;
    *ret_bytes = files[file].bytes;
    return 0;
}

static void bench_clones(void) {
    struct clone_source *sources = mem_zalloc(file_count * sizeof *sources);
    struct clone_pair *pairs = NULL;
    uint32_t count = 0, tokens, total = 0;
    size_t bytes = 0;
    double start = now();
    for (uint32_t k = 0; k < file_count; k++) {
        struct fact_clone *clones = NULL;
        if (clones_fingerprint(files[k].lang, files[k].text, files[k].bytes, &clones, &count,
                               &tokens, NULL) < 0)
            exit(1);
        sources[k] = (struct clone_source){.clones = clones, .count = count, .file = k};
        bytes += files[k].bytes;
        total += count;
    }
    double middle = now();
    struct clone_options o = {.only_file = -1, .text = text_of};
    if (clones_match(sources, file_count, &o, &pairs, &count, NULL) < 0)
        exit(1);
    (void)fprintf(stderr,
                  "copies: %u files, %.1f MB, %u fingerprints: %.3f s + %u pairs: %.3f s; %ld MB "
                  "with all texts\n",
                  file_count, (double)bytes / 1e6, total, middle - start, count, now() - middle,
                  rss_mb());
    for (uint32_t k = 0; k < file_count; k++)
        mem_free((void *)(uintptr_t)sources[k].clones);
    mem_free(sources);
    mem_free(pairs);
}

static void bench_mining(struct syntax *s, enum lang lang, uint32_t top) {
    struct miner *m = miner_new(NULL);
    struct mined *list = NULL;
    uint32_t n = 0, parsed = 0;
    double parse = 0, mine = 0;
    size_t bytes = 0;
    for (uint32_t k = 0; k < file_count; k++) {
        const struct file *f = &files[k];
        double start = now();
        if (f->lang != lang || f->test || syntax_parse(s, lang, f->text, f->bytes, NULL, NULL) < 0)
            continue;
        double middle = now();
        if (miner_add(m, s, NULL, NULL) < 0)
            exit(1);
        parse += middle - start;
        mine += now() - middle;
        bytes += f->bytes;
        parsed++;
    }
    if (bytes) {
        double start = now();
        if (miner_finish(m, NULL, &list, &n, NULL) < 0)
            exit(1);
        double finish = now() - start;
        (void)fprintf(stderr,
                      "%s: %u files, %.2f MB: parse %.2f s, mine %.2f s, finish %.2f s: %.1f MB/s "
                      "beyond parsing; %u patterns; %ld MB\n",
                      language_name(lang), parsed, (double)bytes / 1e6, parse, mine, finish,
                      (double)bytes / 1e6 / (mine + finish), n, rss_mb());
    }
    for (uint32_t k = 0; k < n && k < top; k++)
        (void)fprintf(stderr, "\n#%u %s, %u times in %u files, %.0f bits\n%s\n", k + 1,
                      mined_level_name(list[k].level), list[k].count, list[k].files, list[k].bits,
                      list[k].pattern->text);
    mined_free(list, n);
    miner_free(m);
}

struct gathered { // distinct patterns of the tree
    struct pattern *list[SET_MAX];
    uint64_t seen[1 << 16]; // first bytes of ids
    uint32_t count;
    struct pattern_reader *reader;
};

static int gather(void *ctx, enum lang lang, const char *text, size_t bytes) {
    struct gathered *g = ctx;
    struct pattern *p = NULL;
    if (g->count == SET_MAX)
        return ERR_CANCELLED;
    if (pattern_parse(g->reader, lang, text, bytes, &p, NULL) < 0)
        return 0;
    uint64_t id;
    memcpy(&id, p->id, sizeof id);
    uint32_t at = (uint32_t)id & 0xFFFF;
    while (g->seen[at] && g->seen[at] != id)
        at = (at + 1) & 0xFFFF;
    if (g->seen[at]) {
        pattern_free(p);
        return 0;
    }
    g->seen[at] = id;
    g->list[g->count++] = p;
    return 0;
}

static int count_match(void *ctx, const struct pattern_match *match) {
    (void)match;
    ++*(uint64_t *)ctx;
    return 0;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void bench_keystrokes(const struct pattern_set *set, struct pattern_matcher *m,
                             struct syntax *s) {
    enum { PLACES = 2000 };
    static double times[PLACES];
    uint32_t n = 0;
    uint64_t matches = 0;
    for (uint32_t k = 0; k < file_count && n < PLACES; k++) {
        const struct file *f = &files[k];
        if (f->bytes < 2000 || syntax_parse(s, f->lang, f->text, f->bytes, NULL, NULL) < 0)
            continue;
        for (uint32_t i = 0; i < 20 && n < PLACES; i++) {
            uint32_t at = (uint32_t)(f->bytes / 21 * (i + 1));
            double start = now();
            if (patterns_match_range(set, m, s, at, at + 1, count_match, &matches, NULL) < 0)
                exit(1);
            times[n++] = now() - start;
        }
    }
    qsort(times, n, sizeof *times, by_size);
    if (n)
        (void)fprintf(stderr, "one place: median %.3f ms, p95 %.3f ms, p99 %.3f ms\n",
                      times[n / 2] * 1e3, times[n * 95 / 100] * 1e3, times[n * 99 / 100] * 1e3);
}

static void bench_matching(struct syntax *s) {
    struct gathered *g = mem_zalloc(sizeof *g);
    struct pattern_set *set = NULL;
    struct pattern_matcher *m = pattern_matcher_new();
    double time = 0, parse = 0;
    uint64_t matches = 0;
    size_t bytes = 0;
    if (!g || !m || !(g->reader = pattern_reader_new()))
        exit(1);
    for (uint32_t k = 0; k < file_count && g->count < SET_MAX; k++)
        if (syntax_parse(s, files[k].lang, files[k].text, files[k].bytes, NULL, NULL) == 0)
            (void)payloads_each(s, gather, g);
    if (pattern_set_new(g->list, g->count, &set, NULL) < 0)
        exit(1);
    for (uint32_t k = 0; k < file_count; k++) {
        double start = now();
        if (syntax_parse(s, files[k].lang, files[k].text, files[k].bytes, NULL, NULL) < 0)
            continue;
        double middle = now();
        if (patterns_match(set, m, s, count_match, &matches, NULL) < 0)
            exit(1);
        parse += middle - start;
        time += now() - middle;
        bytes += files[k].bytes;
    }
    (void)fprintf(stderr,
                  "%u patterns matched on %.1f MB: %.2f s beyond %.2f s of parsing (%.2f s per 10 "
                  "MB), %llu matches\n",
                  g->count, (double)bytes / 1e6, time, parse, time * 1e7 / (double)bytes,
                  (unsigned long long)matches);
    bench_keystrokes(set, m, s);
    pattern_set_free(set);
    pattern_matcher_free(m);
    pattern_reader_free(g->reader);
    for (uint32_t k = 0; k < g->count; k++)
        pattern_free(g->list[k]);
    mem_free(g);
}

static void bench_leaks(struct syntax *s, uint32_t payloads) {
    struct payload_tally tally = {.payloads = 0};
    uint64_t seed = 88172645463325252U;
    for (uint32_t k = 0; k < file_count && tally.payloads < payloads; k++)
        (void)payloads_tally(s, files[k].lang, files[k].text, files[k].bytes, &seed, payloads,
                             &tally);
    (void)fprintf(stderr, "gate: %u payloads, %u refused, %u planted ones offered, %u leaks\n",
                  tally.payloads, tally.refused, tally.planted, tally.leaks);
}

int main(int argc, char **argv) {
    uint32_t top = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    uint32_t payloads = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
    if (argc < 2 || nftw(argv[1], visit, 32, FTW_PHYS) < 0) {
        (void)fprintf(stderr, "usage: bench_miner FOLDER [TOP] [PAYLOADS]\n");
        return 2;
    }
    struct syntax *s = syntax_new();
    qsort(files, file_count, sizeof *files, by_path);
    bench_clones();
    for (int lang = LANG_TREE_FIRST; lang <= LANG_TREE_LAST; lang++)
        bench_mining(s, (enum lang)lang, top);
    bench_matching(s);
    if (payloads)
        bench_leaks(s, payloads);
    syntax_free(s);
    for (uint32_t k = 0; k < file_count; k++) {
        mem_free(files[k].path);
        mem_free(files[k].text);
    }
    return 0;
}
