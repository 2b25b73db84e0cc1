// Tables of comma-separated values for the router's bench (RFC 4180), and the score of an ordering:
// APGR and CPT as in RouteLLM (arXiv 2406.18665), ties as a random order.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct table {
    char *text;
    char **cells; // rows * columns, row 0 is the header
    size_t rows, columns;
};
struct table table_read(const char *path);                    // ends the program when it cannot
size_t table_column(const struct table *t, const char *name); // same
const char *table_cell(const struct table *t, size_t row,
                       size_t column);     // row 0: first of the data
size_t table_count(const struct table *t); // rows of data
void table_free(struct table *t);

struct outcome {
    double score; // higher: rather to the strong model
    int weak, strong;
};
struct figures {
    double apgr, cpt20, cpt50, cpt80; // CPT in per cent of calls to the strong model
    double low, high;                 // of APGR, 95 % by bootstrap
};
struct figures score_ordering(const struct outcome *o, size_t n, int boots);
