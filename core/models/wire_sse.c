#include "core/models/wire_sse.h"

#include <string.h>

void wire_sse_init(struct wire_sse *s, size_t bytes_max) {
    *s = (struct wire_sse){.bytes_max = bytes_max};
    s->line = BUF_INIT(bytes_max);
    s->data = BUF_INIT(bytes_max);
}

void wire_sse_done(struct wire_sse *s) {
    buf_done(&s->line);
    buf_done(&s->data);
}

// Where a feed is: the data line that may be all there is of its event stays where it came from.
struct feed {
    const char *only; // not yet in s->data; NULL: none
    size_t only_n;
};

static int keep_only(struct wire_sse *s, struct feed *f) {
    if (!f->only)
        return 0;
    int r = buf_append(&s->data, f->only, f->only_n);
    f->only = NULL;
    return r;
}

static int dispatch(struct wire_sse *s, struct feed *f, wire_sse_event *event, void *ctx) {
    if (!s->has_data)
        return 0;
    s->has_data = false;
    const char *data = f->only ? f->only : s->data.len ? s->data.data : "";
    size_t n = f->only ? f->only_n : s->data.len;
    f->only = NULL;
    int r = event(ctx, data, n);
    buf_clear(&s->data);
    return r;
}

// One line without its end. `lasts`: it stands in what was fed, not in s->line.
static int take_line(struct wire_sse *s, struct feed *f, const char *line, size_t n, bool lasts,
                     wire_sse_event *event, void *ctx) {
    if (!n)
        return dispatch(s, f, event, ctx);
    if (n < 4 || memcmp(line, "data", 4) != 0 || (n > 4 && line[4] != ':'))
        return 0;
    size_t skip = n > 5 && line[5] == ' ' ? 6 : n > 4 ? 5 : 4;
    line += skip;
    n -= skip;
    int r = keep_only(s, f);
    if (r == 0 && s->has_data)
        r = buf_putc(&s->data, '\n');
    if (r == 0 && lasts && !s->has_data) {
        f->only = line;
        f->only_n = n;
    } else if (r == 0) {
        r = buf_append(&s->data, line, n);
    }
    s->has_data = true;
    return r;
}

static int end_line(struct wire_sse *s, struct feed *f, const char *rest, size_t n,
                    wire_sse_event *event, void *ctx) {
    if (!s->line.len)
        return n > s->bytes_max ? ERR_LIMIT : take_line(s, f, rest, n, true, event, ctx);
    int r = buf_append(&s->line, rest, n);
    if (r == 0)
        r = take_line(s, f, s->line.data, s->line.len, false, event, ctx);
    buf_clear(&s->line);
    return r;
}

static size_t skip_bom(struct wire_sse *s, const char *bytes, size_t n) {
    static const char bom[] = "\xEF\xBB\xBF";
    size_t i = 0;
    while (i < n && s->bom < 3 && bytes[i] == bom[s->bom]) {
        s->bom++;
        i++;
    }
    if (i < n)
        s->bom = 3; // also after a part of it: such a line is of no known field
    return i;
}

int wire_sse_feed(struct wire_sse *s, const char *bytes, size_t n, wire_sse_event *event,
                  void *ctx) {
    struct feed f = {0};
    size_t at = skip_bom(s, bytes, n);
    const char *feed = NULL; // the next line feed; looked for once, however many returns precede it
    bool looked = false;
    int r = 0;
    while (at < n && r == 0) {
        if (s->after_cr) {
            s->after_cr = false;
            if (bytes[at] == '\n') {
                at++;
                continue;
            }
        }
        if (!looked || (feed && feed < bytes + at)) {
            feed = memchr(bytes + at, '\n', n - at);
            looked = true;
        }
        size_t reach = feed ? (size_t)(feed - bytes) - at : n - at;
        const char *cr = memchr(bytes + at, '\r', reach);
        size_t len = cr ? (size_t)(cr - bytes) - at : reach;
        if (!cr && !feed) {
            r = buf_append(&s->line, bytes + at, len);
            break;
        }
        r = end_line(s, &f, bytes + at, len, event, ctx);
        s->after_cr = cr != NULL;
        at += len + 1;
    }
    int kept = keep_only(s, &f);
    return r < 0 ? r : kept;
}

int wire_sse_end(struct wire_sse *s, wire_sse_event *event, void *ctx) {
    struct feed f = {0};
    int r = s->line.len ? end_line(s, &f, NULL, 0, event, ctx) : 0;
    return r < 0 ? r : dispatch(s, &f, event, ctx);
}
