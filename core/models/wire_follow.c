// Where a client stands whose stream was passed on as it came.
#include "core/models/wire_continue.h"
#include "core/models/wire_read.h"
#include "core/models/wire_write.h"

#include "core/base/mem.h"

#include <string.h>

size_t wire_event_end(const char *bytes, size_t n, size_t from) {
    size_t at = from > 3 ? from - 3 : 0;
    if (n && bytes[0] == '\n')
        return 1;
    if (n > 1 && bytes[0] == '\r' && bytes[1] == '\n')
        return 2;
    while (at < n) {
        const char *line_end = memchr(bytes + at, '\n', n - at);
        if (!line_end)
            return 0;
        at = (size_t)(line_end - bytes) + 1;
        if (at < n && bytes[at] == '\n')
            return at + 1;
        if (at + 1 < n && bytes[at] == '\r' && bytes[at + 1] == '\n')
            return at + 2;
    }
    return 0;
}

bool wire_reader_told(const struct wire_reader *r) {
    return r->family != WIRE_GEMINI && r->form == READING_EVENTS && r->finished && r->started;
}

int wire_reader_end_told(struct wire_reader *r, wire_sink *sink, void *ctx) {
    struct err ignored = {0};
    r->sink = sink;
    r->ctx = ctx;
    r->err = &ignored;
    r->failed = 0;
    return wire_reader_stop(r);
}

void wire_put_end_mark(enum wire_family family, struct buf *out) {
    if (family == WIRE_ANTHROPIC)
        WIRE_PUT(out, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    else if (family == WIRE_CHAT)
        WIRE_PUT(out, "data: [DONE]\n\n");
}

static int start(struct wire_writer *w, const struct wire_reader *r) {
    const struct wire_event e = {.kind = WIRE_START,
                                 .id = r->id.len ? r->id.data : NULL,
                                 .name = r->name.len ? r->name.data : NULL,
                                 .created = r->created,
                                 .usage = r->usage};
    AUTO_BUF seen = BUF_INIT(0); // it was sent in the backend's words
    return wire_write(w, &e, &seen);
}

static void open_text(struct wire_writer *w, unsigned index) {
    w->open = true;
    w->kind = WIRE_TEXT;
    w->index = index;
    w->next = index + 1;
}

static int follow_anthropic(struct wire_writer *w, const struct wire_reader *r) {
    const struct wire_raw *raw = &r->raw;
    w->next = (unsigned)raw->next;
    if (raw->open < 0)
        return 0;
    if (raw->kind != WIRE_TEXT)
        return ERR_INVAL;
    open_text(w, (unsigned)raw->open);
    w->next = (unsigned)raw->next;
    return 0;
}

static int follow_chat(struct wire_writer *w, const struct wire_reader *r) {
    const struct wire_block *b = r->open_count ? r->open : NULL;
    if (b && b->kind == WIRE_TEXT)
        open_text(w, 0);
    return b && b->kind == WIRE_TOOL ? ERR_INVAL : 0;
}

static int follow_responses(struct wire_writer *w, const struct wire_reader *r, const char *text,
                            size_t n, struct buf *out) {
    const struct wire_raw *raw = &r->raw;
    w->sequence = (unsigned)(raw->sequence + 1);
    w->item_count = raw->done_count;
    w->next = raw->done_count;
    if (raw->done.failed || raw->item.failed)
        return ERR_NOMEM;
    if (buf_append(&w->items, raw->done.data, raw->done.len) < 0)
        return ERR_NOMEM;
    if (raw->open < 0)
        return 0;
    if (raw->kind != WIRE_TEXT || raw->open != (int64_t)raw->done_count || !raw->item.len)
        return ERR_INVAL;
    open_text(w, raw->done_count);
    buf_clear(&w->prefix);
    if (buf_append(&w->prefix, raw->item.data, raw->item.len) < 0 ||
        buf_append(&w->text, text, n) < 0)
        return ERR_NOMEM;
    return wire_responses_resume(w, raw->stage, out);
}

int wire_writer_follow(struct wire_writer *w, const struct wire_reader *r, const char *text,
                       size_t n, struct buf *out) {
    if (w->family != r->family || !w->stream)
        return ERR_INVAL;
    int code = r->started ? start(w, r) : ERR_INVAL;
    if (code == 0)
        code = r->family == WIRE_ANTHROPIC   ? follow_anthropic(w, r)
               : r->family == WIRE_CHAT      ? follow_chat(w, r)
               : r->family == WIRE_RESPONSES ? follow_responses(w, r, text, n, out)
                                             : ERR_INVAL;
    return code == 0 && (r->raw.foreign || r->refused || r->tools) ? ERR_INVAL : code;
}
