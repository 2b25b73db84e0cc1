#include "protocol/framing.h"

#include "core/base/mem.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

enum state {
    IN_HEADER, // collecting header lines in `held`
    IN_BODY,   // collecting `want` bytes in `held`
    IN_SKIP,   // body over the maximum: `held` keeps its head, `total` counts up to `want`
    IN_LINE,   // collecting one line in `held`
    IN_EXCESS, // line over the maximum: `held` keeps its head, `total` counts
    DEAD       // a header was wrong: nothing behind it can be trusted
};

struct framing {
    enum state state;
    size_t body_max;
    struct framing_events events;
    void *ctx;
    struct buf held;
    size_t want;
    size_t total;    // of the line in excess, of the skipped body so far
    bool cr;         // its last byte so far is a carriage return
    size_t searched; // bytes of `held` already known to hold no end of header
};

struct framing *framing_new(enum framing_kind kind, size_t body_max,
                            const struct framing_events *ev, void *ctx) {
    assert(body_max > 0 && body_max <= FRAMING_BODY_BYTES_MAX);
    struct framing *f = mem_zalloc(sizeof *f);
    if (!f)
        return NULL;
    f->state = kind == FRAMING_LINES ? IN_LINE : IN_HEADER;
    f->body_max = body_max;
    f->events = *ev;
    f->ctx = ctx;
    // A carriage return before the line feed does not count against the maximum.
    f->held =
        BUF_INIT(body_max + 1 > FRAMING_HEADER_BYTES_MAX ? body_max + 1 : FRAMING_HEADER_BYTES_MAX);
    return f;
}

void framing_free(struct framing *f) {
    if (!f)
        return;
    buf_done(&f->held);
    mem_free(f);
}

// Keeps a buffer for the next message, but not the memory of an unusually large one.
static void release_held(struct framing *f) {
    if (f->held.cap > FRAMING_HEAD_BYTES)
        buf_done(&f->held);
    else
        buf_clear(&f->held);
    f->searched = 0;
}

static int hold(struct framing *f, const char *p, size_t n, struct err *err) {
    int r = buf_append(&f->held, p, n);
    return r < 0
               ? err_set(err, r, "a message of %zu bytes does not fit into memory", f->held.len + n)
               : 0;
}

static bool is_blank(const char *line, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
            return false;
    return true;
}

static size_t head_max(const struct framing *f) {
    return f->body_max < FRAMING_HEAD_BYTES ? f->body_max : (size_t)FRAMING_HEAD_BYTES;
}

static int too_long(struct framing *f, const char *head, size_t head_bytes, size_t total,
                    struct err *err) {
    if (head_bytes > head_max(f))
        head_bytes = head_max(f);
    return f->events.oversize ? f->events.oversize(f->ctx, head, head_bytes, total, err) : 0;
}

static int deliver_line(struct framing *f, const char *line, size_t n, struct err *err) {
    if (n && line[n - 1] == '\r')
        n--;
    if (is_blank(line, n))
        return 0;
    if (n > f->body_max)
        return too_long(f, line, n, n, err);
    return f->events.message(f->ctx, line, n, err);
}

static int end_line(struct framing *f, struct err *err) {
    int r = f->state == IN_EXCESS ? too_long(f, f->held.data, f->held.len, f->total - f->cr, err)
                                  : deliver_line(f, f->held.data, f->held.len, err);
    f->state = IN_LINE;
    release_held(f);
    return r;
}

