// The whole file against its tags and its head, while readers and writers go on: what is written
// behind the scan is put right in it as it happens (fresh_after_write, fresh_truncate).
#include "core/db/vfs_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CHECK_PAGES_AT_ONCE = 64, CHECK_LINES_MAX = 20 };

struct check {
    struct vfs *v;
    struct page_coder *coder;
    struct buf *report;
    uint32_t damaged;
};

static int check_page(struct check *k, uint32_t pgno) {
    struct fresh *f = &k->v->fresh;
    uint8_t hash[HASH_BYTES];
    size_t n = 0;
    int e = os_read(k->v->db_fd, k->coder->raw, PAGE_BYTES, (int64_t)(pgno - 1) * PAGE_BYTES, &n);
    if (e)
        return e;
    memset(k->coder->raw + n, 0, PAGE_BYTES - n);
    fresh_hash(k->v, pgno, k->coder->raw + PAGE_TEXT_BYTES, hash);
    hash_xor(f->scan, hash);
    f->scanned = pgno;
    int r = page_decrypt(k->coder, pgno, k->coder->raw, k->coder->plain);
    if (r == ERR_NOMEM)
        return ENOMEM;
    if (r < 0 && k->damaged++ < CHECK_LINES_MAX && k->report)
        (void)buf_printf(k->report, "page %u is damaged\n", pgno);
    return 0;
}

// The verdict, with the locks of the last step still held.
static void check_end(struct check *k, bool *ret_stale) {
    struct vfs *v = k->v;
    struct fresh *f = &v->fresh;
    uint8_t expected[HASH_BYTES];
    fresh_expected(v, expected);
    *ret_stale = f->head.unknown || memcmp(expected, f->scan, HASH_BYTES) != 0;
    if (k->damaged > CHECK_LINES_MAX && k->report)
        (void)buf_printf(k->report, "%u pages are damaged altogether\n", k->damaged);
    if (*ret_stale && !f->head.unknown && k->report)
        (void)buf_printf(k->report,
                         "at least one of the %u pages is not the newest one: an old page or an "
                         "old file was put back\n",
                         f->pages);
    if (v->problem[0] && k->report)
        (void)buf_printf(k->report, "when it was opened: %s\n", v->problem);
    else if ((f->head.unknown || f->head.damaged) && k->report)
        (void)buf_puts(k->report, "damage was found earlier and not accepted yet\n");
    if ((*ret_stale || k->damaged) && !f->head.damaged) {
        f->head.damaged = true;
        (void)head_write(v, false); // remembered until vfs_accept
    }
}

static int check_steps(struct check *k, bool (*cancelled)(void *), void *ctx, struct err *err) {
    struct vfs *v = k->v;
    struct fresh *f = &v->fresh;
    bool done = false, bad = false;
    int e = 0;
    while (!done && !e) {
        if (cancelled && cancelled(ctx))
            return err_set(err, ERR_CANCELLED, "the check was cancelled");
        (void)pthread_mutex_lock(&v->fresh_lock);
        for (uint32_t i = 0; i < CHECK_PAGES_AT_ONCE && !e && f->scanned < f->pages; i++)
            e = check_page(k, f->scanned + 1);
        done = f->scanned >= f->pages;
        if (done && !e) {
            bool stale = false;
            check_end(k, &stale);
            bad = stale || k->damaged || f->head.damaged || v->problem[0];
        }
        (void)pthread_mutex_unlock(&v->fresh_lock);
    }
    if (e)
        return err_errno(err, e, "%s cannot be read", v->path);
    return bad ? err_set(err, ERR_CORRUPT,
                         "the store is damaged or was changed from outside; restore a backup")
               : 0;
}

int vfs_check(struct vfs *v, bool (*cancelled)(void *ctx), void *ctx, struct buf *report,
              struct err *err) {
    struct fresh *f = &v->fresh;
    struct page_coder *c = secret_alloc(sizeof *c);
    if (!c || coder_init(c, v) < 0) {
        secret_free(c);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    (void)pthread_mutex_lock(&v->fresh_lock);
    bool busy = f->scanning;
    if (!busy) {
        f->scanning = true;
        f->scanned = 0;
        memset(f->scan, 0, sizeof f->scan);
    }
    (void)pthread_mutex_unlock(&v->fresh_lock);
    int r = ERR_BUSY;
    if (busy) {
        (void)err_set(err, r, "another check is running");
    } else {
        struct check k = {.v = v, .coder = c, .report = report};
        r = check_steps(&k, cancelled, ctx, err);
        (void)pthread_mutex_lock(&v->fresh_lock);
        f->scanning = false;
        (void)pthread_mutex_unlock(&v->fresh_lock);
    }
    coder_done(c);
    secret_free(c);
    return r;
}

int vfs_accept(struct vfs *v, struct err *err) {
    (void)pthread_mutex_lock(&v->fresh_lock);
    int e = v->fresh.scanning ? EBUSY : 0;
    if (!e && v->head_fd < 0)
        e = head_open(v, true);
    if (!e)
        e = fresh_rebuild(v);
    if (!e)
        v->problem[0] = '\0';
    (void)pthread_mutex_unlock(&v->fresh_lock);
    return e ? err_errno(err, e, "%s cannot be accepted as it is", v->path) : 0;
}
