// Gemini v1beta generateContent: answers read and written. A stream is a row of whole chunks
// without an end mark; parts that follow each other and are of one kind are one block.
#include "core/models/wire_read.h"
#include "core/models/wire_write.h"

#include "core/base/mem.h"

#include <string.h>

enum { KEY_TEXT = -1, KEY_THINKING = -2 }; // function calls: 0 …

static void take_usage(struct wire_reader *r, struct wire_json usage) {
    enum { PROMPT, CACHED, CANDIDATES, THOUGHTS, TOOLS, COUNT };
    static const struct wire_name names[COUNT] = {
        [PROMPT] = WIRE_NAME("promptTokenCount"),
        [CACHED] = WIRE_NAME("cachedContentTokenCount"),
        [CANDIDATES] = WIRE_NAME("candidatesTokenCount"),
        [THOUGHTS] = WIRE_NAME("thoughtsTokenCount"),
        [TOOLS] = WIRE_NAME("toolUsePromptTokenCount"),
    };
    struct wire_json v[COUNT];
    if (!wire_json_members(usage, names, v, COUNT))
        return;
    r->usage.known = true;
    r->usage.cached = wire_json_int(v[CACHED]);
    r->usage.input = wire_json_int(v[PROMPT]) + wire_json_int(v[TOOLS]) - r->usage.cached;
    if (r->usage.input < 0)
        r->usage.input = 0;
    r->usage.reasoning = wire_json_int(v[THOUGHTS]);
    r->usage.output = wire_json_int(v[CANDIDATES]) + r->usage.reasoning;
}

static int take_call(struct wire_reader *r, struct wire_json call, struct wire_json signature) {
    enum { ID, NAME, ARGS, COUNT };
    static const struct wire_name names[COUNT] = {
        [ID] = WIRE_NAME("id"), [NAME] = WIRE_NAME("name"), [ARGS] = WIRE_NAME("args")};
    struct wire_json v[COUNT];
    struct wire_block *b;
    int64_t key = ++r->last_key;
    int code = wire_reader_end_all(r);
    if (code < 0 || !wire_json_members(call, names, v, COUNT))
        return code;
    code = wire_reader_tool(r, key, v[ID], v[NAME], &b);
    if (code == 0 && wire_json_is_object(v[ARGS]))
        code = wire_reader_object(r, b, v[ARGS]);
    if (code == 0)
        code = wire_reader_piece(r, b, WIRE_SIGNATURE, signature);
    return code < 0 ? code : wire_reader_end(r, key);
}

static int take_part(struct wire_reader *r, struct wire_json part) {
    enum { TEXT, THOUGHT, SIGNATURE, CALL, COUNT };
    static const struct wire_name names[COUNT] = {
        [TEXT] = WIRE_NAME("text"),
        [THOUGHT] = WIRE_NAME("thought"),
        [SIGNATURE] = WIRE_NAME("thoughtSignature"),
        [CALL] = WIRE_NAME("functionCall"),
    };
    struct wire_json v[COUNT];
    if (!wire_json_members(part, names, v, COUNT))
        return 0;
    if (v[CALL].p)
        return take_call(r, v[CALL], v[SIGNATURE]);
    if (!wire_json_is_string(v[TEXT]))
        return 0;
    bool thought = v[THOUGHT].p && *v[THOUGHT].p == 't';
    int64_t key = thought ? KEY_THINKING : KEY_TEXT;
    struct wire_block *b = wire_reader_find(r, key);
    int code = 0;
    if (!b && v[TEXT].n == 2 && !v[SIGNATURE].p)
        return 0;
    if (!b) {
        code = wire_reader_end_all(r);
        if (code == 0)
            code = wire_reader_begin(r, key, thought ? WIRE_THINKING : WIRE_TEXT, &b);
    }
    if (code == 0)
        code = wire_reader_piece(r, b, thought ? WIRE_THINKING : WIRE_TEXT, v[TEXT]);
    return code < 0 ? code : wire_reader_piece(r, b, WIRE_SIGNATURE, v[SIGNATURE]);
}

