// OpenAI Chat Completions, and what llama.cpp, vLLM, Ollama and others make of it: answers read and
// written.
#include "core/models/wire_read.h"
#include "core/models/wire_write.h"

#include "core/base/mem.h"

#include <string.h>

enum { KEY_TEXT = -1, KEY_THINKING = -2 }; // tools: 0 …

int wire_chat_usage(struct wire_reader *r, struct wire_json usage) {
    enum { PROMPT, COMPLETION, IN, OUT, COUNT };
    static const struct wire_name names[COUNT] = {
        [PROMPT] = WIRE_NAME("prompt_tokens"),
        [COMPLETION] = WIRE_NAME("completion_tokens"),
        [IN] = WIRE_NAME("prompt_tokens_details"),
        [OUT] = WIRE_NAME("completion_tokens_details"),
    };
    static const struct wire_name in_names[] = {WIRE_NAME("cached_tokens"),
                                                WIRE_NAME("cache_write_tokens")};
    static const struct wire_name out_names[] = {WIRE_NAME("reasoning_tokens")};
    struct wire_json v[COUNT], in[2], out;
    if (!wire_json_members(usage, names, v, COUNT))
        return 0;
    (void)wire_json_members(v[IN], in_names, in, 2);
    (void)wire_json_members(v[OUT], out_names, &out, 1);
    r->usage.cached = wire_json_int(in[0]);
    r->usage.cache_write = wire_json_int(in[1]);
    r->usage.input = wire_json_int(v[PROMPT]) - r->usage.cached - r->usage.cache_write;
    if (r->usage.input < 0)
        r->usage.input = 0;
    r->usage.output = wire_json_int(v[COMPLETION]);
    r->usage.reasoning = wire_json_int(out);
    return wire_reader_usage(r);
}

int wire_chat_finish(struct wire_reader *r, struct wire_json reason, struct wire_json sequence) {
    static const struct {
        const char *word;
        enum wire_stop stop;
    } words[] = {{"length", WIRE_STOP_LENGTH},
                 {"tool_calls", WIRE_STOP_TOOLS},
                 {"function_call", WIRE_STOP_TOOLS},
                 {"content_filter", WIRE_STOP_REFUSAL}};
    if (!wire_json_is_string(reason))
        return 0;
    r->finished = true;
    r->stop = WIRE_STOP_END;
    for (unsigned i = 0; i < COUNT_OF(words); i++)
        if (wire_json_is(reason, words[i].word))
            r->stop = words[i].stop;
    // vLLM names the sequence that ended it.
    buf_clear(&r->sequence);
    if (r->stop == WIRE_STOP_END && wire_json_is_string(sequence) &&
        sequence.n <= WIRE_NAME_BYTES_MAX / 4) {
        r->stop = WIRE_STOP_SEQUENCE;
        return wire_json_append(sequence, &r->sequence);
    }
    return 0;
}

// Another part begins: the texts and the calls before it have ended, but for calls whose arguments
// are not complete. Those go on, and what comes after them waits.
static int end_others(struct wire_reader *r, int64_t key) {
    for (uint32_t i = 0; i < r->open_count; i++) {
        struct wire_block *b = &r->open[i];
        if (b->key != key && (b->kind != WIRE_TOOL || b->complete))
            b->ended = true;
    }
    return wire_reader_advance(r);
}

static bool same_call(struct wire_block *b, struct wire_json id) {
    return !wire_json_is_string(id) || id.n == 2 || !b->id.len ||
           (b->id.len == id.n - 2 && !memcmp(b->id.data, id.p + 1, b->id.len));
}

static int take_arguments(struct wire_reader *r, int64_t key, struct wire_json arguments) {
    struct wire_block *b = wire_reader_find(r, key);
    if (!b)
        return 0;
    int code = wire_json_is_object(arguments) // some give them as they are
                   ? wire_reader_object(r, b, arguments)
                   : wire_reader_piece(r, b, WIRE_TOOL_INPUT, arguments);
    if (code < 0 || !b->complete || r->open_count == 1)
        return code;
    return wire_reader_end(r, key); // others wait for it
}

