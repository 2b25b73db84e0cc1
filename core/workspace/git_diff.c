// Differences as git sees them: its own diff, run against the stand-in (git.h), through our parser.
#include "core/base/io.h"
#include "core/workspace/beneath.h"
#include "core/workspace/git_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BINARY_LOOK_BYTES = 8000, ARGUMENTS_MAX = 24 };

#define NOMEM(err) err_set(err, ERR_NOMEM, "out of memory")

// What git knows without having it.
#define EMPTY_TREE_SHA1   "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
#define EMPTY_TREE_SHA256 "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"

struct gather {
    struct git *g;
    struct buf text;   // of the diff
    struct buf record; // a name that is coming
    int root;
    uint32_t untracked;
    bool partial;
    size_t before_untracked;
};

static int take_text(void *ctx, const char *bytes, size_t n, struct err *err) {
    struct gather *s = ctx;
    int r = buf_append(&s->text, bytes, n);
    return r == ERR_LIMIT ? err_set(err, ERR_LIMIT, "the difference is larger than %d MB",
                                    GIT_DIFF_BYTES_MAX / (1024 * 1024))
           : r < 0        ? NOMEM(err)
                          : 0;
}

static int read_new_file(struct gather *s, const char *path, struct buf *ret, uint32_t *ret_mode,
                         struct err *err) {
    int fd = beneath_open(s->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0) // a symbolic link is named, not followed
        return fd == -ELOOP ? ERR_UNSUPPORTED : ERR_NOT_FOUND;
    int r = 0;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        r = ERR_UNSUPPORTED;
    else if (s->text.len - s->before_untracked + (uint64_t)st.st_size > GIT_UNTRACKED_BYTES_MAX)
        r = ERR_LIMIT;
    *ret_mode = r == 0 && st.st_mode & 0100 ? 0100755 : 0100644;
    int read = r == 0 ? io_read_all(fd, ret) : 0;
    (void)close(fd);
    if (read == -ENOMEM)
        return NOMEM(err);
    return read == -EFBIG ? ERR_LIMIT
           : read < 0     ? ERR_UNSUPPORTED
                          : r; // as one that cannot be opened
}

static void put_quoted(struct buf *b, const char *side, const char *path) {
    (void)buf_printf(b, "\"%s", side);
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        if (*p < ' ' || *p == '"' || *p == '\\' || *p >= 0x7F)
            (void)buf_printf(b, "\\%03o", *p);
        else
            (void)buf_putc(b, (char)*p);
    }
    (void)buf_putc(b, '"');
}

static void put_lines(struct buf *b, const char *text, size_t n) {
    size_t lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n' || i + 1 == n;
    (void)buf_printf(b, "@@ -0,0 +1,%zu @@\n", lines);
    for (size_t at = 0; at < n;) {
        const char *stop = memchr(text + at, '\n', n - at);
        size_t next = stop ? (size_t)(stop - text) + 1 : n;
        (void)buf_putc(b, '+');
        (void)buf_append(b, text + at, next - at);
        at = next;
    }
    if (text[n - 1] != '\n')
        (void)buf_puts(b, "\n\\ No newline at end of file\n");
}

// As git would show it had it been added: one more section of the diff.
static int add_new_file(struct gather *s, const char *path, struct err *err) {
    size_t n = strlen(path);
    if (n == 0 || path[n - 1] == '/') // a repository within
        return 0;
    if (s->untracked >= GIT_UNTRACKED_FILES_MAX) {
        s->partial = true;
        return 0;
    }
    AUTO_BUF content = BUF_INIT(GIT_UNTRACKED_BYTES_MAX);
    uint32_t mode = 0;
    int r = read_new_file(s, path, &content, &mode, err);
    if (r == ERR_NOMEM)
        return r;
    if (r == ERR_NOT_FOUND) // gone meanwhile
        return 0;
    s->partial |= r == ERR_LIMIT;
    struct buf *b = &s->text;
    size_t look = content.len < BINARY_LOOK_BYTES ? content.len : BINARY_LOOK_BYTES;
    (void)buf_puts(b, "diff --git ");
    put_quoted(b, "a/", path);
    (void)buf_putc(b, ' ');
    put_quoted(b, "b/", path);
    (void)buf_printf(b, "\nnew file mode %o\n", r == ERR_UNSUPPORTED ? 0120000U : mode);
    if (r < 0 || (look > 0 && memchr(content.data, '\0', look))) {
        (void)buf_puts(b, "Binary files differ\n");
    } else if (content.len > 0) {
        (void)buf_puts(b, "--- /dev/null\n+++ ");
        put_quoted(b, "b/", path);
        (void)buf_putc(b, '\n');
        put_lines(b, content.data, content.len);
    }
    if (b->failed)
        return err_set(err, ERR_LIMIT, "the difference is too large");
    s->untracked++;
    return 0;
}

static int take_new_names(void *ctx, const char *bytes, size_t n, struct err *err) {
    struct gather *s = ctx;
    for (size_t at = 0; at < n;) {
        const char *stop = memchr(bytes + at, '\0', n - at);
        size_t some = stop ? (size_t)(stop - bytes) - at + 1 : n - at;
        if (buf_append(&s->record, bytes + at, some) < 0)
            return err_set(err, ERR_LIMIT, "a name in the work tree is too long");
        at += some;
        if (!stop)
            break;
        int r = add_new_file(s, s->record.data, err);
        if (r < 0)
            return r;
        buf_clear(&s->record);
    }
    return 0;
}

