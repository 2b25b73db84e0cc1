// OpenAI Responses: answers read. Output items become blocks: each part of a message, the thoughts
// of a reasoning item together, a function call. Items of the backend's own tools are left out.
#include "core/models/wire_read.h"

#include "core/base/mem.h"

#include <string.h>

enum { PARTS_MAX = 4096, PART_TOOL = PARTS_MAX - 2, PART_THINKING = PARTS_MAX - 1 };

static int64_t key_of(int64_t item, int64_t part) {
    const int64_t most = INT32_MAX;
    if (item < 0 || item > most)
        item = most;
    return item * PARTS_MAX + (part < 0 || part >= PARTS_MAX ? PARTS_MAX - 3 : part);
}

static void take_usage(struct wire_reader *r, struct wire_json usage) {
    enum { INPUT, OUTPUT, IN, OUT, COUNT };
    static const struct wire_name names[COUNT] = {
        [INPUT] = WIRE_NAME("input_tokens"),
        [OUTPUT] = WIRE_NAME("output_tokens"),
        [IN] = WIRE_NAME("input_tokens_details"),
        [OUT] = WIRE_NAME("output_tokens_details"),
    };
    static const struct wire_name in_names[] = {WIRE_NAME("cached_tokens"),
                                                WIRE_NAME("cache_write_tokens")};
    static const struct wire_name out_names[] = {WIRE_NAME("reasoning_tokens")};
    struct wire_json v[COUNT], in[2], out;
    if (!wire_json_members(usage, names, v, COUNT))
        return;
    (void)wire_json_members(v[IN], in_names, in, 2);
    (void)wire_json_members(v[OUT], out_names, &out, 1);
    r->usage.known = true;
    r->usage.cached = wire_json_int(in[0]);
    r->usage.cache_write = wire_json_int(in[1]);
    r->usage.input = wire_json_int(v[INPUT]) - r->usage.cached - r->usage.cache_write;
    if (r->usage.input < 0)
        r->usage.input = 0;
    r->usage.output = wire_json_int(v[OUTPUT]);
    r->usage.reasoning = wire_json_int(out);
}

enum { I_TYPE, I_CALL_ID, I_ID, I_NAME, I_ARGUMENTS, I_CONTENT, I_SUMMARY, I_ENCRYPTED, I_COUNT };
static const struct wire_name item_names[I_COUNT] = {
    [I_TYPE] = WIRE_NAME("type"),
    [I_CALL_ID] = WIRE_NAME("call_id"),
    [I_ID] = WIRE_NAME("id"),
    [I_NAME] = WIRE_NAME("name"),
    [I_ARGUMENTS] = WIRE_NAME("arguments"),
    [I_CONTENT] = WIRE_NAME("content"),
    [I_SUMMARY] = WIRE_NAME("summary"),
    [I_ENCRYPTED] = WIRE_NAME("encrypted_content"),
};

static void saw(struct wire_reader *r, int64_t item) {
    if (item > r->last_key)
        r->last_key = item;
}

static int begin_call(struct wire_reader *r, int64_t item, const struct wire_json *v) {
    struct wire_block *b;
    saw(r, item);
    return wire_reader_tool(r, key_of(item, PART_TOOL), v[I_CALL_ID].p ? v[I_CALL_ID] : v[I_ID],
                            v[I_NAME], &b);
}

// Thoughts come in parts; between two of them an empty line.
static int take_thought(struct wire_reader *r, int64_t item, int64_t part, struct wire_json text) {
    int64_t key = key_of(item, PART_THINKING);
    struct wire_block *b = wire_reader_find(r, key);
    int code = b ? 0 : wire_reader_begin(r, key, WIRE_THINKING, &b);
    unsigned number = (unsigned)(part & 0xFFFF) + 1;
    if (code < 0)
        return code;
    saw(r, item);
    if (b->depth && b->depth != number)
        code = wire_reader_bytes(r, b, WIRE_THINKING, "\n\n", 2);
    b->depth = number;
    return code < 0 ? code : wire_reader_piece(r, b, WIRE_THINKING, text);
}

