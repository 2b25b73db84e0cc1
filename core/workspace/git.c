#include "core/workspace/git.h"

#include "core/base/child.h"
#include "core/workspace/git_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ENVIRONMENT_MAX = 32,
    DATA_BYTES_MAX = 1 << 30, // of memory for one git
    REF_LINE_BYTES_MAX = 4096
};

#define NOMEM(err) err_set(err, ERR_NOMEM, "out of memory")

int git_open(const struct git_config *c, struct git **ret, struct err *err) {
    struct git *g = mem_zalloc(sizeof *g);
    if (!g)
        return NOMEM(err);
    g->ms = c->ms ? c->ms : GIT_DEFAULT_MS;
    g->cancelled = c->cancelled;
    g->cancelled_ctx = c->ctx;
    char *real = realpath(c->folder, NULL);
    g->folder = real ? mem_strdup(real) : NULL;
    free(real); // of libc
    int r = real ? 0 : err_set(err, ERR_NOT_FOUND, "%s is not there", c->folder);
    if (r == 0 && (!g->folder || (c->scratch && !(g->scratch = mem_strdup(c->scratch)))))
        r = NOMEM(err);
    if (r == 0)
        r = git_find_repository(g, err);
    if (r == 0)
        r = git_find_program(g, c->program, err);
    if (r == 0)
        r = git_shim_make(g, err);
    if (r < 0) {
        git_close(g);
        return r;
    }
    *ret = g;
    return 0;
}

void git_close(struct git *g) {
    if (!g)
        return;
    git_shim_remove(g);
    mem_free(g->program);
    mem_free(g->folder);
    mem_free(g->root);
    mem_free(g->prefix);
    mem_free(g->git_dir);
    mem_free(g->common_dir);
    mem_free(g->scratch);
    mem_free(g);
}

void git_cancel_by(struct git *g, bool (*cancelled)(void *ctx), void *ctx) {
    g->cancelled = cancelled;
    g->cancelled_ctx = ctx;
}

// --- running

// Everything git would take from its surroundings, answered here once.
static int fill_environment(const struct git *g, bool work_tree, char **slots, struct err *err) {
    static const char *const fixed[] = {
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "LC_ALL=C",
        "TZ=UTC",
        "GIT_CONFIG_NOSYSTEM=1",
        "GIT_CONFIG_GLOBAL=/dev/null",
        "GIT_CONFIG_SYSTEM=/dev/null",
        "GIT_ATTR_NOSYSTEM=1",
        "GIT_OPTIONAL_LOCKS=0",
        "GIT_TERMINAL_PROMPT=0",
        "GIT_ASKPASS=/bin/false",
        "SSH_ASKPASS=/bin/false",
        "GIT_SSH_COMMAND=/bin/false",
        "GIT_EDITOR=/bin/false",
        "GIT_PAGER=cat",
        "GIT_NO_LAZY_FETCH=1",
        "GIT_NO_REPLACE_OBJECTS=1",
        "GIT_ALLOW_PROTOCOL=none",
        "GIT_LITERAL_PATHSPECS=1",
        "GIT_FLUSH=0",
    };
    size_t n = 0;
    for (; n < COUNT_OF(fixed); n++)
        slots[n] = mem_strdup(fixed[n]);
    slots[n++] = mem_format("HOME=%s", g->shim);
    slots[n++] = mem_format("XDG_CONFIG_HOME=%s", g->shim);
    slots[n++] = mem_format("GIT_DIR=%s", g->shim);
    slots[n++] = mem_format("GIT_INDEX_FILE=%s/index", g->git_dir);
    if (work_tree && g->root)
        slots[n++] = mem_format("GIT_WORK_TREE=%s", g->root);
    for (size_t i = 0; i < n; i++)
        if (!slots[i])
            return NOMEM(err);
    return 0;
}

static int fill_arguments(const struct git_run *run, const char **slots, struct err *err) {
    // Once more on the command line what the stand-in's config says: an older git that does not
    // know one of the words above still has these.
    static const char *const before[] = {"git",
                                         "--no-pager",
                                         "--no-optional-locks",
                                         "-c",
                                         "core.hooksPath=/dev/null",
                                         "-c",
                                         "core.fsmonitor=false",
                                         "-c",
                                         "protocol.allow=never"};
    size_t n = 0;
    for (; n < COUNT_OF(before); n++)
        slots[n] = before[n];
    for (size_t i = 0; run->arguments[i]; i++) {
        if (n >= CHILD_ARGUMENTS_MAX)
            return err_set(err, ERR_LIMIT, "too many arguments for git");
        slots[n++] = run->arguments[i];
    }
    slots[n] = NULL;
    return 0;
}

