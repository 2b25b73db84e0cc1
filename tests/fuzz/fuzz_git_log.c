// What git log prints, of any bytes and in any split: refused, or a history that fits together.
#include "core/workspace/history_impl.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(int ok) {
    if (!ok)
        abort();
}

static int parse(struct history *h, const char *bytes, size_t n, size_t cut) {
    struct log_parser p;
    log_init(&h->log, 20);
    log_parser_init(&p, &h->log);
    int r = log_parser_feed(&p, bytes, cut, NULL);
    if (r == 0)
        r = log_parser_feed(&p, bytes + cut, n - cut, NULL);
    if (r == 0)
        r = log_parser_end(&p, NULL);
    log_parser_done(&p);
    return r;
}

static void look_at(struct history *h) {
    uint32_t total = 0;
    check(log_sort(&h->log, HISTORY_COMMITS_MAX, NULL) == 0 && history_derive(h, NULL) == 0);
    for (uint32_t i = 0; i < history_commit_count(h); i++) {
        struct history_commit c;
        history_commit(h, i, &c);
        check(c.author < history_author_count(h));
        check(strlen(c.subject) <= HISTORY_SUBJECT_BYTES_MAX);
        for (uint32_t k = 0; k < c.file_count; k++) {
            struct history_change x;
            history_change(h, i, k, &x);
            check(x.file < history_file_count(h) && x.path[0] && strchr("AMDR", x.status));
        }
    }
    for (uint32_t i = 0; i < history_file_count(h); i++) {
        struct history_file f;
        history_file(h, i, &f);
        check(f.commits > 0 && f.authors > 0 && f.authors <= f.commits && f.first <= f.last);
        check(history_find(h, f.path) == i);
        total += f.commits;
    }
    check(total <= h->log.change_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct history *whole = mem_zalloc(sizeof *whole), *split = mem_zalloc(sizeof *split);
    check(whole && split);
    int a = parse(whole, (const char *)data, n, 0);
    int b = parse(split, (const char *)data, n, n ? data[n / 2] % (n + 1) : 0);
    check(a == b && whole->log.commit_count == split->log.commit_count);
    check(whole->log.change_count == split->log.change_count);
    if (a == 0)
        look_at(whole);
    history_free(whole);
    history_free(split);
    return 0;
}