// Part of a line without its end. Once it is over the maximum only its head is kept, and the memory
// of the rest given back.
static int hold_line(struct framing *f, const char *p, size_t n, struct err *err) {
    if (n == 0)
        return 0;
    if (f->state == IN_LINE) {
        if (n <= f->body_max + 1 && f->held.len <= f->body_max + 1 - n)
            return hold(f, p, n, err);
        struct buf head = BUF_INIT(f->held.max);
        size_t first = f->held.len < head_max(f) ? f->held.len : head_max(f);
        size_t second = n < head_max(f) - first ? n : head_max(f) - first;
        if (buf_append(&head, f->held.data, first) < 0 || buf_append(&head, p, second) < 0) {
            buf_done(&head);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
        f->total = f->held.len;
        buf_done(&f->held);
        f->held = head;
        f->state = IN_EXCESS;
    }
    f->total += n;
    f->cr = p[n - 1] == '\r';
    return 0;
}

static int feed_lines(struct framing *f, const char *p, const char *end, struct err *err) {
    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((lf ? lf : end) - p);
        int r;
        if (!lf)
            return hold_line(f, p, n, err);
        if (f->state == IN_LINE && f->held.len == 0) {
            r = deliver_line(f, p, n, err); // whole within one read: no copy
        } else {
            r = hold_line(f, p, n, err);
            if (r == 0)
                r = end_line(f, err);
        }
        if (r < 0)
            return r;
        p = lf + 1;
    }
    return 0;
}

static int refuse(struct framing *f, int code, struct err *err, const char *what) {
    f->state = DEAD;
    buf_done(&f->held);
    return err_set(err, code, "%s", what);
}

static int read_length(struct framing *f, const char *p, size_t n, struct err *err) {
    while (n && (*p == ' ' || *p == '\t'))
        p++, n--;
    while (n && (p[n - 1] == ' ' || p[n - 1] == '\t'))
        n--;
    if (n == 0)
        return refuse(f, ERR_PARSE, err, "Content-Length has no value");
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)p[i]))
            return refuse(f, ERR_PARSE, err, "Content-Length is not a number");
        length = length * 10 + (size_t)(p[i] - '0');
        if (length > FRAMING_SKIP_BYTES_MAX)
            return refuse(f, ERR_LIMIT, err, "Content-Length is over the maximum");
    }
    f->want = length;
    return 0;
}

// The header's lines without the final empty one, each still with its CR LF.
static int read_header(struct framing *f, const char *p, size_t n, struct err *err) {
    static const char name[] = "Content-Length";
    bool found = false;
    const char *end = p + n;
    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        assert(lf);
        size_t len = (size_t)(lf - p);
        if (len && p[len - 1] == '\r')
            len--;
        const char *colon = memchr(p, ':', len);
        if (!colon || colon == p)
            return refuse(f, ERR_PARSE, err, "a header line has no name and colon");
        if ((size_t)(colon - p) == sizeof name - 1 && strncasecmp(p, name, sizeof name - 1) == 0) {
            if (found)
                return refuse(f, ERR_PARSE, err, "Content-Length is given twice");
            int r = read_length(f, colon + 1, len - (size_t)(colon + 1 - p), err);
            if (r < 0)
                return r;
            found = true;
        }
        p = lf + 1;
    }
    return found ? 0 : refuse(f, ERR_PARSE, err, "a header has no Content-Length");
}

// Length of the header in `held` up to and including its empty line; 0 when that has not come.
// *ret_lines: without the empty line.
static size_t header_end(struct framing *f, size_t *ret_lines) {
    const char *data = f->held.data;
    size_t n = f->held.len;
    for (size_t i = f->searched; i < n; i++) {
        if (data[i] != '\n')
            continue;
        size_t line = i;
        if (line && data[line - 1] == '\r')
            line--;
        if (line == 0 || data[line - 1] == '\n') {
            *ret_lines = line;
            return i + 1;
        }
    }
    f->searched = n;
    return 0;
}

