// A patch and a file of any bytes, one NUL between them: refused with a reason, or what comes out
// is a diff that says the same and applies where the numbers say. And any answer of a model.
#include "core/workspace/diff.h"
#include "core/workspace/patch.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(int ok) {
    if (!ok)
        abort();
}

static void again(const char *printed, size_t n, const char *old, size_t old_bytes,
                  const struct buf *wanted, enum patch_kind kind) {
    struct patch *p = NULL;
    struct diff *d = NULL;
    struct err err = {0};
    struct buf fresh = {0};
    check(diff_parse(printed, n, &d, &err) == 0);
    check(d->file_count == 1);
    bool changes = d->hunk_count > 0;
    diff_free(d);
    if (!changes) // a file that becomes what it was, or an empty one
        return;
    check(patch_parse(printed, n, &p, &err) == 0);
    check(patch_count(p) == 1 && patch_file(p, 0)->kind == kind);
    check(patch_apply(p, 0, old, old_bytes, &fresh, &err) == 0);
    check(fresh.len == wanted->len &&
          memcmp(fresh.len ? fresh.data : "", wanted->len ? wanted->data : "", fresh.len) == 0);
    buf_done(&fresh);
    patch_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    const char *text = (const char *)data, *nul = memchr(text, '\0', n);
    size_t patch_bytes = nul ? (size_t)(nul - text) : n;
    const char *old = nul ? nul + 1 : "";
    size_t old_bytes = nul ? n - patch_bytes - 1 : 0;
    struct patch *p = NULL;
    struct err err = {0};
    struct buf taken = BUF_INIT(1 << 20), prose = BUF_INIT(1 << 20);
    check(patch_extract(text, n, &taken, &prose, &err) >= 0);
    check(taken.len + prose.len <= 2 * n);
    buf_done(&taken);
    buf_done(&prose);
    if (patch_parse(text, patch_bytes, &p, &err) < 0) {
        check(err.message[0] != '\0');
        return 0;
    }
    for (uint32_t i = 0; i < patch_count(p); i++) {
        const struct patch_file *f = patch_file(p, i);
        struct buf fresh = {0}, printed = BUF_INIT(16 << 20);
        const char *from = f->kind == PATCH_ADD ? "" : old;
        size_t from_bytes = f->kind == PATCH_ADD ? 0 : old_bytes;
        check(f->path[0] && f->path[0] != '/' && !strstr(f->path, "../"));
        if (patch_apply(p, i, from, from_bytes, &fresh, &err) == 0) {
            check(patch_print(f, from, from_bytes, fresh.len ? fresh.data : "", fresh.len, &printed,
                              &err) == 0);
            if (!memchr(from, '\0', from_bytes))
                again(printed.data, printed.len, from, from_bytes, &fresh, f->kind);
        } else {
            check(err.message[0] != '\0');
        }
        buf_done(&fresh);
        buf_done(&printed);
    }
    patch_free(p);
    return 0;
}