static int add_untracked(struct gather *s, struct err *err) {
    static const char *const arguments[] = {"ls-files", "-z", "--others", "--exclude-standard",
                                            NULL};
    s->root = open(s->g->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->root < 0)
        return err_errno(err, errno, "cannot read %s", s->g->root);
    s->record = BUF_INIT(GIT_PATH_BYTES_MAX + 1);
    s->before_untracked = s->text.len;
    struct git_run run = {
        .arguments = arguments, .work_tree = true, .output = take_new_names, .output_ctx = s};
    int r = git_run(s->g, &run, NULL, err);
    buf_done(&s->record);
    (void)close(s->root);
    return r;
}

static int run_diff(struct gather *s, const struct git_diff_want *w, struct err *err) {
    char context[32];
    const char *empty = s->g->settings.sha256 ? EMPTY_TREE_SHA256 : EMPTY_TREE_SHA1;
    (void)snprintf(context, sizeof context, "-U%u", w->context > 1000 ? 1000 : w->context);
    const char *arguments[ARGUMENTS_MAX] = {"diff",
                                            "--no-ext-diff",
                                            "--no-textconv",
                                            "--no-color",
                                            "--no-relative",
                                            "--ignore-submodules=dirty",
                                            "--submodule=short",
                                            "--src-prefix=a/",
                                            "--dst-prefix=b/",
                                            "--full-index",
                                            context,
                                            w->renames ? "-M" : "--no-renames"};
    size_t n = 12;
    if (w->side == GIT_INDEX)
        arguments[n++] = "--cached";
    arguments[n++] = w->from_id ? w->from_id : empty;
    if (w->side == GIT_COMMIT)
        arguments[n++] = w->to_id;
    arguments[n++] = "--";
    struct git_run run = {.arguments = arguments,
                          .work_tree = w->side == GIT_WORK_TREE,
                          .output = take_text,
                          .output_ctx = s};
    return git_run(s->g, &run, NULL, err);
}

static int check_want(const struct git *g, const struct git_diff_want *w, struct err *err) {
    if ((w->from_id && !git_is_id(g, w->from_id)) ||
        (w->side == GIT_COMMIT && (!w->to_id || !git_is_id(g, w->to_id))))
        return err_set(err, ERR_INVAL, "the two sides of the difference are no commits' ids");
    if (w->side == GIT_WORK_TREE && !g->root)
        return err_set(err, ERR_UNSUPPORTED, "a bare repository has no work tree");
    return 0;
}

int git_diff_text(struct git *g, const struct git_diff_want *w, struct buf *ret, struct err *err) {
    struct gather s = {.g = g, .text = *ret};
    int r = w->side == GIT_COMMIT
                ? check_want(g, w, err)
                : err_set(err, ERR_INVAL, "only two commits have one text for ever");
    if (r == 0)
        r = run_diff(&s, w, err);
    *ret = s.text;
    return r;
}

int git_diff(struct git *g, const struct git_diff_want *w, struct diff **ret, struct err *err) {
    struct gather s = {.g = g, .text = BUF_INIT(GIT_DIFF_BYTES_MAX)};
    int r = check_want(g, w, err);
    if (r == 0)
        r = run_diff(&s, w, err);
    if (r == 0 && w->side == GIT_WORK_TREE && w->untracked)
        r = add_untracked(&s, err);
    struct diff *d = NULL;
    if (r == 0)
        r = diff_parse(s.text.data ? s.text.data : "", s.text.len, &d, err);
    buf_done(&s.text);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < s.untracked && i < d->file_count; i++)
        d->files[d->file_count - 1 - i].untracked = true;
    d->partial = s.partial;
    *ret = d;
    return 0;
}

// --- ranges

// Without a run of git where HEAD is plainly there: it would be one in four of a review's.
static int head(struct git *g, char *ret, struct err *err) {
    return git_head_quick(g, ret) ? 0 : git_head(g, ret, err);
}

static int resolve_or_head(struct git *g, const char *s, size_t n, char *ret, struct err *err) {
    return n ? git_resolve(g, s, n, ret, err) : head(g, ret, err);
}

int git_range(struct git *g, const char *range, size_t n, struct git_range *keep,
              struct git_diff_want *ret, struct err *err) {
    struct git_diff_want w = {.side = GIT_WORK_TREE, .untracked = true, .renames = true};
    const char *dots = n > 1 ? memmem(range, n, "..", 2) : NULL;
    int r;
    if ((n == 8 && memcmp(range, "--cached", 8) == 0) ||
        (n == 6 && memcmp(range, "staged", 6) == 0)) {
        w.side = GIT_INDEX;
        w.untracked = false;
        r = head(g, keep->from, err);
    } else if (dots) {
        size_t left = (size_t)(dots - range);
        size_t three = left + 2 < n && range[left + 2] == '.' ? 1 : 0;
        const char *right = dots + 2 + three;
        r = resolve_or_head(g, range, left, keep->from, err);
        if (r == 0)
            r = resolve_or_head(g, right, n - left - 2 - three, keep->to, err);
        if (r == 0 && three)
            r = git_merge_base(g, keep->from, keep->to, keep->from, err);
        w.side = GIT_COMMIT;
        w.to_id = keep->to;
        w.untracked = false;
    } else {
        r = resolve_or_head(g, range, n, keep->from, err);
    }
    w.from_id = keep->from;
    // Before the first commit everything is new.
    if (r == ERR_NOT_FOUND && (n == 0 || w.side == GIT_INDEX)) {
        w.from_id = NULL;
        r = 0;
    }
    if (r == 0)
        *ret = w;
    return r;
}
