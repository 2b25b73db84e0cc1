// How well the router chooses, and how fast. Data: comma-separated, columns prompt, weak_ok,
// strong_ok (others by --weak and --strong); a file is scored as a whole.
//
//   bench_route fit OUT DATA…
//       fits the prior that ships and writes its bytes
//   bench_route score [--out SCORES] DATA…
//       the shipped prior on rows that it has not seen
//   bench_route cv [--folds 5] DATA…
//       fitted on all files but a fifth of their rows, scored on that; and bare length
//   bench_route online [--prior DATA] DATA
//       learns from 1,000 outcomes of the chosen model only
//   bench_route speed TEXT
//       time of one decision between two models
#include "core/base/mem.h"
#include "core/route/route_predict_impl.h"
#include "tests/bench/route_data.h"
#include "tests/bench/route_fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FOLDS_MAX = 100, BOOTS = 200, FILES_MAX = 8, ONLINE_OUTCOMES = 1000, SEEDS = 8 };

static int folds = 5;
static const char *weak_column = "weak_ok", *strong_column = "strong_ok";

struct row {
    const char *prompt;
    struct outcome o;
    int file, fold;
    struct fit_row fit; // read when first needed
};
struct data {
    struct table tables[FILES_MAX];
    struct row *rows;
    size_t count;
    int files;
    uint64_t dice;
};

static uint32_t roll(struct data *d) {
    d->dice += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = d->dice;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

static void give_up(const char *why) {
    (void)fprintf(stderr, "bench_route: %s\n", why);
    exit(2);
}

static void load(struct data *d, const char *path) {
    if (d->files == FILES_MAX)
        give_up("too many files");
    struct table *t = &d->tables[d->files];
    *t = table_read(path);
    size_t prompt = table_column(t, "prompt"), n = table_count(t);
    size_t weak = table_column(t, weak_column), strong = table_column(t, strong_column);
    d->rows = realloc(d->rows, (d->count + n) * sizeof *d->rows);
    if (!d->rows)
        give_up("out of memory");
    for (size_t i = 0; i < n; i++)
        d->rows[d->count++] = (struct row){
            .prompt = table_cell(t, i, prompt),
            .o = {0, table_cell(t, i, weak)[0] == '1', table_cell(t, i, strong)[0] == '1'},
            .file = d->files};
    d->files++;
}

static struct route_features features;

static void shuffle(struct data *d, struct row **rows, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = roll(d) % i;
        struct row *t = rows[i - 1];
        rows[i - 1] = rows[j];
        rows[j] = t;
    }
}

static void fit(struct row **rows, size_t n, struct buf *out) {
    const struct fit_row **of = malloc((n + 1) * sizeof *of);
    if (!of)
        give_up("out of memory");
    for (size_t i = 0; i < n; i++) {
        struct row *r = rows[i];
        if (!r->fit.buckets)
            fit_row_read(&r->fit, r->prompt, r->o.weak, r->o.strong);
        of[i] = &r->fit;
    }
    fit_prior(of, n, out);
    free(of);
}

static void score(const struct route_predictor *p, struct row *row) {
    struct route_look look;
    route_features_read(&features, row->prompt, strlen(row->prompt));
    route_predict_look(p, &features, &look);
    row->o.score =
        (double)route_predict(p, &look, "strong", 1) - (double)route_predict(p, &look, "weak", 0);
}

static struct route_predictor *predictor_of(const struct buf *bytes) {
    struct route_prior *prior = mem_alloc(sizeof *prior);
    struct route_predictor *p = NULL;
    if (!prior || route_prior_unpack(prior, bytes->data, bytes->len, NULL) < 0 ||
        predictor_new_with(prior, &p, NULL) < 0)
        give_up("no prior");
    return p;
}

static struct figures figures_of(const struct data *d, int file, int boots) {
    struct outcome *o = malloc(d->count * sizeof *o);
    size_t n = 0;
    if (!o)
        give_up("out of memory");
    for (size_t i = 0; i < d->count; i++)
        if (d->rows[i].file == file)
            o[n++] = d->rows[i].o;
    struct figures f = score_ordering(o, n, boots);
    free(o);
    return f;
}