static const struct {
    const char *word;
    enum wire_stop stop;
} finishes[] = {
    {"STOP", WIRE_STOP_END},
    {"MAX_TOKENS", WIRE_STOP_LENGTH},
    {"SAFETY", WIRE_STOP_REFUSAL},
    {"RECITATION", WIRE_STOP_REFUSAL},
    {"LANGUAGE", WIRE_STOP_REFUSAL},
    {"BLOCKLIST", WIRE_STOP_REFUSAL},
    {"PROHIBITED_CONTENT", WIRE_STOP_REFUSAL},
    {"SPII", WIRE_STOP_REFUSAL},
    {"IMAGE_SAFETY", WIRE_STOP_REFUSAL},
    {"IMAGE_PROHIBITED_CONTENT", WIRE_STOP_REFUSAL},
};

// The model called a tool in a way that its own server cannot read: nothing was answered.
static int broken_call(struct wire_reader *r, struct wire_json reason, struct wire_json message) {
    AUTO_BUF text = BUF_INIT(WIRE_EVENT_BYTES_MAX);
    (void)wire_json_append(reason, &text);
    if (wire_json_is_string(message) && message.n > 2) {
        (void)buf_puts(&text, ": ");
        (void)wire_json_append(message, &text);
    }
    if (text.failed)
        return ERR_NOMEM;
    struct wire_event e = {.kind = WIRE_ERROR,
                           .fault = ROUTE_FAULT_SERVER,
                           .retry_after_ms = -1,
                           .text = text.data,
                           .n = text.len};
    r->done = true;
    return r->sink(r->ctx, &e);
}

static int take_finish(struct wire_reader *r, struct wire_json reason, struct wire_json message) {
    static const char *const broken[] = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL",
                                         "TOO_MANY_TOOL_CALLS"};
    if (!wire_json_is_string(reason) || wire_json_is(reason, "FINISH_REASON_UNSPECIFIED"))
        return 0;
    for (unsigned i = 0; i < COUNT_OF(broken); i++)
        if (wire_json_is(reason, broken[i]))
            return broken_call(r, reason, message);
    r->finished = true; // not the end: early models say STOP in every chunk
    r->stop = WIRE_STOP_END;
    for (unsigned i = 0; i < COUNT_OF(finishes); i++)
        if (wire_json_is(reason, finishes[i].word))
            r->stop = finishes[i].stop;
    return 0;
}

static int take_candidate(struct wire_reader *r, struct wire_json candidate) {
    enum { CONTENT, FINISH, MESSAGE, INDEX, COUNT };
    static const struct wire_name names[COUNT] = {
        [CONTENT] = WIRE_NAME("content"),
        [FINISH] = WIRE_NAME("finishReason"),
        [MESSAGE] = WIRE_NAME("finishMessage"),
        [INDEX] = WIRE_NAME("index"),
    };
    static const struct wire_name parts_name[] = {WIRE_NAME("parts")};
    struct wire_json v[COUNT], parts, part;
    if (!wire_json_members(candidate, names, v, COUNT) || wire_json_int(v[INDEX]) != 0)
        return 0;
    size_t at = 0;
    int code = 0;
    (void)wire_json_members(v[CONTENT], parts_name, &parts, 1);
    while (code == 0 && wire_json_each(parts, &at, &part))
        code = take_part(r, part);
    return code < 0 ? code : take_finish(r, v[FINISH], v[MESSAGE]);
}

enum { D_CANDIDATES, D_FEEDBACK, D_USAGE, D_MODEL, D_ID, D_ERROR, D_COUNT };
static const struct wire_name document_names[D_COUNT] = {
    [D_CANDIDATES] = WIRE_NAME("candidates"), [D_FEEDBACK] = WIRE_NAME("promptFeedback"),
    [D_USAGE] = WIRE_NAME("usageMetadata"),   [D_MODEL] = WIRE_NAME("modelVersion"),
    [D_ID] = WIRE_NAME("responseId"),         [D_ERROR] = WIRE_NAME("error"),
};

