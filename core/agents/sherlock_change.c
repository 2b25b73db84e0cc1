// A change of the repository and the texts on both of its sides.
#include "core/agents/sherlock.h"

#include "core/base/mem.h"
#include "core/workspace/index.h"
#include "core/workspace/workspace.h"

#include <string.h>

enum { FILE_BYTES_MAX = INDEX_FILE_BYTES_MAX };

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

static int from_range(struct change *c, struct text range, struct err *err) {
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
    return git_diff(c->git, &want, &c->diff, err);
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
            r = from_range(ret, range, err);
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

int change_new_text(struct change *c, const struct diff_file *f, struct buf *ret, struct err *err) {
    if (!f->new_path || f->binary)
        return 0;
    if (c->side == GIT_COMMIT && c->git)
        return git_blob(c->git, c->ids.to, f->new_path, FILE_BYTES_MAX, ret, err);
    const char *path = below(c, f->new_path);
    int64_t file = path ? snapshot_find(c->snapshot, path, strlen(path)) : -1;
    return file < 0 ? err_set(err, ERR_NOT_FOUND, "%s is not in the workspace", f->new_path)
                    : snapshot_text(c->snapshot, (uint32_t)file, ret, err);
}

int change_old_text(struct change *c, const struct diff_file *f, struct buf *ret, struct err *err) {
    if (!f->old_path || f->binary || !c->git || !c->ids.from[0])
        return 0;
    return git_blob(c->git, c->ids.from, f->old_path, FILE_BYTES_MAX, ret, err);
}
