// Requests of Gemini generateContent.
#include "core/models/wire_request.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

enum { STOPS_MAX = 5, BUDGET_MAX = 24576 }; // the smaller models' largest

static const json_t *either(const json_t *object, const char *camel, const char *snake) {
    const json_t *v = json_object_get(object, camel);
    return v ? v : json_object_get(object, snake);
}

static int take_file(struct wire_request *q, enum wire_role role, const json_t *part) {
    const json_t *data = either(part, "inlineData", "inline_data");
    const json_t *file = either(part, "fileData", "file_data");
    struct wire_part p = {.kind = WIRE_PART_FILE,
                          .media = wire_text_of(either(data, "mimeType", "mime_type")),
                          .data = wire_member(data, "data"),
                          .url = wire_text_of(either(file, "fileUri", "file_uri"))};
    if (p.url.n && (p.url.n < 8 || memcmp(p.url.s, "https://", 8) != 0 ||
                    strstr(p.url.s, "generativelanguage.googleapis.com"))) {
        wire_lose(q, "files that only the backend has");
        return 0;
    }
    if (!p.url.n && (!p.media.n || !p.data.n)) {
        wire_lose(q, "a part of no known kind");
        return 0;
    }
    return wire_add_part(q, role, p);
}

// Calls need no ids there. Ids are made of the calls' places, so that the same history gives the
// same ones again.
static int take_call(struct wire_request *q, const json_t *call) {
    struct wire_part p = {.kind = WIRE_PART_CALL,
                          .id = wire_member(call, "id"),
                          .name = wire_member(call, "name"),
                          .input = json_object_get(call, "args")};
    if (!p.name.n)
        return wire_invalid(q, "contents[].parts[].functionCall.name");
    if (!json_is_object(p.input))
        p.input = NULL;
    if (!p.id.n) {
        p.id = wire_text_of(wire_hold(q, json_sprintf("call_%u", (unsigned)q->part_count)));
        if (!p.id.n)
            return wire_no_memory(q);
    }
    return wire_add_part(q, WIRE_ASSISTANT, p);
}

// A result without an id belongs to the first call of its name in the answer before it that has
// none yet.
static struct wire_text id_of_result(struct wire_request *q, struct wire_text name) {
    uint32_t t = q->turn_count;
    while (t > 0 && q->turns[t - 1].role != WIRE_ASSISTANT)
        t--;
    for (unsigned i = 0; t > 0 && i < q->turns[t - 1].count; i++) {
        struct wire_part *p = &q->parts[q->turns[t - 1].first + i];
        if (p->kind == WIRE_PART_CALL && !p->count && p->name.n == name.n &&
            !memcmp(p->name.s, name.s, name.n)) {
            p->count = 1;
            return p->id;
        }
    }
    return (struct wire_text){0};
}

// The result is an object: its one text under one of the usual names, or all of it as JSON.
static int take_result(struct wire_request *q, const json_t *result) {
    static const char *const names[] = {"output", "result", "content", "error"};
    const json_t *response = json_object_get(result, "response"), *text = NULL;
    struct wire_part p = {.kind = WIRE_PART_RESULT,
                          .id = wire_member(result, "id"),
                          .name = wire_member(result, "name"),
                          .error = json_object_get(response, "error") != NULL};
    if (!p.name.n)
        return wire_invalid(q, "contents[].parts[].functionResponse.name");
    if (!p.id.n)
        p.id = id_of_result(q, p.name);
    if (!p.id.n)
        return wire_invalid(q, "the call of a functionResponse");
    for (size_t i = 0; i < COUNT_OF(names) && json_object_size(response) == 1 && !text; i++)
        text = json_object_get(response, names[i]);
    if (!json_is_string(text)) {
        buf_clear(&q->bytes);
        int r =
            response ? buf_put_json(&q->bytes, response, JSON_COMPACT) : buf_puts(&q->bytes, "{}");
        if (r == 0)
            text = wire_hold(q, json_stringn(q->bytes.data, q->bytes.len));
        if (r < 0 || !text)
            return wire_no_memory(q);
    }
    p.count = json_string_length(text) > 0;
    int code = wire_add_part(q, WIRE_USER, p);
    return code < 0 ? code : wire_add_text(q, WIRE_USER, text);
}