// git's own first sentence, without the word before it.
static int said(const struct child_end *end, struct err *err) {
    const char *text = end->errors;
    if (strncmp(text, "fatal: ", 7) == 0 || strncmp(text, "error: ", 7) == 0)
        text += 7;
    int n = (int)strcspn(text, "\n");
    return err_set(err, ERR_IO, "git failed (%d): %.*s", end->status, n > 200 ? 200 : n, text);
}

int git_run(struct git *g, const struct git_run *run, int *ret_status, struct err *err) {
    const char *arguments[CHILD_ARGUMENTS_MAX + 1];
    char *environment[ENVIRONMENT_MAX + 1] = {0};
    struct child_end end = {0};
    int r = g->still ? 0 : git_shim_refresh(g, err);
    if (r == 0)
        r = fill_arguments(run, arguments, err);
    if (r == 0)
        r = fill_environment(g, run->work_tree, environment, err);
    if (r == 0) {
        struct child_spec spec = {
            .program = g->program,
            .arguments = arguments,
            .environment = (const char *const *)environment,
            .folder = run->work_tree && g->root ? g->root : g->shim,
            .input = run->input,
            .input_bytes = run->input_bytes,
            .output = run->output,
            .output_ctx = run->output_ctx,
            .output_bytes_max = run->output_bytes_max,
            .data_bytes_max = DATA_BYTES_MAX,
            .ms = g->ms,
            .cancelled = g->cancelled,
            .cancelled_ctx = g->cancelled_ctx,
        };
        r = child_run(&spec, &end, err);
    }
    for (size_t i = 0; i < ENVIRONMENT_MAX; i++)
        mem_free(environment[i]);
    if (r < 0)
        return r;
    if (ret_status)
        *ret_status = end.status;
    else if (end.status != 0)
        return said(&end, err);
    return 0;
}

static int to_buf(void *ctx, const char *bytes, size_t n, struct err *err) {
    int r = buf_append(ctx, bytes, n);
    return r == ERR_LIMIT ? err_set(err, ERR_LIMIT, "git's answer is longer than is read here")
           : r < 0        ? NOMEM(err)
                          : 0;
}

static int run_to_buf(struct git *g, const char *const *arguments, bool work_tree, struct buf *ret,
                      int *ret_status, struct err *err) {
    struct git_run run = {
        .arguments = arguments, .work_tree = work_tree, .output = to_buf, .output_ctx = ret};
    return git_run(g, &run, ret_status, err);
}

int git_line(struct git *g, const char *const *arguments, char *ret, size_t max, int *ret_status,
             struct err *err) {
    AUTO_BUF text = BUF_INIT(REF_LINE_BYTES_MAX);
    int r = run_to_buf(g, arguments, false, &text, ret_status, err);
    if (r < 0)
        return r;
    size_t n = text.len ? strcspn(text.data, "\n") : 0;
    if (n >= max)
        return err_set(err, ERR_LIMIT, "git's answer is longer than expected");
    memcpy(ret, text.len ? text.data : "", n);
    ret[n] = '\0';
    return 0;
}

// --- facts

int git_shallow_commits(struct git *g, struct buf *ret) {
    AUTO_FREE char *path = git_join(g->common_dir, "shallow");
    int r = path ? git_read_small(path, ret, NULL) : ERR_NOMEM;
    return r == ERR_NOT_FOUND ? 0 : r;
}

unsigned git_traits(struct git *g) {
    static const char *const head[] = {"rev-parse", "--verify", "--quiet", "HEAD^{commit}", NULL};
    char id[GIT_ID_CHARS_MAX + 2];
    int status = 1;
    if (git_line(g, head, id, sizeof id, &status, NULL) == 0 && status == 0)
        g->traits &= ~(unsigned)GIT_UNBORN;
    else
        g->traits |= GIT_UNBORN;
    AUTO_BUF text = BUF_INIT(0);
    g->traits &= ~(unsigned)GIT_SHALLOW;
    int r = git_shallow_commits(g, &text);
    if (r == ERR_LIMIT || (r == 0 && text.len > 0))
        g->traits |= GIT_SHALLOW;
    return g->traits;
}

