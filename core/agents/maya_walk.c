#include "core/agents/maya.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/workspace/index.h"

#include <string.h>

enum { PATH_BYTES_MAX = 4096 };

static bool below(const char *path, const char *under) {
    size_t n = under ? strlen(under) : 0;
    return n == 0 || (strncmp(path, under, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

// pdfjs-5.2.133/: a release of somebody else's.
static bool has_version(const char *path) {
    for (const char *at = path; (at = strchr(at, '-')); at++) {
        size_t a = strspn(at + 1, "0123456789");
        size_t b = a && at[1 + a] == '.' ? strspn(at + 2 + a, "0123456789.") : 0;
        if (b && at[2 + a + b] == '/')
            return true;
    }
    return false;
}

static int one_file(const struct snapshot *s, uint32_t i, const struct maya_walk *w,
                    struct syntax *syntax, uint32_t *ret_files, struct err *err) {
    const struct snapshot_file *f = snapshot_file(s, i);
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
    if (snapshot_text(s, i, &text, NULL) < 0 || !text.len)
        return 0;
    struct maya_file x = {
        .s = s, .file = i, .path = f->path, .lang = f->lang, .text = text.data, .bytes = text.len};
    if (w->trees && language_has_tree(f->lang) &&
        syntax_parse(syntax, f->lang, text.data, text.len, NULL, NULL) == 0)
        x.tree = syntax;
    (*ret_files)++;
    return w->on_file(w->ctx, &x, err);
}

int maya_each(struct agent_call *call, struct text path, const struct maya_walk *w,
              struct report *r, uint32_t *ret_files, struct err *err) {
    char clean[PATH_BYTES_MAX];
    const char *under = agent_path(path, clean, sizeof clean);
    struct snapshot *s = NULL;
    *ret_files = 0;
    int code = agent_snapshot(call, TIER_LEXICAL, &s, err);
    if (code < 0)
        return code;
    struct syntax *syntax = syntax_new();
    if (!syntax)
        code = err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; code == 0 && i < snapshot_count(s); i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        if (agent_cancelled(call))
            code = err_set(err, ERR_CANCELLED, "cancelled");
        else if (w->wanted(f->path, f->lang) && utf_valid(f->path, strlen(f->path)) &&
                 below(f->path, under) && !has_version(f->path) &&
                 !(f->flags & (FILE_VENDORED | FILE_BINARY | FILE_TOO_LARGE | FILE_UNREADABLE |
                               FILE_SYMLINK | FILE_SUBMODULE)) &&
                 (w->generated || !(f->flags & FILE_GENERATED)) &&
                 (w->tests || !(f->flags & (FILE_TEST | FILE_EXAMPLE))))
            code = one_file(s, i, w, syntax, ret_files, err);
    }
    if (code == 0)
        agent_note_left_out(r, s);
    syntax_free(syntax);
    snapshot_put(s);
    return code;
}
