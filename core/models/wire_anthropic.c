// Anthropic Messages, version 2023-06-01: answers read and written.
#include "core/models/wire_read.h"
#include "core/models/wire_write.h"

#include "core/base/mem.h"

#include <string.h>

static const struct {
    const char *word;
    enum wire_stop stop;
} stops[] = {
    {"end_turn", WIRE_STOP_END},
    {"max_tokens", WIRE_STOP_LENGTH},
    {"tool_use", WIRE_STOP_TOOLS},
    {"stop_sequence", WIRE_STOP_SEQUENCE},
    {"refusal", WIRE_STOP_REFUSAL},
    {"pause_turn", WIRE_STOP_PAUSE},
    {"model_context_window_exceeded", WIRE_STOP_CONTEXT},
};

static void take_usage(struct wire_reader *r, struct wire_json usage) {
    enum { INPUT, READ, CREATED, OUTPUT, DETAILS, COUNT };
    static const struct wire_name names[COUNT] = {
        [INPUT] = WIRE_NAME("input_tokens"),
        [READ] = WIRE_NAME("cache_read_input_tokens"),
        [CREATED] = WIRE_NAME("cache_creation_input_tokens"),
        [OUTPUT] = WIRE_NAME("output_tokens"),
        [DETAILS] = WIRE_NAME("output_tokens_details"),
    };
    static const struct wire_name thinking[] = {WIRE_NAME("thinking_tokens")};
    struct wire_json v[COUNT], t;
    if (!wire_json_members(usage, names, v, COUNT))
        return;
    int64_t *const places[] = {&r->usage.input, &r->usage.cached, &r->usage.cache_write,
                               &r->usage.output};
    for (unsigned i = 0; i < COUNT_OF(places); i++)
        if (v[i].p)
            *places[i] = wire_json_int(v[i]);
    if (wire_json_members(v[DETAILS], thinking, &t, 1) && t.p)
        r->usage.reasoning = wire_json_int(t);
    r->usage.known = true;
}

static int take_stop(struct wire_reader *r, struct wire_json reason, struct wire_json sequence) {
    if (!reason.p)
        return 0;
    r->finished = true;
    r->stop = WIRE_STOP_END;
    for (unsigned i = 0; i < COUNT_OF(stops); i++)
        if (wire_json_is(reason, stops[i].word))
            r->stop = stops[i].stop;
    buf_clear(&r->sequence);
    if (wire_json_is_string(sequence) && sequence.n <= WIRE_NAME_BYTES_MAX / 4)
        return wire_json_append(sequence, &r->sequence);
    return 0;
}

enum { M_ID, M_MODEL, M_USAGE, M_CONTENT, M_REASON, M_SEQUENCE, M_TYPE, M_COUNT };
static const struct wire_name message_names[M_COUNT] = {
    [M_ID] = WIRE_NAME("id"),
    [M_MODEL] = WIRE_NAME("model"),
    [M_USAGE] = WIRE_NAME("usage"),
    [M_CONTENT] = WIRE_NAME("content"),
    [M_REASON] = WIRE_NAME("stop_reason"),
    [M_SEQUENCE] = WIRE_NAME("stop_sequence"),
    [M_TYPE] = WIRE_NAME("type"),
};

static int take_message_start(struct wire_reader *r, struct wire_json message) {
    struct wire_json v[M_COUNT];
    const struct wire_json none = {0};
    if (!wire_json_members(message, message_names, v, M_COUNT))
        return wire_reader_garbage(r, "message_start has no message");
    take_usage(r, v[M_USAGE]);
    return wire_reader_start(r, v[M_ID], v[M_MODEL], none);
}

