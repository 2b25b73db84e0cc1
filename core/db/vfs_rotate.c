// Rotation of the data key: old pages are decrypted and encrypted again in place, a few hundred at
// a time. SQLite sees the same text throughout, so that no cache goes stale.
#include "core/base/mem.h"
#include "core/db/db_internal.h"
#include "core/db/vfs_impl.h"
#include "core/db/vfs_turn.h"

#include <errno.h>
#include <string.h>

static int read_epoch(struct vfs *v, uint32_t pgno, uint32_t *ret) {
    uint8_t bytes[4] = {0};
    size_t n = 0;
    int e =
        os_read(v->db_fd, bytes, sizeof bytes, (int64_t)pgno * PAGE_BYTES - VFS_RESERVED_BYTES, &n);
    *ret = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
    return e;
}

// Pages under another epoch than the current one. Under fresh_lock.
static int count_old(struct vfs *v, int64_t *ret) {
    int64_t n = 0;
    uint32_t current = atomic_load(&v->epoch), epoch = 0;
    for (uint32_t p = 1; p <= v->fresh.pages; p++) {
        int e = read_epoch(v, p, &epoch);
        if (e)
            return e;
        n += epoch != current;
    }
    *ret = n;
    return 0;
}

static int begin(struct vfs *v, bool anew, struct err *err) {
    uint32_t epochs[KEYRING_EPOCHS_MAX], newest = 0;
    if (v->flags & VFS_BACKUP)
        return err_set(err, ERR_INVAL, "a backup's key does not rotate");
    size_t n = keyring_epochs(v->keys, epochs, KEYRING_EPOCHS_MAX);
    if (n == 0)
        return err_set(err, ERR_LOCKED, "the store is locked; run: paired key unlock");
    newest = epochs[n - 1];
    int r = n > 1 && !anew ? 0 : keyring_epoch_add(v->keys, &newest, err);
    if (r < 0)
        return r;
    (void)pthread_mutex_lock(&v->fresh_lock);
    atomic_store(&v->epoch, newest);
    v->turn_next = 1;
    int e = count_old(v, &v->turn_left);
    (void)pthread_mutex_unlock(&v->fresh_lock);
    return e ? err_errno(err, e, "%s cannot be read", v->path) : 0;
}

int vfs_rotate_begin(struct vfs *v, struct err *err) {
    return begin(v, false, err);
}

int vfs_rotate_anew(struct vfs *v, struct err *err) {
    return begin(v, true, err);
}

// ------------------------------------------------------------------------------------- one step

struct sweep {
    struct vfs *v;
    struct page_coder *coder;
    struct turn *turn;
    uint32_t first;           // turn_next before it
    uint32_t damaged;         // first page that cannot be read, or 0
    uint8_t rest[HASH_BYTES]; // the head's after it
    uint8_t scan[HASH_BYTES]; // change of a check in progress
};

// Re-encrypts page p into the turn. ERR_*.
static int gather_page(struct sweep *s, uint32_t p) {
    struct vfs *v = s->v;
    struct turn_page *t = &s->turn->pages[s->turn->count];
    uint8_t before[HASH_BYTES], after[HASH_BYTES];
    size_t n = 0;
    if (os_read(v->db_fd, s->coder->raw, PAGE_BYTES, (int64_t)(p - 1) * PAGE_BYTES, &n))
        return ERR_IO;
    int r =
        n == PAGE_BYTES ? page_decrypt(s->coder, p, s->coder->raw, s->coder->plain) : ERR_CORRUPT;
    if (r == 0)
        r = page_encrypt(s->coder, p, s->coder->plain, t->raw);
    if (r < 0)
        return r;
    turn_set_pgno(t, p);
    s->turn->count++;
    fresh_hash(v, p, s->coder->raw + PAGE_TEXT_BYTES, before);
    fresh_hash(v, p, t->raw + PAGE_TEXT_BYTES, after);
    hash_xor(before, after);
    hash_xor(s->rest, before);
    if (v->fresh.scanning && p <= v->fresh.scanned)
        hash_xor(s->scan, before);
    return 0;
}

// Collects up to `max` old pages from turn_next on, and what the head will say after them.
static int gather(struct sweep *s, uint32_t max) {
    struct vfs *v = s->v;
    uint32_t current = atomic_load(&v->epoch), epoch = 0;
    s->turn->count = 0;
    s->first = v->turn_next;
    memcpy(s->rest, v->fresh.head.rest, HASH_BYTES);
    memset(s->scan, 0, HASH_BYTES);
    for (; v->turn_next <= v->fresh.pages && s->turn->count < max; v->turn_next++) {
        if (read_epoch(v, v->turn_next, &epoch))
            return ERR_IO;
        // What a checkpoint holds is written under the new key by it.
        if (epoch == current || fresh_find(&v->fresh, v->turn_next))
            continue;
        int r = gather_page(s, v->turn_next);
        if (r == ERR_CORRUPT && !s->damaged)
            s->damaged = v->turn_next;
        if (r < 0 && r != ERR_CORRUPT)
            return r;
    }
    return 0;
}

