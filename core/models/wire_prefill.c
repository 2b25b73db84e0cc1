// A request whose answer has begun already: what was said of it stands at its end.
#include "core/models/wire_continue.h"

#include "core/base/mem.h"

#include <string.h>

// --- what can be gone on with

static const json_t *member(const json_t *object, const char *a, const char *b) {
    const json_t *inner = json_object_get(object, a);
    return b ? json_object_get(inner, b) : inner;
}

static bool is_word(const json_t *value, const char *word) {
    const char *text = json_string_value(value);
    return text && strcmp(text, word) == 0;
}

static bool there(const json_t *value) {
    return value && !json_is_null(value);
}

static bool formed(enum wire_family family, const json_t *q) { // by a schema, or any JSON
    switch (family) {
    case WIRE_ANTHROPIC:
        return there(member(q, "output_format", NULL)) ||
               there(member(q, "output_config", "format"));
    case WIRE_CHAT: {
        const json_t *format = member(q, "response_format", NULL);
        return there(format) && !is_word(json_object_get(format, "type"), "text");
    }
    case WIRE_RESPONSES: {
        const json_t *format = member(q, "text", "format");
        return there(format) && !is_word(json_object_get(format, "type"), "text");
    }
    default: {
        const json_t *type = member(q, "generationConfig", "responseMimeType");
        return there(member(q, "generationConfig", "responseSchema")) ||
               there(member(q, "generationConfig", "responseJsonSchema")) ||
               (there(type) && !is_word(type, "text/plain"));
    }
    }
}

static bool many(enum wire_family family, const json_t *q) {
    return (family == WIRE_CHAT && json_integer_value(member(q, "n", NULL)) > 1) ||
           (family == WIRE_GEMINI &&
            json_integer_value(member(q, "generationConfig", "candidateCount")) > 1);
}

int wire_continuable(enum wire_family family, const json_t *request, struct err *err) {
    if (formed(family, request))
        return err_set(err, ERR_INVAL, "an answer in a fixed form begins anew each time");
    if (many(family, request))
        return err_set(err, ERR_INVAL, "several answers were asked for at once");
    return 0;
}

// --- at the end of the request

size_t wire_said_blank(const char *said, size_t n) {
    size_t left = n;
    while (left && strchr(" \n\t\r", said[left - 1]) && said[left - 1])
        left--;
    return n - left;
}

struct said {
    const char *text;
    size_t n;
};

static json_t *text_of(struct said s) {
    return json_stringn_nocheck(s.text, s.n);
}

// Both as one text: two parts may be read with a break in between.
static json_t *joined(const json_t *before, struct said s) {
    AUTO_BUF text = BUF_INIT(0);
    (void)buf_append(&text, json_string_value(before), json_string_length(before));
    (void)buf_append(&text, s.text, s.n);
    return text.failed ? NULL : json_stringn_nocheck(text.data ? text.data : "", text.len);
}

static json_t *part_of(const char *type, struct said s) {
    json_t *part = type ? json_pack("{s:s}", "type", type) : json_object();
    if (part && json_object_set_new(part, "text", text_of(s)) == 0)
        return part;
    json_decref(part);
    return NULL;
}

// A text or an array of parts.
static int add_to_content(json_t *turn, const char *content, const char *part_type, struct said s) {
    json_t *is = json_object_get(turn, content);
    if (json_is_string(is))
        return json_object_set_new(turn, content, joined(is, s));
    if (!json_is_array(is)) // null, where there were only calls
        return json_object_set_new(turn, content, text_of(s));
    json_t *last = json_array_get(is, json_array_size(is) - 1);
    json_t *text = json_object_get(last, "text");
    bool plain = !part_type || is_word(json_object_get(last, "type"), part_type);
    return json_is_string(text) && plain ? json_object_set_new(last, "text", joined(text, s))
                                         : json_array_append_new(is, part_of(part_type, s));
}

static int add_turn(json_t *turns, const char *role, const char *content, const char *part_type,
                    struct said s) {
    json_t *last = json_array_get(turns, json_array_size(turns) - 1);
    if (is_word(json_object_get(last, "role"), role) && !json_object_get(last, "tool_calls"))
        return add_to_content(last, content, part_type, s); // the client had begun it itself
    json_t *turn = json_pack("{s:s, s:[o]}", "role", role, content, part_of(part_type, s));
    return json_array_append_new(turns, turn);
}

static int add_chat_turn(json_t *turns, struct said s) {
    json_t *last = json_array_get(turns, json_array_size(turns) - 1);
    if (is_word(json_object_get(last, "role"), "assistant") && !json_object_get(last, "tool_calls"))
        return add_to_content(last, "content", "text", s);
    json_t *turn = json_pack("{s:s, s:o}", "role", "assistant", "content", text_of(s));
    return json_array_append_new(turns, turn);
}

// Responses: the conversation may be one text.
static int open_input(json_t *request) {
    json_t *input = json_object_get(request, "input");
    if (!json_is_string(input))
        return 0;
    json_t *turns = json_pack("[{s:s, s:O}]", "role", "user", "content", input);
    return json_object_set_new(request, "input", turns);
}

static int add_said(enum wire_family family, json_t *request, struct said s, bool template) {
    switch (family) {
    case WIRE_ANTHROPIC: // "extended thinking is not compatible with pre-filled responses"
        (void)json_object_del(request, "thinking");
        return add_turn(json_object_get(request, "messages"), "assistant", "content", "text", s);
    case WIRE_RESPONSES:
        if (open_input(request) < 0)
            return -1;
        return add_turn(json_object_get(request, "input"), "assistant", "content", "output_text",
                        s);
    case WIRE_GEMINI:
        return add_turn(json_object_get(request, "contents"), "model", "parts", NULL, s);
    default:
        if (add_chat_turn(json_object_get(request, "messages"), s) < 0)
            return -1;
        if (!template)
            return 0;
        return json_object_set_new(request, "continue_final_message", json_true()) < 0
                   ? -1
                   : json_object_set_new(request, "add_generation_prompt", json_false());
    }
}

// --- what is left of the limit

static int lower(json_t *object, const char *name, int64_t spent) {
    const json_t *limit = json_object_get(object, name);
    if (!json_is_integer(limit) || json_integer_value(limit) < 1)
        return 0;
    int64_t left = json_integer_value(limit) - spent;
    return json_object_set_new(object, name, json_integer(left > 1 ? left : 1));
}

static int lower_limit(enum wire_family family, json_t *request, int64_t spent) {
    static const char *const names[WIRE_FAMILIES] = {
        [WIRE_ANTHROPIC] = "max_tokens",
        [WIRE_CHAT] = "max_tokens",
        [WIRE_RESPONSES] = "max_output_tokens",
        [WIRE_GEMINI] = "maxOutputTokens",
    };
    json_t *object = family == WIRE_GEMINI ? json_object_get(request, "generationConfig") : request;
    if (lower(object, names[family], spent) < 0)
        return -1;
    return family == WIRE_CHAT ? lower(request, "max_completion_tokens", spent) : 0;
}

int wire_prefill(enum wire_family family, json_t *request, const char *said, size_t n,
                 int64_t spent, bool template) {
    struct said s = {said, n - wire_said_blank(said, n)};
    if (s.n && add_said(family, request, s, template) < 0)
        return ERR_NOMEM;
    return lower_limit(family, request, spent) < 0 ? ERR_NOMEM : 0;
}