static int take_document(struct wire_reader *r, const struct wire_json *v) {
    static const struct wire_name names[] = {WIRE_NAME("blockReason")};
    struct wire_json candidate, reason;
    const struct wire_json none = {0};
    size_t at = 0;
    bool told = r->usage.known;
    take_usage(r, v[D_USAGE]);
    int code = wire_reader_start(r, v[D_ID], v[D_MODEL], none);
    while (code == 0 && !r->done && wire_json_each(v[D_CANDIDATES], &at, &candidate))
        code = take_candidate(r, candidate);
    if (code < 0 || r->done)
        return code;
    if (wire_json_members(v[D_FEEDBACK], names, &reason, 1) && reason.p) {
        r->finished = true;
        r->refused = true;
    }
    return told && v[D_USAGE].p && !r->finished ? wire_reader_usage(r) : 0;
}

static int take_event(struct wire_reader *r, struct wire_json document) {
    struct wire_json v[D_COUNT];
    if (!wire_json_members(document, document_names, v, D_COUNT))
        return wire_reader_garbage(r, "an event is no JSON object");
    if (v[D_ERROR].p)
        return wire_reader_error(r, v[D_ERROR]);
    bool ours = v[D_CANDIDATES].p || v[D_FEEDBACK].p || v[D_USAGE].p;
    return ours ? take_document(r, v) : 0;
}

static int take_whole(struct wire_reader *r, struct wire_json document) {
    struct wire_json v[D_COUNT];
    (void)wire_json_members(document, document_names, v, D_COUNT);
    if (!wire_json_is_array(v[D_CANDIDATES]) && !v[D_FEEDBACK].p)
        return wire_reader_garbage(r, "it has no candidates");
    int code = take_document(r, v);
    return code < 0 || r->done ? code : wire_reader_stop(r);
}

const struct wire_reading wire_reading_gemini = {.event = take_event, .whole = take_whole};

// --- written

static void put_tail(struct wire_writer *w, bool usage, struct buf *out) {
    const struct wire_usage *u = &w->usage;
    if (usage) {
        int64_t prompt = u->input + u->cached + u->cache_write;
        WIRE_PUT(out, ",\"usageMetadata\":{\"promptTokenCount\":");
        wire_put_number(out, prompt);
        WIRE_PUT(out, ",\"candidatesTokenCount\":");
        wire_put_number(out, u->output - u->reasoning);
        if (u->cached) {
            WIRE_PUT(out, ",\"cachedContentTokenCount\":");
            wire_put_number(out, u->cached);
        }
        if (u->reasoning) {
            WIRE_PUT(out, ",\"thoughtsTokenCount\":");
            wire_put_number(out, u->reasoning);
        }
        WIRE_PUT(out, ",\"totalTokenCount\":");
        wire_put_number(out, prompt + u->output);
        WIRE_PUT(out, "}");
    }
    WIRE_PUT(out, ",\"modelVersion\":");
    wire_put_buf(out, &w->model);
    if (w->id.len) {
        WIRE_PUT(out, ",\"responseId\":");
        wire_put_buf(out, &w->id);
    }
    WIRE_PUT(out, "}");
}

#define BEGIN_PARTS "data: {\"candidates\":[{\"content\":{\"parts\":["
#define END_PARTS   "],\"role\":\"model\"},\"index\":0}]"

static int write_start(struct wire_writer *w, struct buf *out) {
    (void)out;
    if (!w->stream)
        return 0;
    WIRE_PUT(&w->prefix, END_PARTS); // here: what each chunk ends with
    put_tail(w, false, &w->prefix);
    WIRE_PUT(&w->prefix, "\n\n");
    return w->prefix.failed ? ERR_NOMEM : 0;
}