const char *git_root(const struct git *g) {
    return g->root;
}

const char *git_prefix(const struct git *g) {
    return g->prefix;
}

const char *git_branch(struct git *g) {
    if (git_shim_refresh(g, NULL) < 0)
        return NULL;
    if (strncmp(g->head, "ref: ", 5) != 0)
        return NULL;
    return strncmp(g->head + 5, "refs/heads/", 11) == 0 ? g->head + 16 : g->head + 5;
}

unsigned git_id_chars(const struct git *g) {
    return g->settings.sha256 ? 64 : 40;
}

const char *git_note(const struct git *g, unsigned i) {
    static const struct {
        unsigned trait;
        const char *note;
    } notes[] = {
        {GIT_UNBORN, "the repository has no commit yet"},
        {GIT_SHALLOW, "a shallow clone: history before its depth is not known"},
        {GIT_PARTIAL, "a partial clone: what is missing here is not fetched"},
        {GIT_DETACHED, "HEAD is at a commit, on no branch"},
        {GIT_BARE, "a bare repository: there is no work tree"},
        {GIT_OTHER_OWNER, "the repository belongs to another user (git would want safe.directory): "
                          "it is read, nothing of its configuration is used"},
        {GIT_SUBMODULE, "a submodule: its own history only, not that of what it is part of"},
    };
    for (size_t k = 0; k < COUNT_OF(notes); k++)
        if (g->traits & notes[k].trait && i-- == 0)
            return notes[k].note;
    return NULL;
}

bool git_is_id(const struct git *g, const char *id) {
    size_t n = strlen(id);
    return n == git_id_chars(g) && strspn(id, "0123456789abcdef") == n;
}

// --- revisions

// What may follow "--end-of-options" and cannot make git search, list or read something else.
static bool revision_is_plain(const char *s, size_t n) {
    if (n == 0 || n > GIT_REVISION_BYTES_MAX || s[0] == '-')
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c <= ' ' || c == 0x7F || c == ':' || c == '*' || c == '?' || c == '[' || c == '\\')
            return false;
        if (c == '.' && i + 1 < n && s[i + 1] == '.')
            return false;
        if (c == '{' && i + 1 < n && s[i + 1] == '/')
            return false;
    }
    return true;
}

int git_resolve(struct git *g, const char *revision, size_t n, char ret[GIT_ID_CHARS_MAX + 1],
                struct err *err) {
    if (!revision_is_plain(revision, n))
        return err_set(err, ERR_INVAL, "\"%.*s\" is no revision", (int)(n > 80 ? 80 : n), revision);
    AUTO_FREE char *commit = mem_format("%.*s^{commit}", (int)n, revision);
    if (!commit)
        return NOMEM(err);
    const char *const arguments[] = {"rev-parse",        "--verify", "--quiet",
                                     "--end-of-options", commit,     NULL};
    char id[GIT_ID_CHARS_MAX + 1] = "";
    int status = 0;
    int r = git_line(g, arguments, id, sizeof id, &status, err);
    if (r < 0)
        return r;
    if (status != 0 || !git_is_id(g, id))
        return err_set(err, ERR_NOT_FOUND, "there is no revision \"%.*s\" here", (int)n, revision);
    memcpy(ret, id, sizeof id);
    return 0;
}

int git_head(struct git *g, char ret[GIT_ID_CHARS_MAX + 1], struct err *err) {
    int r = git_resolve(g, "HEAD", 4, ret, err);
    if (r == ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "the repository has no commit yet");
    return r;
}

static int want_id(const struct git *g, const char *id, struct err *err) {
    return git_is_id(g, id) ? 0 : err_set(err, ERR_INVAL, "\"%.80s\" is no commit's id", id);
}