static int take_part(struct wire_request *q, enum wire_role role, const json_t *part) {
    const json_t *call = either(part, "functionCall", "function_call");
    const json_t *result = either(part, "functionResponse", "function_response");
    if (json_is_true(json_object_get(part, "thought"))) {
        wire_lose(q, "thinking of another model");
        return 0;
    }
    if (call)
        return take_call(q, call);
    if (result)
        return take_result(q, result);
    if (json_is_string(json_object_get(part, "text")))
        return wire_add_text(q, role, json_object_get(part, "text"));
    return take_file(q, role, part);
}

static int take_content(struct wire_request *q, enum wire_role role, const json_t *content) {
    const json_t *parts = json_object_get(content, "parts"), *part;
    size_t i;
    int code = 0;
    json_array_foreach((json_t *)parts, i, part) if (code == 0) code = take_part(q, role, part);
    return code;
}

static int take_contents(struct wire_request *q, const json_t *contents) {
    const json_t *content;
    size_t i;
    int code = 0;
    if (!json_is_array(contents))
        return wire_invalid(q, "contents");
    json_array_foreach((json_t *)contents, i, content) {
        struct wire_text role = wire_member(content, "role");
        bool model = wire_text_is(role, "model");
        if (role.s && !model && !wire_text_is(role, "user") && !wire_text_is(role, "function"))
            return wire_invalid(q, "contents[].role");
        if (code == 0)
            code = take_content(q, model ? WIRE_ASSISTANT : WIRE_USER, content);
    }
    return code;
}

static int lower(json_t *object) {
    static const char *const types[][2] = {
        {"OBJECT", "object"},   {"ARRAY", "array"},     {"STRING", "string"}, {"NUMBER", "number"},
        {"INTEGER", "integer"}, {"BOOLEAN", "boolean"}, {"NULL", "null"}};
    json_t *type = json_object_get(object, "type");
    for (size_t i = 0; json_is_string(type) && i < COUNT_OF(types); i++)
        if (!strcmp(json_string_value(type), types[i][0]))
            return json_string_set(type, types[i][1]) < 0 ? ERR_NOMEM : 0;
    return 0;
}

// The older form of schemas writes types in capitals. Walks without recursion: NULL when out of
// memory.
static const json_t *usual_schema(struct wire_request *q, const json_t *schema) {
    json_t *copy = wire_deep_copy(schema), *inner;
    AUTO_FREE json_t **stack = NULL;
    uint32_t n = 0, room = 0;
    const char *name;
    size_t i;
    int code =
        copy ? mem_grow((void **)&stack, n, &room, sizeof *stack, WIRE_PARTS_MAX) : ERR_NOMEM;
    if (code == 0)
        stack[n++] = copy;
    while (code == 0 && n > 0) {
        json_t *value = stack[--n];
        code = lower(value);
        json_object_foreach(value, name, inner) {
            if (code == 0)
                code = mem_grow((void **)&stack, n, &room, sizeof *stack, WIRE_PARTS_MAX);
            if (code == 0)
                stack[n++] = inner;
        }
        json_array_foreach(value, i, inner) {
            if (code == 0)
                code = mem_grow((void **)&stack, n, &room, sizeof *stack, WIRE_PARTS_MAX);
            if (code == 0)
                stack[n++] = inner;
        }
    }
    if (code < 0) {
        json_decref(copy);
        return NULL;
    }
    return wire_hold(q, copy);
}

