// A change of the repository and the texts on both of its sides.
#include "core/agents/sherlock.h"

#include "core/base/mem.h"
#include "core/workspace/derived.h"
#include "core/workspace/index.h"
#include "core/workspace/workspace.h"

#include <string.h>

enum { FILE_BYTES_MAX = INDEX_FILE_BYTES_MAX, DIFF_VERSION = 1 };

void change_close(struct change *c) {
    diff_free(c->diff);
    git_close(c->git);
    snapshot_put(c->snapshot);
    *c = (struct change){0};
}

static int open_git(struct agent_call *call, struct git **ret, struct err *err) {
    struct git_config config = {
        .folder = call->root, .cancelled = call->cancelled, .ctx = call->ctx};
    return git_open(&config, ret, err);
}

// Between two commits it is the same for ever: git is asked once.
static int diff_of_commits(struct derived *known, struct git *g, const struct git_diff_want *want,
                           struct diff **ret, struct err *err) {
    const char *from = want->from_id ? want->from_id : "";
    const struct derived_part parts[] = {DERIVED_TEXT(from), DERIVED_TEXT(want->to_id),
                                         DERIVED_VALUE(want->renames),
                                         DERIVED_VALUE(want->context)};
    struct derived_key key = derived_key(known, DERIVED_DIFF, DIFF_VERSION, parts, COUNT_OF(parts));
    AUTO_BUF text = BUF_INIT(GIT_DIFF_BYTES_MAX);
    bool kept = derived_get(known, &key, &text);
    int r = 0;
    if (!kept) {
        buf_clear(&text);
        r = git_diff_text(g, want, &text, err);
    }
    if (r == 0)
        r = diff_parse(text.data ? text.data : "", text.len, ret, err);
    if (r == 0 && !kept)
        derived_put(known, &key, text.data, text.len);
    return r;
}

static int from_range(struct change *c, struct text range, struct derived *known, struct err *err) {
    struct git_diff_want want = {0};
    int r = git_range(c->git, range.data ? range.data : "", range.len, &c->ids, &want, err);
    if (r < 0)
        return r;
    want.renames = true;
    want.untracked = want.side == GIT_WORK_TREE;
    c->side = want.side;
    c->what = want.side == GIT_WORK_TREE ? "working tree"
              : want.side == GIT_INDEX   ? "staged"
                                         : "range";
    return want.side == GIT_COMMIT ? diff_of_commits(known, c->git, &want, &c->diff, err)
                                   : git_diff(c->git, &want, &c->diff, err);
}

int change_open(struct agent_call *call, struct text range, const struct text *given,
                struct change *ret, struct err *err) {
    *ret = (struct change){.side = GIT_WORK_TREE};
    int r = 0;
    if (given && given->len) {
        ret->what = "given diff";
        r = diff_parse(given->data, given->len, &ret->diff, err);
    } else {
        r = open_git(call, &ret->git, err);
        if (r == 0)
            r = from_range(ret, range, workspace_derived(call->ws), err);
    }
    if (r == 0)
        r = agent_snapshot(call, TIER_TREE, &ret->snapshot, err);
    if (r < 0)
        change_close(ret);
    return r;
}

// The workspace may be a folder of the repository: the index knows paths below it, git from the
// top.
static const char *below(const struct change *c, const char *path) {
    const char *prefix = c->git ? git_prefix(c->git) : "";
    size_t n = strlen(prefix);
    return strncmp(path, prefix, n) == 0 ? path + n : NULL;
}

// --- texts -------------------------------------------------------------------------------------

