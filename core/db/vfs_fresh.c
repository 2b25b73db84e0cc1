// Freshness. The head says: the XOR of the keyed hashes of pages 1..limit, without the pages that
// are in the first except_n frames of the log, is `rest`. Before a checkpoint writes its first page
// it makes a durable head that excludes all pages of the log; so wherever it is interrupted, what
// the head says stays true, and the excluded pages can be written again from the log. After the
// database was synced the head takes them in again.
#include "core/base/mem.h"
#include "core/db/vfs_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void fresh_hash(const struct vfs *v, uint32_t pgno, const uint8_t *reserved,
                uint8_t ret[HASH_BYTES]) {
    uint8_t text[8 + VFS_RESERVED_BYTES];
    for (size_t i = 0; i < 8; i++)
        text[i] = (uint8_t)((uint64_t)pgno >> (8 * i));
    memcpy(text + 8, reserved, VFS_RESERVED_BYTES);
    crypto_generichash_state state = *v->hash_start; // the key's block is hashed once only
    (void)crypto_generichash_update(&state, text, sizeof text);
    (void)crypto_generichash_final(&state, ret, HASH_BYTES);
}

int fresh_read_hash(struct vfs *v, uint32_t pgno, uint8_t ret[HASH_BYTES]) {
    uint8_t reserved[VFS_RESERVED_BYTES];
    size_t n = 0;
    int64_t at = (int64_t)pgno * PAGE_BYTES - VFS_RESERVED_BYTES;
    int e = os_read(v->db_fd, reserved, sizeof reserved, at, &n);
    if (e)
        return e;
    if (n < sizeof reserved)
        memset(reserved + n, 0, sizeof reserved - n); // cut off: hashes to something else
    fresh_hash(v, pgno, reserved, ret);
    return 0;
}

static struct known_page *known_of(const struct fresh *f, uint32_t pgno) {
    return &f->known[pgno % KNOWN_PAGES];
}

static uint64_t short_tag(const uint8_t *raw) {
    uint64_t tag;
    memcpy(&tag, raw + PAGE_BYTES - SEAL_TAG_BYTES, sizeof tag);
    return tag;
}

// The hash of a page that only a checkpoint writes, remembered from its last write.
static int current_hash(struct vfs *v, uint32_t pgno, uint8_t ret[HASH_BYTES]) {
    const struct known_page *k = known_of(&v->fresh, pgno);
    if (atomic_load_explicit(&k->pgno, memory_order_relaxed) != pgno)
        return fresh_read_hash(v, pgno, ret);
    memcpy(ret, k->hash, HASH_BYTES);
    return 0;
}

static void remember(struct fresh *f, uint32_t pgno, const uint8_t *raw,
                     const uint8_t hash[HASH_BYTES]) {
    struct known_page *k = known_of(f, pgno);
    atomic_store(&k->pgno, 0);
    atomic_store(&k->tag, short_tag(raw));
    memcpy(k->hash, hash, HASH_BYTES);
    atomic_store(&k->pgno, pgno);
}

bool fresh_is_known(const struct fresh *f, uint32_t pgno, const uint8_t *raw) {
    const struct known_page *k = known_of(f, pgno);
    return atomic_load_explicit(&k->pgno, memory_order_acquire) != pgno ||
           atomic_load_explicit(&k->tag, memory_order_acquire) == short_tag(raw);
}

void fresh_forget_known(struct fresh *f) {
    for (size_t i = 0; i < KNOWN_PAGES; i++)
        atomic_store_explicit(&f->known[i].pgno, 0, memory_order_release);
}

struct excluded *fresh_find(struct fresh *f, uint32_t pgno) {
    // A checkpoint asks for one page after the other.
    for (size_t i = f->ex_last; i < f->ex_count && i < f->ex_last + 2; i++)
        if (f->ex[i].pgno == pgno) {
            f->ex_last = i;
            return &f->ex[i];
        }
    size_t low = 0, high = f->ex_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (f->ex[mid].pgno < pgno)
            low = mid + 1;
        else
            high = mid;
    }
    f->ex_last = low;
    return low < f->ex_count && f->ex[low].pgno == pgno ? &f->ex[low] : NULL;
}

static int ex_reserve(struct fresh *f, size_t more) {
    if (f->ex_count + more <= f->ex_cap)
        return 0;
    size_t cap = f->ex_cap + f->ex_cap / 2 + more + 64;
    struct excluded *bigger = mem_realloc(f->ex, cap * sizeof *bigger);
    if (!bigger)
        return ENOMEM;
    f->ex = bigger;
    f->ex_cap = cap;
    return 0;
}

