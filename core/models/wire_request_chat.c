// Requests of OpenAI Chat Completions.
#include "core/models/wire_request.h"

#include "core/base/mem.h"

#include <string.h>

enum { STOPS_MAX = 4 };

static int take_file(struct wire_request *q, const json_t *part) {
    const json_t *image = json_object_get(part, "image_url"), *file = json_object_get(part, "file");
    struct wire_text url = wire_member(image, "url");
    if (!url.n)
        url = wire_member(file, "file_data");
    if (url.n)
        return wire_add_part(q, WIRE_USER, wire_file_of(url));
    wire_lose(q, "files that only the backend has");
    return 0;
}

static int take_content(struct wire_request *q, enum wire_role role, const json_t *content,
                        unsigned *ret_count) {
    const json_t *part;
    size_t i;
    int code = 0;
    uint32_t before = q->part_count;
    if (json_is_string(content))
        code = wire_add_text(q, role, content);
    json_array_foreach((json_t *)content, i, part) {
        if (code < 0)
            break;
        if (wire_member_is(part, "type", "text"))
            code = wire_add_text(q, role, json_object_get(part, "text"));
        else if (wire_member_is(part, "type", "refusal"))
            code = wire_add_text(q, role, json_object_get(part, "refusal"));
        else if (role == WIRE_USER && (wire_member_is(part, "type", "image_url") ||
                                       wire_member_is(part, "type", "file")))
            code = take_file(q, part);
        else
            wire_lose_kind(q, part);
    }
    if (ret_count)
        *ret_count = q->part_count - before;
    return code;
}

static int take_calls(struct wire_request *q, const json_t *calls) {
    const json_t *call;
    size_t i;
    int code = 0;
    json_array_foreach((json_t *)calls, i, call) {
        const json_t *function = json_object_get(call, "function");
        struct wire_part part = {.kind = WIRE_PART_CALL,
                                 .id = wire_member(call, "id"),
                                 .name = wire_member(function, "name"),
                                 .text = wire_member(function, "arguments")};
        if (!part.id.n || !part.name.n)
            return wire_invalid(q, "messages[].tool_calls[]");
        if (code == 0)
            code = wire_add_part(q, WIRE_ASSISTANT, part);
    }
    return code;
}

static int take_result(struct wire_request *q, const json_t *message, const json_t *content) {
    struct wire_part part = {.kind = WIRE_PART_RESULT, .id = wire_member(message, "tool_call_id")};
    unsigned count = 0;
    if (!part.id.n)
        return wire_invalid(q, "messages[].tool_call_id");
    int code = wire_add_part(q, WIRE_USER, part);
    uint32_t at = q->part_count - 1;
    if (code == 0)
        code = take_content(q, WIRE_USER, content, &count);
    if (code == 0)
        q->parts[at].count = count;
    return code;
}

static int take_message(struct wire_request *q, const json_t *message) {
    const json_t *content = json_object_get(message, "content");
    if (!json_is_string(content) && !json_is_array(content) && content && !json_is_null(content))
        return wire_invalid(q, "messages[].content");
    if (wire_member_is(message, "role", "user"))
        return take_content(q, WIRE_USER, content, NULL);
    if (wire_member_is(message, "role", "system") || wire_member_is(message, "role", "developer"))
        return take_content(q, WIRE_SYSTEM, content, NULL);
    if (wire_member_is(message, "role", "tool"))
        return take_result(q, message, content);
    if (!wire_member_is(message, "role", "assistant"))
        return wire_invalid(q, "messages[].role");
    if (json_object_get(message, "reasoning_content") || json_object_get(message, "reasoning"))
        wire_lose(q, "thinking of another model");
    int code = take_content(q, WIRE_ASSISTANT, content, NULL);
    return code < 0 ? code : take_calls(q, json_object_get(message, "tool_calls"));
}

static void take_format(struct wire_request *q, const json_t *format) {
    const json_t *schema = json_object_get(format, "json_schema");
    if (wire_member_is(format, "type", "json_object"))
        q->json = true;
    if (!wire_member_is(format, "type", "json_schema"))
        return;
    q->schema = json_object_get(schema, "schema");
    q->schema_name = wire_member(schema, "name");
    q->strict = json_is_true(json_object_get(schema, "strict"));
}