// A block as it begins in a stream or stands in a whole answer. Kinds that only the backend's own
// tools make are left out.
static int take_block(struct wire_reader *r, int64_t key, struct wire_json block) {
    enum { TYPE, TEXT, THINKING, SIGNATURE, DATA, ID, NAME, INPUT, COUNT };
    static const struct wire_name names[COUNT] = {
        [TYPE] = WIRE_NAME("type"),         [TEXT] = WIRE_NAME("text"),
        [THINKING] = WIRE_NAME("thinking"), [SIGNATURE] = WIRE_NAME("signature"),
        [DATA] = WIRE_NAME("data"),         [ID] = WIRE_NAME("id"),
        [NAME] = WIRE_NAME("name"),         [INPUT] = WIRE_NAME("input"),
    };
    struct wire_json v[COUNT];
    struct wire_block *b;
    if (!wire_json_members(block, names, v, COUNT))
        return wire_reader_garbage(r, "a content block is no object");
    int code = 0;
    if (wire_json_is(v[TYPE], "text")) {
        r->raw.kind = WIRE_TEXT;
        code = wire_reader_begin(r, key, WIRE_TEXT, &b);
        return code < 0 ? code : wire_reader_piece(r, b, WIRE_TEXT, v[TEXT]);
    }
    if (wire_json_is(v[TYPE], "thinking")) {
        r->raw.kind = WIRE_THINKING;
        code = wire_reader_begin(r, key, WIRE_THINKING, &b);
        if (code == 0)
            code = wire_reader_piece(r, b, WIRE_THINKING, v[THINKING]);
        return code < 0 ? code : wire_reader_piece(r, b, WIRE_SIGNATURE, v[SIGNATURE]);
    }
    if (wire_json_is(v[TYPE], "redacted_thinking")) {
        r->raw.kind = WIRE_REDACTED;
        code = wire_reader_begin(r, key, WIRE_REDACTED, &b);
        return code < 0 ? code : wire_reader_piece(r, b, WIRE_REDACTED, v[DATA]);
    }
    r->raw.kind = WIRE_TOOL;
    if (!wire_json_is(v[TYPE], "tool_use")) {
        r->raw.foreign = true;
        return 0;
    }
    code = wire_reader_tool(r, key, v[ID], v[NAME], &b);
    // A stream begins with {}; some servers give everything here.
    if (code == 0 && wire_json_is_object(v[INPUT]) && v[INPUT].n > 2) {
        b->whole = true;
        code = wire_reader_object(r, b, v[INPUT]);
    }
    return code;
}

static int take_delta(struct wire_reader *r, int64_t key, struct wire_json delta) {
    enum { TEXT, INPUT, THINKING, SIGNATURE, COUNT };
    static const struct wire_name names[COUNT] = {
        [TEXT] = WIRE_NAME("text"),
        [INPUT] = WIRE_NAME("partial_json"),
        [THINKING] = WIRE_NAME("thinking"),
        [SIGNATURE] = WIRE_NAME("signature"),
    };
    struct wire_json v[COUNT];
    struct wire_block *b = wire_reader_find(r, key);
    if (!b || !wire_json_members(delta, names, v, COUNT))
        return 0;
    if (b->kind == WIRE_TEXT && v[TEXT].p)
        return wire_reader_piece(r, b, WIRE_TEXT, v[TEXT]);
    if (b->kind == WIRE_TOOL && v[INPUT].p)
        return b->whole ? 0 : wire_reader_piece(r, b, WIRE_TOOL_INPUT, v[INPUT]);
    if (b->kind == WIRE_THINKING && v[THINKING].p)
        return wire_reader_piece(r, b, WIRE_THINKING, v[THINKING]);
    if (b->kind == WIRE_THINKING && v[SIGNATURE].p)
        return wire_reader_piece(r, b, WIRE_SIGNATURE, v[SIGNATURE]);
    return 0;
}

static int take_message_delta(struct wire_reader *r, struct wire_json delta,
                              struct wire_json usage) {
    enum { REASON, SEQUENCE, COUNT };
    static const struct wire_name names[COUNT] = {
        [REASON] = WIRE_NAME("stop_reason"),
        [SEQUENCE] = WIRE_NAME("stop_sequence"),
    };
    struct wire_json v[COUNT];
    int code = 0;
    if (wire_json_members(delta, names, v, COUNT))
        code = take_stop(r, v[REASON], v[SEQUENCE]);
    if (code < 0 || !wire_json_is_object(usage))
        return code;
    take_usage(r, usage);
    return wire_reader_usage(r);
}

static int begin_block(struct wire_reader *r, int64_t key, struct wire_json block) {
    r->raw.open = key;
    if (key >= r->raw.next && key < WIRE_BLOCKS_MAX)
        r->raw.next = key + 1;
    return take_block(r, key, block);
}

static int end_block(struct wire_reader *r, int64_t key) {
    if (r->raw.open == key)
        r->raw.open = -1;
    return wire_reader_end(r, key);
}

