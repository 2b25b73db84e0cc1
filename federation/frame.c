#include "federation/frame.h"

#include "core/base/mem.h"

#include <string.h>
#include <zstd.h>

enum { PACK_LEVEL = 1, KEEP_BYTES = 4096 };

static uint32_t read_u32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write_u32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

void frame_limits(struct frame_reader *r, size_t frame_max, size_t plain_max) {
    r->frame_max = frame_max;
    r->plain_max = plain_max;
}

void frame_reader_done(struct frame_reader *r) {
    buf_done(&r->body);
    r->head_bytes = 0;
}

// --- reading

// Everything that a head can be wrong in, before a byte of the body is kept.
static int check_head(const struct frame_reader *r, const uint8_t *head, size_t *ret_wait,
                      struct err *err) {
    size_t length = read_u32(head);
    uint8_t kind = head[4], flags = head[5];
    if (length > r->frame_max)
        return err_set(err, ERR_LIMIT, "a frame of %zu bytes is over the maximum of %zu", length,
                       r->frame_max);
    size_t fixed = FRAME_HEAD_BYTES - 4 + (kind == FRAME_BLOB ? (size_t)FRAME_STREAM_BYTES : 0);
    if (length < fixed)
        return err_set(err, ERR_PARSE, "a frame of %zu bytes is too short for its kind", length);
    bool packable = kind == FRAME_MESSAGE || kind == FRAME_BLOB;
    if (kind < FRAME_MESSAGE || kind > FRAME_GOODBYE || (flags & ~FRAME_ZSTD) ||
        (flags && !packable))
        return err_set(err, ERR_PARSE, "a frame of kind %u with flags %u is not known", kind,
                       flags);
    size_t body = length - fixed;
    if (((kind == FRAME_PING || kind == FRAME_PONG) && body != FRAME_PING_BYTES) ||
        (kind == FRAME_GOODBYE && body > FRAME_GOODBYE_BYTES_MAX))
        return err_set(err, ERR_PARSE, "a frame of kind %u has a body of %zu bytes", kind, body);
    *ret_wait = length - (FRAME_HEAD_BYTES - 4);
    return 0;
}

// One zstd frame and nothing after it, whose size is stated: so the memory it may take is known
// before it is asked for, and a bomb is refused by its own label.
static int unpack(const struct frame_reader *r, struct frame *f, uint8_t **ret_plain,
                  struct err *err) {
    unsigned long long size = ZSTD_getFrameContentSize(f->body, f->bytes);
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR ||
        ZSTD_findFrameCompressedSize(f->body, f->bytes) != f->bytes)
        return err_set(err, ERR_PARSE, "a compressed frame does not state its size");
    if (size > r->plain_max)
        return err_set(err, ERR_LIMIT,
                       "a frame of %llu bytes decompressed is over the maximum "
                       "of %zu",
                       size, r->plain_max);
    uint8_t *plain = mem_alloc((size_t)size);
    if (!plain)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (ZSTD_decompress(plain, (size_t)size, f->body, f->bytes) != size) {
        mem_free(plain);
        return err_set(err, ERR_PARSE, "a compressed frame cannot be read");
    }
    f->body = plain;
    f->bytes = (size_t)size;
    *ret_plain = plain;
    return 0;
}

static int deliver(const struct frame_reader *r, const uint8_t head[FRAME_HEAD_BYTES],
                   const uint8_t *rest, size_t n, frame_fn *fn, void *ctx, struct err *err) {
    struct frame f = {.kind = (enum frame_kind)head[4], .body = rest, .bytes = n};
    if (f.kind == FRAME_BLOB) {
        f.stream = read_u32(rest);
        f.body += FRAME_STREAM_BYTES;
        f.bytes -= FRAME_STREAM_BYTES;
    }
    AUTO_FREE uint8_t *plain = NULL;
    int code = head[5] & FRAME_ZSTD ? unpack(r, &f, &plain, err) : 0;
    return code < 0 ? code : fn(ctx, &f, err);
}

