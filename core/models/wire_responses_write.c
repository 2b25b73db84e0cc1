// OpenAI Responses: answers written. A block is an output item.
#include "core/models/wire_read.h"
#include "core/models/wire_write.h"

#include "core/base/mem.h"

#include <string.h>

static void put_usage(struct wire_writer *w, struct buf *out) {
    const struct wire_usage *u = &w->usage;
    int64_t input = u->input + u->cached + u->cache_write;
    WIRE_PUT(out, "{\"input_tokens\":");
    wire_put_number(out, input);
    WIRE_PUT(out, ",\"input_tokens_details\":{\"cached_tokens\":");
    wire_put_number(out, u->cached);
    WIRE_PUT(out, ",\"cache_write_tokens\":");
    wire_put_number(out, u->cache_write);
    WIRE_PUT(out, "},\"output_tokens\":");
    wire_put_number(out, u->output);
    WIRE_PUT(out, ",\"output_tokens_details\":{\"reasoning_tokens\":");
    wire_put_number(out, u->reasoning);
    WIRE_PUT(out, "},\"total_tokens\":");
    wire_put_number(out, input + u->output);
    WIRE_PUT(out, "}");
}

// The answer so far; what it does not know of the request has the values of an empty one.
static void put_response(struct wire_writer *w, const char *status, const char *reason,
                         const struct wire_event *error, struct buf *out) {
    WIRE_PUT(out, "{\"id\":");
    if (w->id.len)
        wire_put_buf(out, &w->id);
    else
        WIRE_PUT(out, "\"resp_0\"");
    WIRE_PUT(out, ",\"object\":\"response\",\"created_at\":");
    wire_put_number(out, w->created);
    (void)buf_printf(out, ",\"status\":\"%s\",\"error\":", status);
    if (error)
        wire_put_error(out, WIRE_RESPONSES, error->fault, error->text, error->n);
    else
        WIRE_PUT(out, "null");
    if (reason)
        (void)buf_printf(out, ",\"incomplete_details\":{\"reason\":\"%s\"}", reason);
    else
        WIRE_PUT(out, ",\"incomplete_details\":null");
    WIRE_PUT(out, ",\"instructions\":null,\"metadata\":{},\"model\":");
    wire_put_buf(out, &w->model);
    WIRE_PUT(out, ",\"output\":[");
    (void)buf_append(out, w->items.data, w->items.len);
    WIRE_PUT(out, "],\"parallel_tool_calls\":true,\"temperature\":null,\"tool_choice\":\"auto\","
                  "\"tools\":[],\"top_p\":null,\"usage\":");
    if (!strcmp(status, "in_progress") || error)
        WIRE_PUT(out, "null");
    else
        put_usage(w, out);
    WIRE_PUT(out, "}");
}

static void begin_event(struct wire_writer *w, const char *type, struct buf *out) {
    WIRE_PUT(out, "event: ");
    (void)buf_puts(out, type);
    WIRE_PUT(out, "\ndata: {\"type\":\"");
    (void)buf_puts(out, type);
    WIRE_PUT(out, "\",\"sequence_number\":");
    wire_put_number(out, w->sequence++);
}

#define END_EVENT "}\n\n"

static void put_response_event(struct wire_writer *w, const char *type, const char *status,
                               const char *reason, const struct wire_event *error,
                               struct buf *out) {
    begin_event(w, type, out);
    WIRE_PUT(out, ",\"response\":");
    put_response(w, status, reason, error, out);
    WIRE_PUT(out, END_EVENT);
}

static int write_start(struct wire_writer *w, struct buf *out) {
    if (!w->stream)
        return 0;
    put_response_event(w, "response.created", "in_progress", NULL, NULL, out);
    put_response_event(w, "response.in_progress", "in_progress", NULL, NULL, out);
    return 0;
}

// `,"item_id":…,"output_index":…`
static void put_place(struct wire_writer *w, struct buf *out) {
    WIRE_PUT(out, ",\"item_id\":\"");
    (void)buf_append(out, w->prefix.data, w->prefix.len);
    WIRE_PUT(out, "\",\"output_index\":");
    wire_put_number(out, w->item_count);
}

static void name_item(struct wire_writer *w) {
    uint64_t h = 0xCBF29CE484222325U; // FNV-1a: another answer has other ids
    for (size_t i = 0; i < w->id.len; i++)
        h = (h ^ (unsigned char)w->id.data[i]) * 0x100000001B3U;
    buf_clear(&w->prefix);
    (void)buf_printf(&w->prefix, "%s_%016llx%u",
                     w->kind == WIRE_TOOL       ? "fc"
                     : w->kind == WIRE_THINKING ? "rs"
                                                : "msg",
                     (unsigned long long)h, w->index);
}