static int take_event(struct wire_reader *r, struct wire_json document) {
    enum { TYPE, INDEX, DELTA, BLOCK, MESSAGE, USAGE, ERROR, COUNT };
    static const struct wire_name names[COUNT] = {
        [TYPE] = WIRE_NAME("type"),       [INDEX] = WIRE_NAME("index"),
        [DELTA] = WIRE_NAME("delta"),     [BLOCK] = WIRE_NAME("content_block"),
        [MESSAGE] = WIRE_NAME("message"), [USAGE] = WIRE_NAME("usage"),
        [ERROR] = WIRE_NAME("error"),
    };
    struct wire_json v[COUNT];
    if (!wire_json_members(document, names, v, COUNT))
        return wire_reader_garbage(r, "an event is no JSON object");
    if (wire_json_is(v[TYPE], "content_block_delta"))
        return take_delta(r, wire_json_int(v[INDEX]), v[DELTA]);
    if (wire_json_is(v[TYPE], "content_block_start"))
        return begin_block(r, wire_json_int(v[INDEX]), v[BLOCK]);
    if (wire_json_is(v[TYPE], "content_block_stop"))
        return end_block(r, wire_json_int(v[INDEX]));
    if (wire_json_is(v[TYPE], "message_start"))
        return take_message_start(r, v[MESSAGE]);
    if (wire_json_is(v[TYPE], "message_delta"))
        return take_message_delta(r, v[DELTA], v[USAGE]);
    if (wire_json_is(v[TYPE], "message_stop"))
        return wire_reader_stop(r);
    return v[ERROR].p ? wire_reader_error(r, v[ERROR]) : 0;
}

static int take_whole(struct wire_reader *r, struct wire_json document) {
    struct wire_json v[M_COUNT], block;
    const struct wire_json none = {0};
    (void)wire_json_members(document, message_names, v, M_COUNT);
    if (!wire_json_is(v[M_TYPE], "message") || !wire_json_is_array(v[M_CONTENT]))
        return wire_reader_garbage(r, "it is no message");
    take_usage(r, v[M_USAGE]);
    int code = wire_reader_start(r, v[M_ID], v[M_MODEL], none);
    size_t at = 0;
    for (int64_t key = 0; code == 0 && wire_json_each(v[M_CONTENT], &at, &block); key++) {
        code = take_block(r, key, block);
        if (code == 0)
            code = wire_reader_end(r, key);
    }
    if (code == 0)
        code = take_stop(r, v[M_REASON], v[M_SEQUENCE]);
    return code < 0 ? code : wire_reader_stop(r);
}

const struct wire_reading wire_reading_anthropic = {.event = take_event, .whole = take_whole};

// --- written

static void put_usage(struct wire_writer *w, struct buf *out) {
    WIRE_PUT(out, "{\"input_tokens\":");
    wire_put_number(out, w->usage.input);
    WIRE_PUT(out, ",\"cache_creation_input_tokens\":");
    wire_put_number(out, w->usage.cache_write);
    WIRE_PUT(out, ",\"cache_read_input_tokens\":");
    wire_put_number(out, w->usage.cached);
    WIRE_PUT(out, ",\"output_tokens\":");
    wire_put_number(out, w->usage.output);
    if (w->usage.reasoning) {
        WIRE_PUT(out, ",\"output_tokens_details\":{\"thinking_tokens\":");
        wire_put_number(out, w->usage.reasoning);
        WIRE_PUT(out, "}");
    }
    WIRE_PUT(out, "}");
}