bool change_below(const struct diff_file *f, const char *under) {
    const char *path = f->new_path ? f->new_path : f->old_path;
    size_t n = under ? strlen(under) : 0;
    return n == 0 || (strncmp(path, under, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

void change_texts_done(struct change_texts *t) {
    for (uint32_t i = 0; i < CHANGE_TEXTS_MAX; i++) {
        buf_done(&t->list[i].now);
        buf_done(&t->list[i].old);
    }
}

// What git is asked for: one side of one file.
struct asked {
    struct buf *into;
    uint32_t text;
    bool large; // it would not have fit any more
};
struct asking {
    struct change *c;
    struct asked list[2 * CHANGE_TEXTS_MAX];
    const char *ids[2 * CHANGE_TEXTS_MAX];
    size_t count, bytes;
};

static bool has_side(const struct change *c, const struct diff_file *f, bool old) {
    if (f->binary || !f->new_path)
        return false;
    return old ? f->old_path && c->git && c->ids.from[0] : true;
}

// What git calls the file's content on this side; NULL: it is not a commit's, or not said.
static const char *id_of(const struct change *c, const struct diff_file *f, bool old) {
    const char *id = old ? f->old_id : f->new_id;
    if (!has_side(c, f, old) || (!old && c->side != GIT_COMMIT) || !c->git || !id)
        return NULL;
    return strlen(id) == git_id_chars(c->git) ? id : NULL;
}

// Through one run of git, if the diff says what the content is called there.
static void ask(struct asking *a, uint32_t text, const char *id, struct buf *into) {
    if (!id)
        return;
    a->ids[a->count] = id;
    a->list[a->count++] = (struct asked){.into = into, .text = text};
}

static int take(void *ctx, size_t i, const char *bytes, size_t n, struct err *err) {
    struct asking *a = ctx;
    if (!bytes)
        return 0; // it is asked for by its path: that says what is wrong
    a->list[i].large = a->bytes + n > CHANGE_TEXTS_BYTES_MAX;
    if (a->list[i].large)
        return 0;
    a->bytes += n;
    return buf_append(a->list[i].into, bytes, n) < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

static int new_text(struct change *c, const struct diff_file *f, struct buf *ret, struct err *err) {
    if (c->side == GIT_COMMIT && c->git)
        return git_blob(c->git, c->ids.to, f->new_path, FILE_BYTES_MAX, ret, err);
    const char *path = below(c, f->new_path);
    int64_t file = path ? snapshot_find(c->snapshot, path, strlen(path)) : -1;
    return file < 0 ? err_set(err, ERR_NOT_FOUND, "%s is not in the workspace", f->new_path)
                    : snapshot_text(c->snapshot, (uint32_t)file, ret, err);
}

// What has not come yet, one by one.
static int read_rest(struct change *c, const struct diff_file *f, unsigned sides,
                     struct change_text *t) {
    int r = 0;
    if ((sides & CHANGE_NOW) && has_side(c, f, false) && !t->now.data)
        r = new_text(c, f, &t->now, &t->why);
    if (r == 0 && (sides & CHANGE_OLD) && has_side(c, f, true) && !t->old.data)
        r = git_blob(c->git, c->ids.from, f->old_path, FILE_BYTES_MAX, &t->old, &t->why);
    return r;
}

static int ask_all(struct asking *a, struct change_texts *t, const uint8_t *needed,
                   struct err *err) {
    for (uint32_t i = 0; i < t->count; i++) {
        if (needed[i] & CHANGE_NOW)
            ask(a, i, t->list[i].now_id, &t->list[i].now);
        if (needed[i] & CHANGE_OLD)
            ask(a, i, t->list[i].old_id, &t->list[i].old);
    }
    int r = a->count ? git_blobs(a->c->git, a->ids, a->count, FILE_BYTES_MAX, take, a, err) : 0;
    // Behind the first that did not fit all is read the next time.
    for (size_t i = 0; r == 0 && i < a->count; i++)
        if (a->list[i].large && a->list[i].text > 0 && a->list[i].text < t->count)
            t->count = a->list[i].text;
    return r == ERR_NOMEM || r == ERR_CANCELLED ? r : 0;
}

static void begin(const struct change *c, uint32_t first, struct change_texts *ret) {
    uint32_t left = c->diff->file_count - first;
    change_texts_done(ret);
    *ret = (struct change_texts){.first = first,
                                 .count = left < CHANGE_TEXTS_MAX ? left : CHANGE_TEXTS_MAX};
    for (uint32_t i = 0; i < CHANGE_TEXTS_MAX; i++)
        ret->list[i].now = ret->list[i].old = BUF_INIT(FILE_BYTES_MAX);
    for (uint32_t i = 0; i < ret->count; i++) {
        ret->list[i].now_id = id_of(c, &c->diff->files[first + i], false);
        ret->list[i].old_id = id_of(c, &c->diff->files[first + i], true);
    }
}

int change_read(struct change *c, uint32_t first, change_need_fn *need, void *ctx,
                struct change_texts *ret, struct err *err) {
    struct asking a = {.c = c};
    uint8_t needed[CHANGE_TEXTS_MAX];
    size_t bytes = 0;
    begin(c, first, ret);
    for (uint32_t i = 0; i < ret->count; i++)
        needed[i] = (uint8_t)need(ctx, i, &ret->list[i]);
    int r = ask_all(&a, ret, needed, err);
    for (uint32_t i = 0; r == 0 && i < ret->count; i++) {
        struct change_text *t = &ret->list[i];
        t->result = read_rest(c, &c->diff->files[first + i], needed[i], t);
        if (t->result == ERR_CANCELLED || t->result == ERR_NOMEM)
            r = err_set(err, t->result, "%s", err_text(&t->why));
        bytes += t->now.len + t->old.len;
        if (bytes > CHANGE_TEXTS_BYTES_MAX)
            ret->count = i + 1;
    }
    return r;
}