static void print(const char *what, const char *path, const struct figures *f) {
    const char *name = strrchr(path, '/');
    (void)printf("%-8s %-24s APGR %.3f [%.3f %.3f]  CPT20 %4.1f  CPT50 %4.1f  CPT80 %4.1f\n", what,
                 name ? name + 1 : path, f->apgr, f->low, f->high, f->cpt20, f->cpt50, f->cpt80);
}

static struct row **pointers(struct data *d, int without_fold, size_t *ret) {
    struct row **rows = malloc(d->count * sizeof *rows);
    size_t n = 0;
    if (!rows)
        give_up("out of memory");
    for (size_t i = 0; i < d->count; i++)
        if (d->rows[i].fold != without_fold)
            rows[n++] = &d->rows[i];
    *ret = n;
    return rows;
}

static void run_fit(struct data *d, const char *path) {
    struct buf out = BUF_INIT(0);
    size_t n;
    struct row **rows = pointers(d, -1, &n);
    fit(rows, n, &out);
    FILE *f = fopen(path, "wbe");
    if (!f || fwrite(out.data, 1, out.len, f) != out.len || fclose(f) != 0)
        give_up("cannot write");
    (void)printf("%zu rows, %zu bytes\n", n, out.len);
    buf_done(&out);
    free(rows);
}

static void run_score(struct data *d, char **paths, const char *out) {
    struct route_predictor *p = NULL;
    if (route_predictor_new(&p, NULL) < 0)
        give_up("no prior");
    FILE *f = out ? fopen(out, "we") : NULL;
    for (size_t i = 0; i < d->count; i++) {
        score(p, &d->rows[i]);
        if (f)
            (void)fprintf(f, "%.9g\n", d->rows[i].o.score);
    }
    if (f)
        (void)fclose(f);
    for (int file = 0; file < d->files; file++) {
        struct figures g = figures_of(d, file, BOOTS);
        print("prior", paths[file], &g);
    }
    route_predictor_free(p);
}

static void cross_validate(struct data *d) {
    for (size_t i = 0; i < d->count; i++)
        d->rows[i].fold = (int)(roll(d) % (uint32_t)folds);
    for (int fold = 0; fold < folds; fold++) {
        struct buf bytes = BUF_INIT(0);
        size_t n;
        struct row **rows = pointers(d, fold, &n);
        fit(rows, n, &bytes);
        struct route_predictor *p = predictor_of(&bytes);
        for (size_t i = 0; i < d->count; i++)
            if (d->rows[i].fold == fold)
                score(p, &d->rows[i]);
        route_predictor_free(p);
        buf_done(&bytes);
        free(rows);
    }
}

static int by_score(const void *a, const void *b) {
    double x = (*(struct row *const *)a)->o.score, y = (*(struct row *const *)b)->o.score;
    return x < y ? -1 : x > y;
}

// Five models' scores are not of one scale: the base rate that a model has learned is low exactly
// where its own fold's is high. Each fold is therefore an ordering of its own, as a router in
// service is: a score becomes the share of the file's rows in the fold that are below it. Equals
// stay equal.
static void rank_in_fold(struct data *d, int fold, int file) {
    struct row **of = malloc((d->count + 1) * sizeof *of);
    size_t n = 0;
    if (!of)
        give_up("out of memory");
    for (size_t i = 0; i < d->count; i++)
        if (d->rows[i].fold == fold && d->rows[i].file == file)
            of[n++] = &d->rows[i];
    qsort(of, n, sizeof *of, by_score);
    for (size_t i = 0, j; i < n; i = j) {
        double score = of[i]->o.score;
        for (j = i; j < n && of[j]->o.score == score; j++)
            ;
        for (size_t k = i; k < j; k++)
            of[k]->o.score = ((double)i + (double)j) / (2 * (double)n);
    }
    free(of);
}

