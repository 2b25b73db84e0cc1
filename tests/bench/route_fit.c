// Ridge regression of "the weak model did it" and of "the strong one did it" minus that, solved by
// conjugate gradients (Hestenes, Stiefel 1952) in double precision.
#include "tests/bench/route_fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Chosen by cross-validation on the rows of ../README.md's table, and coarsely: half or twice of
// any of them moves the figures by less than .005.
enum { SEEN_MIN = 2, STEPS = 60 };
static const double RIDGE = 7, ENOUGH = 1e-6; // of the residual's square
// How large the dense figures are beside the hashed part, whose length is 1: the larger, the less
// they are held down. Without choices there are few rows and few words that tell.
static const double DENSE_SIZE[2] = {.08, .02}, BIAS_SIZE = 3;
// Levels of rarity begin at so many rows.
static const uint32_t LEVEL_FROM[ROUTE_PRIOR_LEVELS] = {SEEN_MIN, 3, 4, 6, 12, 31, 100, 301};

enum { DENSE_COLUMNS = 2 * (1 + ROUTE_DENSE) };

static void *room(size_t n, size_t size) {
    void *p = calloc(n ? n : 1, size);
    if (!p) {
        (void)fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return p;
}

void fit_row_read(struct fit_row *row, const char *prompt, int weak, int strong) {
    static struct route_features f;
    route_features_read(&f, prompt, strlen(prompt));
    *row = (struct fit_row){.buckets = room(f.words + f.pairs, sizeof *row->buckets),
                            .count = f.words + f.pairs,
                            .choices = f.choices,
                            .weak = weak,
                            .strong = strong};
    memcpy(row->buckets, f.buckets, f.words * sizeof *row->buckets);
    memcpy(row->buckets + f.words, f.buckets + ROUTE_PLACES - f.pairs,
           f.pairs * sizeof *row->buckets);
    memcpy(row->dense, f.dense, sizeof row->dense);
}

void fit_row_free(struct fit_row *row) {
    free(row->buckets);
}

// The rows as a sparse matrix: dense columns first, then one for each known bucket.
struct matrix {
    size_t rows, columns;
    size_t *begin; // [rows + 1], into:
    uint32_t *column;
    double *value;
};

struct known {
    uint32_t *seen;   // [ROUTE_BUCKETS] rows that have it
    uint32_t *column; // [ROUTE_BUCKETS]
    uint8_t *level;   // [ROUTE_BUCKETS]
    float size[ROUTE_PRIOR_LEVELS];
    size_t count;
};

static struct known count_buckets(const struct fit_row *const *rows, size_t n) {
    struct known k = {.seen = room(ROUTE_BUCKETS, sizeof *k.seen),
                      .column = room(ROUTE_BUCKETS, sizeof *k.column),
                      .level = room(ROUTE_BUCKETS, sizeof *k.level)};
    double logs[ROUTE_PRIOR_LEVELS] = {0};
    size_t of_level[ROUTE_PRIOR_LEVELS] = {0};
    for (size_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < rows[i]->count; j++)
            k.seen[rows[i]->buckets[j]]++;
    for (size_t b = 0; b < ROUTE_BUCKETS; b++) {
        while (k.level[b] < ROUTE_PRIOR_LEVELS && k.seen[b] >= LEVEL_FROM[k.level[b]])
            k.level[b]++;
        if (k.level[b] == 0)
            continue;
        k.column[b] = (uint32_t)(DENSE_COLUMNS + k.count++);
        double idf = log((double)(n + 1) / (double)(k.seen[b] + 1)) + 1;
        logs[k.level[b] - 1] += 2 * log(idf);
        of_level[k.level[b] - 1]++;
    }
    for (size_t l = 0; l < ROUTE_PRIOR_LEVELS; l++)
        k.size[l] = of_level[l] ? (float)exp(logs[l] / (double)of_level[l]) : 0;
    return k;
}

static size_t dense_column(bool choices) {
    return choices ? 1 + ROUTE_DENSE : 0;
}

static struct matrix make_matrix(const struct fit_row *const *rows, size_t n,
                                 const struct known *k) {
    size_t most = n * (1 + ROUTE_DENSE), at = 0;
    for (size_t i = 0; i < n; i++)
        most += rows[i]->count;
    struct matrix m = {n, DENSE_COLUMNS + k->count, room(n + 1, sizeof *m.begin),
                       room(most, sizeof *m.column), room(most, sizeof *m.value)};
    for (size_t i = 0; i < n; i++) {
        const struct fit_row *r = rows[i];
        size_t first = dense_column(r->choices);
        double squares = 0;
        m.begin[i] = at;
        for (size_t d = 0; d <= ROUTE_DENSE; d++, at++) {
            m.column[at] = (uint32_t)(first + d);
            m.value[at] = d ? DENSE_SIZE[r->choices] * (double)r->dense[d - 1] : BIAS_SIZE;
        }
        size_t from = at;
        for (uint32_t j = 0; j < r->count; j++) {
            uint8_t level = k->level[r->buckets[j]];
            if (level == 0)
                continue;
            m.column[at] = k->column[r->buckets[j]];
            m.value[at] = (double)k->size[level - 1];
            squares += m.value[at] * m.value[at];
            at++;
        }
        for (size_t j = from; j < at; j++)
            m.value[j] /= sqrt(squares);
    }
    m.begin[n] = at;
    return m;
}

// to += factor * M' (M p), a row at a time.
static void add_square(const struct matrix *m, const double *p, double *to) {
    for (size_t i = 0; i < m->rows; i++) {
        double sum = 0;
        for (size_t j = m->begin[i]; j < m->begin[i + 1]; j++)
            sum += m->value[j] * p[m->column[j]];
        for (size_t j = m->begin[i]; j < m->begin[i + 1]; j++)
            to[m->column[j]] += m->value[j] * sum;
    }
}

static double dot(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

// x: the solution of (M'M + RIDGE) x = M'y; x begins as zeros.
static void solve(const struct matrix *m, const double *y, double *x) {
    size_t n = m->columns;
    double *r = room(n, sizeof *r), *p = room(n, sizeof *p), *q = room(n, sizeof *q);
    for (size_t i = 0; i < m->rows; i++)
        for (size_t j = m->begin[i]; j < m->begin[i + 1]; j++)
            r[m->column[j]] += m->value[j] * y[i];
    memcpy(p, r, n * sizeof *p);
    double now = dot(r, r, n), first = now;
    for (int step = 0; step < STEPS && now > ENOUGH * first; step++) {
        for (size_t i = 0; i < n; i++)
            q[i] = RIDGE * p[i];
        add_square(m, p, q);
        double along = now / dot(p, q, n), before = now;
        for (size_t i = 0; i < n; i++) {
            x[i] += along * p[i];
            r[i] -= along * q[i];
        }
        now = dot(r, r, n);
        for (size_t i = 0; i < n; i++)
            p[i] = r[i] + now / before * p[i];
    }
    free(r);
    free(p);
    free(q);
}

static void take_dense(const double *x, struct route_fit *fit, int head, double mean) {
    for (int c = 0; c < 2; c++)
        for (size_t d = 0; d <= ROUTE_DENSE; d++) {
            double w = x[dense_column(c != 0) + d];
            fit->dense[head][c][d] = (float)(d ? DENSE_SIZE[c] * w : BIAS_SIZE * w + mean);
        }
}

void fit_prior(const struct fit_row *const *rows, size_t n, struct buf *out) {
    struct known k = count_buckets(rows, n);
    struct matrix m = make_matrix(rows, n, &k);
    struct route_fit fit = {.level = k.level};
    double *y = room(n, sizeof *y);
    float *hashed[2];
    memcpy(fit.size, k.size, sizeof fit.size);
    for (int head = 0; head < 2; head++) {
        double *x = room(m.columns, sizeof *x), mean = 0;
        for (size_t i = 0; i < n; i++) {
            y[i] = head ? rows[i]->strong - rows[i]->weak : rows[i]->weak;
            mean += y[i] / (double)n;
        }
        for (size_t i = 0; i < n; i++)
            y[i] -= mean;
        solve(&m, y, x);
        take_dense(x, &fit, head, mean);
        fit.hashed[head] = hashed[head] = room(ROUTE_BUCKETS, sizeof *hashed[head]);
        for (size_t b = 0; b < ROUTE_BUCKETS; b++)
            if (k.level[b])
                hashed[head][b] = (float)x[k.column[b]];
        free(x);
    }
    if (route_prior_pack(&fit, out) < 0) {
        (void)fprintf(stderr, "out of memory\n");
        exit(2);
    }
    free(hashed[0]);
    free(hashed[1]);
    free(y);
    free(m.begin);
    free(m.column);
    free(m.value);
    free(k.seen);
    free(k.column);
    free(k.level);
}