static int take_tools(struct wire_request *q, const json_t *tools) {
    const json_t *tool, *one;
    size_t i, k;
    int code = 0;
    json_array_foreach((json_t *)tools, i, tool) {
        const json_t *list = either(tool, "functionDeclarations", "function_declarations");
        if (!list || json_object_size(tool) > 1)
            wire_lose(q, "tools of the backend");
        json_array_foreach((json_t *)list, k, one) {
            const json_t *schema = either(one, "parametersJsonSchema", "parameters_json_schema");
            const json_t *older = json_object_get(one, "parameters");
            if (!schema && older && !(schema = usual_schema(q, older)))
                return wire_no_memory(q);
            if (code == 0)
                code =
                    wire_add_tool(q, (struct wire_tool){wire_member(one, "name"),
                                                        wire_member(one, "description"), schema});
        }
    }
    return code;
}

static void take_choice(struct wire_request *q, const json_t *request) {
    const json_t *config = either(either(request, "toolConfig", "tool_config"),
                                  "functionCallingConfig", "function_calling_config");
    const json_t *names = either(config, "allowedFunctionNames", "allowed_function_names");
    if (wire_member_is(config, "mode", "AUTO"))
        q->choice = WIRE_CHOICE_AUTO;
    else if (wire_member_is(config, "mode", "NONE"))
        q->choice = WIRE_CHOICE_NONE;
    else if (wire_member_is(config, "mode", "ANY"))
        q->choice = json_array_size(names) == 1 ? WIRE_CHOICE_NAMED : WIRE_CHOICE_ANY;
    q->choice_name = wire_text_of(json_array_get(names, 0));
    if (json_array_size(names) > 1)
        wire_lose(q, "allowedFunctionNames");
}

static int take_config(struct wire_request *q, const json_t *request) {
    const json_t *config = either(request, "generationConfig", "generation_config");
    const json_t *max = json_object_get(config, "maxOutputTokens");
    const json_t *thinking = json_object_get(config, "thinkingConfig");
    const json_t *budget = json_object_get(thinking, "thinkingBudget");
    static const char *const levels[] = {"MINIMAL", "LOW", "MEDIUM", "HIGH"};
    static const char *const known[] = {"maxOutputTokens",
                                        "temperature",
                                        "topP",
                                        "topK",
                                        "stopSequences",
                                        "thinkingConfig",
                                        "responseMimeType",
                                        "responseJsonSchema",
                                        "responseSchema"};
    wire_lose_others(q, config, known, COUNT_OF(known));
    if (json_is_integer(max))
        q->max_tokens = json_integer_value(max);
    wire_take_numbers(q, config, "temperature", "topP", "topK");
    wire_add_stops(q, json_object_get(config, "stopSequences"));
    if (json_is_integer(budget) && json_integer_value(budget) >= 0)
        q->budget = json_integer_value(budget);
    else if (json_is_integer(budget)) // -1: as much as the model likes
        q->effort = WIRE_EFFORT_MEDIUM;
    for (unsigned i = 0; i < COUNT_OF(levels); i++)
        if (wire_member_is(thinking, "thinkingLevel", levels[i]))
            q->effort = (enum wire_effort)(WIRE_EFFORT_MINIMAL + i);
    q->json = wire_member_is(config, "responseMimeType", "application/json");
    q->schema = json_object_get(config, "responseJsonSchema");
    const json_t *older = json_object_get(config, "responseSchema");
    if (!q->schema && older && !(q->schema = usual_schema(q, older)))
        return wire_no_memory(q);
    return 0;
}

int wire_request_from_gemini(struct wire_request *q, const json_t *request) {
    static const char *const known[] = {
        "model",      "contents",    "systemInstruction", "system_instruction", "tools",
        "toolConfig", "tool_config", "generationConfig",  "generation_config"};
    wire_lose_others(q, request, known, COUNT_OF(known));
    take_choice(q, request);
    int code = take_config(q, request);
    if (code == 0)
        code = take_content(q, WIRE_SYSTEM,
                            either(request, "systemInstruction", "system_instruction"));
    if (code == 0)
        code = take_contents(q, json_object_get(request, "contents"));
    return code < 0 ? code : take_tools(q, json_object_get(request, "tools"));
}

