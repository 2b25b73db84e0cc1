// Replay of cascades over published outcomes: bench_cascade [--cap SHARE] TRAIN.csv [TEST.csv];
// bench_cascade [--cap SHARE] --bound FILE.csv: what no policy whatever could do better
// (cascade_bound.h), and how sure a comparison of that many tasks is.
// Columns <model>_ok, <model>_usd; the strong model to compare with is the one that solves most.
// With one file: five folds, each scored with the order that the other four chose. The check's
// errors are independent, checks cost nothing, stages share nothing.
#include "core/route/route_cascade.h"
#include "tests/bench/cascade_bound.h"
#include "tests/bench/route_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOLDS = 5, SEEDS = 4 };

struct world {
    struct table table;
    struct route_trials trials;
    struct route_trial *cells;
    char names[ROUTE_CASCADE_MODELS_MAX][64];
    size_t strong;
};

static void *room(size_t n) {
    void *p = calloc(1, n ? n : 1);
    if (!p) {
        (void)fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return p;
}

static struct world load(const char *path) {
    struct world w = {.table = table_read(path)};
    size_t ok[ROUTE_CASCADE_MODELS_MAX], usd[ROUTE_CASCADE_MODELS_MAX],
        models = 0, tasks = table_count(&w.table);
    for (size_t c = 0; c < w.table.columns && models < ROUTE_CASCADE_MODELS_MAX; c++) {
        char price[80];
        size_t n = strlen(w.table.cells[c]);
        if (n < 4 || n > 60 || strcmp(w.table.cells[c] + n - 3, "_ok") != 0)
            continue;
        (void)snprintf(w.names[models], sizeof w.names[models], "%.*s", (int)(n - 3),
                       w.table.cells[c]);
        (void)snprintf(price, sizeof price, "%s_usd", w.names[models]);
        ok[models] = c;
        usd[models++] = table_column(&w.table, price);
    }
    w.cells = room(tasks * models * sizeof *w.cells);
    size_t solved[ROUTE_CASCADE_MODELS_MAX] = {0};
    for (size_t t = 0; t < tasks; t++)
        for (size_t m = 0; m < models; m++) {
            struct route_trial *c = &w.cells[t * models + m];
            *c = (struct route_trial){.ok = table_cell(&w.table, t, ok[m])[0] == '1',
                                      .usd = strtod(table_cell(&w.table, t, usd[m]), NULL)};
            solved[m] += c->ok;
        }
    for (size_t m = 1; m < models; m++)
        if (solved[m] > solved[w.strong])
            w.strong = m;
    w.trials = (struct route_trials){w.cells, tasks, models};
    return w;
}

static void done(struct world *w) {
    free(w->cells);
    table_free(&w->table);
}

static struct route_expected alone(const struct world *w, size_t model, const size_t *tasks,
                                   size_t n) {
    struct route_plan p = {.stages = 1, .model = {(uint8_t)model}};
    return route_plan_replay(&p, &w->trials, tasks, n, 1, 1);
}

static void print_plan(const struct world *w, const struct route_mix *mix) {
    for (int side = 0; side < 2; side++) {
        const struct route_plan *p = side ? &mix->dear : &mix->cheap;
        (void)printf("  %3.0f %%: ", 100 * (side ? mix->dear_share : 1 - mix->dear_share));
        for (size_t i = 0; i < p->stages; i++)
            (void)printf("%s%s", i ? " > " : "", w->names[p->model[i]]);
    }
    (void)printf("\n");
}

static struct route_mix learn(const struct world *w, const size_t *tasks, size_t n, double accepts,
                              double rejects, double cap) {
    struct route_mix p = {.dear_share = 0};
    double usd = alone(w, w->strong, tasks, n).usd;
    if (!route_mix_learn(&w->trials, tasks, n, accepts, rejects, cap * usd, &p)) {
        (void)fprintf(stderr, "no plan is that cheap\n");
        exit(2);
    }
    return p;
}

static void print(const char *what, double accepts, double rejects, struct route_expected e,
                  struct route_expected s) {
    (void)printf("%s check %2.0f/%2.0f: solved %.3f at $%.3f, %.0f %% of the strong model's $%.3f "
                 "(solved %.3f)\n",
                 what, accepts * 100, rejects * 100, e.solved, e.usd, 100 * e.usd / s.usd, s.usd,
                 s.solved);
}

static void two_files(const struct world *train, const struct world *test, double accepts,
                      double rejects, double cap) {
    size_t *all = room(train->trials.tasks * sizeof *all),
           *other = room(test->trials.tasks * sizeof *other);
    for (size_t i = 0; i < train->trials.tasks; i++)
        all[i] = i;
    for (size_t i = 0; i < test->trials.tasks; i++)
        other[i] = i;
    struct route_mix p = learn(train, all, train->trials.tasks, accepts, rejects, cap);
    print("held out", accepts, rejects,
          route_mix_replay(&p, &test->trials, other, test->trials.tasks, accepts, rejects),
          alone(test, train->strong, other, test->trials.tasks));
    print_plan(train, &p);
    free(all);
    free(other);
}

static void folds(const struct world *w, double accepts, double rejects, double cap) {
    size_t n = w->trials.tasks, *train = room(n * sizeof *train), *test = room(n * sizeof *test);
    int *fold = room(n * sizeof *fold);
    struct route_expected sum = {0, 0};
    uint64_t dice = 9;
    for (int seed = 0; seed < SEEDS; seed++) {
        for (size_t i = 0; i < n; i++) {
            dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            fold[i] = (int)((dice >> 33) % FOLDS);
        }
        for (int f = 0; f < FOLDS; f++) {
            size_t a = 0, b = 0;
            for (size_t i = 0; i < n; i++)
                if (fold[i] == f)
                    test[b++] = i;
                else
                    train[a++] = i;
            struct route_mix p = learn(w, train, a, accepts, rejects, cap);
            struct route_expected e = route_mix_replay(&p, &w->trials, test, b, accepts, rejects);
            sum.usd += e.usd * (double)b / (double)n / SEEDS;
            sum.solved += e.solved * (double)b / (double)n / SEEDS;
            if (seed == 0)
                print_plan(w, &p);
        }
    }
    for (size_t i = 0; i < n; i++)
        train[i] = i;
    print("cv      ", accepts, rejects, sum, alone(w, w->strong, train, n));
    free(train);
    free(test);
    free(fold);
}

// Standard error of the difference between an order and the strong model alone, task by task.
static double uncertain(const struct world *w, const struct route_plan *p, double accepts,
                        double rejects) {
    double sum = 0, squares = 0, n = (double)w->trials.tasks;
    for (size_t i = 0; i < w->trials.tasks; i++) {
        double s = route_plan_replay(p, &w->trials, &i, 1, accepts, rejects).solved;
        double strong = w->trials.cells[i * w->trials.models + w->strong].ok;
        // The order's outcome is a chance of s, and not s itself: its own spread comes on top.
        sum += s - strong;
        squares += (s - strong) * (s - strong) + s * (1 - s);
    }
    return sqrt((squares / n - sum * sum / n / n) / n);
}

static void bounds(const struct world *w, double accepts, double rejects, double cap) {
    size_t n = w->trials.tasks, *all = room(n * sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i] = i;
    struct route_expected s = alone(w, w->strong, all, n);
    struct route_mix p = learn(w, all, n, accepts, rejects, cap);
    print("best mixture of two orders, in hindsight:", accepts, rejects,
          route_mix_replay(&p, &w->trials, all, n, accepts, rejects), s);
    print_plan(w, &p);
    print("  the dearer of them alone:", accepts, rejects,
          route_plan_replay(&p.dear, &w->trials, all, n, accepts, rejects), s);
    (void)printf("  difference to the strong model: standard error %.3f\n",
                 uncertain(w, &p.dear, accepts, rejects));
    (void)printf("  no policy over the check's answers solves more than %.4f at %.0f %%\n",
                 cascade_bound(&w->trials, accepts, rejects, cap * s.usd), cap * 100);
    free(all);
}

int main(int argc, char **argv) {
    static const double rates[][3] = {
        {.95, .90, .28}, {.90, .80, .22}, {.90, .60, .28}, {1, 1, .28}};
    bool bound = false;
    double cap = 0;
    int at = 1;
    if (argc > 3 && strcmp(argv[1], "--cap") == 0) {
        cap = strtod(argv[2], NULL);
        at = 3;
    }
    if (at < argc && strcmp(argv[at], "--bound") == 0) {
        bound = true;
        at++;
    }
    if (at >= argc) {
        (void)fprintf(stderr,
                      "usage: bench_cascade [--cap SHARE] [--bound] TRAIN.csv [TEST.csv]\n");
        return 2;
    }
    struct world train = load(argv[at]);
    struct world test = at + 1 < argc ? load(argv[at + 1]) : (struct world){.strong = 0};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        double c = cap > 0 ? cap : rates[i][2];
        if (bound)
            bounds(&train, rates[i][0], rates[i][1], c);
        else if (at + 1 < argc)
            two_files(&train, &test, rates[i][0], rates[i][1], c);
        else
            folds(&train, rates[i][0], rates[i][1], c);
    }
    done(&train);
    if (at + 1 < argc)
        done(&test);
    return 0;
}
