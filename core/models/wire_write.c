#include "core/models/wire_write.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/models/wire_json.h"

#include <string.h>

static const struct wire_writing *const writings[WIRE_FAMILIES] = {
    [WIRE_ANTHROPIC] = &wire_writing_anthropic,
    [WIRE_CHAT] = &wire_writing_chat,
    [WIRE_RESPONSES] = &wire_writing_responses,
    [WIRE_GEMINI] = &wire_writing_gemini,
};

int wire_error_event(const struct wire_writer *w, const char *prefix, const struct wire_event *e,
                     struct buf *out) {
    if (w->stream)
        (void)buf_puts(out, prefix);
    wire_put_fault(out, w->family, e->fault, e->text, e->n);
    if (w->stream)
        WIRE_PUT(out, "\n\n");
    return 0;
}

int wire_writer_new(enum wire_family family, bool stream, struct wire_writer **ret) {
    if ((unsigned)family >= WIRE_FAMILIES)
        return ERR_INVAL;
    struct wire_writer *w = mem_zalloc(sizeof *w);
    if (!w)
        return ERR_NOMEM;
    w->family = family;
    w->how = writings[family];
    w->stream = stream;
    w->id = w->model = w->tool_id = w->tool_name = BUF_INIT(WIRE_NAME_BYTES_MAX);
    w->text = w->signature = w->said = w->thought = BUF_INIT(WIRE_EVENT_BYTES_MAX);
    w->items = BUF_INIT(2 * WIRE_EVENT_BYTES_MAX); // as JSON it is longer
    *ret = w;
    return 0;
}

void wire_writer_free(struct wire_writer *w) {
    if (!w)
        return;
    struct buf *all[] = {&w->id,        &w->model,  &w->tool_id, &w->tool_name, &w->text,
                         &w->signature, &w->prefix, &w->said,    &w->thought,   &w->items};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        buf_done(all[i]);
    mem_free(w);
}

void wire_writer_own_usage(struct wire_writer *w) {
    w->own_usage = true;
}

void wire_put_number(struct buf *out, int64_t n) {
    char text[24], *p = text + sizeof text;
    uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;
    do
        *--p = (char)('0' + left % 10);
    while (left /= 10);
    if (n < 0)
        *--p = '-';
    (void)buf_append(out, p, (size_t)(text + sizeof text - p));
}

void wire_put_object(struct buf *out, const struct buf *text) {
    if (!text->len) {
        WIRE_PUT(out, "{}");
        return;
    }
    struct wire_json object = wire_json_document(text->data, text->len);
    if (!wire_json_is_object(object) || !utf_valid(object.p, object.n)) {
        WIRE_PUT(out, "{\"invalid_json\":");
        wire_put_buf(out, text);
        WIRE_PUT(out, "}");
        return;
    }
    size_t at = out->len;
    if (buf_append(out, object.p, object.n) < 0)
        return;
    for (; at < out->len; at++) // within strings none of these stands as it is
        if (out->data[at] == '\n' || out->data[at] == '\r')
            out->data[at] = ' ';
}

static int keep_name(struct buf *b, const char *text) {
    buf_clear(b);
    return text ? buf_puts(b, text) : 0;
}

static int write_start(struct wire_writer *w, const struct wire_event *e, struct buf *out) {
    if (w->started)
        return ERR_INVAL;
    int code = keep_name(&w->id, e->id);
    if (code == 0)
        code = keep_name(&w->model, e->name);
    if (code < 0)
        return code;
    w->started = true;
    w->created = e->created;
    w->usage = e->usage;
    return w->how->start(w, out);
}

static int open_block(struct wire_writer *w, const struct wire_event *e, struct buf *out) {
    if (w->open || e->index != w->next || w->next >= WIRE_BLOCKS_MAX)
        return ERR_INVAL;
    w->kind = e->kind == WIRE_SIGNATURE ? WIRE_THINKING : e->kind;
    w->index = w->next;
    w->input = false;
    buf_clear(&w->text);
    buf_clear(&w->signature);
    if (e->kind == WIRE_TOOL) {
        int code = e->id && e->name ? keep_name(&w->tool_id, e->id) : ERR_INVAL;
        if (code == 0)
            code = keep_name(&w->tool_name, e->name);
        if (code < 0)
            return code;
    }
    w->open = true;
    w->next++;
    int code = w->how->open(w, out);
    w->tools += e->kind == WIRE_TOOL;
    return code;
}

static bool fits(const struct wire_writer *w, enum wire_kind kind) {
    return kind == w->kind || kind == WIRE_SIGNATURE ||
           (kind == WIRE_TOOL_INPUT && w->kind == WIRE_TOOL);
}

static int write_block(struct wire_writer *w, const struct wire_event *e, struct buf *out) {
    bool begins = !w->open;
    if (!w->started)
        return ERR_INVAL;
    if (begins && e->kind != WIRE_TOOL_INPUT) {
        int code = open_block(w, e, out);
        if (code < 0 || e->kind == WIRE_TOOL)
            return code;
    }
    if (!w->open || e->index != w->index || e->kind == WIRE_TOOL || !fits(w, e->kind))
        return ERR_INVAL;
    if (!e->n)
        return 0;
    int code = w->how->piece(w, e->kind, e->text, e->n, out);
    w->input = w->input || e->kind == WIRE_TOOL_INPUT;
    return code;
}

static int close_block(struct wire_writer *w, const struct wire_event *e, struct buf *out) {
    if (!w->open || e->index != w->index)
        return ERR_INVAL;
    w->open = false;
    return w->how->close(w, out);
}

static int write_event(struct wire_writer *w, const struct wire_event *e, struct buf *out) {
    switch (e->kind) {
    case WIRE_START:
        return write_start(w, e, out);
    case WIRE_TEXT:
    case WIRE_THINKING:
    case WIRE_SIGNATURE:
    case WIRE_REDACTED:
    case WIRE_TOOL:
    case WIRE_TOOL_INPUT:
        return write_block(w, e, out);
    case WIRE_BLOCK_END:
        return close_block(w, e, out);
    case WIRE_USAGE:
        w->usage = e->usage;
        return w->started ? 0 : ERR_INVAL;
    case WIRE_STOP:
        if (!w->started || w->open)
            return ERR_INVAL;
        if (e->usage.known)
            w->usage = e->usage;
        w->done = true;
        return w->how->stop(w, e, out);
    case WIRE_ERROR:
        w->done = true;
        return w->how->error(w, e, out);
    }
    return ERR_INVAL;
}

int wire_write(struct wire_writer *w, const struct wire_event *event, struct buf *out) {
    size_t before = out->len;
    if (w->done)
        return ERR_INVAL;
    if (out->failed)
        return ERR_NOMEM;
    int code = write_event(w, event, out);
    if (code == 0 && out->failed)
        code = ERR_NOMEM;
    if (code < 0) { // half an event is none
        w->done = true;
        out->len = before;
        if (out->data)
            out->data[before] = '\0';
    }
    return code;
}