int wire_request_from_chat(struct wire_request *q, const json_t *request) {
    static const char *const known[] = {"model",
                                        "messages",
                                        "tools",
                                        "tool_choice",
                                        "parallel_tool_calls",
                                        "max_tokens",
                                        "max_completion_tokens",
                                        "temperature",
                                        "top_p",
                                        "top_k",
                                        "stop",
                                        "reasoning_effort",
                                        "response_format",
                                        "stream",
                                        "stream_options"};
    const json_t *messages = json_object_get(request, "messages"), *one;
    const json_t *max = json_object_get(request, "max_completion_tokens");
    const json_t *parallel = json_object_get(request, "parallel_tool_calls");
    size_t i;
    int code = 0;
    if (!json_is_array(messages))
        return wire_invalid(q, "messages");
    wire_lose_others(q, request, known, COUNT_OF(known));
    if (!json_is_integer(max))
        max = json_object_get(request, "max_tokens");
    if (json_is_integer(max))
        q->max_tokens = json_integer_value(max);
    if (json_is_boolean(parallel))
        q->parallel = json_is_true(parallel);
    wire_take_numbers(q, request, "temperature", "top_p", "top_k");
    wire_add_stops(q, json_object_get(request, "stop"));
    wire_take_effort(q, json_object_get(request, "reasoning_effort"));
    wire_take_choice(q, "function", json_object_get(request, "tool_choice"));
    take_format(q, json_object_get(request, "response_format"));
    json_array_foreach((json_t *)messages, i, one) if (code == 0) code = take_message(q, one);
    return code < 0 ? code : wire_take_functions(q, "function", json_object_get(request, "tools"));
}

// --- written

static json_t *put_file(struct wire_request *q, const struct wire_part *p) {
    bool image = p->url.s ? !p->media.s : p->media.n > 6 && !memcmp(p->media.s, "image/", 6);
    json_t *part = wire_typed(q, image ? "image_url" : "file"), *inner = wire_object(q);
    if (!image)
        wire_set_text(q, inner, "filename", "file");
    wire_set(q, inner, image ? "url" : "file_data", wire_data_url(q, p));
    wire_set(q, part, image ? "image_url" : "file", inner);
    return part;
}

static void put_contents(struct wire_request *q, json_t *content, unsigned first, unsigned count) {
    for (unsigned i = first; i < first + count; i++) {
        const struct wire_part *p = &q->parts[i];
        if (p->kind == WIRE_PART_FILE) {
            wire_push(q, content, put_file(q, p));
        } else if (p->kind == WIRE_PART_TEXT) {
            json_t *part = wire_typed(q, "text");
            wire_set(q, part, "text", wire_string(q, p->text));
            wire_push(q, content, part);
        }
    }
}

static void put_message(struct wire_request *q, json_t *messages, const char *role,
                        json_t *content) {
    json_t *message = wire_object(q);
    wire_set_text(q, message, "role", role);
    wire_set(q, message, "content", content);
    wire_push(q, messages, message);
}

static void put_assistant(struct wire_request *q, json_t *messages, const struct wire_turn *t) {
    json_t *calls = wire_array(q), *text = wire_joined(q, t->first, t->count);
    for (unsigned i = t->first; i < t->first + t->count; i++) {
        const struct wire_part *p = &q->parts[i];
        if (p->kind != WIRE_PART_CALL)
            continue;
        json_t *call = wire_object(q), *function = wire_object(q);
        wire_set(q, call, "id", wire_string(q, p->id));
        wire_set_text(q, call, "type", "function");
        wire_set(q, function, "name", wire_string(q, p->name));
        wire_set(q, function, "arguments", wire_call_text(q, p));
        wire_set(q, call, "function", function);
        wire_push(q, calls, call);
    }
    bool any = json_array_size(calls) > 0;
    if (any && !json_string_length(text)) {
        json_decref(text);
        text = json_null();
    }
    put_message(q, messages, "assistant", text);
    if (any)
        wire_set(q, json_array_get(messages, json_array_size(messages) - 1), "tool_calls", calls);
    else
        json_decref(calls);
}

// A tool's message holds text alone: its files go into `files`. Behind the results that begin at i.
static unsigned put_results(struct wire_request *q, json_t *messages, unsigned i, unsigned end,
                            json_t *files) {
    for (; i < end && q->parts[i].kind == WIRE_PART_RESULT; i += 1 + q->parts[i].count) {
        const struct wire_part *p = &q->parts[i];
        put_message(q, messages, "tool", wire_joined(q, i + 1, p->count));
        wire_set(q, json_array_get(messages, json_array_size(messages) - 1), "tool_call_id",
                 wire_string(q, p->id));
        for (unsigned k = 1; k <= p->count; k++)
            if (p[k].kind == WIRE_PART_FILE)
                wire_push(q, files, put_file(q, &p[k]));
        if (p->error)
            wire_lose(q, "is_error of a tool's result");
    }
    return i;
}

// After all results the user shows what they could not. Texts alone go as one string: not every
// server takes an array.
static void put_user(struct wire_request *q, json_t *messages, const struct wire_turn *t) {
    unsigned i = t->first, end = t->first + t->count;
    while (i < end) {
        json_t *content = wire_array(q);
        unsigned from = i = put_results(q, messages, i, end, content);
        while (i < end && q->parts[i].kind != WIRE_PART_RESULT)
            i++;
        if (json_array_size(content) || !wire_only_texts(q, from, i - from)) {
            put_contents(q, content, from, i - from);
            put_message(q, messages, "user", content);
            continue;
        }
        json_decref(content);
        if (i > from)
            put_message(q, messages, "user", wire_joined(q, from, i - from));
    }
}