static int take_signature(struct wire_reader *r, int64_t item, struct wire_json text) {
    int64_t key = key_of(item, PART_THINKING);
    struct wire_block *b = wire_reader_find(r, key);
    if (!wire_json_is_string(text) || text.n == 2)
        return 0;
    int code = b ? 0 : wire_reader_begin(r, key, WIRE_THINKING, &b);
    return code < 0 ? code : wire_reader_piece(r, b, WIRE_SIGNATURE, text);
}

static int take_text(struct wire_reader *r, int64_t item, int64_t part, struct wire_json text,
                     bool refusal) {
    if (!wire_json_is_string(text) || text.n == 2)
        return 0;
    saw(r, item);
    r->refused = r->refused || refusal;
    return wire_reader_text(r, key_of(item, part), WIRE_TEXT, text);
}

static int take_parts(struct wire_reader *r, int64_t item, struct wire_json parts, bool thoughts) {
    static const struct wire_name names[] = {WIRE_NAME("text"), WIRE_NAME("refusal")};
    struct wire_json part, v[2];
    size_t at = 0;
    int code = 0;
    for (int64_t i = 0; code == 0 && wire_json_each(parts, &at, &part); i++) {
        if (!wire_json_members(part, names, v, 2))
            continue;
        if (thoughts)
            code = take_thought(r, item, i, v[0]);
        else
            code = take_text(r, item, i, v[0].p ? v[0] : v[1], !v[0].p);
        if (code == 0 && !thoughts)
            code = wire_reader_end(r, key_of(item, i));
    }
    return code;
}

// An item as it stands in a whole answer.
static int take_item(struct wire_reader *r, int64_t item, const struct wire_json *v) {
    int code = 0;
    if (wire_json_is(v[I_TYPE], "message"))
        return take_parts(r, item, v[I_CONTENT], false);
    if (wire_json_is(v[I_TYPE], "reasoning")) {
        bool summary = wire_json_is_array(v[I_SUMMARY]) && v[I_SUMMARY].n > 2;
        return take_parts(r, item, summary ? v[I_SUMMARY] : v[I_CONTENT], true);
    }
    if (!wire_json_is(v[I_TYPE], "function_call"))
        return 0;
    code = begin_call(r, item, v);
    struct wire_block *b = wire_reader_find(r, key_of(item, PART_TOOL));
    return code < 0 || !b ? code : wire_reader_piece(r, b, WIRE_TOOL_INPUT, v[I_ARGUMENTS]);
}

static int end_item(struct wire_reader *r, int64_t item, const struct wire_json *v) {
    int code = 0;
    if (item > r->last_key) // nothing of it came in pieces
        code = take_item(r, item, v);
    if (code == 0 && wire_json_is(v[I_TYPE], "reasoning"))
        code = take_signature(r, item, v[I_ENCRYPTED]);
    for (uint32_t i = 0; i < r->open_count; i++)
        if (r->open[i].key / PARTS_MAX == item)
            r->open[i].ended = true;
    return code < 0 ? code : wire_reader_advance(r);
}

enum { R_ID, R_MODEL, R_CREATED, R_OUTPUT, R_STATUS, R_INCOMPLETE, R_USAGE, R_ERROR, R_COUNT };
static const struct wire_name response_names[R_COUNT] = {
    [R_ID] = WIRE_NAME("id"),
    [R_MODEL] = WIRE_NAME("model"),
    [R_CREATED] = WIRE_NAME("created_at"),
    [R_OUTPUT] = WIRE_NAME("output"),
    [R_STATUS] = WIRE_NAME("status"),
    [R_INCOMPLETE] = WIRE_NAME("incomplete_details"),
    [R_USAGE] = WIRE_NAME("usage"),
    [R_ERROR] = WIRE_NAME("error"),
};

static int finish(struct wire_reader *r, const struct wire_json *v) {
    static const struct wire_name names[] = {WIRE_NAME("reason")};
    struct wire_json reason;
    take_usage(r, v[R_USAGE]);
    (void)wire_json_members(v[R_INCOMPLETE], names, &reason, 1);
    r->stop = wire_json_is(reason, "max_output_tokens") ? WIRE_STOP_LENGTH
              : wire_json_is(reason, "content_filter")  ? WIRE_STOP_REFUSAL
                                                        : WIRE_STOP_END;
    return wire_reader_stop(r);
}

