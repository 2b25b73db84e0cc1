#include "server/proof.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/code/syntax.h"
#include "core/workspace/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATCH_OUT_BYTES_MAX = 4 * 1024 * 1024, HEAD_BYTES = 512 };

const char *proof_result_name(enum proof_result r) {
    static const char *const names[] = {"passed", "failed", "not run"};
    return names[r];
}

void proof_done(struct proof *p) {
    for (size_t i = 0; i < p->count; i++)
        buf_done(&p->of[i].output);
    buf_done(&p->patch);
    buf_done(&p->prose);
    *p = (struct proof){.count = 0};
}

bool proof_passed(const struct proof *p) {
    for (size_t i = 0; i < p->count; i++)
        if (p->of[i].result == PROOF_FAILED)
            return false;
    return p->count > 0 && p->of[0].result == PROOF_PASSED;
}

struct proving {
    const struct proof_want *want;
    struct proof *p;
    struct patch *patch;
    struct proof_file files[PATCH_FILES_MAX];
    size_t count;
    int root;
    struct err *err;
};

static struct proof_outcome *add(struct proof *p, const char *name, enum route_check_kind kind) {
    struct proof_outcome *o = &p->of[p->count++];
    *o = (struct proof_outcome){.kind = kind, .result = PROOF_PASSED};
    (void)snprintf(o->name, sizeof o->name, "%s", name);
    return o;
}

// --- it applies

// The file as it is on the disk: it must be one that the index knows, or none at all.
static int read_old(struct proving *v, const struct patch_file *f, struct buf *ret,
                    struct err *why) {
    int64_t known = snapshot_find(v->want->snapshot, f->path, strlen(f->path));
    if (f->kind == PATCH_ADD) {
        int fd = beneath_open(v->root, f->path, O_PATH);
        if (fd >= 0)
            (void)close(fd);
        return known < 0 && (fd == -ENOENT || fd == -ENOTDIR)
                   ? 0
                   : err_set(why, ERR_EXISTS, "%s is there already", f->path);
    }
    if (known < 0)
        return err_set(why, ERR_NOT_FOUND, "%s is no file of this folder", f->path);
    int r = beneath_read(v->root, f->path, PATCH_FILE_BYTES_MAX + 1, ret);
    if (r < 0)
        return err_errno(why, -r, "%s cannot be read", f->path);
    if (ret->len > PATCH_FILE_BYTES_MAX || (ret->len && memchr(ret->data, '\0', ret->len)))
        return err_set(why, ERR_INVAL, "%s is too large, or no text", f->path);
    return 0;
}

static int apply(struct proving *v, const char *text, size_t n, struct err *why) {
    int r = patch_parse(text, n, &v->patch, why);
    for (uint32_t i = 0; r == 0 && i < patch_count(v->patch); i++) {
        struct proof_file *f = &v->files[v->count++];
        *f = (struct proof_file){.what = patch_file(v->patch, i)};
        r = read_old(v, f->what, &f->old, why);
        const char *old = f->old.len ? f->old.data : "";
        if (r == 0)
            r = patch_apply(v->patch, i, old, f->old.len, &f->fresh, why);
        if (r == 0)
            r = patch_print(f->what, old, f->old.len, f->fresh.len ? f->fresh.data : "",
                            f->fresh.len, &v->p->patch, why);
    }
    return r;
}

static void count_lines(struct proof *p) {
    const char *at = p->patch.data, *end = at + p->patch.len;
    for (bool hunk = false; at && at < end;) {
        if (strncmp(at, "diff --git ", 11) == 0)
            hunk = false;
        else if (at[0] == '@')
            hunk = true;
        else if (hunk && at[0] == '+')
            p->added++;
        else if (hunk && at[0] == '-')
            p->removed++;
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        at = eol ? eol + 1 : end;
    }
}

static int check_patch(struct proving *v, const char *said, size_t n) {
    AUTO_BUF text = BUF_INIT(PATCH_BYTES_MAX + 1);
    struct err why = {0};
    struct proof_outcome *o = add(v->p, "patch", ROUTE_CHECK_PATCH);
    int r = patch_extract(said, n, &text, &v->p->prose, &why);
    if (r == 0)
        r = err_set(&why, ERR_NOT_FOUND, "the answer holds no patch");
    else if (r > 0)
        r = apply(v, text.data ? text.data : "", text.len, &why);
    if (r >= 0 && !utf_valid(v->p->patch.data ? v->p->patch.data : "", v->p->patch.len))
        r = err_set(&why, ERR_UNSUPPORTED,
                    "what stands around the change is no UTF-8: a patch of it cannot be handed on");
    if (r == ERR_NOMEM)
        return err_set(v->err, r, "out of memory");
    if (r < 0) {
        o->result = PROOF_FAILED;
        (void)snprintf(o->note, sizeof o->note, "%.390s", err_text(&why));
        buf_clear(&v->p->patch);
        return 0;
    }
    v->p->files = (unsigned)v->count;
    count_lines(v->p);
    (void)snprintf(o->note, sizeof o->note, "applies to %u file%s, +%u -%u", v->p->files,
                   v->p->files == 1 ? "" : "s", v->p->added, v->p->removed);
    return 0;
}

