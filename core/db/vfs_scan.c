// Opening: reads the log as SQLite's recovery will (frames count while their salts, their running
// checksum and their tag are right, up to the last commit), and compares it with the head.
#include "core/base/mem.h"
#include "core/db/vfs_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { WAL_MAGIC = 0x377f0682, WAL_VERSION = 3007000 };

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t salts_of(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

// SQLite's file format, section 4.2: over pairs of 32-bit words in the byte order of the magic.
static void checksum(bool big, const uint8_t *p, size_t n, uint32_t s[2]) {
    for (size_t i = 0; i < n; i += 8) {
        uint32_t a, b;
        memcpy(&a, p + i, 4);
        memcpy(&b, p + i + 4, 4);
        if (big != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)) {
            a = __builtin_bswap32(a);
            b = __builtin_bswap32(b);
        }
        s[0] += a + s[1];
        s[1] += b + s[0];
    }
}

struct log_reader {
    struct vfs *v;
    struct page_coder *c;
    int fd;
    bool big;
    uint32_t sum[2];
    uint64_t salts;
};

static bool header_good(struct log_reader *l, const uint8_t *h) {
    uint32_t sum[2] = {0, 0};
    if ((be32(h) & ~1u) != WAL_MAGIC || be32(h + 4) != WAL_VERSION || be32(h + 8) != PAGE_BYTES)
        return false;
    l->big = be32(h) & 1;
    checksum(l->big, h, 24, sum);
    if (sum[0] != be32(h + 24) || sum[1] != be32(h + 28))
        return false;
    memcpy(l->sum, sum, sizeof sum);
    l->salts = salts_of(h + 16);
    return l->salts != 0;
}

// Whether the frame in c->raw verifies; its checksum only while `chain`.
static bool frame_good(struct log_reader *l, int64_t offset, bool chain) {
    uint8_t *h = l->c->raw;
    uint32_t commit = be32(h + 4) ? FRAME_COMMIT : 0;
    if (frame_header_decrypt(l->c, offset, h) < 0 || salts_of(h + 8) != l->salts || be32(h) == 0)
        return false;
    if (frame_decrypt(l->c, be32(h), l->salts, offset, commit, h + FRAME_HEADER_BYTES,
                      l->c->plain) < 0)
        return false;
    if (!chain)
        return true;
    uint32_t sum[2] = {l->sum[0], l->sum[1]};
    checksum(l->big, h, 8, sum);
    checksum(l->big, l->c->plain, PAGE_BYTES, sum);
    if (sum[0] != be32(h + 16) || sum[1] != be32(h + 20))
        return false;
    memcpy(l->sum, sum, sizeof sum);
    return true;
}

static int frames_scan(struct log_reader *l, int64_t size, struct log_scan *ret) {
    bool chain = true;
    uint32_t pgnos[1];
    int64_t offset = WAL_HEADER_BYTES;
    for (uint32_t i = 1; offset + FRAME_BYTES <= size; i++, offset += FRAME_BYTES) {
        size_t n = 0;
        int e = os_read(l->fd, l->c->raw, FRAME_BYTES, offset, &n);
        if (e)
            return e;
        bool good = n == FRAME_BYTES && frame_good(l, offset, chain);
        bool commit = be32(l->c->raw + 4) != 0;
        chain = chain && good;
        if (!chain) {
            ret->stray += good && commit;
            continue;
        }
        pgnos[0] = be32(l->c->raw);
        e = fresh_frames(l->v, i, pgnos, 1, 0);
        if (e)
            return e;
        if (commit)
            ret->committed = i;
    }
    return 0;
}

int log_scan(struct vfs *v, struct page_coder *c, struct log_scan *ret, struct err *err) {
    struct log_reader l = {.v = v, .c = c, .fd = -1};
    uint8_t header[WAL_HEADER_BYTES];
    size_t n = 0;
    int64_t size = 0;
    memset(ret, 0, sizeof *ret);
    int e = os_open(v->wal_path, O_RDWR, &l.fd);
    if (e == ENOENT)
        return 0;
    if (!e)
        e = os_size(l.fd, &size);
    if (!e)
        e = os_read(l.fd, header, sizeof header, 0, &n);
    if (!e && n == sizeof header && header_good(&l, header)) {
        ret->present = true;
        ret->salts = l.salts;
        e = frames_scan(&l, size, ret);
    }
    if (l.fd >= 0)
        (void)close(l.fd);
    return e ? err_errno(err, e, "%s cannot be read", v->wal_path) : 0;
}

// ------------------------------------------------------------------------------ against the head

static const char *compare(const struct head *h, const struct log_scan *log) {
    if (log->present && log->salts == h->salts)
        return log->committed >= h->n ? NULL : "the log lost changes that were saved";
    if (h->n)
        return log->present ? "the log is not the newest one" : "the log is missing";
    // The head announces a new log that has no commit yet: the one before it, whole, or none.
    if (!log->present || log->committed == 0)
        return NULL;
    if (log->salts == h->previous_salts)
        return log->committed >= h->previous_n ? NULL : "the log lost changes that were saved";
    return "the log is not the newest one";
}

