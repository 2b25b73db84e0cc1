// The log file: a header of 32 bytes in the clear (salts, its own checksum), then frames: 24 bytes
// of header, whose salts and checksum are one enciphered block, and a page.
#include "core/db/vfs_impl.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

// Where in its frame an offset lies; the frame's own offset in *ret_frame.
static int64_t inside(int64_t offset, int64_t *ret_frame) {
    int64_t in = (offset - WAL_HEADER_BYTES) % FRAME_BYTES;
    *ret_frame = offset - in;
    return in;
}

static uint32_t frame_number(int64_t frame_offset) {
    return (uint32_t)((frame_offset - WAL_HEADER_BYTES) / FRAME_BYTES + 1);
}

// --------------------------------------------------------------------------------------- writing

int log_flush(struct vfs_file *f) {
    struct log_batch *b = f->batch;
    if (b->len == 0)
        return SQLITE_OK;
    int e = os_write(f->fd, b->bytes, b->len, b->start);
    if (!e) {
        (void)pthread_mutex_lock(&f->v->fresh_lock);
        // With the commit frame SQLite still may rewrite checksums before it: not yet `n`.
        e = fresh_frames(f->v, b->first, b->pgno, b->frames, b->commit);
        (void)pthread_mutex_unlock(&f->v->fresh_lock);
    }
    if (!e && b->commit)
        f->commit = b->commit;
    // After a failure SQLite rolls back, so that these frames are nobody's.
    b->len = b->frames = 0;
    b->commit = 0;
    b->page_missing = false;
    return e ? vfs_sqlite_errno(e, SQLITE_IOERR_WRITE) : SQLITE_OK;
}

static int write_log_header(struct vfs_file *f, const uint8_t *bytes) {
    uint64_t salts;
    int rc = log_flush(f);
    if (rc != SQLITE_OK)
        return rc;
    memcpy(&salts, bytes + 16, sizeof salts);
    (void)pthread_mutex_lock(&f->v->fresh_lock);
    int e = fresh_log_restart(f->v, salts);
    if (!e)
        e = os_write(f->fd, bytes, WAL_HEADER_BYTES, 0);
    if (!e)
        atomic_store(&f->v->log_salts, salts);
    (void)pthread_mutex_unlock(&f->v->fresh_lock);
    f->commit = 0;
    return e ? vfs_sqlite_errno(e, SQLITE_IOERR_WRITE) : SQLITE_OK;
}

// A header of the next frame in the batch, or the first of a new batch. Also the rewriting of
// checksums at the end of a spilled transaction comes here, one header after the other, each
// followed by a read, which flushes.
static int write_frame_header(struct vfs_file *f, const uint8_t *bytes, int64_t offset) {
    struct log_batch *b = f->batch;
    bool follows = b->len && !b->page_missing && b->frames < WAL_BATCH_FRAMES &&
                   b->start + (int64_t)b->len == offset;
    if (!follows) {
        int rc = log_flush(f);
        if (rc != SQLITE_OK)
            return rc;
        b->start = offset;
        b->first = frame_number(offset);
    }
    uint8_t *header = b->bytes + b->len;
    memcpy(header, bytes, FRAME_HEADER_BYTES);
    b->pgno[b->frames++] = be32(header);
    int r = frame_header_encrypt(f->coder, offset, header);
    if (r < 0)
        return vfs_sqlite_code(r);
    b->len += FRAME_HEADER_BYTES;
    b->page_missing = true;
    return SQLITE_OK;
}