static int write_open(struct wire_writer *w, struct buf *out) {
    (void)w;
    (void)out;
    return 0;
}

static void put_text(enum wire_kind kind, const char *text, size_t n, const struct buf *signature,
                     struct buf *out) {
    WIRE_PUT(out, "{\"text\":");
    (void)buf_put_json_string(out, n ? text : "", n);
    if (kind == WIRE_THINKING)
        WIRE_PUT(out, ",\"thought\":true");
    if (signature->len) {
        WIRE_PUT(out, ",\"thoughtSignature\":");
        wire_put_buf(out, signature);
    }
    WIRE_PUT(out, "}");
}

static int write_piece(struct wire_writer *w, enum wire_kind kind, const char *text, size_t n,
                       struct buf *out) {
    const struct buf none = {0};
    if (kind == WIRE_REDACTED)
        return 0;
    if (kind == WIRE_SIGNATURE)
        return buf_append(&w->signature, text, n);
    if (!w->stream || kind == WIRE_TOOL_INPUT) // a call is told at once
        return buf_append(&w->text, text, n);
    WIRE_PUT(out, BEGIN_PARTS);
    put_text(kind, text, n, &none, out);
    (void)buf_append(out, w->prefix.data, w->prefix.len);
    return 0;
}

static void put_call(struct wire_writer *w, struct buf *out) {
    WIRE_PUT(out, "{\"functionCall\":{\"id\":");
    wire_put_buf(out, &w->tool_id);
    WIRE_PUT(out, ",\"name\":");
    wire_put_buf(out, &w->tool_name);
    WIRE_PUT(out, ",\"args\":");
    wire_put_object(out, &w->text);
    WIRE_PUT(out, "}");
    if (w->signature.len) {
        WIRE_PUT(out, ",\"thoughtSignature\":");
        wire_put_buf(out, &w->signature);
    }
    WIRE_PUT(out, "}");
}

static int write_close(struct wire_writer *w, struct buf *out) {
    if (w->kind == WIRE_REDACTED || (w->stream && w->kind != WIRE_TOOL && !w->signature.len))
        return 0;
    struct buf *to = w->stream ? out : &w->items;
    if (w->stream)
        WIRE_PUT(to, BEGIN_PARTS);
    else if (w->item_count++)
        WIRE_PUT(to, ",");
    if (w->kind == WIRE_TOOL)
        put_call(w, to);
    else
        put_text(w->kind, w->text.data, w->text.len, &w->signature, to);
    if (w->stream)
        (void)buf_append(to, w->prefix.data, w->prefix.len);
    return to->failed ? ERR_NOMEM : 0;
}

static int write_stop(struct wire_writer *w, const struct wire_event *e, struct buf *out) {
    const char *word = e->stop == WIRE_STOP_LENGTH || e->stop == WIRE_STOP_CONTEXT ? "MAX_TOKENS"
                       : e->stop == WIRE_STOP_REFUSAL                              ? "SAFETY"
                                                                                   : "STOP";
    if (w->stream)
        WIRE_PUT(out, "data: ");
    WIRE_PUT(out, "{\"candidates\":[{\"content\":{\"parts\":[");
    (void)buf_append(out, w->items.data, w->items.len);
    if (w->stream)
        WIRE_PUT(out, "{\"text\":\"\"}");
    (void)buf_printf(out, "],\"role\":\"model\"},\"finishReason\":\"%s\",\"index\":0}]", word);
    put_tail(w, true, out);
    if (w->stream)
        WIRE_PUT(out, "\n\n");
    return 0;
}

static int write_error(struct wire_writer *w, const struct wire_event *e, struct buf *out) {
    return wire_error_event(w, "data: ", e, out);
}

const struct wire_writing wire_writing_gemini = {
    .start = write_start,
    .open = write_open,
    .piece = write_piece,
    .close = write_close,
    .stop = write_stop,
    .error = write_error,
};