static int by_number(const void *a, const void *b) {
    uint32_t x = ((const struct excluded *)a)->pgno, y = ((const struct excluded *)b)->pgno;
    return (x > y) - (x < y);
}

// Appends the pages of frames 1..n that are not excluded yet and not beyond the limit, each once
// and ascending.
static int collect(struct fresh *f, uint32_t n) {
    uint8_t *in_log = mem_zalloc(f->head.limit / 8 + 1u);
    size_t old = f->ex_count;
    int e = in_log ? 0 : ENOMEM;
    for (uint32_t i = 0; !e && i < n; i++)
        if (f->frame_pgno[i] <= f->head.limit)
            in_log[f->frame_pgno[i] / 8] |= (uint8_t)(1u << f->frame_pgno[i] % 8);
    for (size_t i = 0; !e && i < old; i++)
        if (f->ex[i].pgno <= f->head.limit)
            in_log[f->ex[i].pgno / 8] &= (uint8_t) ~(1u << f->ex[i].pgno % 8);
    for (uint32_t p = 1; !e && p <= f->head.limit; p++) {
        if (!(in_log[p / 8] & 1u << p % 8))
            continue;
        e = ex_reserve(f, 1);
        if (!e)
            f->ex[f->ex_count++] = (struct excluded){.pgno = p};
    }
    if (e)
        f->ex_count = old;
    mem_free(in_log);
    return e;
}

// The durable intent in front of a checkpoint.
static int exclude_log(struct vfs *v) {
    struct fresh *f = &v->fresh;
    size_t old = f->ex_count;
    uint8_t rest[HASH_BYTES];
    memcpy(rest, f->head.rest, sizeof rest);
    int e = collect(f, f->committed);
    for (size_t i = old; !e && i < f->ex_count; i++) {
        e = current_hash(v, f->ex[i].pgno, f->ex[i].hash);
        f->ex[i].known = true;
        hash_xor(rest, f->ex[i].hash);
    }
    if (e) {
        f->ex_count = old;
        return e;
    }
    if (old)
        qsort(f->ex, f->ex_count, sizeof *f->ex, by_number);
    memcpy(f->head.rest, rest, sizeof rest);
    f->head.except_n = f->committed;
    f->head.except_salts = f->head.salts;
    return head_write(v, true);
}

int fresh_before_write(struct vfs *v, uint32_t pgno) {
    struct fresh *f = &v->fresh;
    if (v->turn_pending)
        return EIO;
    if (v->building || f->head.unknown)
        return 0;
    if (pgno <= f->head.limit && !fresh_find(f, pgno)) {
        int e = f->committed > f->head.except_n || f->head.except_n == 0 ? exclude_log(v) : 0;
        if (e)
            return e;
        if (!fresh_find(f, pgno))
            return EPERM; // a page that is not in the log: nothing but a checkpoint writes here
    }
    if (pgno > f->head.limit && !fresh_find(f, pgno)) {
        // Growth: holes are filled in order, so that this is the next page.
        if (ex_reserve(f, 1))
            return ENOMEM;
        f->ex[f->ex_count++] = (struct excluded){.pgno = pgno, .known = false};
        if (f->ex_count > 1 && f->ex[f->ex_count - 2].pgno > pgno)
            qsort(f->ex, f->ex_count, sizeof *f->ex, by_number);
    }
    return 0;
}

void fresh_after_write(struct vfs *v, uint32_t pgno, const uint8_t *raw) {
    struct fresh *f = &v->fresh;
    uint8_t hash[HASH_BYTES];
    if (pgno > f->pages)
        f->pages = pgno;
    if (v->building || f->head.unknown)
        return;
    fresh_hash(v, pgno, raw + PAGE_TEXT_BYTES, hash);
    struct excluded *x = fresh_find(f, pgno);
    assert(x);
    if (f->scanning && pgno <= f->scanned) {
        if (x->known)
            hash_xor(f->scan, x->hash);
        hash_xor(f->scan, hash);
    }
    memcpy(x->hash, hash, sizeof hash);
    x->known = true;
    remember(f, pgno, raw, hash);
}