static int take_call(struct wire_reader *r, struct wire_json call) {
    enum { INDEX, ID, FUNCTION, COUNT };
    static const struct wire_name names[COUNT] = {
        [INDEX] = WIRE_NAME("index"),
        [ID] = WIRE_NAME("id"),
        [FUNCTION] = WIRE_NAME("function"),
    };
    static const struct wire_name parts[] = {WIRE_NAME("name"), WIRE_NAME("arguments")};
    struct wire_json v[COUNT], f[2];
    if (!wire_json_members(call, names, v, COUNT) || !wire_json_members(v[FUNCTION], parts, f, 2))
        return 0;
    // Without a number: an id begins a call, without one the last goes on.
    int64_t next = r->last_key + (v[ID].p || r->last_key < 0 ? 1 : 0);
    int64_t key = v[INDEX].p ? wire_json_int(v[INDEX]) : next;
    if (key < 0) // below are the keys of text
        key = next;
    struct wire_block *b = wire_reader_find(r, key);
    if (b && !same_call(b, v[ID])) { // all with number 0, but of other ids
        b->ended = true;
        b = NULL;
    }
    int code = 0;
    if (!b && !f[0].p && key <= r->last_key) // its rest, after others began
        return f[1].p && f[1].n > 2 ? wire_reader_garbage(r, "a tool call goes on after its end")
                                    : 0;
    if (!b) {
        code = end_others(r, key);
        if (code == 0)
            code = wire_reader_tool(r, key, v[ID], f[0], &b);
        if (key > r->last_key)
            r->last_key = key;
    } else if (f[0].p) {
        code = wire_reader_name(r, b, f[0]);
    }
    return code < 0 || !f[1].p ? code : take_arguments(r, key, f[1]);
}

// Text or thinking; the block of the other kind ends.
static int take_text(struct wire_reader *r, int64_t key, enum wire_kind kind,
                     struct wire_json text) {
    if (!wire_json_is_string(text) || text.n == 2)
        return 0;
    int code = wire_reader_find(r, key) ? 0 : end_others(r, key);
    if (code < 0)
        return code;
    return wire_reader_text(r, key, kind, text);
}

static int take_parts(struct wire_reader *r, struct wire_json parts) { // Mistral's
    static const struct wire_name names[] = {WIRE_NAME("text")};
    struct wire_json part, text;
    size_t at = 0;
    int code = 0;
    while (code == 0 && wire_json_each(parts, &at, &part))
        if (wire_json_members(part, names, &text, 1))
            code = take_text(r, KEY_TEXT, WIRE_TEXT, text);
    return code;
}

static int take_message(struct wire_reader *r, struct wire_json message) {
    enum { CONTENT, CALLS, REASONING, THOUGHT, REFUSAL, COUNT };
    static const struct wire_name names[COUNT] = {
        [CONTENT] = WIRE_NAME("content"),
        [CALLS] = WIRE_NAME("tool_calls"),
        [REASONING] = WIRE_NAME("reasoning_content"), // DeepSeek, llama.cpp, vLLM
        [THOUGHT] = WIRE_NAME("reasoning"),           // OpenRouter, Ollama, newer vLLM
        [REFUSAL] = WIRE_NAME("refusal"),
    };
    struct wire_json v[COUNT], call;
    if (!wire_json_members(message, names, v, COUNT))
        return 0;
    int code = 0;
    if (v[REASONING].p || v[THOUGHT].p)
        code =
            take_text(r, KEY_THINKING, WIRE_THINKING, v[REASONING].p ? v[REASONING] : v[THOUGHT]);
    if (code == 0 && wire_json_is_array(v[CONTENT]))
        code = take_parts(r, v[CONTENT]);
    else if (code == 0)
        code = take_text(r, KEY_TEXT, WIRE_TEXT, v[CONTENT]);
    if (code == 0 && wire_json_is_string(v[REFUSAL]) && v[REFUSAL].n > 2) {
        r->refused = true;
        code = take_text(r, KEY_TEXT, WIRE_TEXT, v[REFUSAL]);
    }
    size_t at = 0;
    while (code == 0 && wire_json_each(v[CALLS], &at, &call))
        code = take_call(r, call);
    return code;
}

enum { D_CHOICES, D_ID, D_MODEL, D_CREATED, D_USAGE, D_ERROR, D_COUNT };
static const struct wire_name document_names[D_COUNT] = {
    [D_CHOICES] = WIRE_NAME("choices"), [D_ID] = WIRE_NAME("id"),
    [D_MODEL] = WIRE_NAME("model"),     [D_CREATED] = WIRE_NAME("created"),
    [D_USAGE] = WIRE_NAME("usage"),     [D_ERROR] = WIRE_NAME("error"),
};

// Only the first of several choices is read.
static int take_choices(struct wire_reader *r, struct wire_json choices) {
    enum { INDEX, DELTA, MESSAGE, FINISH, SEQUENCE, COUNT };
    static const struct wire_name names[COUNT] = {
        [INDEX] = WIRE_NAME("index"),          [DELTA] = WIRE_NAME("delta"),
        [MESSAGE] = WIRE_NAME("message"),      [FINISH] = WIRE_NAME("finish_reason"),
        [SEQUENCE] = WIRE_NAME("stop_reason"),
    };
    struct wire_json v[COUNT], choice;
    size_t at = 0;
    int code = 0;
    while (code == 0 && wire_json_each(choices, &at, &choice)) {
        if (!wire_json_members(choice, names, v, COUNT) || wire_json_int(v[INDEX]) != 0)
            continue;
        code = take_message(r, v[DELTA].p ? v[DELTA] : v[MESSAGE]);
        if (code == 0)
            code = wire_chat_finish(r, v[FINISH], v[SEQUENCE]);
    }
    return code;
}