// A frame that came in parts. The buffer is taken out first: the receiver may end the reader.
static int deliver_collected(struct frame_reader *r, frame_fn *fn, void *ctx, struct err *err) {
    uint8_t head[FRAME_HEAD_BYTES];
    memcpy(head, r->head, sizeof head);
    struct buf body = r->body;
    r->body = (struct buf){0};
    r->head_bytes = 0;
    int code = deliver(r, head, (const uint8_t *)body.data, body.len, fn, ctx, err);
    if (code < 0 || body.cap > KEEP_BYTES || r->body.data) {
        buf_done(&body);
    } else {
        buf_clear(&body);
        r->body = body;
    }
    return code;
}

static size_t take_head(struct frame_reader *r, const uint8_t *bytes, size_t n) {
    size_t want = sizeof r->head - r->head_bytes, got = n < want ? n : want;
    memcpy(r->head + r->head_bytes, bytes, got);
    r->head_bytes += got;
    return got;
}

int frame_feed(struct frame_reader *r, const uint8_t *bytes, size_t n, frame_fn *fn, void *ctx,
               struct err *err) {
    // A body of no bytes is whole with its head.
    while (n || (r->head_bytes == sizeof r->head && r->wait == 0)) {
        int code = 0;
        if (r->head_bytes < sizeof r->head) {
            size_t got = take_head(r, bytes, n);
            bytes += got;
            n -= got;
            if (r->head_bytes < sizeof r->head)
                break;
            code = check_head(r, r->head, &r->wait, err);
            if (code < 0)
                return code;
        }
        size_t want = r->wait - r->body.len, got = n < want ? n : want;
        if (r->body.len == 0 && got == want) { // whole in what was fed: no copy
            uint8_t head[FRAME_HEAD_BYTES];
            memcpy(head, r->head, sizeof head);
            r->head_bytes = 0;
            code = deliver(r, head, bytes, got, fn, ctx, err);
        } else {
            r->body.max = r->wait;
            if (buf_append(&r->body, bytes, got) < 0)
                return err_set(err, ERR_NOMEM, "out of memory");
            if (got == want)
                code = deliver_collected(r, fn, ctx, err);
        }
        if (code < 0)
            return code;
        bytes += got;
        n -= got;
    }
    return 0;
}

// --- writing

// The body compressed into *out, or 0 when that is not worth it or does not go.
static size_t pack(struct buf *out, const struct frame *f) {
    size_t most = f->bytes - f->bytes / 8;
    if (buf_reserve(out, most) < 0) {
        out->failed = false; // it goes as it is
        return 0;
    }
    size_t got = ZSTD_compress(out->data + out->len, most, f->body, f->bytes, PACK_LEVEL);
    return ZSTD_isError(got) ? 0 : got;
}

int frame_put(struct buf *out, const struct frame *f, size_t frame_max, size_t plain_max) {
    uint8_t head[FRAME_HEAD_BYTES_MAX];
    size_t fixed = FRAME_HEAD_BYTES, start = out->len;
    bool packable = f->kind == FRAME_MESSAGE || f->kind == FRAME_BLOB;
    if (f->bytes > plain_max)
        return ERR_LIMIT;
    if (f->kind == FRAME_BLOB) {
        write_u32(head + fixed, f->stream);
        fixed += FRAME_STREAM_BYTES;
    }
    if (buf_reserve(out, fixed) < 0)
        goto nomem;
    out->len += fixed; // filled in below
    size_t packed = packable && f->bytes >= FRAME_PACK_BYTES_MIN ? pack(out, f) : 0;
    size_t bytes = packed ? packed : f->bytes;
    size_t length = fixed - 4 + bytes;
    if (length > frame_max) {
        out->len = start;
        return ERR_LIMIT;
    }
    if (packed)
        out->len += packed;
    else if (buf_append(out, f->body, f->bytes) < 0)
        goto nomem;
    write_u32(head, (uint32_t)length);
    head[4] = (uint8_t)f->kind;
    head[5] = packed ? FRAME_ZSTD : 0;
    memcpy(out->data + start, head, fixed);
    return 0;
nomem:
    out->len = start;
    out->failed = false;
    return ERR_NOMEM;
}