int fresh_truncate(struct vfs *v, uint32_t pages) {
    struct fresh *f = &v->fresh;
    uint8_t hash[HASH_BYTES], rest[HASH_BYTES], scan[HASH_BYTES];
    if (v->turn_pending)
        return EIO;
    if (v->building || f->head.unknown)
        return 0;
    memcpy(rest, f->head.rest, sizeof rest);
    memcpy(scan, f->scan, sizeof scan);
    for (uint32_t p = pages + 1; p <= f->pages; p++) {
        int e = fresh_read_hash(v, p, hash);
        if (e)
            return e;
        if (p <= f->head.limit && !fresh_find(f, p))
            hash_xor(rest, hash);
        if (f->scanning && p <= f->scanned)
            hash_xor(scan, hash);
    }
    while (f->ex_count && f->ex[f->ex_count - 1].pgno > pages)
        f->ex_count--;
    fresh_forget_known(f);
    memcpy(f->head.rest, rest, sizeof rest);
    memcpy(f->scan, scan, sizeof scan);
    if (f->scanning && f->scanned > pages)
        f->scanned = pages;
    if (f->head.limit > pages)
        f->head.limit = pages;
    return head_write(v, true);
}

void fresh_synced(struct vfs *v) {
    struct fresh *f = &v->fresh;
    if (v->building || f->head.unknown || (f->ex_count == 0 && f->head.except_n == 0))
        return;
    for (size_t i = 0; i < f->ex_count; i++)
        if (!f->ex[i].known)
            return; // recovering: the rest of the log has not been written yet
    for (size_t i = 0; i < f->ex_count; i++)
        hash_xor(f->head.rest, f->ex[i].hash);
    f->ex_count = 0;
    if (f->ex_cap > 4096) { // a large transaction passed by
        mem_free(f->ex);
        f->ex = NULL;
        f->ex_cap = 0;
    }
    f->head.limit = f->pages;
    f->head.except_n = 0;
    f->head.except_salts = 0;
    // Not durable: the intent that is on the disk already remains true without it.
    (void)head_write(v, false);
}

int fresh_log_restart(struct vfs *v, uint64_t salts) {
    struct fresh *f = &v->fresh;
    if (v->turn_pending)
        return EIO;
    if (v->building)
        return 0;
    if (f->head.n) { // a log without commits is nothing to go back to
        f->head.previous_salts = f->head.salts;
        f->head.previous_n = f->head.n;
    }
    f->head.salts = salts;
    f->head.n = 0;
    f->committed = 0;
    // Everything of the old log is in the database, or the intent could not be fulfilled any more.
    if (f->head.except_n && !f->head.unknown)
        return EPERM;
    return head_write(v, true);
}

int fresh_frames(struct vfs *v, uint32_t first, const uint32_t *pgnos, size_t n, uint32_t commit) {
    struct fresh *f = &v->fresh;
    size_t need = (size_t)first - 1 + n;
    if (need > f->frames_cap) {
        size_t cap = f->frames_cap + f->frames_cap / 2;
        cap = cap < need + 256 ? need + 256 : cap;
        uint32_t *bigger = mem_realloc(f->frame_pgno, cap * sizeof *bigger);
        if (!bigger)
            return ENOMEM;
        memset(bigger + f->frames_cap, 0, (cap - f->frames_cap) * sizeof *bigger);
        f->frame_pgno = bigger;
        f->frames_cap = cap;
    }
    for (size_t i = 0; i < n; i++)
        if (pgnos[i])
            f->frame_pgno[first - 1 + i] = pgnos[i];
    if (commit)
        f->committed = commit;
    return 0;
}

void fresh_committed(struct vfs *v, uint32_t frame) {
    struct fresh *f = &v->fresh;
    if (v->building || frame <= f->head.n)
        return;
    f->head.n = frame;
    // Only a lower bound of what the log must hold, written after it is there: losing this, or
    // failing here, raises no alarm later.
    (void)head_write(v, false);
}

void fresh_expected(const struct vfs *v, uint8_t ret[HASH_BYTES]) {
    memcpy(ret, v->fresh.head.rest, HASH_BYTES);
    for (size_t i = 0; i < v->fresh.ex_count; i++)
        if (v->fresh.ex[i].known)
            hash_xor(ret, v->fresh.ex[i].hash);
}

int fresh_rebuild(struct vfs *v) {
    struct fresh *f = &v->fresh;
    uint8_t rest[HASH_BYTES] = {0}, hash[HASH_BYTES];
    for (uint32_t p = 1; p <= f->pages; p++) {
        int e = fresh_read_hash(v, p, hash);
        if (e)
            return e;
        hash_xor(rest, hash);
    }
    fresh_forget_known(f);
    memcpy(f->head.rest, rest, sizeof rest);
    f->ex_count = 0;
    f->head.limit = f->pages;
    f->head.except_n = 0;
    f->head.except_salts = 0;
    f->head.unknown = f->head.damaged = false;
    f->scanning = false;
    return head_write(v, true);
}