static void run_cv(struct data *d, char **paths) {
    struct figures mean[FILES_MAX] = {{0}};
    double one_scale[FILES_MAX] = {0};
    for (int seed = 0; seed < SEEDS; seed++) {
        d->dice = 1000 + (uint64_t)seed;
        cross_validate(d);
        for (int file = 0; file < d->files; file++) {
            struct figures raw = figures_of(d, file, 0);
            one_scale[file] += raw.apgr / SEEDS;
            for (int fold = 0; fold < folds; fold++)
                rank_in_fold(d, fold, file);
            struct figures g = figures_of(d, file, seed == 0 ? BOOTS : 0);
            double *to = (double *)&mean[file], *from = (double *)&g;
            for (size_t k = 0; k < sizeof g / sizeof *to; k++)
                to[k] += k < 4 ? from[k] / SEEDS : from[k];
        }
    }
    for (int file = 0; file < d->files; file++) {
        print("cv", paths[file], &mean[file]);
        (void)printf("         (%.3f if the scores of five models are put in one order)\n",
                     one_scale[file]);
    }
    for (size_t i = 0; i < d->count; i++)
        d->rows[i].o.score = (double)strlen(d->rows[i].prompt);
    for (int file = 0; file < d->files; file++) {
        struct figures g = figures_of(d, file, BOOTS);
        print("length", paths[file], &g);
    }
}

// Each request goes to the strong model when its score is above the median of those before (half of
// the calls), or one time in fifty to the other one; only that model's outcome is learned. Then the
// rest is scored.
static double online(struct data *d, const struct buf *prior) {
    struct route_predictor *p = NULL;
    double median = 0;
    size_t n;
    if (prior)
        p = predictor_of(prior);
    else if (route_predictor_new_blank(&p, NULL) < 0)
        give_up("out of memory");
    struct row **rows = pointers(d, -1, &n);
    shuffle(d, rows, n);
    if (n <= ONLINE_OUTCOMES + 100)
        give_up("too few rows");
    for (size_t i = 0; i < ONLINE_OUTCOMES; i++) {
        score(p, rows[i]);
        bool strong = rows[i]->o.score > median;
        median += (strong ? 1 : -1) * .2 / sqrt((double)i + 10);
        if (roll(d) % 50 == 0)
            strong = !strong;
        if (route_learn(p, &features, strong ? "strong" : "weak", strong,
                        strong ? rows[i]->o.strong : rows[i]->o.weak, 1, NULL) < 0)
            give_up("out of memory");
    }
    struct outcome *o = malloc(n * sizeof *o);
    if (!o)
        give_up("out of memory");
    for (size_t i = ONLINE_OUTCOMES; i < n; i++) {
        score(p, rows[i]);
        o[i - ONLINE_OUTCOMES] = rows[i]->o;
    }
    struct figures f = score_ordering(o, n - ONLINE_OUTCOMES, 0);
    free(o);
    free(rows);
    route_predictor_free(p);
    return f.apgr;
}

static void run_online(struct data *d, const char *prior_path) {
    struct buf bytes = BUF_INIT(0);
    struct data other = {.dice = 5};
    double sum = 0, squares = 0;
    if (prior_path) {
        size_t n;
        load(&other, prior_path);
        for (size_t i = 0; i < other.count; i++)
            other.rows[i].fold = 0;
        struct row **rows = pointers(&other, -1, &n);
        fit(rows, n, &bytes);
        free(rows);
    }
    for (int seed = 0; seed < SEEDS; seed++) {
        d->dice = 77 + (uint64_t)seed;
        double a = online(d, prior_path ? &bytes : NULL);
        sum += a;
        squares += a * a;
    }
    double mean = sum / SEEDS;
    (void)printf("online   %d outcomes of the chosen model, %s: APGR of the rest %.3f (deviation "
                 "%.3f over %d orders)\n",
                 ONLINE_OUTCOMES, prior_path ? "prior of other rows" : "no prior", mean,
                 sqrt(fmax(squares / SEEDS - mean * mean, 0)), SEEDS);
}