// The page of a frame whose header is on the disk: SQLite replaces what it spilled before.
static int replace_frame_page(struct vfs_file *f, const uint8_t *bytes, int64_t frame) {
    uint8_t header[FRAME_HEADER_BYTES];
    size_t n = 0;
    int rc = log_flush(f);
    if (rc != SQLITE_OK)
        return rc;
    int e = os_read(f->fd, header, sizeof header, frame, &n);
    if (e || n < sizeof header)
        return vfs_sqlite_errno(e ? e : EIO, SQLITE_IOERR_WRITE);
    int r = frame_encrypt(f->coder, be32(header), atomic_load(&f->v->log_salts), frame,
                          be32(header + 4) ? FRAME_COMMIT : 0, bytes, f->coder->raw);
    if (r < 0)
        return vfs_sqlite_code(r);
    e = os_write(f->fd, f->coder->raw, PAGE_BYTES, frame + FRAME_HEADER_BYTES);
    return e ? vfs_sqlite_errno(e, SQLITE_IOERR_WRITE) : SQLITE_OK;
}

static int write_frame_page(struct vfs_file *f, const uint8_t *bytes, int64_t frame) {
    struct log_batch *b = f->batch;
    bool follows = b->page_missing && b->start + (int64_t)b->len == frame + FRAME_HEADER_BYTES;
    if (!follows)
        return replace_frame_page(f, bytes, frame);
    const uint8_t *header = b->bytes + b->len - FRAME_HEADER_BYTES;
    bool commit = be32(header + 4) != 0;
    int r = frame_encrypt(f->coder, be32(header), atomic_load(&f->v->log_salts), frame,
                          commit ? FRAME_COMMIT : 0, bytes, b->bytes + b->len);
    if (r < 0)
        return vfs_sqlite_code(r);
    b->len += PAGE_BYTES;
    b->page_missing = false;
    if (commit)
        b->commit = frame_number(frame);
    // Other connections may read the frames once they are committed, without a sync between.
    return commit || b->frames == WAL_BATCH_FRAMES ? log_flush(f) : SQLITE_OK;
}

int log_write(struct vfs_file *f, const void *bytes, int n, int64_t offset) {
    int64_t frame = 0;
    if (offset == 0 && n == WAL_HEADER_BYTES)
        return write_log_header(f, bytes);
    if (offset >= WAL_HEADER_BYTES) {
        int64_t in = inside(offset, &frame);
        if (in == 0 && n == FRAME_HEADER_BYTES)
            return write_frame_header(f, bytes, offset);
        if (in == FRAME_HEADER_BYTES && n == PAGE_BYTES)
            return write_frame_page(f, bytes, frame);
    }
    return SQLITE_IOERR_WRITE; // SQLite has no other write; text must not pass by uncovered
}

// --------------------------------------------------------------------------------------- reading

static int short_read(void *out, int n) {
    memset(out, 0, (size_t)n);
    return SQLITE_IOERR_SHORT_READ;
}

static int read_plain(struct vfs_file *f, void *out, int n, int64_t offset) {
    size_t got = 0;
    int e = os_read(f->fd, out, (size_t)n, offset, &got);
    if (e)
        return vfs_sqlite_errno(e, SQLITE_IOERR_READ);
    if (got == (size_t)n)
        return SQLITE_OK;
    memset((char *)out + got, 0, (size_t)n - got);
    return SQLITE_IOERR_SHORT_READ;
}

// Part of a frame's header.
static int read_frame_header(struct vfs_file *f, void *out, int n, int64_t frame, int64_t in) {
    uint8_t header[FRAME_HEADER_BYTES];
    int rc = read_plain(f, header, sizeof header, frame);
    if (rc != SQLITE_OK)
        return rc == SQLITE_IOERR_SHORT_READ ? short_read(out, n) : rc;
    int r = frame_header_decrypt(f->coder, frame, header);
    if (r < 0)
        return vfs_sqlite_code(r);
    memcpy(out, header + in, (size_t)n);
    return SQLITE_OK;
}

// A frame that fails its tag is the torn end of the log only to a recovery; to everybody else it is
// damage. Answering the rewriting of checksums with made-up bytes would forge a valid sum over them
// (pitfall 2 of the design).
static int bad_frame(struct vfs_file *f, void *out, int n) {
    if (!shm_recovering(f->v))
        return SQLITE_IOERR_DATA;
    memset(out, 0, (size_t)n); // page number 0: the end of the log
    return SQLITE_OK;
}