static int take_document(struct wire_reader *r, const struct wire_json *v) {
    int code = wire_reader_start(r, v[D_ID], v[D_MODEL], v[D_CREATED]);
    if (code == 0)
        code = take_choices(r, v[D_CHOICES]);
    if (code == 0 && wire_json_is_object(v[D_USAGE]))
        code = wire_chat_usage(r, v[D_USAGE]);
    return code;
}

static int take_event(struct wire_reader *r, struct wire_json document) {
    struct wire_json v[D_COUNT];
    if (!wire_json_members(document, document_names, v, D_COUNT))
        return wire_reader_garbage(r, "an event is no JSON object");
    if (v[D_ERROR].p)
        return wire_reader_error(r, v[D_ERROR]);
    // Azure begins with a chunk about filters that has neither choices nor a model.
    return wire_json_is_array(v[D_CHOICES]) && (r->started || v[D_CHOICES].n > 2 || v[D_USAGE].p)
               ? take_document(r, v)
               : 0;
}

static int take_whole(struct wire_reader *r, struct wire_json document) {
    struct wire_json v[D_COUNT];
    (void)wire_json_members(document, document_names, v, D_COUNT);
    if (!wire_json_is_array(v[D_CHOICES]))
        return wire_reader_garbage(r, "it has no choices");
    int code = take_document(r, v);
    return code < 0 ? code : wire_reader_stop(r);
}

// data: [DONE]
static int take_done(struct wire_reader *r) {
    return r->started ? wire_reader_stop(r) : wire_reader_garbage(r, "it ended before it began");
}

const struct wire_reading wire_reading_chat = {
    .event = take_event, .whole = take_whole, .ended = take_done};

// --- written