// --- what it makes parses

static uint32_t errors_of(struct syntax *s, enum lang lang, const struct buf *text,
                          uint32_t *ret_line) {
    *ret_line = 0;
    if (syntax_parse(s, lang, text->len ? text->data : "", text->len, NULL, NULL) < 0)
        return 0; // no grammar, too large: nothing can be said
    for (uint32_t i = 0; i < s->count && !*ret_line; i++)
        if (s->nodes[i].symbol == UINT16_MAX)
            *ret_line = s->nodes[i].line;
    return s->errors;
}

static int check_parse(struct proving *v) {
    struct proof_outcome *o = add(v->p, "parse", ROUTE_CHECK_LINT);
    struct syntax *s = syntax_new();
    if (!s)
        return err_set(v->err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < v->count && o->result == PROOF_PASSED; i++) {
        struct proof_file *f = &v->files[i];
        size_t head = f->fresh.len < HEAD_BYTES ? f->fresh.len : HEAD_BYTES;
        enum lang lang = language_of(f->what->path, f->fresh.data ? f->fresh.data : "", head);
        uint32_t line, old_line;
        if (f->what->kind == PATCH_DELETE)
            continue;
        uint32_t errors = errors_of(s, lang, &f->fresh, &line);
        if (errors && errors > errors_of(s, lang, &f->old, &old_line)) {
            o->result = PROOF_FAILED;
            (void)snprintf(o->note, sizeof o->note, "%.200s does not parse any more, near line %u",
                           f->what->path, line);
        }
    }
    syntax_free(s);
    return 0;
}

// --- the user's commands

static size_t for_here(const struct proving *v, const struct conf_check **ret) {
    size_t n = 0;
    const struct conf_checks *all = v->want->checks;
    for (size_t i = 0; all && i < all->count; i++)
        if (conf_check_is_for(&all->items[i], workspace_root(v->want->workspace)))
            ret[n++] = &all->items[i];
    return n;
}

static enum route_check_kind kind_of(const struct conf_check *c) {
    return c->kind[0] == 'b'   ? ROUTE_CHECK_BUILD
           : c->kind[0] == 't' ? ROUTE_CHECK_TEST
                               : ROUTE_CHECK_LINT;
}

static void not_run(struct proof *p, const struct conf_check *c, const char *why) {
    struct proof_outcome *o = add(p, c->name, kind_of(c));
    o->result = PROOF_NOT_RUN;
    (void)snprintf(o->note, sizeof o->note, "%.300s", why);
}

// The first that fails ends it: what comes behind would mostly fail of the same.
static int run_all(struct proving *v, const struct conf_check *const *checks, size_t n,
                   const char *tree) {
    bool failed = false;
    for (size_t i = 0; i < n; i++) {
        if (failed) {
            not_run(v->p, checks[i], "one before it failed");
            continue;
        }
        struct proof_outcome *o = add(v->p, checks[i]->name, kind_of(checks[i]));
        if (v->want->progress)
            v->want->progress(v->want->ctx, checks[i]->name);
        int r = proof_run(v->want, checks[i], tree, v->files, v->count, o, v->err);
        if (r < 0)
            return r;
        failed = o->result == PROOF_FAILED;
    }
    return 0;
}

static int check_commands(struct proving *v) {
    const struct conf_check *checks[CONF_CHECKS_MAX];
    size_t n = for_here(v, checks);
    char *tree = NULL;
    struct err why = {0};
    if (n == 0)
        return 0;
    bool fits = proof_passed(v->p);
    int turn =
        fits ? proof_turn(v->want, &why) : err_set(&why, ERR_INVAL, "the patch does not hold");
    int r = turn < 0 ? turn : proof_copy_make(v->want, v->files, v->count, &tree, &why);
    if (r == 0)
        r = run_all(v, checks, n, tree);
    else if (r == ERR_CANCELLED || r == ERR_NOMEM)
        (void)err_set(v->err, r, "%s", err_text(&why));
    else
        for (size_t i = 0; i < n; i++)
            not_run(v->p, checks[i], err_text(&why));
    proof_copy_remove(tree);
    if (turn >= 0)
        (void)close(turn);
    return r == ERR_CANCELLED || r == ERR_NOMEM ? r : 0;
}

int proof_make(const struct proof_want *want, const char *said, size_t n, struct proof *ret,
               struct err *err) {
    AUTO_FREE struct proving *v = mem_zalloc(sizeof *v);
    if (!v)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = (struct proof){.patch = BUF_INIT(PATCH_OUT_BYTES_MAX), .prose = BUF_INIT(n + 1)};
    *v = (struct proving){.want = want, .p = ret, .err = err};
    v->root = open(workspace_root(want->workspace), O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r =
        v->root < 0 ? err_errno(err, errno, "the folder cannot be read") : check_patch(v, said, n);
    if (r == 0 && ret->of[0].result == PROOF_PASSED)
        r = check_parse(v);
    if (r == 0)
        r = check_commands(v);
    for (size_t i = 0; i < v->count; i++) {
        buf_done(&v->files[i].old);
        buf_done(&v->files[i].fresh);
    }
    patch_free(v->patch);
    if (v->root >= 0)
        (void)close(v->root);
    return r;
}