// Moves header bytes from the input; *ret_used says how many belonged to the header.
static int feed_header(struct framing *f, const char *p, size_t n, size_t *ret_used,
                       struct err *err) {
    size_t before = f->held.len;
    size_t take = FRAMING_HEADER_BYTES_MAX - before;
    take = n < take ? n : take;
    int r = hold(f, p, take, err);
    if (r < 0)
        return r;
    size_t lines = 0;
    size_t bytes = header_end(f, &lines);
    if (!bytes) {
        *ret_used = take;
        if (f->held.len >= FRAMING_HEADER_BYTES_MAX)
            return refuse(f, ERR_PARSE, err, "a header is too long");
        return 0;
    }
    r = read_header(f, f->held.data, lines, err);
    if (r < 0)
        return r;
    *ret_used = bytes - before;
    release_held(f);
    f->state = f->want > f->body_max ? IN_SKIP : IN_BODY;
    f->total = 0;
    return 0;
}

static int feed_skip(struct framing *f, const char *p, size_t n, size_t *ret_used,
                     struct err *err) {
    size_t missing = f->want - f->total, room = head_max(f) - f->held.len;
    *ret_used = n < missing ? n : missing;
    int r = hold(f, p, *ret_used < room ? *ret_used : room, err);
    f->total += *ret_used;
    if (r < 0 || f->total < f->want)
        return r;
    f->state = IN_HEADER;
    r = too_long(f, f->held.data, f->held.len, f->want, err);
    release_held(f);
    return r;
}

static int feed_body(struct framing *f, const char *p, size_t n, size_t *ret_used,
                     struct err *err) {
    size_t missing = f->want - f->held.len;
    if (n < missing) {
        *ret_used = n;
        // Memory grows with what has come, not to what was announced.
        int held = hold(f, p, n, err);
        return held == 0 && f->events.part && f->held.len >= FRAMING_PART_BYTES
                   ? f->events.part(f->ctx, f->held.data, f->held.len, f->want, err)
                   : held;
    }
    *ret_used = missing;
    f->state = IN_HEADER;
    int r;
    if (f->held.len == 0) {
        r = f->events.message(f->ctx, p, f->want, err); // whole within one read: no copy
    } else {
        r = hold(f, p, missing, err);
        if (r == 0)
            r = f->events.message(f->ctx, f->held.data, f->held.len, err);
    }
    release_held(f);
    return r;
}

static int feed_content_length(struct framing *f, const char *p, const char *end, struct err *err) {
    // A body of no bytes is delivered without waiting for more input.
    while (p < end || (f->state == IN_BODY && f->want == 0)) {
        size_t used = 0;
        size_t n = (size_t)(end - p);
        int r = f->state == IN_HEADER ? feed_header(f, p, n, &used, err)
                : f->state == IN_SKIP ? feed_skip(f, p, n, &used, err)
                                      : feed_body(f, p, n, &used, err);
        if (r < 0)
            return r;
        p += used;
    }
    return 0;
}

int framing_feed(struct framing *f, const void *bytes, size_t n, struct err *err) {
    const char *p = bytes;
    switch (f->state) {
    case DEAD:
        return err_set(err, ERR_PARSE, "the stream was given up at a wrong header");
    case IN_LINE:
    case IN_EXCESS:
        return n ? feed_lines(f, p, p + n, err) : 0;
    case IN_HEADER:
    case IN_BODY:
    case IN_SKIP:
        return n ? feed_content_length(f, p, p + n, err) : 0;
    }
    return ERR_INVAL;
}

bool framing_take(struct framing *f, struct buf *ret) {
    if (f->held.len == 0)
        return false;
    *ret = f->held;
    f->held = BUF_INIT(ret->max);
    return true;
}

int framing_end(struct framing *f, struct err *err) {
    switch (f->state) {
    case IN_LINE:
    case IN_EXCESS:
        return f->state == IN_LINE && f->held.len == 0 ? 0 : end_line(f, err);
    case IN_HEADER:
        return f->held.len == 0 ? 0 : refuse(f, ERR_PARSE, err, "the stream ended within a header");
    case IN_BODY:
    case IN_SKIP:
        return refuse(f, ERR_PARSE, err, "the stream ended within a message");
    case DEAD:
        return 0;
    }
    return ERR_INVAL;
}
