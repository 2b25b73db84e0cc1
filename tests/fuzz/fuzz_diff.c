// A diff of any bytes: refused, or its parts fit together.
#include "core/workspace/diff.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(int ok) {
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct diff *d = NULL;
    struct err err = {0};
    if (diff_parse((const char *)data, n, &d, &err) < 0) {
        check(err.message[0] != '\0');
        return 0;
    }
    uint32_t hunks = 0;
    for (uint32_t i = 0; i < d->file_count; i++) {
        const struct diff_file *f = &d->files[i];
        uint32_t added = 0, removed = 0, last = 0;
        const char *path = f->new_path ? f->new_path : f->old_path;
        check(path && path[0] && diff_find(d, path) != NULL);
        check(f->first_hunk == hunks);
        hunks += f->hunk_count;
        check(hunks <= d->hunk_count);
        for (uint32_t k = 0; k < f->hunk_count; k++) {
            const struct diff_hunk *h = &d->hunks[f->first_hunk + k];
            check(h->old_count + h->new_count > 0);
            check(h->text_bytes >= h->old_count + h->new_count && strlen(h->text) <= n);
            check(h->text[0] == '-' || h->text[0] == '+');
            added += h->new_count;
            removed += h->old_count;
            last = h->new_start + h->new_count;
            check(diff_touches(d, f, 0, DIFF_LINE_MAX * 2U));
        }
        check(added == f->added && removed == f->removed);
        (void)diff_touches(d, f, last, last);
    }
    check(hunks == d->hunk_count);
    diff_free(d);
    return 0;
}