static int read_frame(struct vfs_file *f, uint8_t *out, int n, int64_t frame, int64_t in) {
    struct page_coder *c = f->coder;
    size_t got = 0;
    int e = os_read(f->fd, c->raw, FRAME_BYTES, frame, &got);
    if (e)
        return vfs_sqlite_errno(e, SQLITE_IOERR_READ);
    if (got <
        FRAME_BYTES) // a recovery reads frame by frame to the end; a reader knows what it wants
        return in == 0 ? short_read(out, n) : SQLITE_IOERR_DATA;
    uint32_t flags = be32(c->raw + 4) ? FRAME_COMMIT : 0;
    uint8_t *page = in == 0 ? out + FRAME_HEADER_BYTES : out;
    if (in == FRAME_HEADER_BYTES && n < PAGE_BYTES)
        page = c->plain;
    int r = frame_decrypt(c, be32(c->raw), atomic_load(&f->v->log_salts), frame, flags,
                          c->raw + FRAME_HEADER_BYTES, page);
    if (r == ERR_CORRUPT)
        return bad_frame(f, out, n);
    if (r < 0)
        return vfs_sqlite_code(r);
    if (page == c->plain)
        memcpy(out, page, (size_t)n);
    if (in == 0) {
        r = frame_header_decrypt(c, frame, c->raw);
        if (r < 0)
            return vfs_sqlite_code(r);
        memcpy(out, c->raw, FRAME_HEADER_BYTES);
    }
    return SQLITE_OK;
}

static struct cache_place place_of(struct vfs_file *f, int64_t frame) {
    return (struct cache_place){.salts = atomic_load(&f->v->log_salts),
                                .number = frame_number(frame)};
}

// The page of a frame that SQLite looks up in the wal-index. From memory if that has what the file
// has now: then only what seals the page is read.
static int read_frame_page(struct vfs_file *f, uint8_t *out, int64_t frame) {
    const struct cache_place at = place_of(f, frame);
    uint8_t *reserved = f->coder->raw + FRAME_HEADER_BYTES + PAGE_TEXT_BYTES;
    size_t n = 0;
    bool known = at.salts && !shm_recovering(f->v);
    if (known && cache_may_have(&f->v->cache, at) &&
        os_read(f->fd, reserved, VFS_RESERVED_BYTES, frame + FRAME_BYTES - VFS_RESERVED_BYTES,
                &n) == 0 &&
        n == VFS_RESERVED_BYTES && cache_get(&f->v->cache, at, reserved, out))
        return SQLITE_OK;
    int rc = read_frame(f, out, PAGE_BYTES, frame, FRAME_HEADER_BYTES);
    if (rc == SQLITE_OK && known)
        cache_put(&f->v->cache, at, reserved, out);
    return rc;
}

int log_read(struct vfs_file *f, void *out, int n, int64_t offset) {
    int64_t frame = 0;
    int rc = log_flush(f);
    if (rc != SQLITE_OK)
        return rc;
    if (offset + n <= WAL_HEADER_BYTES)
        return read_plain(f, out, n, offset);
    int64_t in = inside(offset, &frame);
    if (in == 0 && n == FRAME_BYTES)
        return read_frame(f, out, n, frame, in);
    if (in == FRAME_HEADER_BYTES && n == PAGE_BYTES)
        return read_frame_page(f, out, frame);
    if (in == FRAME_HEADER_BYTES && n < PAGE_BYTES)
        return read_frame(f, out, n, frame, in);
    if (in + n <= FRAME_HEADER_BYTES)
        return read_frame_header(f, out, n, frame, in);
    return SQLITE_IOERR_READ;
}

int log_remove(struct vfs *v) {
    (void)pthread_mutex_lock(&v->fresh_lock);
    int e = fresh_log_restart(v, 0);
    if (!e)
        atomic_store(&v->log_salts, 0);
    (void)pthread_mutex_unlock(&v->fresh_lock);
    return e ? vfs_sqlite_errno(e, SQLITE_IOERR_TRUNCATE) : SQLITE_OK;
}