static void put_string(struct buf *out, const struct buf *text, bool whole) {
    if (whole)
        wire_put_buf(out, text);
    else
        WIRE_PUT(out, "\"\"");
}

// The item as it begins, or as it has become.
static void put_item(struct wire_writer *w, bool whole, struct buf *out) {
    WIRE_PUT(out, "{\"id\":\"");
    (void)buf_append(out, w->prefix.data, w->prefix.len);
    if (w->kind == WIRE_TOOL) {
        WIRE_PUT(out, "\",\"type\":\"function_call\",\"call_id\":");
        wire_put_buf(out, &w->tool_id);
        WIRE_PUT(out, ",\"name\":");
        wire_put_buf(out, &w->tool_name);
        WIRE_PUT(out, ",\"arguments\":");
        put_string(out, &w->text, whole);
    } else if (w->kind == WIRE_THINKING) {
        WIRE_PUT(out, "\",\"type\":\"reasoning\",\"summary\":[");
        if (whole && w->text.len) {
            WIRE_PUT(out, "{\"type\":\"summary_text\",\"text\":");
            wire_put_buf(out, &w->text);
            WIRE_PUT(out, "}");
        }
        WIRE_PUT(out, "]");
        if (whole && w->signature.len) {
            WIRE_PUT(out, ",\"encrypted_content\":");
            wire_put_buf(out, &w->signature);
        }
        WIRE_PUT(out, "}");
        return;
    } else {
        WIRE_PUT(out, "\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[");
        if (whole) {
            WIRE_PUT(out, "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":");
            wire_put_buf(out, &w->text);
            WIRE_PUT(out, "}");
        }
        WIRE_PUT(out, "]");
    }
    if (whole)
        WIRE_PUT(out, ",\"status\":\"completed\"}");
    else
        WIRE_PUT(out, ",\"status\":\"in_progress\"}");
}

// The begin and the end of a message's part or of a summary's.
static void put_part(struct wire_writer *w, bool whole, struct buf *out) {
    if (w->kind == WIRE_THINKING) {
        begin_event(w,
                    whole ? "response.reasoning_summary_part.done"
                          : "response.reasoning_summary_part.added",
                    out);
        put_place(w, out);
        WIRE_PUT(out, ",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":");
    } else {
        begin_event(w, whole ? "response.content_part.done" : "response.content_part.added", out);
        put_place(w, out);
        WIRE_PUT(out, ",\"content_index\":0,\"part\":{\"type\":\"output_text\","
                      "\"annotations\":[],\"logprobs\":[],\"text\":");
    }
    put_string(out, &w->text, whole);
    WIRE_PUT(out, "}" END_EVENT);
}

static int write_open(struct wire_writer *w, struct buf *out) {
    if (w->kind == WIRE_REDACTED) // only its maker can read it
        return 0;
    name_item(w);
    if (!w->stream)
        return w->prefix.failed ? ERR_NOMEM : 0;
    begin_event(w, "response.output_item.added", out);
    WIRE_PUT(out, ",\"output_index\":");
    wire_put_number(out, w->item_count);
    WIRE_PUT(out, ",\"item\":");
    put_item(w, false, out);
    WIRE_PUT(out, END_EVENT);
    if (w->kind == WIRE_TEXT)
        put_part(w, false, out);
    return w->prefix.failed ? ERR_NOMEM : 0;
}

static void put_delta(struct wire_writer *w, const char *text, size_t n, struct buf *out) {
    if (w->kind == WIRE_TOOL)
        begin_event(w, "response.function_call_arguments.delta", out);
    else if (w->kind == WIRE_THINKING)
        begin_event(w, "response.reasoning_summary_text.delta", out);
    else
        begin_event(w, "response.output_text.delta", out);
    put_place(w, out);
    if (w->kind == WIRE_THINKING)
        WIRE_PUT(out, ",\"summary_index\":0,\"delta\":");
    else if (w->kind == WIRE_TEXT)
        WIRE_PUT(out, ",\"content_index\":0,\"logprobs\":[],\"delta\":");
    else
        WIRE_PUT(out, ",\"delta\":");
    (void)buf_put_json_string(out, text, n);
    WIRE_PUT(out, END_EVENT);
}

static int write_piece(struct wire_writer *w, enum wire_kind kind, const char *text, size_t n,
                       struct buf *out) {
    if (kind == WIRE_REDACTED || (kind == WIRE_SIGNATURE && w->kind != WIRE_THINKING))
        return 0;
    bool first = !w->text.len;
    int code = buf_append(kind == WIRE_SIGNATURE ? &w->signature : &w->text, text, n);
    if (code < 0 || !w->stream || kind == WIRE_SIGNATURE)
        return code;
    if (first && kind == WIRE_THINKING)
        put_part(w, false, out);
    put_delta(w, text, n, out);
    return 0;
}

static void put_done(struct wire_writer *w, struct buf *out) {
    if (w->kind == WIRE_TOOL) {
        begin_event(w, "response.function_call_arguments.done", out);
        put_place(w, out);
        WIRE_PUT(out, ",\"name\":");
        wire_put_buf(out, &w->tool_name);
        WIRE_PUT(out, ",\"arguments\":");
    } else if (w->kind == WIRE_THINKING) {
        begin_event(w, "response.reasoning_summary_text.done", out);
        put_place(w, out);
        WIRE_PUT(out, ",\"summary_index\":0,\"text\":");
    } else {
        begin_event(w, "response.output_text.done", out);
        put_place(w, out);
        WIRE_PUT(out, ",\"content_index\":0,\"logprobs\":[],\"text\":");
    }
    wire_put_buf(out, &w->text);
    WIRE_PUT(out, END_EVENT);
    if (w->kind != WIRE_TOOL)
        put_part(w, true, out);
}

// The item as it has become, kept for the end and told to a stream.
static int end_item(struct wire_writer *w, struct buf *out) {
    if (w->item_count)
        WIRE_PUT(&w->items, ",");
    size_t before = w->items.len;
    put_item(w, true, &w->items);
    if (w->items.failed)
        return ERR_NOMEM;
    if (w->stream) {
        begin_event(w, "response.output_item.done", out);
        WIRE_PUT(out, ",\"output_index\":");
        wire_put_number(out, w->item_count);
        WIRE_PUT(out, ",\"item\":");
        (void)buf_append(out, w->items.data + before, w->items.len - before);
        WIRE_PUT(out, END_EVENT);
    }
    w->item_count++;
    return 0;
}

int wire_responses_resume(struct wire_writer *w, unsigned stage, struct buf *out) {
    if (stage == WIRE_RAW_ITEM)
        put_part(w, false, out);
    if (stage == WIRE_RAW_SAID)
        put_part(w, true, out);
    if (stage <= WIRE_RAW_PART)
        return 0;
    w->open = false;
    return end_item(w, out);
}

static int write_close(struct wire_writer *w, struct buf *out) {
    if (w->kind == WIRE_REDACTED)
        return 0;
    if (w->kind == WIRE_TOOL && !w->input) { // clients parse them
        int code = buf_puts(&w->text, "{}");
        if (code < 0)
            return code;
        if (w->stream)
            put_delta(w, "{}", 2, out);
    }
    if (w->stream && (w->kind != WIRE_THINKING || w->text.len))
        put_done(w, out);
    return end_item(w, out);
}

static int write_stop(struct wire_writer *w, const struct wire_event *e, struct buf *out) {
    const char *reason = e->stop == WIRE_STOP_LENGTH || e->stop == WIRE_STOP_CONTEXT
                             ? "max_output_tokens"
                         : e->stop == WIRE_STOP_REFUSAL ? "content_filter"
                                                        : NULL;
    const char *status = reason ? "incomplete" : "completed";
    if (w->stream)
        put_response_event(w, reason ? "response.incomplete" : "response.completed", status, reason,
                           NULL, out);
    else
        put_response(w, status, reason, NULL, out);
    return 0;
}

static int write_error(struct wire_writer *w, const struct wire_event *e, struct buf *out) {
    if (w->stream && w->started) {
        put_response_event(w, "response.failed", "failed", NULL, e, out);
    } else if (w->stream) {
        begin_event(w, "error", out);
        WIRE_PUT(out, ",\"error\":");
        wire_put_error(out, WIRE_RESPONSES, e->fault, e->text, e->n);
        WIRE_PUT(out, END_EVENT);
    } else {
        wire_put_fault(out, WIRE_RESPONSES, e->fault, e->text, e->n);
    }
    return 0;
}

const struct wire_writing wire_writing_responses = {
    .start = write_start,
    .open = write_open,
    .piece = write_piece,
    .close = write_close,
    .stop = write_stop,
    .error = write_error,
};