static void put_tools(struct wire_request *q, json_t *ret) {
    static const char *const words[] = {
        [WIRE_CHOICE_AUTO] = "auto", [WIRE_CHOICE_ANY] = "required", [WIRE_CHOICE_NONE] = "none"};
    if (!q->tool_count)
        return;
    json_t *tools = wire_array(q);
    for (unsigned i = 0; i < q->tool_count; i++) {
        json_t *tool = wire_typed(q, "function"), *function = wire_object(q);
        wire_set(q, function, "name", wire_string(q, q->tools[i].name));
        if (q->tools[i].description.n)
            wire_set(q, function, "description", wire_string(q, q->tools[i].description));
        if (q->tools[i].schema)
            wire_set(q, function, "parameters", wire_copy(q, q->tools[i].schema));
        wire_set(q, tool, "function", function);
        wire_push(q, tools, tool);
    }
    wire_set(q, ret, "tools", tools);
    if (q->choice == WIRE_CHOICE_NAMED) {
        json_t *choice = wire_typed(q, "function"), *function = wire_object(q);
        wire_set(q, function, "name", wire_string(q, q->choice_name));
        wire_set(q, choice, "function", function);
        wire_set(q, ret, "tool_choice", choice);
    } else if (q->choice != WIRE_CHOICE_UNSET) {
        wire_set_text(q, ret, "tool_choice", words[q->choice]);
    }
    if (q->parallel >= 0)
        wire_set(q, ret, "parallel_tool_calls", json_boolean(q->parallel));
}

static void put_format(struct wire_request *q, json_t *ret) {
    if (!q->schema && !q->json)
        return;
    json_t *format = wire_typed(q, q->schema ? "json_schema" : "json_object");
    if (q->schema) {
        json_t *inner = wire_object(q);
        if (q->schema_name.n)
            wire_set(q, inner, "name", wire_string(q, q->schema_name));
        else
            wire_set_text(q, inner, "name", "answer");
        wire_set(q, inner, "schema", wire_copy(q, q->schema));
        if (q->strict)
            wire_set(q, inner, "strict", json_true());
        wire_set(q, format, "json_schema", inner);
    }
    wire_set(q, ret, "response_format", format);
}

static void put_limits(struct wire_request *q, json_t *ret) {
    if (q->max_tokens > 0) // the older name: every server knows it, the newer one few
        wire_set(q, ret, "max_tokens", json_integer(q->max_tokens));
    if (q->temperature >= 0)
        wire_set(q, ret, "temperature", json_real(q->temperature));
    if (q->top_p >= 0)
        wire_set(q, ret, "top_p", json_real(q->top_p));
    if (q->top_k > 0)
        wire_lose(q, "top_k");
    // Three words are all that every server knows.
    enum wire_effort effort = wire_effort_of(q);
    if (effort == WIRE_EFFORT_NONE)
        wire_lose(q, "thinking switched off");
    else if (effort != WIRE_EFFORT_UNSET)
        wire_set_text(q, ret, "reasoning_effort",
                      wire_effort_word(effort < WIRE_EFFORT_LOW    ? WIRE_EFFORT_LOW
                                       : effort > WIRE_EFFORT_HIGH ? WIRE_EFFORT_HIGH
                                                                   : effort));
    if (q->stop_count) {
        json_t *stops = wire_array(q);
        for (unsigned i = 0; i < q->stop_count && i < STOPS_MAX; i++)
            wire_push(q, stops, wire_string(q, q->stops[i]));
        wire_set(q, ret, "stop", stops);
    }
    if (q->stop_count > STOPS_MAX)
        wire_lose(q, "more than four stop sequences");
}

void wire_request_to_chat(struct wire_request *q, json_t *ret) {
    json_t *messages = wire_array(q);
    wire_set_text(q, ret, "model", q->model);
    for (unsigned i = 0; i < q->turn_count; i++) {
        const struct wire_turn *t = &q->turns[i];
        if (t->role == WIRE_SYSTEM)
            put_message(q, messages, "system", wire_joined(q, t->first, t->count));
        else if (t->role == WIRE_ASSISTANT)
            put_assistant(q, messages, t);
        else
            put_user(q, messages, t);
    }
    wire_set(q, ret, "messages", messages);
    put_tools(q, ret);
    put_format(q, ret);
    put_limits(q, ret);
    if (q->stream) {
        json_t *options = wire_object(q);
        wire_set(q, options, "include_usage", json_true());
        wire_set(q, ret, "stream", json_true());
        wire_set(q, ret, "stream_options", options);
    }
}