static void put_usage(struct wire_writer *w, struct buf *out) {
    const struct wire_usage *u = &w->usage;
    int64_t prompt = u->input + u->cached + u->cache_write;
    WIRE_PUT(out, "{\"prompt_tokens\":");
    wire_put_number(out, prompt);
    WIRE_PUT(out, ",\"completion_tokens\":");
    wire_put_number(out, u->output);
    WIRE_PUT(out, ",\"total_tokens\":");
    wire_put_number(out, prompt + u->output);
    WIRE_PUT(out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
    wire_put_number(out, u->cached);
    if (u->cache_write) {
        WIRE_PUT(out, ",\"cache_write_tokens\":");
        wire_put_number(out, u->cache_write);
    }
    WIRE_PUT(out, "},\"completion_tokens_details\":{\"reasoning_tokens\":");
    wire_put_number(out, u->reasoning);
    WIRE_PUT(out, "}}");
}

static void put_head(struct wire_writer *w, const char *object, struct buf *out) {
    WIRE_PUT(out, "{\"id\":");
    if (w->id.len)
        wire_put_buf(out, &w->id);
    else
        WIRE_PUT(out, "\"chatcmpl-0\"");
    WIRE_PUT(out, ",\"object\":\"");
    (void)buf_puts(out, object);
    WIRE_PUT(out, "\",\"created\":");
    wire_put_number(out, w->created);
    WIRE_PUT(out, ",\"model\":");
    wire_put_buf(out, &w->model);
    WIRE_PUT(out, ",\"choices\":[");
}

#define END_DELTA ",\"finish_reason\":null}]}\n\n"

static void begin_chunk(struct wire_writer *w, struct buf *out) {
    (void)buf_append(out, w->prefix.data, w->prefix.len);
}

static int write_start(struct wire_writer *w, struct buf *out) {
    if (!w->stream)
        return 0;
    WIRE_PUT(&w->prefix, "data: ");
    put_head(w, "chat.completion.chunk", &w->prefix);
    WIRE_PUT(&w->prefix, "{\"index\":0,\"delta\":");
    if (w->prefix.failed)
        return ERR_NOMEM;
    begin_chunk(w, out);
    WIRE_PUT(out, "{\"role\":\"assistant\",\"content\":\"\"}" END_DELTA);
    return 0;
}

static void put_call(struct wire_writer *w, struct buf *out) { // up to its arguments
    WIRE_PUT(out, "\"id\":");
    wire_put_buf(out, &w->tool_id);
    WIRE_PUT(out, ",\"type\":\"function\",\"function\":{\"name\":");
    wire_put_buf(out, &w->tool_name);
    WIRE_PUT(out, ",\"arguments\":");
}

static int write_open(struct wire_writer *w, struct buf *out) {
    if (!w->stream || w->kind != WIRE_TOOL)
        return 0;
    begin_chunk(w, out);
    WIRE_PUT(out, "{\"tool_calls\":[{\"index\":");
    wire_put_number(out, w->tools);
    WIRE_PUT(out, ",");
    put_call(w, out);
    WIRE_PUT(out, "\"\"}}]}" END_DELTA);
    return 0;
}

static void put_arguments(struct wire_writer *w, const char *text, size_t n, struct buf *out) {
    begin_chunk(w, out);
    WIRE_PUT(out, "{\"tool_calls\":[{\"index\":");
    wire_put_number(out, w->tools - 1);
    WIRE_PUT(out, ",\"function\":{\"arguments\":");
    (void)buf_put_json_string(out, text, n);
    WIRE_PUT(out, "}}]}" END_DELTA);
}

// What only its maker can read has no place here.
static int write_piece(struct wire_writer *w, enum wire_kind kind, const char *text, size_t n,
                       struct buf *out) {
    if (kind == WIRE_SIGNATURE || kind == WIRE_REDACTED)
        return 0;
    if (!w->stream)
        return buf_append(kind == WIRE_TEXT       ? &w->said
                          : kind == WIRE_THINKING ? &w->thought
                                                  : &w->text,
                          text, n);
    if (kind == WIRE_TOOL_INPUT) {
        put_arguments(w, text, n, out);
        return 0;
    }
    begin_chunk(w, out);
    if (kind == WIRE_TEXT)
        WIRE_PUT(out, "{\"content\":");
    else
        WIRE_PUT(out, "{\"reasoning_content\":");
    (void)buf_put_json_string(out, text, n);
    WIRE_PUT(out, "}" END_DELTA);
    return 0;
}

static int write_close(struct wire_writer *w, struct buf *out) {
    if (w->kind != WIRE_TOOL)
        return 0;
    if (w->stream) {
        if (!w->input) // clients parse it
            put_arguments(w, "{}", 2, out);
        return 0;
    }
    struct buf *items = &w->items;
    if (w->item_count++)
        WIRE_PUT(items, ",");
    WIRE_PUT(items, "{");
    put_call(w, items);
    if (w->text.len)
        wire_put_buf(items, &w->text);
    else
        WIRE_PUT(items, "\"{}\"");
    WIRE_PUT(items, "}}");
    return items->failed ? ERR_NOMEM : 0;
}

static const char *finish_word(enum wire_stop stop) {
    switch (stop) {
    case WIRE_STOP_LENGTH:
    case WIRE_STOP_CONTEXT:
        return "\"length\"";
    case WIRE_STOP_TOOLS:
        return "\"tool_calls\"";
    case WIRE_STOP_REFUSAL:
        return "\"content_filter\"";
    default:
        return "\"stop\"";
    }
}

static int write_whole(struct wire_writer *w, const char *finish, struct buf *out) {
    put_head(w, "chat.completion", out);
    WIRE_PUT(out, "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    if (w->said.len || !w->item_count)
        wire_put_buf(out, &w->said);
    else
        WIRE_PUT(out, "null");
    WIRE_PUT(out, ",\"refusal\":null");
    if (w->thought.len) {
        WIRE_PUT(out, ",\"reasoning_content\":");
        wire_put_buf(out, &w->thought);
    }
    if (w->item_count) {
        WIRE_PUT(out, ",\"tool_calls\":[");
        (void)buf_append(out, w->items.data, w->items.len);
        WIRE_PUT(out, "]");
    }
    WIRE_PUT(out, "},\"logprobs\":null,\"finish_reason\":");
    (void)buf_puts(out, finish);
    WIRE_PUT(out, "}],\"usage\":");
    put_usage(w, out);
    WIRE_PUT(out, "}");
    return 0;
}

static int write_stop(struct wire_writer *w, const struct wire_event *e, struct buf *out) {
    const char *finish = finish_word(e->stop);
    if (!w->stream)
        return write_whole(w, finish, out);
    begin_chunk(w, out);
    WIRE_PUT(out, "{},\"finish_reason\":");
    (void)buf_puts(out, finish);
    WIRE_PUT(out, "}]");
    if (w->own_usage) {
        WIRE_PUT(out, "}\n\ndata: ");
        put_head(w, "chat.completion.chunk", out);
        WIRE_PUT(out, "]");
    }
    if (w->own_usage || w->usage.known) {
        WIRE_PUT(out, ",\"usage\":");
        put_usage(w, out);
    }
    WIRE_PUT(out, "}\n\ndata: [DONE]\n\n");
    return 0;
}

static int write_error(struct wire_writer *w, const struct wire_event *e, struct buf *out) {
    return wire_error_event(w, "data: ", e, out);
}

const struct wire_writing wire_writing_chat = {
    .start = write_start,
    .open = write_open,
    .piece = write_piece,
    .close = write_close,
    .stop = write_stop,
    .error = write_error,
};
