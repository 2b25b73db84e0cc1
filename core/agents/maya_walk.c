#include "core/agents/maya.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/base/wire.h"
#include "core/workspace/derived.h"
#include "core/workspace/index.h"
#include "core/workspace/workspace.h"

#include <string.h>

enum { PATH_BYTES_MAX = 4096, KEPT_VERSION = 1 };

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

static bool foreign(const struct snapshot_file *f) {
    return f->flags & (FILE_VENDORED | FILE_BINARY | FILE_TOO_LARGE | FILE_UNREADABLE |
                       FILE_SYMLINK | FILE_SUBMODULE);
}

static int one_file(const struct snapshot *s, uint32_t i, const struct maya_walk *w,
                    struct syntax *syntax, struct report *report, uint32_t *ret_files,
                    struct err *err) {
    const struct snapshot_file *f = snapshot_file(s, i);
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
    int r = snapshot_text(s, i, &text, NULL);
    if (r < 0 && r != ERR_UNSUPPORTED)
        report_passing(report); // it has changed meanwhile
    if (r < 0 || !text.len)
        return 0;
    struct maya_file x = {
        .s = s, .file = i, .path = f->path, .lang = f->lang, .text = text.data, .bytes = text.len};
    if (w->trees && language_has_tree(f->lang)) {
        r = syntax_parse(syntax, f->lang, text.data, text.len, NULL, NULL);
        x.tree = r == 0 ? syntax : NULL;
        if (r == ERR_TIMEOUT || r == ERR_NOMEM)
            report_passing(report);
    }
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
                 below(f->path, under) && !has_version(f->path) && !foreign(f) &&
                 (w->generated || !(f->flags & FILE_GENERATED)) &&
                 (w->tests || !(f->flags & (FILE_TEST | FILE_EXAMPLE))))
            code = one_file(s, i, w, syntax, r, ret_files, err);
    }
    if (code == 0)
        agent_note_left_out(r, s);
    syntax_free(syntax);
    snapshot_put(s);
    return code;
}

// --- kept --------------------------------------------------------------------------------------

// Which files there are, what they are and what is in them; and what was left out of the index.
static struct derived_key key_of(struct derived *d, const struct snapshot *s,
                                 const struct maya_kept *k, bool *ret_good) {
    AUTO_BUF all = BUF_INIT(0);
    const char *note;
    for (uint32_t i = 0; i < snapshot_count(s); i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        wire_put_string(&all, f->path);
        wire_put_u32(&all, f->lang);
        wire_put_u32(&all, f->flags);
        (void)buf_append(&all, f->hash, foreign(f) ? 0 : sizeof f->hash);
    }
    for (unsigned i = 0; (note = snapshot_note(s, i)); i++)
        wire_put_string(&all, note);
    *ret_good = !all.failed;
    const struct derived_part parts[] = {DERIVED_VALUE(k->question),
                                         DERIVED_VALUE(k->format),
                                         {k->path.len ? k->path.data : "", k->path.len},
                                         {all.data, all.len}};
    return derived_key(d, DERIVED_MAYA, KEPT_VERSION, parts, COUNT_OF(parts));
}

// Was it this tree, from the beginning to the end?
static bool still(struct agent_call *call, const struct snapshot *before) {
    struct snapshot *s = NULL;
    bool same = agent_snapshot(call, TIER_LEXICAL, &s, NULL) == 0 &&
                snapshot_generation(s) == snapshot_generation(before);
    snapshot_put(s);
    return same;
}

int maya_answer(struct agent_call *call, const struct maya_kept *k, const void *input,
                struct report *r, struct err *err) {
    struct derived *d = workspace_derived(call->ws);
    struct snapshot *s = NULL;
    AUTO_BUF bytes = BUF_INIT(DERIVED_VALUE_BYTES_MAX);
    bool good;
    int code = agent_snapshot(call, TIER_LEXICAL, &s, err);
    if (code < 0)
        return code;
    struct derived_key key = key_of(d, s, k, &good);
    if (good && derived_get(d, &key, &bytes) && report_read(r, bytes.data, bytes.len)) {
        snapshot_put(s);
        return 0;
    }
    code = k->fn(call, input, r, err);
    buf_clear(&bytes);
    if (code == 0 && good && report_write(r, &bytes) && still(call, s))
        derived_put(d, &key, bytes.data, bytes.len);
    snapshot_put(s);
    return code;
}
