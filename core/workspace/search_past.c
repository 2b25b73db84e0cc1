#include "core/workspace/search_past.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

enum {
    PATH_BYTES_MAX = 4096,
    SUBJECTS_MAX = 400, // of one file, newest first
    SUPPORT_MIN = 2     // commits that changed both
};

struct search_past {
    const struct history *history;
    char *prefix;
    int64_t now;
    float *churn; // [history_file_count]
    struct search_history face;
};

static int64_t find(const struct search_past *p, const char *path) {
    char full[PATH_BYTES_MAX];
    int n = snprintf(full, sizeof full, "%s%s", p->prefix, path);
    return n < 0 || (size_t)n >= sizeof full ? -1 : history_find(p->history, full);
}

static double churn(void *ctx, const char *path) {
    const struct search_past *p = ctx;
    int64_t i = find(p, path);
    return i < 0 ? 0 : (double)p->churn[i];
}

static void messages(void *ctx, const char *path,
                     void (*on_text)(void *to, const char *text, size_t bytes), void *to) {
    const struct search_past *p = ctx;
    int64_t i = find(p, path);
    for (uint32_t k = 0; i >= 0 && k < SUBJECTS_MAX; k++) {
        uint32_t c = history_file_commit(p->history, (uint32_t)i, k);
        struct history_commit commit;
        if (c == HISTORY_NONE)
            return;
        history_commit(p->history, c, &commit);
        on_text(to, commit.subject, strlen(commit.subject));
    }
}

static unsigned coupled(void *ctx, const char *path, const char **ret_path, double *ret_share,
                        unsigned max) {
    const struct search_past *p = ctx;
    struct history_cochange found[SEARCH_COUPLED_MAX];
    int64_t i = find(p, path);
    uint32_t count = 0;
    unsigned n = 0;
    if (i < 0)
        return 0;
    struct history_file file;
    history_file(p->history, (uint32_t)i, &file);
    const struct history_cochange_want want = {.paths = &file.path, .path_count = 1};
    if (history_cochanges(p->history, &want, found, SEARCH_COUPLED_MAX, &count, NULL) < 0)
        return 0; // for want of memory: without it
    for (uint32_t k = 0; k < count && n < max; k++) {
        size_t prefix = strlen(p->prefix);
        history_file(p->history, found[k].file, &file);
        if (found[k].support < SUPPORT_MIN || !found[k].of ||
            strncmp(file.path, p->prefix, prefix) != 0)
            continue;
        ret_path[n] = file.path + prefix;
        ret_share[n++] = (double)found[k].support / found[k].of;
    }
    return n;
}

int search_past_new(const struct history *h, const char *prefix, struct search_past **ret,
                    struct err *err) {
    struct search_past *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    uint32_t files = history_file_count(h);
    *p = (struct search_past){.history = h,
                              .prefix = mem_strdup(prefix),
                              .churn = mem_zalloc((files + 1) * sizeof *p->churn)};
    if (!p->prefix || !p->churn) {
        search_past_free(p);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    if (history_commit_count(h)) {
        struct history_commit newest;
        history_commit(h, 0, &newest);
        p->now = newest.time;
        history_churn(h, p->now, p->churn);
    }
    p->face =
        (struct search_history){.ctx = p, .churn = churn, .coupled = coupled, .messages = messages};
    *ret = p;
    return 0;
}

void search_past_free(struct search_past *p) {
    if (!p)
        return;
    mem_free(p->prefix);
    mem_free(p->churn);
    mem_free(p);
}

const struct search_history *search_past_history(const struct search_past *p) {
    return &p->face;
}
