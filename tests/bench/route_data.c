#include "tests/bench/route_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void give_up(const char *what, const char *name) {
    (void)fprintf(stderr, "%s: %s\n", what, name);
    exit(2);
}

static char *slurp(const char *path, size_t *ret) {
    FILE *f = fopen(path, "rbe");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        give_up("cannot read", path);
    long size = ftell(f);
    char *text = malloc((size_t)size + 2);
    rewind(f);
    if (!text || fread(text, 1, (size_t)size, f) != (size_t)size)
        give_up("cannot read", path);
    (void)fclose(f);
    text[size] = '\0';
    *ret = (size_t)size;
    return text;
}

// One cell at *at, unquoted in place and terminated; what ended it.
static char next_cell(char **at, char **ret) {
    char *in = *at, *out = in;
    *ret = in;
    if (*in == '"') {
        in++;
        *ret = out = in;
        while (*in && (*in != '"' || in[1] == '"')) {
            in += *in == '"';
            *out++ = *in++;
        }
        in += *in == '"';
    } else {
        while (*in && *in != ',' && *in != '\n' && *in != '\r')
            in++;
        out = in;
    }
    if (*in == '\r')
        in++;
    char end = *in;
    *at = in + (end != '\0');
    *out = '\0';
    return end;
}

struct table table_read(const char *path) {
    struct table t = {0};
    size_t size, cells = 0, room = 1024;
    t.text = slurp(path, &size);
    t.cells = malloc(room * sizeof *t.cells);
    char *at = t.text;
    while (*at) {
        size_t columns = 0;
        char end;
        do {
            if (cells == room)
                t.cells = realloc(t.cells, (room *= 2) * sizeof *t.cells);
            if (!t.cells)
                give_up("out of memory", path);
            end = next_cell(&at, &t.cells[cells++]);
            columns++;
        } while (end == ',');
        if (t.rows == 0)
            t.columns = columns;
        if (columns != t.columns)
            give_up("a row has another number of columns", path);
        t.rows++;
    }
    if (t.rows < 2)
        give_up("no rows", path);
    return t;
}

size_t table_column(const struct table *t, const char *name) {
    for (size_t i = 0; i < t->columns; i++)
        if (strcmp(t->cells[i], name) == 0)
            return i;
    give_up("no such column", name);
    return 0;
}

const char *table_cell(const struct table *t, size_t row, size_t column) {
    return t->cells[(row + 1) * t->columns + column];
}
size_t table_count(const struct table *t) {
    return t->rows - 1;
}
void table_free(struct table *t) {
    free(t->text);
    free(t->cells);
}

static int by_score(const void *a, const void *b) {
    double x = ((const struct outcome *)a)->score, y = ((const struct outcome *)b)->score;
    return x < y ? 1 : x > y ? -1 : 0;
}

// Share of the gap got back after each call, 0..n; sorts `o`.
static int curve(struct outcome *o, size_t n, double *ret) {
    double total = 0, sum = 0;
    qsort(o, n, sizeof *o, by_score);
    for (size_t i = 0; i < n; i++)
        total += o[i].strong - o[i].weak;
    if (total <= 0)
        return -1;
    ret[0] = 0;
    for (size_t i = 0, j; i < n; i = j) {
        double gain = 0;
        for (j = i; j < n && o[j].score == o[i].score; j++)
            gain += o[j].strong - o[j].weak;
        gain /= (double)(j - i);
        for (size_t k = i; k < j; k++)
            ret[k + 1] = (sum += gain) / total;
    }
    return 0;
}

static double area(const double *c, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (c[i] + c[i + 1]) / 2;
    return sum / (double)n;
}

static double calls_for(const double *c, size_t n, double share) {
    for (size_t k = 1; k <= n; k++)
        if (c[k] >= share - 1e-12)
            return 100 * ((double)(k - 1) + (share - c[k - 1]) / (c[k] - c[k - 1])) / (double)n;
    return 100;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

struct figures score_ordering(const struct outcome *given, size_t n, int boots) {
    struct figures f = {0};
    struct outcome *o = malloc(n * sizeof *o);
    double *c = malloc((n + 1) * sizeof *c), areas[512];
    uint64_t dice = 1;
    int done = 0;
    if (!o || !c)
        give_up("out of memory", "score");
    memcpy(o, given, n * sizeof *o);
    if (curve(o, n, c) == 0)
        f = (struct figures){.apgr = area(c, n),
                             .cpt20 = calls_for(c, n, .2),
                             .cpt50 = calls_for(c, n, .5),
                             .cpt80 = calls_for(c, n, .8)};
    for (int b = 0; b < boots && b < 512; b++) {
        for (size_t i = 0; i < n; i++) {
            dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            o[i] = given[(dice >> 33) % n];
        }
        if (curve(o, n, c) == 0)
            areas[done++] = area(c, n);
    }
    if (done) {
        qsort(areas, (size_t)done, sizeof *areas, ascending);
        f.low = areas[(int)(.025 * done)];
        f.high = areas[(int)(.975 * done) - (done > 40)];
    }
    free(o);
    free(c);
    return f;
}