// Pages in place, head after them, and only then is the copy dropped.
static int put_in_place(struct vfs *v, const struct turn *t, const uint8_t rest[HASH_BYTES]) {
    int e = 0;
    for (uint32_t i = 0; !e && i < t->count; i++)
        e = os_write(v->db_fd, t->pages[i].raw, PAGE_BYTES,
                     (int64_t)(turn_pgno(&t->pages[i]) - 1) * PAGE_BYTES);
    if (!e)
        e = os_sync(v->db_fd);
    if (e)
        return e;
    v->turn_pending = NULL; // heads may be written again
    if (!v->fresh.head.unknown)
        memcpy(v->fresh.head.rest, rest, HASH_BYTES);
    return head_write(v, true);
}

// Head durable, new pages durable beside it, then in place. Between the two, a failure (not a
// crash) leaves `turn_pending`: no head and no checkpoint is written before the step was repeated,
// because the copy fits this generation only.
static int rewrite(struct sweep *s) {
    struct vfs *v = s->v;
    int e = v->head_durable ? 0 : head_write(v, true);
    if (!e)
        e = turn_write(v, s->turn, s->rest);
    if (e) {
        v->turn_next = s->first;
        return e;
    }
    fresh_forget_known(&v->fresh);
    v->turn_pending = s->turn;
    memcpy(v->turn_rest, s->rest, HASH_BYTES);
    hash_xor(v->fresh.scan, s->scan);
    e = put_in_place(v, s->turn, s->rest);
    if (!e)
        e = turn_clear(v);
    v->turn_left -= e ? 0 : s->turn->count;
    return e;
}

static int repeat_pending(struct vfs *v) {
    struct turn *t = v->turn_pending;
    if (!t)
        return 0;
    int e = put_in_place(v, t, v->turn_rest);
    if (e)
        return e;
    mem_free(t);
    return turn_clear(v);
}

static int step_inside(struct sweep *s, uint32_t max, struct err *err) {
    struct vfs *v = s->v;
    int e = repeat_pending(v);
    int r = e ? 0 : gather(s, max);
    if (!e && r == 0 && s->turn->count)
        e = rewrite(s);
    if (!e && r == 0 && v->turn_next > v->fresh.pages) {
        v->turn_next = 1; // once more around: pages that a checkpoint held back
        e = count_old(v, &v->turn_left);
    }
    if (e)
        return err_errno(err, e, "%s cannot be re-encrypted", v->path);
    return r < 0 ? err_set(err, r, "%s cannot be re-encrypted", v->path) : 0;
}

static int sweep_init(struct sweep *s, struct vfs *v, struct err *err) {
    memset(s, 0, sizeof *s);
    s->v = v;
    s->turn = mem_alloc(sizeof *s->turn);
    s->coder = secret_alloc(sizeof *s->coder);
    if (s->turn && s->coder && coder_init(s->coder, v) == 0)
        return 0;
    mem_free(s->turn);
    secret_free(s->coder);
    return err_set(err, ERR_NOMEM, "out of memory");
}

static void sweep_done(struct sweep *s) {
    if (s->turn != s->v->turn_pending)
        mem_free(s->turn);
    coder_done(s->coder);
    secret_free(s->coder);
}

int vfs_rotate_step(struct db *db, int64_t pages, int64_t *ret_left, struct err *err) {
    struct vfs *v = db_vfs(db);
    struct sweep s;
    if (!v)
        return err_set(err, ERR_UNSUPPORTED, "this database is not encrypted");
    int r = sweep_init(&s, v, err);
    if (r < 0)
        return r;
    // A whole checkpoint lets go of the pages it holds back.
    (void)db_checkpoint(db, false, NULL);
    int64_t left = 0;
    do {
        uint32_t max = pages < TURN_PAGES_MAX ? (uint32_t)(pages < 1 ? 1 : pages) : TURN_PAGES_MAX;
        (void)pthread_mutex_lock(&v->fresh_lock);
        r = step_inside(&s, max, err);
        left = v->turn_left;
        (void)pthread_mutex_unlock(&v->fresh_lock);
        pages -= max;
    } while (r == 0 && left > 0 && pages > 0 && s.turn->count);
    if (r == 0 && s.damaged)
        r = err_set(err, ERR_CORRUPT, "page %u is damaged, so the old key must stay", s.damaged);
    sweep_done(&s);
    if (r == 0)
        *ret_left = left;
    return r;
}

int vfs_rotate_finish(struct db *db, struct err *err) {
    struct vfs *v = db_vfs(db);
    uint32_t epochs[KEYRING_EPOCHS_MAX];
    int64_t left = 0;
    if (!v)
        return err_set(err, ERR_UNSUPPORTED, "this database is not encrypted");
    int r = db_checkpoint(db, true, err); // no frame under an old key is left behind
    if (r < 0)
        return r;
    (void)pthread_mutex_lock(&v->fresh_lock);
    int e = v->turn_pending ? EBUSY : count_old(v, &left);
    uint32_t current = atomic_load(&v->epoch); // that nothing is left under another one than
    v->turn_left = left;
    (void)pthread_mutex_unlock(&v->fresh_lock);
    if (e)
        return err_errno(err, e, "%s cannot be read", v->path);
    if (left > 0)
        return err_set(err, ERR_BUSY, "%lld pages are still under an older key", (long long)left);
    size_t n = keyring_epochs(v->keys, epochs, KEYRING_EPOCHS_MAX);
    for (size_t i = 0; i + 1 < n && epochs[i] < current && r == 0; i++) {
        r = keyring_epoch_remove(v->keys, epochs[i], err);
        if (r == 0)
            page_keys_retire(v, epochs[i]);
    }
    return r;
}
