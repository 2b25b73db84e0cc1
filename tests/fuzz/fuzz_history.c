// Kept bytes of a history, any: refused, or a history that can be asked and kept again.
#include "core/base/mem.h"
#include "core/workspace/history.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(int ok) {
    if (!ok)
        abort();
}

static double complexity(void *ctx, const char *path) {
    (void)ctx;
    return (double)strlen(path);
}

static void ask(const struct history *h) {
    struct history_pair pairs[4];
    struct history_cochange found[4];
    struct history_hotspot spots[4];
    struct history_landing landings[4];
    static struct history_flow flow;
    struct history_owners owners;
    uint32_t count;
    struct history_coupling_want all = {.support_min = 1, .confidence_min = 0.1F, .gone = true};
    check(history_coupling(h, &all, pairs, 4, &count, NULL, NULL) == 0 && count <= 4);
    check(history_hotspots(h, 1000, complexity, NULL, spots, 4, &count, NULL) == 0 && count <= 4);
    check(history_flow(h, 0, 1700000000, &flow, landings, 4, &count, NULL) == 0 && count <= 4);
    (void)history_owners(h, "", INT64_MAX, &owners, NULL);
    (void)history_owners(h, "a", INT64_MIN, &owners, NULL);
    for (uint32_t i = 0; i < history_file_count(h) && i < 3; i++) {
        struct history_file f;
        history_file(h, i, &f);
        const char *const paths[] = {f.path};
        struct history_cochange_want w = {.paths = paths, .path_count = 1, .skip = i};
        check(history_cochanges(h, &w, found, 4, &count, NULL) == 0 && count <= 4);
        check(history_find(h, f.path) == i);
    }
    for (uint32_t i = 0; i < history_commit_count(h); i++) {
        struct history_commit c;
        history_commit(h, i, &c);
        check(c.reverts == HISTORY_NONE || c.reverts < history_commit_count(h));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct history *h = NULL;
    struct buf kept = BUF_INIT(0), again = BUF_INIT(0);
    check(history_new(&h, NULL) == 0);
    if (history_load(h, data, n, NULL) == 0) {
        ask(h);
        check(history_save(h, &kept, NULL) == 0);
        check(history_load(h, kept.data, kept.len, NULL) == 0);
        check(history_save(h, &again, NULL) == 0);
        check(kept.len == again.len && memcmp(kept.data, again.data, kept.len) == 0);
    }
    buf_done(&kept);
    buf_done(&again);
    history_free(h);
    return 0;
}