static void put_head(struct wire_writer *w, struct buf *out) {
    WIRE_PUT(out, "{\"id\":");
    if (w->id.len)
        wire_put_buf(out, &w->id);
    else
        WIRE_PUT(out, "\"msg_0\"");
    WIRE_PUT(out, ",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
    wire_put_buf(out, &w->model);
}

static int write_start(struct wire_writer *w, struct buf *out) {
    if (!w->stream)
        return 0;
    WIRE_PUT(out, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
    put_head(w, out);
    WIRE_PUT(out, ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":");
    put_usage(w, out);
    WIRE_PUT(out, "}}\n\n");
    return 0;
}

static void put_block_start(struct wire_writer *w, struct buf *out) {
    WIRE_PUT(out, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
    wire_put_number(out, w->index);
    switch (w->kind) {
    case WIRE_TOOL:
        WIRE_PUT(out, ",\"content_block\":{\"type\":\"tool_use\",\"id\":");
        wire_put_buf(out, &w->tool_id);
        WIRE_PUT(out, ",\"name\":");
        wire_put_buf(out, &w->tool_name);
        WIRE_PUT(out, ",\"input\":{}}}\n\n");
        break;
    case WIRE_THINKING:
        WIRE_PUT(out, ",\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\","
                      "\"signature\":\"\"}}\n\n");
        break;
    case WIRE_REDACTED:
        WIRE_PUT(out, ",\"content_block\":{\"type\":\"redacted_thinking\",\"data\":");
        wire_put_buf(out, &w->text);
        WIRE_PUT(out, "}}\n\n");
        break;
    default:
        WIRE_PUT(out, ",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
    }
}

static int write_open(struct wire_writer *w, struct buf *out) {
    if (w->stream && w->kind != WIRE_REDACTED) // that one's data stands in its first event
        put_block_start(w, out);
    return 0;
}

static int write_piece(struct wire_writer *w, enum wire_kind kind, const char *text, size_t n,
                       struct buf *out) {
    if (kind == WIRE_SIGNATURE && w->kind != WIRE_THINKING)
        return 0;
    if (!w->stream || kind == WIRE_REDACTED)
        return buf_append(kind == WIRE_SIGNATURE ? &w->signature : &w->text, text, n);
    WIRE_PUT(out, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
    wire_put_number(out, w->index);
    if (kind == WIRE_TEXT)
        WIRE_PUT(out, ",\"delta\":{\"type\":\"text_delta\",\"text\":");
    else if (kind == WIRE_TOOL_INPUT)
        WIRE_PUT(out, ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":");
    else if (kind == WIRE_THINKING)
        WIRE_PUT(out, ",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":");
    else
        WIRE_PUT(out, ",\"delta\":{\"type\":\"signature_delta\",\"signature\":");
    (void)buf_put_json_string(out, text, n);
    WIRE_PUT(out, "}}\n\n");
    return 0;
}

static int keep_block(struct wire_writer *w) {
    struct buf *out = &w->items;
    if (w->item_count++)
        WIRE_PUT(out, ",");
    switch (w->kind) {
    case WIRE_TOOL:
        WIRE_PUT(out, "{\"type\":\"tool_use\",\"id\":");
        wire_put_buf(out, &w->tool_id);
        WIRE_PUT(out, ",\"name\":");
        wire_put_buf(out, &w->tool_name);
        WIRE_PUT(out, ",\"input\":");
        wire_put_object(out, &w->text);
        break;
    case WIRE_THINKING:
        WIRE_PUT(out, "{\"type\":\"thinking\",\"thinking\":");
        wire_put_buf(out, &w->text);
        WIRE_PUT(out, ",\"signature\":");
        wire_put_buf(out, &w->signature);
        break;
    case WIRE_REDACTED:
        WIRE_PUT(out, "{\"type\":\"redacted_thinking\",\"data\":");
        wire_put_buf(out, &w->text);
        break;
    default:
        WIRE_PUT(out, "{\"type\":\"text\",\"text\":");
        wire_put_buf(out, &w->text);
    }
    WIRE_PUT(out, "}");
    return out->failed ? ERR_NOMEM : 0;
}

static int write_close(struct wire_writer *w, struct buf *out) {
    if (!w->stream)
        return keep_block(w);
    if (w->kind == WIRE_REDACTED)
        put_block_start(w, out);
    WIRE_PUT(out, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
    wire_put_number(out, w->index);
    WIRE_PUT(out, "}\n\n");
    return 0;
}

static void put_stop(const struct wire_event *e, struct buf *out) {
    const char *word = stops[0].word;
    for (unsigned i = 0; i < COUNT_OF(stops); i++)
        if (stops[i].stop == e->stop)
            word = stops[i].word;
    WIRE_PUT(out, "\"stop_reason\":\"");
    (void)buf_puts(out, word);
    WIRE_PUT(out, "\",\"stop_sequence\":");
    if (e->stop == WIRE_STOP_SEQUENCE && e->n)
        (void)buf_put_json_string(out, e->text, e->n);
    else
        WIRE_PUT(out, "null");
}

static int write_stop(struct wire_writer *w, const struct wire_event *e, struct buf *out) {
    if (w->stream) {
        WIRE_PUT(out, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{");
        put_stop(e, out);
        WIRE_PUT(out, "},\"usage\":");
        put_usage(w, out);
        WIRE_PUT(out, "}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
        return 0;
    }
    put_head(w, out);
    WIRE_PUT(out, ",\"content\":[");
    (void)buf_append(out, w->items.data, w->items.len);
    WIRE_PUT(out, "],");
    put_stop(e, out);
    WIRE_PUT(out, ",\"usage\":");
    put_usage(w, out);
    WIRE_PUT(out, "}");
    return 0;
}

static int write_error(struct wire_writer *w, const struct wire_event *e, struct buf *out) {
    return wire_error_event(w, "event: error\ndata: ", e, out);
}

const struct wire_writing wire_writing_anthropic = {
    .start = write_start,
    .open = write_open,
    .piece = write_piece,
    .close = write_close,
    .stop = write_stop,
    .error = write_error,
};