// --- written

static json_t *put_part(struct wire_request *q, const struct wire_part *p) {
    json_t *part = wire_object(q), *inner;
    if (p->kind == WIRE_PART_TEXT) {
        wire_set(q, part, "text", wire_string(q, p->text));
        return part;
    }
    inner = wire_object(q);
    if (p->url.s) {
        wire_set(q, inner, "fileUri", wire_string(q, p->url));
        if (p->media.n)
            wire_set(q, inner, "mimeType", wire_string(q, p->media));
    } else {
        wire_set(q, inner, "mimeType", wire_string(q, p->media));
        wire_set(q, inner, "data", wire_string(q, p->data));
    }
    wire_set(q, part, p->url.s ? "fileData" : "inlineData", inner);
    return part;
}

// Newer models refuse calls that no signature of theirs stands beside; this word is what their
// reference gives for calls of another model (ai.google.dev, "Thought signatures").
static json_t *put_call(struct wire_request *q, const struct wire_part *p, bool first) {
    json_t *part = wire_object(q), *call = wire_object(q);
    wire_set(q, call, "id", wire_string(q, p->id));
    wire_set(q, call, "name", wire_string(q, p->name));
    wire_set(q, call, "args", wire_call_object(q, p));
    wire_set(q, part, "functionCall", call);
    if (first)
        wire_set_text(q, part, "thoughtSignature", "skip_thought_signature_validator");
    return part;
}

static void put_result(struct wire_request *q, unsigned at, json_t *parts) {
    const struct wire_part *p = &q->parts[at];
    json_t *part = wire_object(q), *result = wire_object(q), *response = wire_object(q);
    wire_set(q, result, "id", wire_string(q, p->id));
    wire_set(q, result, "name", wire_string(q, wire_name_of_call(q, at)));
    wire_set(q, response, p->error ? "error" : "output", wire_joined(q, at + 1, p->count));
    wire_set(q, result, "response", response);
    wire_set(q, part, "functionResponse", result);
    wire_push(q, parts, part);
}

// The texts of results, then the files that came with them, then the rest.
static void put_parts(struct wire_request *q, const struct wire_turn *t, json_t *parts) {
    unsigned i = t->first, end = t->first + t->count;
    bool calls = false;
    while (i < end) {
        unsigned from = i;
        for (; i < end && q->parts[i].kind == WIRE_PART_RESULT; i += 1 + q->parts[i].count)
            put_result(q, i, parts);
        for (; from < i; from++)
            if (q->parts[from].kind == WIRE_PART_FILE)
                wire_push(q, parts, put_part(q, &q->parts[from]));
        for (; i < end && q->parts[i].kind != WIRE_PART_RESULT; i++) {
            const struct wire_part *p = &q->parts[i];
            bool call = p->kind == WIRE_PART_CALL;
            wire_push(q, parts, call ? put_call(q, p, !calls) : put_part(q, p));
            calls = calls || call;
        }
    }
}

static void put_contents(struct wire_request *q, json_t *ret) {
    json_t *contents = wire_array(q), *parts = NULL;
    bool begun = false, by_model = false;
    for (unsigned i = 0; i < q->turn_count; i++) {
        const struct wire_turn *t = &q->turns[i];
        bool system = t->role == WIRE_SYSTEM && !begun, model = t->role == WIRE_ASSISTANT;
        if (system || !begun || model != by_model) {
            json_t *content = wire_object(q);
            if (!system)
                wire_set_text(q, content, "role", model ? "model" : "user");
            wire_set(q, content, "parts", wire_array(q));
            parts = json_object_get(content, "parts");
            if (system)
                wire_set(q, ret, "systemInstruction", content);
            else
                wire_push(q, contents, content);
        }
        if (t->role == WIRE_SYSTEM && begun)
            wire_lose(q, "system messages within the conversation");
        begun = begun || !system;
        by_model = system ? by_model : model;
        put_parts(q, t, parts);
    }
    wire_set(q, ret, "contents", contents);
}

