// Many commits' changes in one run of git diff-tree: a line with the id, then the diff. No line of
// a diff is an id: they begin with a word or a sign.
#include "core/base/child.h"
#include "core/workspace/git_impl.h"

#include <string.h>

struct changes {
    struct git *g;
    git_change_fn *fn;
    void *ctx;
    size_t max;
    char id[GIT_ID_CHARS_MAX + 1]; // "": none yet
    struct buf text, line;         // line: one that is coming
    bool large;
};

static int tell(struct changes *c, struct err *err) {
    int r = 0;
    if (c->id[0])
        r = c->fn(c->ctx, c->id, c->large ? NULL : c->text.data, c->large ? 0 : c->text.len, err);
    buf_clear(&c->text);
    c->large = false;
    c->id[0] = '\0';
    return r;
}

static int take_line(struct changes *c, const char *line, size_t n, struct err *err) {
    char id[GIT_ID_CHARS_MAX + 1];
    if (n == git_id_chars(c->g)) {
        memcpy(id, line, n);
        id[n] = '\0';
        if (git_is_id(c->g, id)) {
            int r = tell(c, err);
            memcpy(c->id, id, n + 1);
            return r;
        }
    }
    if (c->large)
        return 0;
    c->large = c->text.len + n + 1 > c->max;
    if (!c->large && (buf_append(&c->text, line, n) < 0 || buf_putc(&c->text, '\n') < 0))
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

// A line that is longer than all that is wanted of a commit is not kept whole.
static int take(void *ctx, const char *bytes, size_t n, struct err *err) {
    struct changes *c = ctx;
    int r = 0;
    for (size_t at = 0; r == 0 && at < n;) {
        const char *eol = memchr(bytes + at, '\n', n - at);
        size_t some = (eol ? (size_t)(eol - bytes) : n) - at;
        if (c->line.len + some > c->max)
            c->large = true;
        else if (buf_append(&c->line, bytes + at, some) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
        at += some + (eol != NULL);
        if (!eol)
            break;
        r = take_line(c, c->line.data ? c->line.data : "", c->line.len, err);
        buf_clear(&c->line);
    }
    return r;
}

int git_changes(struct git *g, const char *const *ids, size_t count, size_t max, git_change_fn *fn,
                void *ctx, struct err *err) {
    static const char *const arguments[] = {"diff-tree",
                                            "--stdin",
                                            "-r",
                                            "-p",
                                            "-U0",
                                            "--full-index",
                                            "--no-renames",
                                            "--no-ext-diff",
                                            "--no-textconv",
                                            "--no-color",
                                            "--ignore-submodules=dirty",
                                            "--src-prefix=a/",
                                            "--dst-prefix=b/",
                                            NULL};
    AUTO_BUF list = BUF_INIT(CHILD_INPUT_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!git_is_id(g, ids[i]))
            return err_set(err, ERR_INVAL, "\"%.80s\" is no commit's id", ids[i]);
        (void)buf_printf(&list, "%s\n", ids[i]);
    }
    if (list.failed)
        return err_set(err, ERR_LIMIT, "too many commits at once");
    if (count == 0)
        return 0;
    struct changes c = {.g = g, .fn = fn, .ctx = ctx, .max = max};
    struct git_run run = {.arguments = arguments,
                          .input = list.data,
                          .input_bytes = list.len,
                          .output = take,
                          .output_ctx = &c};
    int r = git_run(g, &run, NULL, err);
    if (r == 0)
        r = tell(&c, err);
    buf_done(&c.text);
    buf_done(&c.line);
    return r;
}