static double now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

// Text with the words of an ordinary file: this one.
static void run_speed(const char *path) {
    static const size_t sizes[] = {4096, 65536, 1048576};
    struct route_predictor *p = NULL;
    char *text = malloc(sizes[2] + 1);
    FILE *f = fopen(path, "rbe");
    if (!text || !f || route_predictor_new(&p, NULL) < 0)
        give_up("cannot read the text to measure on");
    size_t have = fread(text, 1, sizes[2], f);
    (void)fclose(f);
    if (have < 1000)
        give_up("the text to measure on is too short");
    for (size_t i = have; i < sizes[2]; i++) // further words, not the same ones again
        text[i] = text[i - have] == 'e' ? (char)('a' + i / have % 26) : text[i - have];
    for (int i = 0; i < 200; i++) {
        route_features_read(&features, text + (i * 97) % 2000, 800);
        (void)route_learn(p, &features, i & 1 ? "strong" : "weak", i & 1, i % 3 != 0, 1, NULL);
    }
    for (int s = 0; s < 3; s++) {
        double times[401], sum = 0;
        for (int i = 0; i < 401; i++) {
            struct route_look look;
            double begin = now_us();
            for (int k = 0; k < 4; k++) {
                route_features_read(&features, text, sizes[s]);
                route_predict_look(p, &features, &look);
                sum += (double)(route_predict(p, &look, "strong", 1) -
                                route_predict(p, &look, "weak", 0));
            }
            times[i] = (now_us() - begin) / 4;
        }
        qsort(times, 401, sizeof *times, ascending);
        (void)printf("speed    %7zu bytes: %.1f us (median; least %.1f), %u features, %.3f\n",
                     sizes[s], times[200], times[0], features.words + features.pairs, sum / 1604);
    }
    route_predictor_free(p);
    free(text);
}

int main(int argc, char **argv) {
    struct data d = {.dice = 1};
    const char *out = NULL, *prior = NULL;
    int at = 2;
    if (argc < 3)
        give_up("usage: bench_route fit OUT DATA… | score [--out SCORES] DATA… | cv DATA… | online "
                "[--prior DATA] DATA | "
                "speed TEXT");
    if (strcmp(argv[1], "speed") == 0) {
        run_speed(argv[2]);
        return 0;
    }
    if (strcmp(argv[1], "fit") == 0)
        out = argv[at++];
    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        if (strcmp(argv[at], "--weak") == 0)
            weak_column = argv[at + 1];
        else if (strcmp(argv[at], "--strong") == 0)
            strong_column = argv[at + 1];
        else if (strcmp(argv[at], "--out") == 0)
            out = argv[at + 1];
        else if (strcmp(argv[at], "--folds") == 0)
            folds = (int)strtol(argv[at + 1], NULL, 10);
        else if (strcmp(argv[at], "--prior") == 0)
            prior = argv[at + 1];
        else
            give_up(argv[at]);
    }
    for (int i = at; i < argc; i++)
        load(&d, argv[i]);
    for (size_t i = 0; i < d.count; i++)
        d.rows[i].fold = 0;
    if (d.count == 0)
        give_up("no data");
    if (folds < 2 || folds > FOLDS_MAX)
        give_up("from 2 to 100 folds");
    if (strcmp(argv[1], "fit") == 0)
        run_fit(&d, out);
    else if (strcmp(argv[1], "score") == 0)
        run_score(&d, argv + at, out);
    else if (strcmp(argv[1], "cv") == 0)
        run_cv(&d, argv + at);
    else if (strcmp(argv[1], "online") == 0)
        run_online(&d, prior);
    else
        give_up(argv[1]);
    for (int i = 0; i < d.files; i++)
        table_free(&d.tables[i]);
    for (size_t i = 0; i < d.count; i++)
        fit_row_free(&d.rows[i].fit);
    free(d.rows);
    return 0;
}
