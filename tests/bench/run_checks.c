// Prints what the checks find: run_checks [--tree|--time|--count|--metrics] PATH...
// A directory is walked whole (links are not followed); a line a finding:
//   path:line rule confidence message [fix]
// --tree prints the flat tree of files instead, --metrics the figures of functions (path, bytes
// from and to, first and last line, cyclomatic, cognitive, 1 for a lambda, name; tabs between),
// --time adds speeds, --count totals only.
#include "core/base/mem.h"
#include "core/code/checks.h"
#include "core/code/metrics.h"

#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct run {
    struct syntax *syntax;
    const char *path;
    const char *text;
    bool tree, count_only, time, metrics;
    size_t files, bytes, findings, with_errors;
    size_t by_rule[RULES_MAX];
    double parse_seconds, check_seconds;
};

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_line(const char *text, size_t n) {
    for (size_t k = 0; k < n; k++)
        (void)(text[k] == '\n' ? printf("\\n") : putchar(text[k]));
}

static int print(void *ctx, const struct finding *f) {
    struct run *run = ctx;
    size_t rule = 0;
    while (rules_at(rule) && rules_at(rule) != f->rule)
        rule++;
    run->by_rule[rule]++;
    run->findings++;
    if (run->count_only)
        return 0;
    (void)printf("%s:%u %s %d %s", run->path, f->line, f->rule->id,
                 f->confidence ? f->confidence : f->rule->confidence, f->message);
    if (f->has_fix) {
        (void)printf(" [");
        print_line(run->text + f->fix_start, f->fix_end - f->fix_start);
        (void)printf(" -> ");
        print_line(f->fix_text, strlen(f->fix_text));
        (void)printf("]");
    }
    (void)printf("\n");
    return 0;
}

static void print_tree(const struct syntax *s) {
    for (uint32_t i = 0; i < s->count; i++) {
        int depth = 0;
        size_t n;
        const char *text = syntax_text(s, i, &n);
        for (uint32_t p = i; p; p = s->nodes[p].parent)
            depth++;
        const char *eol = memchr(text, '\n', n);
        (void)printf("%*s%s%s role=%d field=%d | %.*s\n", depth * 2, "",
                     syntax_named(s, i) ? "" : "'", syntax_type(s, i), s->nodes[i].role,
                     s->nodes[i].field, (int)(eol ? eol - text : (long)(n < 60 ? n : 60)), text);
    }
}

static int print_metrics(const struct syntax *s, const char *path, struct err *err) {
    struct metrics *all = NULL;
    uint32_t count = 0;
    int r = metrics_of(s, &all, &count, err);
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        size_t n = 0;
        uint32_t name =
            s->nodes[all[i].node].role == ROLE_FUNCTION ? syntax_name(s, all[i].node) : 0;
        const char *text = name ? syntax_text(s, name, &n) : "";
        const struct node *at = &s->nodes[all[i].node];
        (void)printf("%s\t%u\t%u\t%u\t%u\t%u\t%u\t%d\t", path, at->start, at->end, at->line,
                     syntax_end_line(s, all[i].node), all[i].cyclomatic, all[i].cognitive,
                     at->role == ROLE_LAMBDA);
        print_line(text, n);
        (void)printf("\n");
    }
    mem_free(all);
    return r;
}

static void check_file(struct run *run, const char *path, const char *text, size_t n) {
    struct err err = {0};
    enum lang lang = language_of(path, text, n < 4096 ? n : 4096);
    if (!language_has_tree(lang))
        return;
    run->path = path;
    run->text = text;
    double start = now();
    if (syntax_parse(run->syntax, lang, text, n, NULL, &err) < 0)
        return;
    double parsed = now();
    if (run->tree || run->metrics) {
        if (run->tree)
            print_tree(run->syntax);
        else if (print_metrics(run->syntax, path, &err) < 0)
            (void)fprintf(stderr, "%s: %s\n", path, err_text(&err));
        return;
    }
    if (checks_run(run->syntax, path, print, run, &err) < 0)
        (void)fprintf(stderr, "%s: %s\n", path, err_text(&err));
    run->check_seconds += now() - parsed;
    run->parse_seconds += parsed - start;
    run->with_errors += run->syntax->errors > 0;
    run->files++;
    run->bytes += n;
}

static void read_file(struct run *run, const char *path, size_t n) {
    FILE *file = n <= SYNTAX_BYTES_MAX ? fopen(path, "rb") : NULL;
    char *text = mem_alloc(n + 1);
    if (file && text && fread(text, 1, n, file) == n)
        check_file(run, path, text, n);
    mem_free(text);
    if (file)
        (void)fclose(file);
}

static int by_name(const FTSENT **a, const FTSENT **b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int walk(struct run *run, char *path) {
    char *roots[] = {path, NULL};
    FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (!fts)
        return -1;
    for (FTSENT *e; (e = fts_read(fts)) != NULL;) {
        if (e->fts_info == FTS_D && strcmp(e->fts_name, ".git") == 0)
            (void)fts_set(fts, e, FTS_SKIP);
        else if (e->fts_info == FTS_F)
            read_file(run, e->fts_path, (size_t)e->fts_statp->st_size);
    }
    return fts_close(fts);
}

int main(int argc, char **argv) {
    struct run run = {.syntax = syntax_new()};
    int r = run.syntax ? 0 : 1;
    for (int i = 1; i < argc && r == 0; i++) {
        if (strcmp(argv[i], "--tree") == 0)
            run.tree = true;
        else if (strcmp(argv[i], "--time") == 0)
            run.time = true;
        else if (strcmp(argv[i], "--count") == 0)
            run.count_only = true;
        else if (strcmp(argv[i], "--metrics") == 0)
            run.metrics = true;
        else if (walk(&run, argv[i]) < 0)
            r = 1;
    }
    if (run.count_only || run.time) {
        (void)printf("%zu files, %zu with errors, %.2f MB, %zu findings\n", run.files,
                     run.with_errors, (double)run.bytes / 1e6, run.findings);
        for (size_t i = 0; rules_at(i); i++)
            if (run.by_rule[i])
                (void)printf("%6zu %s\n", run.by_rule[i], rules_at(i)->id);
    }
    if (run.time)
        (void)printf("parse %.3f s (%.1f MB/s), checks %.3f s (%.1f MB/s), %.1f%% of parsing\n",
                     run.parse_seconds, (double)run.bytes / 1e6 / run.parse_seconds,
                     run.check_seconds, (double)run.bytes / 1e6 / run.check_seconds,
                     100 * run.check_seconds / run.parse_seconds);
    syntax_free(run.syntax);
    return r;
}