static int take_response(struct wire_reader *r, struct wire_json type, struct wire_json response) {
    struct wire_json v[R_COUNT];
    if (!wire_json_members(response, response_names, v, R_COUNT))
        return 0;
    if (wire_json_is(type, "response.failed"))
        return wire_reader_error(r, v[R_ERROR]);
    int code = wire_reader_start(r, v[R_ID], v[R_MODEL], v[R_CREATED]);
    if (code < 0 || wire_json_is(type, "response.created") ||
        wire_json_is(type, "response.in_progress") || wire_json_is(type, "response.queued"))
        return code;
    return finish(r, v);
}

enum {
    E_TYPE,
    E_RESPONSE,
    E_ITEM,
    E_DELTA,
    E_OUTPUT,
    E_CONTENT,
    E_SUMMARY,
    E_TEXT,
    E_REFUSAL,
    E_ARGUMENTS,
    E_ERROR,
    E_SEQUENCE,
    E_COUNT
};
static const struct wire_name event_names[E_COUNT] = {
    [E_TYPE] = WIRE_NAME("type"),
    [E_RESPONSE] = WIRE_NAME("response"),
    [E_ITEM] = WIRE_NAME("item"),
    [E_DELTA] = WIRE_NAME("delta"),
    [E_OUTPUT] = WIRE_NAME("output_index"),
    [E_CONTENT] = WIRE_NAME("content_index"),
    [E_SUMMARY] = WIRE_NAME("summary_index"),
    [E_TEXT] = WIRE_NAME("text"),
    [E_REFUSAL] = WIRE_NAME("refusal"),
    [E_ARGUMENTS] = WIRE_NAME("arguments"),
    [E_ERROR] = WIRE_NAME("error"),
    [E_SEQUENCE] = WIRE_NAME("sequence_number"),
};

static int take_arguments(struct wire_reader *r, int64_t item, const struct wire_json *v) {
    struct wire_block *b = wire_reader_find(r, key_of(item, PART_TOOL));
    if (!b || (b->whole && !v[E_DELTA].p))
        return 0;
    b->whole = true; // has come, in pieces or at the end
    return wire_reader_piece(r, b, WIRE_TOOL_INPUT, v[E_DELTA].p ? v[E_DELTA] : v[E_ARGUMENTS]);
}

static int take_text_end(struct wire_reader *r, int64_t item, int64_t part, struct wire_json text,
                         bool refusal) {
    int code = 0;
    if (!wire_reader_find(r, key_of(item, part)) && item > r->last_key)
        code = take_text(r, item, part, text, refusal);
    return code < 0 ? code : wire_reader_end(r, key_of(item, part));
}

// --- what a client has that gets the bytes as they come

static void keep_begin(struct wire_reader *r, int64_t item, const struct wire_json *v) {
    struct wire_raw *raw = &r->raw;
    raw->open = item;
    raw->stage = WIRE_RAW_ITEM;
    raw->kind = wire_json_is(v[I_TYPE], "message")     ? WIRE_TEXT
                : wire_json_is(v[I_TYPE], "reasoning") ? WIRE_THINKING
                                                       : WIRE_TOOL;
    if (raw->kind == WIRE_TOOL && !wire_json_is(v[I_TYPE], "function_call"))
        raw->foreign = true;
    buf_clear(&raw->item);
    if (wire_json_is_string(v[I_ID]))
        (void)buf_append(&raw->item, v[I_ID].p + 1, v[I_ID].n - 2);
}

static void keep_end(struct wire_reader *r, struct wire_json value) {
    struct wire_raw *raw = &r->raw;
    raw->open = -1;
    if (raw->done_count++)
        (void)buf_putc(&raw->done, ',');
    size_t at = raw->done.len;
    (void)buf_append(&raw->done, value.p, value.n);
    for (; at < raw->done.len; at++) // between two values; within strings there is none
        if (raw->done.data[at] == '\n' || raw->done.data[at] == '\r')
            raw->done.data[at] = ' ';
}

