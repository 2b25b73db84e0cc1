#include "core/models/wire_fim.h"

#include "core/base/mem.h"
#include "core/models/wire_read.h"

#include <string.h>

enum { KEY_TEXT = 0 };

// --- the place

static const char *find_mark(const char *text, size_t n, const char *mark) {
    return memmem(text, n, mark, strlen(mark));
}

int wire_fim_split(const json_t *request, const char *mark, struct wire_gap *ret, struct err *err) {
    const json_t *messages = json_object_get(request, "messages");
    size_t count = json_array_size(messages);
    const json_t *content =
        count ? json_object_get(json_array_get(messages, count - 1), "content") : NULL;
    const char *text = json_string_value(content);
    size_t n = json_string_length(content);
    const char *eol = n ? memchr(text, '\n', n) : NULL;
    if (!eol || !*mark)
        return err_set(err, ERR_INVAL, "there is no place to fill in");
    const char *end = text + n, *at;
    text = eol + 1;
    at = find_mark(text, (size_t)(end - text), mark);
    const char *behind = at ? at + strlen(mark) : end;
    if (!at || find_mark(behind, (size_t)(end - behind), mark))
        return err_set(err, ERR_INVAL, "there is not one place to fill in");
    *ret =
        (struct wire_gap){.before = text,
                          .before_n = (size_t)(at - text),
                          .behind = behind,
                          .behind_n = (size_t)(end - behind),
                          .max_tokens = json_integer_value(json_object_get(request, "max_tokens"))};
    return 0;
}

// --- requests

int wire_fim_path(enum wire_fim fim, struct buf *out) {
    static const char *const paths[WIRE_FIMS] = {[WIRE_FIM_INFILL] = "/infill",
                                                 [WIRE_FIM_COMPLETIONS] = "/v1/completions",
                                                 [WIRE_FIM_MISTRAL] = "/v1/fim/completions",
                                                 [WIRE_FIM_DEEPSEEK] = "/beta/completions",
                                                 [WIRE_FIM_OLLAMA] = "/api/generate"};
    if ((unsigned)fim >= WIRE_FIMS || !paths[fim])
        return ERR_INVAL;
    return buf_puts(out, paths[fim]);
}

