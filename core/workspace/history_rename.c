// Renames within one commit without reading contents: what was deleted and what was added belong
// together when they are the only two with the same blob and file name, the same blob, or the same
// file name, in that order.
#include "core/workspace/history_impl.h"

#include <stdlib.h>
#include <string.h>

struct item {
    uint64_t key;
    uint32_t i;
    bool added;
};

static uint64_t base_hash(const char *path) {
    const char *slash = strrchr(path, '/');
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (const char *s = slash ? slash + 1 : path; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001B3);
    return h;
}

static int by_key(const void *a, const void *b) {
    const struct item *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key ? 1 : x->i < y->i ? -1 : x->i > y->i;
}

enum pass { PASS_BLOB_AND_NAME, PASS_BLOB, PASS_NAME, PASSES };

static void pair(const struct log *l, struct log_pending *files, uint32_t count, struct item *items,
                 enum pass pass) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct log_pending *f = &files[i];
        if (f->status != 'A' && f->status != 'D')
            continue;
        uint64_t blob = f->status == 'A' ? f->new_hash : f->old_hash;
        uint64_t name = base_hash(log_name(&l->paths, f->path));
        uint64_t key = pass == PASS_BLOB ? blob : pass == PASS_NAME ? name : blob ^ name * 31;
        items[n++] = (struct item){key, i, f->status == 'A'};
    }
    qsort(items, n, sizeof *items, by_key);
    for (uint32_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && items[end].key == items[first].key;)
            end++;
        if (end - first != 2 || items[first].added == items[first + 1].added)
            continue;
        const struct item *a = &items[first + !items[first].added];
        const struct item *d = &items[first + items[first].added];
        files[a->i].from = files[d->i].path;
        files[a->i].status = 'R';
        files[d->i].status = '\0'; // taken
    }
}

int log_pair_renames(const struct log *l, struct log_pending *files, uint32_t *count,
                     struct err *err) {
    uint32_t added = 0, deleted = 0;
    for (uint32_t i = 0; i < *count; i++) {
        added += files[i].status == 'A';
        deleted += files[i].status == 'D';
    }
    if (added == 0 || deleted == 0)
        return 0;
    AUTO_FREE struct item *items = mem_alloc((added + deleted) * sizeof *items);
    if (!items)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (enum pass pass = PASS_BLOB_AND_NAME; pass < PASSES; pass++)
        pair(l, files, *count, items, pass);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++)
        if (files[i].status)
            files[kept++] = files[i];
    *count = kept;
    return 0;
}
