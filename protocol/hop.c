#include "protocol/hop.h"

#include "core/base/buf.h"
#include "core/base/mem.h"

#include <stdbool.h>
#include <string.h>

// Header, little-endian:  0 u32 bytes of body   4 u8 type   5 u8 flags   6 u16 zero   8 u64 seq
enum { AT_BYTES = 0, AT_TYPE = 4, AT_FLAGS = 5, AT_ZERO = 6, AT_SEQ = 8 };
_Static_assert(AT_SEQ + 8 == HOP_HEADER_BYTES, "the header is 16 bytes");

enum {
    HOP_FLAGS_ALL = HOP_REPLAY | HOP_SILENT | HOP_TIMED,
    KEEP_BYTES = 64 * 1024 // a larger buffer is given back after its frame
};

struct hop_reader {
    hop_frame_fn *fn;
    void *ctx;
    struct buf held; // an incomplete frame, header first
    bool dead;       // a wrong header: the borders of frames are lost
    bool secret;     // passphrases pass through
};

static void put_little(uint8_t *out, uint64_t value, size_t n) {
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_little(const uint8_t *in, size_t n) {
    uint64_t value = 0;
    for (size_t i = n; i-- > 0;)
        value = value << 8 | in[i];
    return value;
}

void hop_header(uint8_t out[HOP_HEADER_BYTES], enum hop_type type, unsigned flags, uint64_t seq,
                size_t bytes) {
    put_little(out + AT_BYTES, bytes, 4);
    out[AT_TYPE] = (uint8_t)type;
    out[AT_FLAGS] = (uint8_t)flags;
    put_little(out + AT_ZERO, 0, 2);
    put_little(out + AT_SEQ, seq, 8);
}

struct hop_reader *hop_reader_new(hop_frame_fn *fn, void *ctx) {
    struct hop_reader *r = mem_zalloc(sizeof *r);
    if (!r)
        return NULL;
    r->fn = fn;
    r->ctx = ctx;
    r->held = BUF_INIT((size_t)HOP_HEADER_BYTES + HOP_BODY_BYTES_MAX);
    return r;
}

void hop_reader_set_secret(struct hop_reader *r) {
    r->secret = true;
}

static void release_held(struct hop_reader *r, bool keep) {
    if (r->secret && r->held.data)
        explicit_bzero(r->held.data, r->held.cap);
    if (keep && r->held.cap <= KEEP_BYTES)
        buf_clear(&r->held);
    else
        buf_done(&r->held);
}

void hop_reader_free(struct hop_reader *r) {
    if (!r)
        return;
    release_held(r, false);
    mem_free(r);
}

static int read_header(struct hop_reader *r, const uint8_t *head, struct hop_frame *ret,
                       struct err *err) {
    unsigned type = head[AT_TYPE];
    unsigned flags = head[AT_FLAGS];
    uint64_t bytes = get_little(head + AT_BYTES, 4);
    int code = 0;
    if (type < HOP_HELLO || type > HOP_STATE)
        code = err_set(err, ERR_PARSE, "frame of unknown type %u", type);
    else if ((flags & ~(unsigned)HOP_FLAGS_ALL) || get_little(head + AT_ZERO, 2) != 0)
        code = err_set(err, ERR_PARSE, "frame with unknown flags");
    else if ((flags & HOP_TIMED) && (type != HOP_MESSAGE || bytes < HOP_TIME_BYTES))
        code = err_set(err, ERR_PARSE, "frame with a time, but without room for it");
    else if (bytes > HOP_BODY_BYTES_MAX)
        code = err_set(err, ERR_LIMIT, "frame of %llu bytes is over the maximum of %d",
                       (unsigned long long)bytes, HOP_BODY_BYTES_MAX);
    if (code < 0) {
        r->dead = true;
        release_held(r, false);
        return code;
    }
    *ret = (struct hop_frame){.type = (enum hop_type)type,
                              .flags = flags,
                              .seq = get_little(head + AT_SEQ, 8),
                              .bytes = (size_t)bytes};
    return 0;
}

static int hold(struct hop_reader *r, const char **p, const char *end, size_t want,
                struct err *err) {
    size_t take = (size_t)(end - *p);
    if (r->held.len + take > want)
        take = want - r->held.len;
    // Grows with what has come, not to what was announced; a small secret is never copied by that.
    int code = r->secret && want <= KEEP_BYTES / 2 ? buf_reserve(&r->held, want - r->held.len) : 0;
    if (code == 0)
        code = buf_append(&r->held, *p, take);
    if (code < 0)
        return err_set(err, code, "a frame of %zu bytes does not fit into memory", want);
    *p += take;
    return 0;
}

static int deliver(struct hop_reader *r, struct hop_frame *frame, struct err *err) {
    if (frame->flags & HOP_TIMED) {
        frame->arrival_ns = get_little((const uint8_t *)frame->body, HOP_TIME_BYTES);
        frame->body += HOP_TIME_BYTES;
        frame->bytes -= HOP_TIME_BYTES;
    }
    return r->fn(r->ctx, frame, err);
}

// A frame that lies whole in the input is handed on in place. 1: done so, 0: it is not whole.
static int feed_whole(struct hop_reader *r, const char **p, const char *end, struct err *err) {
    struct hop_frame frame;
    if (end - *p < HOP_HEADER_BYTES)
        return 0;
    int code = read_header(r, (const uint8_t *)*p, &frame, err);
    if (code < 0)
        return code;
    if ((size_t)(end - *p) - HOP_HEADER_BYTES < frame.bytes)
        return 0;
    frame.body = *p + HOP_HEADER_BYTES;
    *p = frame.body + frame.bytes;
    code = deliver(r, &frame, err);
    return code < 0 ? code : 1;
}

static int feed_held(struct hop_reader *r, const char **p, const char *end, struct err *err) {
    struct hop_frame frame;
    int code = 0;
    if (r->held.len < HOP_HEADER_BYTES)
        code = hold(r, p, end, HOP_HEADER_BYTES, err);
    if (code < 0 || r->held.len < HOP_HEADER_BYTES)
        return code;
    code = read_header(r, (const uint8_t *)r->held.data, &frame, err);
    if (code < 0)
        return code;
    size_t want = HOP_HEADER_BYTES + frame.bytes;
    code = hold(r, p, end, want, err);
    if (code < 0 || r->held.len < want)
        return code;
    frame.body = r->held.data + HOP_HEADER_BYTES;
    code = deliver(r, &frame, err);
    release_held(r, true);
    return code < 0 ? code : 0;
}

int hop_feed(struct hop_reader *r, const void *bytes, size_t n, struct err *err) {
    const char *p = bytes;
    const char *end = n ? p + n : p;
    if (r->dead)
        return err_set(err, ERR_PARSE, "the connection was given up at a wrong frame");
    while (p < end) {
        int code = r->held.len == 0 ? feed_whole(r, &p, end, err) : 0;
        if (code == 0)
            code = feed_held(r, &p, end, err);
        if (code < 0)
            return code;
    }
    return 0;
}
