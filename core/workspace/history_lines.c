// Lines added and removed of a few files: `git log --numstat`, which has to compare contents.
#include "core/workspace/git_impl.h"
#include "core/workspace/history_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMITS_DEFAULT = 1000 };

struct count_lines {
    struct buf part;
    const char *const *paths;
    uint32_t path_count;
    struct history_lines *ret;
};

// "<added>\t<removed>\t<path>", with a line end before the first of a commit; '-' for binary.
static void take_record(struct count_lines *s, const char *record) {
    char *end;
    while (*record == '\n' || *record == '\002')
        record++;
    uint64_t added = strtoull(record, &end, 10);
    if (end == record && *end == '-')
        end++;
    if (*end != '\t')
        return;
    const char *second = end + 1;
    uint64_t removed = strtoull(second, &end, 10);
    if (end == second && *end == '-')
        end++;
    if (*end != '\t')
        return;
    for (uint32_t i = 0; i < s->path_count; i++)
        if (strcmp(s->paths[i], end + 1) == 0) {
            s->ret[i].added += added;
            s->ret[i].removed += removed;
            s->ret[i].commits++;
        }
}

static int take(void *ctx, const char *bytes, size_t n, struct err *err) {
    struct count_lines *s = ctx;
    for (size_t at = 0; at < n;) {
        const char *stop = memchr(bytes + at, '\0', n - at);
        size_t some = stop ? (size_t)(stop - bytes) - at + 1 : n - at;
        if (buf_append(&s->part, bytes + at, some) < 0)
            return err_set(err, ERR_LIMIT, "a name in the repository is too long");
        at += some;
        if (!stop)
            break;
        take_record(s, s->part.data);
        buf_clear(&s->part);
    }
    return 0;
}

int history_lines(struct git *g, const char *head, const char *const *paths, uint32_t path_count,
                  unsigned commits_max, struct history_lines *ret, struct err *err) {
    char count[32];
    const char *arguments[HISTORY_LINES_FILES_MAX + 20] = {"log",
                                                           "-z",
                                                           "--numstat",
                                                           "--no-renames",
                                                           "--no-color",
                                                           "--no-show-signature",
                                                           "--no-ext-diff",
                                                           "--no-textconv",
                                                           "--diff-merges=off",
                                                           "--format=tformat:%x02",
                                                           count,
                                                           head,
                                                           "--"};
    size_t n = 13;
    if (!git_is_id(g, head))
        return err_set(err, ERR_INVAL, "\"%.80s\" is no commit's id", head);
    if (path_count > HISTORY_LINES_FILES_MAX)
        return err_set(err, ERR_LIMIT, "lines are counted for at most %d files at once",
                       HISTORY_LINES_FILES_MAX);
    (void)snprintf(count, sizeof count, "-n%u", commits_max ? commits_max : COMMITS_DEFAULT);
    for (uint32_t i = 0; i < path_count; i++) {
        if (!paths[i][0])
            return err_set(err, ERR_INVAL, "no path of a file");
        arguments[n++] = paths[i];
    }
    memset(ret, 0, path_count * sizeof *ret);
    if (path_count == 0)
        return 0;
    struct count_lines s = {BUF_INIT(GIT_PATH_BYTES_MAX + 256), paths, path_count, ret};
    struct git_run run = {.arguments = arguments, .output = take, .output_ctx = &s};
    int r = git_run(g, &run, NULL, err);
    buf_done(&s.part);
    return r;
}