// The pages that an interrupted checkpoint may have touched: their content is in the log.
static int exclude_again(struct vfs *v, const struct log_scan *log) {
    struct fresh *f = &v->fresh;
    if (f->head.except_n == 0)
        return 0;
    if (!log->present || log->salts != f->head.except_salts || log->committed < f->head.except_n)
        return ERR_CORRUPT;
    f->ex = mem_alloc((f->head.except_n + 1u) * sizeof *f->ex);
    if (!f->ex)
        return ERR_NOMEM;
    f->ex_cap = f->head.except_n + 1u;
    uint8_t *seen = mem_zalloc(f->head.limit / 8 + 1u);
    if (!seen)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < f->head.except_n; i++)
        if (f->frame_pgno[i] <= f->head.limit)
            seen[f->frame_pgno[i] / 8] |= (uint8_t)(1u << (f->frame_pgno[i] % 8));
    for (uint32_t p = 1; p <= f->head.limit; p++)
        if (seen[p / 8] & (1u << (p % 8)))
            f->ex[f->ex_count++] = (struct excluded){.pgno = p};
    mem_free(seen);
    return 0;
}

// Pages behind the limit were written by a checkpoint that was interrupted; the log will write them
// again, or they are fillings between.
static int exclude_tail(struct vfs *v) {
    struct fresh *f = &v->fresh;
    for (uint32_t p = f->head.limit + 1; p <= f->pages; p++) {
        int e = fresh_before_write(v, p);
        if (!e)
            e = fresh_read_hash(v, p, f->ex[f->ex_count - 1].hash);
        if (e)
            return e == ENOMEM ? ERR_NOMEM : ERR_IO;
        f->ex[f->ex_count - 1].known = true;
    }
    return 0;
}

static int damage(struct vfs *v, const char *what, struct err *err) {
    struct fresh *f = &v->fresh;
    (void)snprintf(v->problem, sizeof v->problem, "%s", what);
    if (!(v->flags & VFS_ACCEPT_DAMAGE))
        return err_set(err, ERR_CORRUPT,
                       "%s: %s; put a copy of the folder back, or open what is left with "
                       "`paired repair`",
                       v->path, what);
    f->head.damaged = true;
    return 0;
}

int fresh_open(struct vfs *v, struct page_coder *c, struct err *err) {
    struct fresh *f = &v->fresh;
    struct log_scan log;
    int64_t size = 0;
    int r = log_scan(v, c, &log, err);
    if (r < 0)
        return r;
    int e = os_size(v->db_fd, &size);
    if (e)
        return err_errno(err, e, "%s cannot be examined", v->path);
    f->pages = (uint32_t)(size / PAGE_BYTES);
    struct head h = {0};
    const char *what = NULL;
    e = head_open(v, false);
    if (e == ENOENT)
        what = "its freshness record (store.head) is missing";
    else if (e)
        return err_errno(err, e, "%s cannot be opened", v->head_path);
    else if (head_read(v, &h, NULL) < 0)
        what = "its freshness record (store.head) is damaged";
    else if (memcmp(h.file_id, v->file_id, FILE_ID_BYTES) != 0)
        what = "its freshness record (store.head) belongs to another database";
    f->head = h;
    memcpy(f->head.file_id, v->file_id, FILE_ID_BYTES);
    if (what) {
        f->head.unknown = true;
        if (v->head_fd < 0 && (v->flags & VFS_ACCEPT_DAMAGE) && (e = head_open(v, true)))
            return err_errno(err, e, "%s cannot be made", v->head_path);
    } else {
        what = compare(&h, &log);
        // Two commits behind a broken frame: the first was on the disk before the second began, so
        // no power cut explains it.
        if (!what && log.stray >= 2)
            what = "the middle of the log is damaged";
    }
    if (what && (r = damage(v, what, err)) < 0)
        return r;
    if (!f->head.unknown) {
        r = exclude_again(v, &log);
        if (r == ERR_CORRUPT) {
            f->head.unknown = true;
            f->head.except_n = 0;
            r = what ? 0 : damage(v, "the log lost changes that were saved", err);
        }
        if (r == 0 && !f->head.unknown)
            r = exclude_tail(v);
        if (r < 0)
            return r == ERR_NOMEM ? err_set(err, r, "out of memory") : r;
    }
    // From now on the head follows what is there.
    f->committed = log.committed;
    f->head.salts = log.present ? log.salts : 0;
    f->head.n = log.committed;
    if (log.present && log.committed) {
        f->head.previous_salts = 0;
        f->head.previous_n = 0;
    }
    atomic_store(&v->log_salts, log.present ? log.salts : 0);
    return 0;
}

static int frame_load(struct vfs *v, struct page_coder *c, uint32_t frame) {
    int64_t offset = WAL_HEADER_BYTES + (int64_t)(frame - 1) * FRAME_BYTES;
    size_t n = 0;
    int fd = -1;
    if (os_open(v->wal_path, O_RDONLY, &fd))
        return ERR_IO;
    int e = os_read(fd, c->raw, FRAME_BYTES, offset, &n);
    (void)close(fd);
    if (e || n < FRAME_BYTES)
        return ERR_IO;
    return frame_decrypt(c, be32(c->raw), atomic_load(&v->log_salts), offset,
                         be32(c->raw + 4) ? FRAME_COMMIT : 0, c->raw + FRAME_HEADER_BYTES,
                         c->plain);
}

int first_page_restore(struct vfs *v, struct page_coder *c, struct err *err) {
    uint32_t frame = v->fresh.committed;
    while (frame && v->fresh.frame_pgno[frame - 1] != 1)
        frame--;
    // Without an intent of a checkpoint nothing of ours has touched the page.
    bool ours = frame && v->fresh.head.except_n && fresh_find(&v->fresh, 1);
    if (!ours || frame_load(v, c, frame) < 0)
        return err_set(err, ERR_CORRUPT, "the first page of %s is damaged; restore a backup",
                       v->path);
    if (db_page_write(v, c, v->db_fd, 1, c->plain) != SQLITE_OK)
        return err_set(err, ERR_IO, "the first page of %s cannot be written", v->path);
    return 0;
}