int git_merge_base(struct git *g, const char *id_a, const char *id_b,
                   char ret[GIT_ID_CHARS_MAX + 1], struct err *err) {
    const char *const arguments[] = {"merge-base", id_a, id_b, NULL};
    char id[GIT_ID_CHARS_MAX + 1] = "";
    int status = 0;
    int r = want_id(g, id_a, err);
    if (r < 0 || (r = want_id(g, id_b, err)) < 0 ||
        (r = git_line(g, arguments, id, sizeof id, &status, err)) < 0)
        return r;
    if (status != 0 || !git_is_id(g, id))
        return err_set(err, ERR_NOT_FOUND, "the two commits have no common ancestor");
    memcpy(ret, id, sizeof id);
    return 0;
}

// --- contents

int git_blob(struct git *g, const char *id, const char *path, size_t max, struct buf *ret,
             struct err *err) {
    int r = want_id(g, id, err);
    if (r < 0)
        return r;
    size_t n = strlen(path);
    if (n == 0 || n > GIT_PATH_BYTES_MAX)
        return err_set(err, ERR_INVAL, "no path of a file");
    AUTO_FREE char *name = mem_format("%s:%s", id, path); // begins with an id: never an option
    if (!name)
        return NOMEM(err);
    const char *const arguments[] = {"cat-file", "blob", name, NULL};
    AUTO_BUF text = BUF_INIT(max ? max : 1);
    int status = 0;
    r = run_to_buf(g, arguments, false, &text, &status, err);
    if (r == ERR_LIMIT)
        return err_set(err, ERR_LIMIT, "%s is larger than is read here", path);
    if (r < 0)
        return r;
    if (status != 0)
        return err_set(err, ERR_NOT_FOUND, "%s is not there at %.12s", path, id);
    if (text.len && buf_append(ret, text.data, text.len) < 0)
        return NOMEM(err);
    return 0;
}

// "<id> blob <size>\n<bytes>\n" or "<id> missing\n", as it comes.
struct batch {
    git_blob_fn *fn;
    void *ctx;
    size_t at, count, max;
    struct buf line, blob;
    uint64_t left; // bytes of the blob to come, and its line end
    bool in_blob, keep;
};

static int batch_head(struct batch *b, struct err *err) {
    const char *blob = strstr(b->line.data, " blob ");
    char *end;
    if (b->at >= b->count)
        return err_set(err, ERR_IO, "git answered more than it was asked");
    if (!blob) { // missing, or another kind: "<id> tree <size>" has bytes too
        const char *size = strrchr(b->line.data, ' ');
        uint64_t n = size ? strtoull(size + 1, &end, 10) : 0;
        if (!size || *end || end == size + 1)
            return b->fn(b->ctx, b->at++, NULL, 0, err);
        b->left = n;
        b->keep = false;
    } else {
        b->left = strtoull(blob + 6, &end, 10);
        b->keep = b->left <= b->max;
    }
    b->in_blob = true;
    buf_clear(&b->blob);
    return 0;
}

static int batch_feed(void *ctx, const char *bytes, size_t n, struct err *err) {
    struct batch *b = ctx;
    int r = 0;
    for (size_t at = 0; at < n && r == 0;) {
        if (b->in_blob && b->left > 0) {
            size_t some = n - at < b->left ? n - at : (size_t)b->left;
            if (b->keep && buf_append(&b->blob, bytes + at, some) < 0)
                return NOMEM(err);
            at += some;
            b->left -= some;
        } else if (b->in_blob) { // its line end
            at++;
            b->in_blob = false;
            const char *data = b->blob.data ? b->blob.data : "";
            r = b->fn(b->ctx, b->at++, b->keep ? data : NULL, b->keep ? b->blob.len : 0, err);
        } else if (bytes[at] == '\n') {
            at++;
            if (buf_putc(&b->line, '\0') < 0)
                return NOMEM(err);
            r = batch_head(b, err);
            buf_clear(&b->line);
        } else if (buf_putc(&b->line, bytes[at++]) < 0) {
            return err_set(err, ERR_IO, "git's answer cannot be read");
        }
    }
    return r;
}