static void put_tools(struct wire_request *q, json_t *ret) {
    static const char *const modes[] = {[WIRE_CHOICE_AUTO] = "AUTO",
                                        [WIRE_CHOICE_ANY] = "ANY",
                                        [WIRE_CHOICE_NONE] = "NONE",
                                        [WIRE_CHOICE_NAMED] = "ANY"};
    if (!q->tool_count)
        return;
    json_t *tools = wire_array(q), *tool = wire_object(q), *list = wire_array(q);
    for (unsigned i = 0; i < q->tool_count; i++) {
        json_t *one = wire_object(q);
        wire_set(q, one, "name", wire_string(q, q->tools[i].name));
        if (q->tools[i].description.n)
            wire_set(q, one, "description", wire_string(q, q->tools[i].description));
        if (q->tools[i].schema)
            wire_set(q, one, "parametersJsonSchema", wire_copy(q, q->tools[i].schema));
        wire_push(q, list, one);
    }
    wire_set(q, tool, "functionDeclarations", list);
    wire_push(q, tools, tool);
    wire_set(q, ret, "tools", tools);
    if (q->parallel == 0)
        wire_lose(q, "one tool call at a time");
    if (q->choice == WIRE_CHOICE_UNSET)
        return;
    json_t *outer = wire_object(q), *config = wire_object(q);
    wire_set_text(q, config, "mode", modes[q->choice]);
    if (q->choice == WIRE_CHOICE_NAMED) {
        json_t *names = wire_array(q);
        wire_push(q, names, wire_string(q, q->choice_name));
        wire_set(q, config, "allowedFunctionNames", names);
    }
    wire_set(q, outer, "functionCallingConfig", config);
    wire_set(q, ret, "toolConfig", outer);
}

static void put_config(struct wire_request *q, json_t *ret) {
    json_t *config = wire_object(q);
    int64_t budget = wire_budget_of(q);
    if (q->max_tokens > 0)
        wire_set(q, config, "maxOutputTokens", json_integer(q->max_tokens));
    if (q->temperature >= 0)
        wire_set(q, config, "temperature", json_real(q->temperature));
    if (q->top_p >= 0)
        wire_set(q, config, "topP", json_real(q->top_p));
    if (q->top_k > 0)
        wire_set(q, config, "topK", json_integer(q->top_k));
    if (q->stop_count) {
        json_t *stops = wire_array(q);
        for (unsigned i = 0; i < q->stop_count && i < STOPS_MAX; i++)
            wire_push(q, stops, wire_string(q, q->stops[i]));
        wire_set(q, config, "stopSequences", stops);
    }
    if (q->stop_count > STOPS_MAX)
        wire_lose(q, "more than five stop sequences");
    if (q->schema || q->json)
        wire_set_text(q, config, "responseMimeType", "application/json");
    if (q->schema)
        wire_set(q, config, "responseJsonSchema", wire_copy(q, q->schema));
    if (budget >= 0) { // all models that think take a budget, only the newer ones a level
        json_t *thinking = wire_object(q);
        wire_set(q, thinking, "thinkingBudget",
                 json_integer(budget < BUDGET_MAX ? budget : BUDGET_MAX));
        if (budget > 0)
            wire_set(q, thinking, "includeThoughts", json_true());
        wire_set(q, config, "thinkingConfig", thinking);
    }
    if (json_object_size(config))
        wire_set(q, ret, "generationConfig", config);
    else
        json_decref(config);
}

void wire_request_to_gemini(struct wire_request *q, json_t *ret) {
    put_contents(q, ret);
    put_tools(q, ret);
    put_config(q, ret);
}
