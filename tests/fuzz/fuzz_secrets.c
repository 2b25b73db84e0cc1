// core/code/secrets: any bytes; findings are in order, inside the text, and what a reviewer is told
// the gate holds back too.
#include "core/code/secrets.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEPT_MAX = 256 };
struct seen {
    size_t n, last, count;
    size_t starts[KEPT_MAX], ends[KEPT_MAX];
};

static int look(void *ctx, const struct secret_finding *f) {
    struct seen *seen = ctx;
    if (f->start >= f->end || f->end > seen->n || f->start < seen->last || !f->line || !f->column ||
        f->confidence > 100 || !memchr(f->shown, 0, sizeof f->shown))
        abort();
    seen->last = f->end;
    if (seen->count < KEPT_MAX) {
        seen->starts[seen->count] = f->start;
        seen->ends[seen->count++] = f->end;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const paths[] = {"src/a.c", ".env", "tests/a.json", NULL};
    const char *path = paths[size ? data[0] % 4 : 0];
    struct seen sure = {.n = size}, all = {.n = size};
    if (secrets_scan((const char *)data, size, path, look, &sure) != 0 ||
        secrets_gate((const char *)data, size, path, look, &all) != 0)
        abort();
    for (size_t i = 0; i < sure.count && all.count < KEPT_MAX; i++) {
        bool held = false;
        for (size_t k = 0; k < all.count; k++)
            held |= all.starts[k] < sure.ends[i] && sure.starts[i] < all.ends[k];
        if (!held)
            abort();
    }
    return 0;
}