int git_blobs(struct git *g, const char *const *ids, size_t count, size_t max, git_blob_fn *fn,
              void *ctx, struct err *err) {
    static const char *const arguments[] = {"cat-file", "--batch", "--buffer", NULL};
    AUTO_BUF list = BUF_INIT(CHILD_INPUT_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        int r = want_id(g, ids[i], err);
        if (r < 0)
            return r;
        (void)buf_printf(&list, "%s\n", ids[i]);
    }
    if (list.failed)
        return err_set(err, ERR_LIMIT, "too many files at once");
    if (count == 0)
        return 0;
    struct batch b = {.fn = fn, .ctx = ctx, .count = count, .max = max};
    b.line = BUF_INIT(REF_LINE_BYTES_MAX);
    b.blob = BUF_INIT(max + 1);
    struct git_run run = {.arguments = arguments,
                          .input = list.data,
                          .input_bytes = list.len,
                          .output = batch_feed,
                          .output_ctx = &b};
    int r = git_run(g, &run, NULL, err);
    buf_done(&b.line);
    buf_done(&b.blob);
    if (r == 0 && b.at < count)
        r = err_set(err, ERR_IO, "git answered less than it was asked");
    return r;
}

// --- lists

// Records that end with NUL, whole.
struct records {
    int (*fn)(void *self, const char *record, size_t n, struct err *err);
    void *self;
    struct buf part;
};

static int records_feed(void *ctx, const char *bytes, size_t n, struct err *err) {
    struct records *s = ctx;
    for (size_t at = 0; at < n;) {
        const char *stop = memchr(bytes + at, '\0', n - at);
        size_t some = stop ? (size_t)(stop - bytes) - at + 1 : n - at;
        if (buf_append(&s->part, bytes + at, some) < 0)
            return err_set(err, ERR_LIMIT, "a name in the repository is too long");
        at += some;
        if (!stop)
            break;
        int r = s->fn(s->self, s->part.data, s->part.len - 1, err);
        if (r < 0)
            return r;
        buf_clear(&s->part);
    }
    return 0;
}

static int run_records(struct git *g, const char *const *arguments, bool work_tree,
                       int (*fn)(void *self, const char *record, size_t n, struct err *err),
                       void *self, int *ret_status, struct err *err) {
    struct records s = {.fn = fn, .self = self, .part = BUF_INIT(GIT_PATH_BYTES_MAX + 256)};
    struct git_run run = {
        .arguments = arguments, .work_tree = work_tree, .output = records_feed, .output_ctx = &s};
    int r = git_run(g, &run, ret_status, err);
    buf_done(&s.part);
    return r;
}

struct entries {
    git_entry_fn *fn;
    void *ctx;
    bool tree; // ls-tree: "mode type id\tpath"; else ls-files: "mode id stage\tpath"
};

static int take_entry(void *self, const char *record, size_t n, struct err *err) {
    struct entries *s = self;
    char id[GIT_ID_CHARS_MAX + 1], *end;
    const char *tab = memchr(record, '\t', n);
    unsigned long mode = strtoul(record, &end, 8);
    if (!tab || *end != ' ')
        return err_set(err, ERR_IO, "git's list of files cannot be read");
    const char *at = end + 1;
    if (s->tree) {
        at = memchr(at, ' ', (size_t)(tab - at));
        if (!at)
            return err_set(err, ERR_IO, "git's list of files cannot be read");
        at++;
    }
    size_t id_n = strspn(at, "0123456789abcdef");
    if (id_n >= sizeof id)
        return err_set(err, ERR_IO, "git's list of files cannot be read");
    memcpy(id, at, id_n);
    id[id_n] = '\0';
    struct git_entry e = {.path = tab + 1, .id = id, .mode = (uint32_t)mode};
    return s->fn(s->ctx, &e, err);
}

int git_entries(struct git *g, const char *id, git_entry_fn *fn, void *ctx, struct err *err) {
    struct entries s = {.fn = fn, .ctx = ctx, .tree = id != NULL};
    const char *const of_tree[] = {"ls-tree", "-r", "-z", "--full-tree", id, NULL};
    static const char *const of_index[] = {"ls-files", "-z", "-s", NULL};
    int r = id ? want_id(g, id, err) : 0;
    if (r < 0)
        return r;
    return run_records(g, id ? of_tree : of_index, false, take_entry, &s, NULL, err);
}

struct refs {
    git_ref_fn *fn;
    void *ctx;
};