static void keep_stage(struct wire_reader *r, struct wire_json type, int64_t item, int64_t part) {
    struct wire_raw *raw = &r->raw;
    if (item != raw->open || raw->kind != WIRE_TEXT)
        return;
    raw->foreign = raw->foreign || part > 0; // a writer has one part in each message
    if (wire_json_is(type, "response.content_part.added"))
        raw->stage = WIRE_RAW_PART;
    else if (wire_json_is(type, "response.output_text.done"))
        raw->stage = WIRE_RAW_SAID;
    else if (wire_json_is(type, "response.content_part.done"))
        raw->stage = WIRE_RAW_PART_DONE;
}

static int take_item_event(struct wire_reader *r, bool end, int64_t item, struct wire_json value) {
    struct wire_json v[I_COUNT];
    if (!wire_json_members(value, item_names, v, I_COUNT))
        return 0;
    if (r->raw.kept && end)
        keep_end(r, value);
    else if (r->raw.kept)
        keep_begin(r, item, v);
    if (end)
        return end_item(r, item, v);
    return wire_json_is(v[I_TYPE], "function_call") ? begin_call(r, item, v) : 0;
}

static int take_event(struct wire_reader *r, struct wire_json document) {
    static const char prefix[] = "\"response.";
    struct wire_json v[E_COUNT];
    if (!wire_json_members(document, event_names, v, E_COUNT))
        return wire_reader_garbage(r, "an event is no JSON object");
    int64_t item = wire_json_int(v[E_OUTPUT]), part = wire_json_int(v[E_CONTENT]);
    struct wire_json type = v[E_TYPE];
    if (v[E_SEQUENCE].p)
        r->raw.sequence = wire_json_int(v[E_SEQUENCE]);
    if (r->raw.kept)
        keep_stage(r, type, item, part);
    if (type.n < sizeof prefix || memcmp(type.p, prefix, sizeof prefix - 1) != 0) {
        if (wire_json_is(type, "error") || v[E_ERROR].p)
            return wire_reader_error(r, v[E_ERROR].p ? v[E_ERROR] : document);
        return 0;
    }
    if (wire_json_is(type, "response.output_text.delta"))
        return take_text(r, item, part, v[E_DELTA], false);
    if (wire_json_is(type, "response.function_call_arguments.delta") ||
        wire_json_is(type, "response.function_call_arguments.done"))
        return take_arguments(r, item, v);
    if (wire_json_is(type, "response.reasoning_summary_text.delta"))
        return take_thought(r, item, wire_json_int(v[E_SUMMARY]), v[E_DELTA]);
    if (wire_json_is(type, "response.reasoning_text.delta"))
        return take_thought(r, item, part, v[E_DELTA]);
    if (wire_json_is(type, "response.refusal.delta"))
        return take_text(r, item, part, v[E_DELTA], true);
    if (wire_json_is(type, "response.output_text.done"))
        return take_text_end(r, item, part, v[E_TEXT], false);
    if (wire_json_is(type, "response.refusal.done"))
        return take_text_end(r, item, part, v[E_REFUSAL], true);
    if (v[E_ITEM].p)
        return take_item_event(r, wire_json_is(type, "response.output_item.done"), item, v[E_ITEM]);
    return take_response(r, type, v[E_RESPONSE]);
}

static int take_whole(struct wire_reader *r, struct wire_json document) {
    struct wire_json v[R_COUNT], item[I_COUNT], one;
    (void)wire_json_members(document, response_names, v, R_COUNT);
    if (!wire_json_is_array(v[R_OUTPUT]))
        return wire_reader_garbage(r, "it has no output");
    int code = wire_reader_start(r, v[R_ID], v[R_MODEL], v[R_CREATED]);
    size_t at = 0;
    for (int64_t i = 0; code == 0 && wire_json_each(v[R_OUTPUT], &at, &one); i++)
        if (wire_json_members(one, item_names, item, I_COUNT))
            code = end_item(r, i, item);
    return code < 0 ? code : finish(r, v);
}

const struct wire_reading wire_reading_responses = {.event = take_event, .whole = take_whole};
