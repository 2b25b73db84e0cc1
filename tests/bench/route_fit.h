// Fits the router's prior by ridge regression on rows whose features are read once.
#pragma once

#include "core/route/route_prior.h"

struct fit_row {
    uint32_t *buckets;
    uint32_t count;
    float dense[ROUTE_DENSE];
    bool choices;
    int weak, strong; // whether each did it well
};

void fit_row_read(struct fit_row *row, const char *prompt, int weak, int strong);
void fit_row_free(struct fit_row *row);
// Appends the bytes of a prior fitted on these rows; the same bytes for the same rows in the same
// order. Exits when out of memory.
void fit_prior(const struct fit_row *const *rows, size_t n, struct buf *out);