// Brackets that an editor closes by itself leave room for more lines; words do not.
static bool within_line(const struct wire_gap *gap) {
    for (size_t i = 0; i < gap->behind_n && gap->behind[i] != '\n'; i++) {
        unsigned char c = (unsigned char)gap->behind[i];
        if (c >= 0x80 || c == '_' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'))
            return true;
    }
    return false;
}

static void put_text(struct buf *out, const char *name, const char *text, size_t n) {
    (void)buf_printf(out, ",\"%s\":", name);
    (void)buf_put_json_string(out, text, n);
}

// Where nothing stands, an end of a line does: without a text behind, Ollama takes what is before
// for the words of a conversation, and others refuse an empty prompt.
static void put_side(struct buf *out, const char *name, const char *text, size_t n) {
    put_text(out, name, n ? text : "\n", n ? n : 1);
}

static void put_stop(struct buf *out, const struct wire_gap *gap) {
    (void)buf_puts(out, within_line(gap) ? ",\"stop\":[\"\\n\"]" : ",\"stop\":[\"\\n\\n\"]");
}

int wire_fim_write(enum wire_fim fim, const struct wire_gap *gap, const char *model, bool stream,
                   struct buf *out) {
    bool infill = fim == WIRE_FIM_INFILL, ollama = fim == WIRE_FIM_OLLAMA;
    long long tokens = gap->max_tokens > 0 ? gap->max_tokens : 1;
    if (fim <= WIRE_FIM_NONE || fim >= WIRE_FIMS)
        return ERR_INVAL;
    (void)buf_puts(out, "{\"model\":");
    (void)buf_put_json_string(out, model, strlen(model));
    if (infill) {
        put_text(out, "input_prefix", gap->before, gap->before_n);
        put_text(out, "input_suffix", gap->behind, gap->behind_n);
        (void)buf_printf(out, ",\"n_predict\":%lld,\"cache_prompt\":true", tokens);
    } else {
        put_side(out, "prompt", gap->before, gap->before_n);
        put_side(out, "suffix", gap->behind, gap->behind_n);
        if (!ollama)
            (void)buf_printf(out, ",\"max_tokens\":%lld", tokens);
    }
    (void)buf_puts(out, stream ? ",\"stream\":true" : ",\"stream\":false");
    if (stream && (fim == WIRE_FIM_COMPLETIONS || fim == WIRE_FIM_DEEPSEEK))
        (void)buf_puts(out, ",\"stream_options\":{\"include_usage\":true}");
    if (ollama)
        (void)buf_printf(out, ",\"options\":{\"num_predict\":%lld", tokens);
    (void)buf_puts(out, ",\"temperature\":0");
    put_stop(out, gap);
    (void)buf_puts(out, ollama ? "}}" : "}");
    return out->failed ? ERR_NOMEM : 0;
}

// --- answers: llama.cpp

// The last event, which says why and counts.
static int end_with(struct wire_reader *r, bool cut, struct wire_json in, struct wire_json out) {
    r->finished = true;
    r->stop = cut ? WIRE_STOP_LENGTH : WIRE_STOP_END;
    int64_t input = wire_json_int(in), output = wire_json_int(out);
    r->usage.input = input > 0 ? input : 0;
    r->usage.output = output > 0 ? output : 0;
    int code = in.p || out.p ? wire_reader_usage(r) : 0;
    return code < 0 ? code : wire_reader_stop(r);
}

static bool is_true(struct wire_json v) {
    return v.n == 4 && memcmp(v.p, "true", 4) == 0;
}

static int take_infill(struct wire_reader *r, struct wire_json document) {
    enum { CONTENT, STOP, TYPE, LIMIT, IN, OUT, MODEL, ERROR, COUNT };
    static const struct wire_name names[COUNT] = {
        [CONTENT] = WIRE_NAME("content"),     [STOP] = WIRE_NAME("stop"),
        [TYPE] = WIRE_NAME("stop_type"),
        [LIMIT] = WIRE_NAME("stopped_limit"), // older ones
        [IN] = WIRE_NAME("tokens_evaluated"), [OUT] = WIRE_NAME("tokens_predicted"),
        [MODEL] = WIRE_NAME("model"),         [ERROR] = WIRE_NAME("error"),
    };
    const struct wire_json none = {0};
    struct wire_json v[COUNT];
    if (!wire_json_members(document, names, v, COUNT))
        return wire_reader_garbage(r, "an event is no JSON object");
    if (v[ERROR].p)
        return wire_reader_error(r, v[ERROR]);
    if (!wire_json_is_string(v[CONTENT]))
        return wire_reader_garbage(r, "it has no content");
    int code = wire_reader_start(r, none, v[MODEL], none);
    if (code == 0)
        code = wire_reader_text(r, KEY_TEXT, WIRE_TEXT, v[CONTENT]);
    if (code < 0 || !(is_true(v[STOP]) || !r->stream))
        return code;
    return end_with(r, wire_json_is(v[TYPE], "limit") || is_true(v[LIMIT]), v[IN], v[OUT]);
}

// --- Ollama: a document a line

static int take_ollama(struct wire_reader *r, struct wire_json document) {
    enum { RESPONSE, DONE, REASON, IN, OUT, MODEL, ERROR, COUNT };
    static const struct wire_name names[COUNT] = {
        [RESPONSE] = WIRE_NAME("response"),  [DONE] = WIRE_NAME("done"),
        [REASON] = WIRE_NAME("done_reason"), [IN] = WIRE_NAME("prompt_eval_count"),
        [OUT] = WIRE_NAME("eval_count"),     [MODEL] = WIRE_NAME("model"),
        [ERROR] = WIRE_NAME("error"),
    };
    const struct wire_json none = {0};
    struct wire_json v[COUNT];
    if (!wire_json_members(document, names, v, COUNT))
        return wire_reader_garbage(r, "a line is no JSON object");
    if (v[ERROR].p)
        return wire_reader_error(r, v[ERROR]);
    if (!wire_json_is_string(v[RESPONSE]) && !is_true(v[DONE]))
        return wire_reader_garbage(r, "it has no response");
    int code = wire_reader_start(r, none, v[MODEL], none);
    if (code == 0)
        code = wire_reader_text(r, KEY_TEXT, WIRE_TEXT, v[RESPONSE]);
    if (code < 0 || !is_true(v[DONE]))
        return code;
    return end_with(r, wire_json_is(v[REASON], "length"), v[IN], v[OUT]);
}

// --- completions

enum { C_CHOICES, C_ID, C_MODEL, C_CREATED, C_USAGE, C_ERROR, C_COUNT };
static const struct wire_name completion_names[C_COUNT] = {
    [C_CHOICES] = WIRE_NAME("choices"), [C_ID] = WIRE_NAME("id"),
    [C_MODEL] = WIRE_NAME("model"),     [C_CREATED] = WIRE_NAME("created"),
    [C_USAGE] = WIRE_NAME("usage"),     [C_ERROR] = WIRE_NAME("error"),
};

static int take_choices(struct wire_reader *r, struct wire_json choices) {
    enum { INDEX, TEXT, FINISH, COUNT };
    static const struct wire_name names[COUNT] = {[INDEX] = WIRE_NAME("index"),
                                                  [TEXT] = WIRE_NAME("text"),
                                                  [FINISH] = WIRE_NAME("finish_reason")};
    const struct wire_json none = {0};
    struct wire_json v[COUNT], choice;
    size_t at = 0;
    int code = 0;
    while (code == 0 && wire_json_each(choices, &at, &choice)) {
        if (!wire_json_members(choice, names, v, COUNT) || wire_json_int(v[INDEX]) != 0)
            continue;
        code = wire_reader_text(r, KEY_TEXT, WIRE_TEXT, v[TEXT]);
        if (code == 0)
            code = wire_chat_finish(r, v[FINISH], none);
    }
    return code;
}

static int take_completion(struct wire_reader *r, struct wire_json document) {
    struct wire_json v[C_COUNT];
    if (!wire_json_members(document, completion_names, v, C_COUNT))
        return wire_reader_garbage(r, "an event is no JSON object");
    if (v[C_ERROR].p)
        return wire_reader_error(r, v[C_ERROR]);
    if (!wire_json_is_array(v[C_CHOICES]))
        return r->stream ? 0 : wire_reader_garbage(r, "it has no choices");
    int code = wire_reader_start(r, v[C_ID], v[C_MODEL], v[C_CREATED]);
    if (code == 0)
        code = take_choices(r, v[C_CHOICES]);
    if (code == 0 && wire_json_is_object(v[C_USAGE]))
        code = wire_chat_usage(r, v[C_USAGE]);
    return code;
}

static int whole_completion(struct wire_reader *r, struct wire_json document) {
    int code = take_completion(r, document);
    return code < 0 || r->done ? code : wire_reader_stop(r);
}

static int completion_done(struct wire_reader *r) { // data: [DONE]
    return r->started ? wire_reader_stop(r) : wire_reader_garbage(r, "it ended before it began");
}

// ---

static const struct wire_reading reading_infill = {.event = take_infill, .whole = take_infill};
static const struct wire_reading reading_ollama = {
    .event = take_ollama, .whole = take_ollama, .lines = true};
static const struct wire_reading reading_completions = {
    .event = take_completion, .whole = whole_completion, .ended = completion_done};

int wire_fim_reader_new(enum wire_fim fim, bool stream, struct wire_reader **ret) {
    static const struct wire_reading *const readings[WIRE_FIMS] = {
        [WIRE_FIM_INFILL] = &reading_infill,
        [WIRE_FIM_COMPLETIONS] = &reading_completions,
        [WIRE_FIM_MISTRAL] = &wire_reading_chat, // its answers are a conversation's
        [WIRE_FIM_DEEPSEEK] = &reading_completions,
        [WIRE_FIM_OLLAMA] = &reading_ollama};
    if (fim <= WIRE_FIM_NONE || fim >= WIRE_FIMS)
        return ERR_INVAL;
    int r = wire_reader_new(WIRE_CHAT, stream, ret);
    if (r == 0)
        (*ret)->how = readings[fim];
    return r;
}