// "<id> <seconds> <symref or nothing> <refname>": a name holds no space.
static int take_ref(void *self, const char *bytes, size_t n, struct err *err) {
    struct refs *s = self;
    char *end;
    if (n > 0 && *bytes == '\n') // for-each-ref ends its lines as well
        bytes++;
    const char *id = bytes, *at = strchr(bytes, ' ');
    if (!at || at - id > GIT_ID_CHARS_MAX)
        return 0;
    char id_text[GIT_ID_CHARS_MAX + 1] = "";
    memcpy(id_text, id, (size_t)(at - id));
    long long time = strtoll(at + 1, &end, 10);
    if (*end != ' ' || end == at + 1) // no commit
        return 0;
    if (end[1] != ' ') // origin/HEAD: another name of a branch
        return 0;
    const char *name = end + 2;
    bool remote = strncmp(name, "refs/remotes/", 13) == 0;
    if (!remote && strncmp(name, "refs/heads/", 11) != 0)
        return 0;
    struct git_ref ref = {
        .name = name + (remote ? 13 : 11), .id = id_text, .time = time, .remote = remote};
    return s->fn(s->ctx, &ref, err);
}

int git_branches(struct git *g, git_ref_fn *fn, void *ctx, struct err *err) {
    static const char *const arguments[] = {
        "for-each-ref", "--format=%(objectname) %(committerdate:unix) %(symref) %(refname)%00",
        "refs/heads", "refs/remotes", NULL};
    struct refs s = {.fn = fn, .ctx = ctx};
    return run_records(g, arguments, false, take_ref, &s, NULL, err);
}

// --- merges

int git_version(struct git *g, struct err *err) {
    static const char *const arguments[] = {"version", NULL};
    char line[256], *end;
    if (g->version)
        return 0;
    int r = git_line(g, arguments, line, sizeof line, NULL, err);
    if (r < 0)
        return r;
    const char *digits = strpbrk(line, "0123456789");
    unsigned long major = digits ? strtoul(digits, &end, 10) : 0;
    unsigned long minor = major && *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
    g->version = (unsigned)(major * 1000 + (minor < 999 ? minor : 999));
    return 0;
}

void git_index_commits(struct git *g, const char *const *ids, size_t count) {
    static const char *const places[] = {"objects/info/commit-graph", "objects/info/commit-graphs"};
    static const char *const arguments[] = {"commit-graph", "write", "--stdin-commits",
                                            "--no-progress", NULL};
    AUTO_BUF list = BUF_INIT(CHILD_INPUT_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        AUTO_FREE char *path = git_join(g->common_dir, places[i]);
        if (!path || access(path, F_OK) == 0)
            return;
    }
    for (size_t i = 0; i < count; i++)
        (void)buf_printf(&list, "%s\n", ids[i]);
    int status = 0;
    struct git_run run = {.arguments = arguments, .input = list.data, .input_bytes = list.len};
    if (!list.failed && list.len > 0)
        (void)git_run(g, &run, &status, NULL);
}

struct conflicts {
    git_path_fn *fn;
    void *ctx;
    bool begun;
};

static int take_conflict(void *self, const char *record, size_t n, struct err *err) {
    struct conflicts *s = self;
    (void)n;
    if (!s->begun) { // the tree's id comes first
        s->begun = true;
        return 0;
    }
    return *record ? s->fn(s->ctx, record, err) : 0;
}

int git_merge_conflicts(struct git *g, const char *id_a, const char *id_b, git_path_fn *fn,
                        void *ctx, struct err *err) {
    const char *const arguments[] = {"merge-tree",    "--write-tree", "-z", "--name-only",
                                     "--no-messages", id_a,           id_b, NULL};
    int r = want_id(g, id_a, err);
    if (r < 0 || (r = want_id(g, id_b, err)) < 0 || (r = git_version(g, err)) < 0)
        return r;
    if (g->version < 2038)
        return err_set(err, ERR_UNSUPPORTED, "git 2.38 or newer is needed to try merges");
    struct conflicts s = {.fn = fn, .ctx = ctx};
    int status = 0;
    r = run_records(g, arguments, false, take_conflict, &s, &status, err);
    if (r < 0)
        return r;
    // 0: clean, 1: conflicts; anything else is no answer.
    return status <= 1 ? 0
                       : err_set(err, ERR_NOT_FOUND, "git could not try the merge (%d)", status);
}
