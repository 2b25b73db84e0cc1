// Speed of reading code, one core: bench_code PATH [passes [words]]. Files below PATH are read into
// memory first; each stage (with these words in its name) runs over all of them, the best of some
// passes counts. MB are of source text.
#include "core/base/mem.h"
#include "core/code/checks.h"
#include "core/code/facts.h"
#include "core/code/metrics.h"
#include "core/code/syntax.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#ifdef PAIRED_TREES
#include <tree_sitter/api.h>
#endif

enum { FILES_MAX = 200000, PATH_BYTES = 1024, DEPTH_MAX = 40 };

struct source {
    char *path, *text;
    size_t bytes;
    enum lang lang;
};
static struct source files[FILES_MAX];
static size_t file_count, total_bytes;
static const char *wanted = "";

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void load(const char *path, const struct stat *st) {
    struct source *f = &files[file_count];
    if (file_count == FILES_MAX || st->st_size <= 0 || st->st_size > SYNTAX_BYTES_MAX)
        return;
    FILE *file = fopen(path, "rb");
    f->text = file ? mem_alloc((size_t)st->st_size) : NULL;
    f->bytes = f->text ? fread(f->text, 1, (size_t)st->st_size, file) : 0;
    if (file)
        (void)fclose(file);
    f->lang = f->text ? language_of(path, f->text, f->bytes < 4096 ? f->bytes : 4096) : LANG_NONE;
    f->path = mem_strdup(path);
    if (!f->path || !language_has_tree(f->lang)) {
        mem_free(f->text);
        mem_free(f->path);
        return;
    }
    total_bytes += f->bytes;
    file_count++;
}

static void walk(const char *path, int depth) {
    struct dirent *e;
    DIR *dir = opendir(path);
    while (dir && (e = readdir(dir)) != NULL) {
        char below[PATH_BYTES];
        struct stat st;
        if (e->d_name[0] == '.' ||
            snprintf(below, sizeof below, "%s/%s", path, e->d_name) >= PATH_BYTES ||
            lstat(below, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            walk(below, depth + 1);
        else if (S_ISREG(st.st_mode))
            load(below, &st);
    }
    if (dir)
        (void)closedir(dir);
}

typedef size_t stage_fn(struct syntax *s, const struct source *f);

static bool parsed(struct syntax *s, const struct source *f) {
    static const struct syntax_limits limits = {.ms = 10000};
    return syntax_parse(s, f->lang, f->text, f->bytes, &limits, NULL) == 0;
}

// tree-sitter's public interface by itself: what everything else is measured against. A build with
// -DPAIRED_TREE_UNIT=OFF has its core as the package brings it.
static size_t stage_alone(struct syntax *s, const struct source *f) {
    size_t nodes = 0;
    (void)s;
#ifdef PAIRED_TREES
    static TSParser *parser;
    static enum lang lang;
    if (!parser)
        parser = ts_parser_new();
    if (lang != f->lang && !ts_parser_set_language(parser, language_grammar(f->lang)->ts))
        return 0;
    lang = f->lang;
    TSTree *tree = ts_parser_parse_string(parser, NULL, f->text, (uint32_t)f->bytes);
    nodes = ts_node_descendant_count(ts_tree_root_node(tree));
    ts_tree_delete(tree);
#endif
    return nodes;
}

static size_t stage_parse(struct syntax *s, const struct source *f) {
    return parsed(s, f) ? s->count : 0;
}

static int ignore(void *ctx, const struct finding *f) {
    (void)ctx, (void)f;
    return 0;
}

static size_t stage_metrics(struct syntax *s, const struct source *f) {
    struct metrics *m = NULL;
    uint32_t count = 0;
    if (!parsed(s, f) || metrics_of(s, &m, &count, NULL) < 0)
        return 0;
    mem_free(m);
    return count;
}

static size_t stage_checks(struct syntax *s, const struct source *f) {
    size_t n = stage_metrics(s, f);
    return s->count && checks_run(s, f->path, ignore, NULL, NULL) == 0 ? n : 0;
}

static size_t build(struct syntax *s, const struct source *f, bool tree,
                    const struct facts_options *o) {
    struct facts *facts = NULL;
    int r = tree ? (parsed(s, f) ? facts_from_tree(s, o, &facts, NULL) : -1)
                 : facts_from_text(f->lang, f->text, f->bytes, o, &facts, NULL);
    size_t bytes = r == 0 ? facts->bytes : 0;
    mem_free(facts);
    return bytes;
}

static size_t stage_facts_bare(struct syntax *s, const struct source *f) {
    struct facts_options o = {f->path, .no_findings = true, .no_words = true, .no_clones = true};
    return build(s, f, true, &o);
}

static size_t stage_facts_words(struct syntax *s, const struct source *f) {
    struct facts_options o = {f->path, .no_findings = true, .no_clones = true};
    return build(s, f, true, &o);
}

static size_t stage_facts_all(struct syntax *s, const struct source *f) {
    struct facts_options o = {.path = f->path};
    return build(s, f, true, &o);
}

static size_t stage_lexical(struct syntax *s, const struct source *f) {
    struct facts_options o = {f->path, .no_words = true, .no_clones = true};
    return build(s, f, false, &o);
}

static size_t stage_lexical_words(struct syntax *s, const struct source *f) {
    struct facts_options o = {f->path, .no_clones = true};
    return build(s, f, false, &o);
}

static void run(const char *name, const char *unit, stage_fn *stage, struct syntax *s,
                unsigned passes) {
    double best = 1e9;
    size_t sum = 0;
    struct rusage usage;
    if (!strstr(name, wanted))
        return;
    for (unsigned p = 0; p < passes; p++) {
        double start = now();
        sum = 0;
        for (size_t i = 0; i < file_count; i++)
            sum += stage(s, &files[i]);
        double took = now() - start;
        best = took < best ? took : best;
    }
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("%-28s %7.3f s %7.1f MB/s  %10zu %s  peak %ld MB\n", name, best,
           (double)total_bytes / 1e6 / best, sum, unit, usage.ru_maxrss / 1024);
}

int main(int argc, char **argv) {
    unsigned passes = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 3;
    struct syntax *s = syntax_new();
    if (argc < 2 || !s) {
        (void)fprintf(stderr, "usage: bench_code PATH [passes]\n");
        return 2;
    }
    if (argc > 3)
        wanted = argv[3];
    walk(argv[1], 0);
    printf("%zu files, %.1f MB\n", file_count, (double)total_bytes / 1e6);
    run("lexical", "bytes", stage_lexical, s, passes);
    run("lexical + words", "bytes", stage_lexical_words, s, passes);
    run("parse alone (tree-sitter)", "nodes", stage_alone, s, passes);
    run("parse + flatten", "nodes", stage_parse, s, passes);
    run("… + metrics", "functions", stage_metrics, s, passes);
    run("… + metrics + checks", "functions", stage_checks, s, passes);
    run("facts, bare", "bytes", stage_facts_bare, s, passes);
    run("facts + words", "bytes", stage_facts_words, s, passes);
    run("facts, all", "bytes", stage_facts_all, s, passes);
    for (size_t i = 0; i < file_count; i++) {
        mem_free(files[i].text);
        mem_free(files[i].path);
    }
    syntax_free(s);
    return 0;
}
