// Requests of OpenAI Responses.
#include "core/models/wire_request.h"

#include "core/base/mem.h"

#include <string.h>

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
        struct wire_text url = wire_member(part, "image_url");
        if (!url.n)
            url = wire_member(part, "file_data");
        if (!url.n)
            url = wire_member(part, "file_url");
        if (wire_member_is(part, "type", "input_text") ||
            wire_member_is(part, "type", "output_text") || wire_member_is(part, "type", "text"))
            code = wire_add_text(q, role, json_object_get(part, "text"));
        else if (wire_member_is(part, "type", "refusal"))
            code = wire_add_text(q, role, json_object_get(part, "refusal"));
        else if (url.n && role == WIRE_USER)
            code = wire_add_part(q, role, wire_file_of(url));
        else
            wire_lose_kind(q, part);
    }
    if (ret_count)
        *ret_count = q->part_count - before;
    return code;
}

static int take_call(struct wire_request *q, const json_t *item) {
    struct wire_part part = {.kind = WIRE_PART_CALL,
                             .id = wire_member(item, "call_id"),
                             .name = wire_member(item, "name"),
                             .text = wire_member(item, "arguments")};
    if (!part.id.n || !part.name.n)
        return wire_invalid(q, "input[] of type function_call");
    return wire_add_part(q, WIRE_ASSISTANT, part);
}

static int take_result(struct wire_request *q, const json_t *item) {
    struct wire_part part = {.kind = WIRE_PART_RESULT, .id = wire_member(item, "call_id")};
    unsigned count = 0;
    if (!part.id.n)
        return wire_invalid(q, "input[].call_id");
    int code = wire_add_part(q, WIRE_USER, part);
    uint32_t at = q->part_count - 1;
    if (code == 0)
        code = take_content(q, WIRE_USER, json_object_get(item, "output"), &count);
    if (code == 0)
        q->parts[at].count = count;
    return code;
}

static int take_item(struct wire_request *q, const json_t *item) {
    struct wire_text type = wire_member(item, "type");
    const json_t *content = json_object_get(item, "content");
    if (wire_text_is(type, "function_call"))
        return take_call(q, item);
    if (wire_text_is(type, "function_call_output"))
        return take_result(q, item);
    if (wire_text_is(type, "item_reference")) // what the backend keeps is not ours to look up
        return wire_invalid(q, "input[] of type item_reference");
    if (type.s && !wire_text_is(type, "message")) {
        if (wire_text_is(type, "reasoning"))
            wire_lose(q, "thinking of another model");
        else
            wire_lose_kind(q, item);
        return 0;
    }
    if (!json_is_string(content) && !json_is_array(content))
        return wire_invalid(q, "input[].content");
    if (wire_member_is(item, "role", "user"))
        return take_content(q, WIRE_USER, content, NULL);
    if (wire_member_is(item, "role", "assistant"))
        return take_content(q, WIRE_ASSISTANT, content, NULL);
    if (wire_member_is(item, "role", "system") || wire_member_is(item, "role", "developer"))
        return take_content(q, WIRE_SYSTEM, content, NULL);
    return wire_invalid(q, "input[].role");
}

static void take_format(struct wire_request *q, const json_t *format) {
    if (wire_member_is(format, "type", "json_object"))
        q->json = true;
    if (!wire_member_is(format, "type", "json_schema"))
        return;
    q->schema = json_object_get(format, "schema");
    q->schema_name = wire_member(format, "name");
    q->strict = json_is_true(json_object_get(format, "strict"));
}

// What names a state that the backend keeps cannot be said to another one.
static int refuse_state(struct wire_request *q, const json_t *request) {
    static const char *const names[] = {"previous_response_id", "conversation", "prompt"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const json_t *v = json_object_get(request, names[i]);
        if (v && !json_is_null(v))
            return err_set(q->err, ERR_INVAL,
                           "the request cannot go to a backend of another family: %s names what "
                           "only its own backend keeps; send the whole conversation",
                           names[i]);
    }
    return 0;
}

int wire_request_from_responses(struct wire_request *q, const json_t *request) {
    static const char *const known[] = {"model",
                                        "input",
                                        "instructions",
                                        "tools",
                                        "tool_choice",
                                        "parallel_tool_calls",
                                        "max_output_tokens",
                                        "temperature",
                                        "top_p",
                                        "reasoning",
                                        "text",
                                        "stream",
                                        "store",
                                        "include"};
    const json_t *input = json_object_get(request, "input"), *one;
    const json_t *max = json_object_get(request, "max_output_tokens");
    const json_t *parallel = json_object_get(request, "parallel_tool_calls");
    size_t i;
    int code = refuse_state(q, request);
    if (code < 0)
        return code;
    wire_lose_others(q, request, known, COUNT_OF(known));
    if (json_is_integer(max))
        q->max_tokens = json_integer_value(max);
    if (json_is_boolean(parallel))
        q->parallel = json_is_true(parallel);
    wire_take_numbers(q, request, "temperature", "top_p", NULL);
    wire_take_effort(q, json_object_get(json_object_get(request, "reasoning"), "effort"));
    wire_take_choice(q, NULL, json_object_get(request, "tool_choice"));
    take_format(q, json_object_get(json_object_get(request, "text"), "format"));
    code = wire_add_text(q, WIRE_SYSTEM, json_object_get(request, "instructions"));
    if (code == 0 && json_is_string(input))
        code = wire_add_text(q, WIRE_USER, input);
    else if (code == 0 && !json_is_array(input))
        code = wire_invalid(q, "input");
    json_array_foreach((json_t *)input, i, one) if (code == 0) code = take_item(q, one);
    return code < 0 ? code : wire_take_functions(q, NULL, json_object_get(request, "tools"));
}

// --- written

static json_t *put_part(struct wire_request *q, enum wire_role role, const struct wire_part *p) {
    json_t *part;
    if (p->kind == WIRE_PART_TEXT) {
        part = wire_typed(q, role == WIRE_ASSISTANT ? "output_text" : "input_text");
        wire_set(q, part, "text", wire_string(q, p->text));
        return part;
    }
    bool image = p->url.s ? !p->media.s : p->media.n > 6 && !memcmp(p->media.s, "image/", 6);
    part = wire_typed(q, image ? "input_image" : "input_file");
    if (image) {
        wire_set_text(q, part, "detail", "auto");
        wire_set(q, part, "image_url", wire_data_url(q, p));
    } else if (p->url.s) {
        wire_set(q, part, "file_url", wire_data_url(q, p));
    } else {
        wire_set_text(q, part, "filename", "file");
        wire_set(q, part, "file_data", wire_data_url(q, p));
    }
    return part;
}

static json_t *put_output(struct wire_request *q, unsigned first, unsigned count) {
    if (wire_only_texts(q, first, count))
        return wire_joined(q, first, count);
    json_t *output = wire_array(q);
    for (unsigned i = first; i < first + count; i++)
        wire_push(q, output, put_part(q, WIRE_USER, &q->parts[i]));
    return output;
}

static void put_call(struct wire_request *q, const struct wire_part *p, json_t *input) {
    json_t *item = wire_typed(q, "function_call");
    wire_set(q, item, "call_id", wire_string(q, p->id));
    wire_set(q, item, "name", wire_string(q, p->name));
    wire_set(q, item, "arguments", wire_call_text(q, p));
    wire_push(q, input, item);
}

// Parts that follow each other are one message; calls and results are items of their own.
static void put_turn(struct wire_request *q, const struct wire_turn *t, json_t *input) {
    static const char *const roles[] = {
        [WIRE_SYSTEM] = "developer", [WIRE_USER] = "user", [WIRE_ASSISTANT] = "assistant"};
    json_t *content = NULL;
    for (unsigned i = t->first; i < t->first + t->count; i++) {
        const struct wire_part *p = &q->parts[i];
        if (p->kind == WIRE_PART_RESULT) {
            json_t *item = wire_typed(q, "function_call_output");
            wire_set(q, item, "call_id", wire_string(q, p->id));
            wire_set(q, item, "output", put_output(q, i + 1, p->count));
            wire_push(q, input, item);
            if (p->error)
                wire_lose(q, "is_error of a tool's result");
            i += p->count;
            content = NULL;
            continue;
        }
        if (p->kind == WIRE_PART_CALL) {
            put_call(q, p, input);
            content = NULL;
            continue;
        }
        if (!content) {
            json_t *item = wire_typed(q, "message");
            wire_set_text(q, item, "role", roles[t->role]);
            wire_set(q, item, "content", wire_array(q));
            content = json_object_get(item, "content");
            wire_push(q, input, item);
        }
        wire_push(q, content, put_part(q, t->role, p));
    }
}

static void put_tools(struct wire_request *q, json_t *ret) {
    static const char *const words[] = {
        [WIRE_CHOICE_AUTO] = "auto", [WIRE_CHOICE_ANY] = "required", [WIRE_CHOICE_NONE] = "none"};
    if (!q->tool_count)
        return;
    json_t *tools = wire_array(q);
    for (unsigned i = 0; i < q->tool_count; i++) {
        json_t *tool = wire_typed(q, "function"), *schema;
        wire_set(q, tool, "name", wire_string(q, q->tools[i].name));
        if (q->tools[i].description.n)
            wire_set(q, tool, "description", wire_string(q, q->tools[i].description));
        schema = q->tools[i].schema ? wire_copy(q, q->tools[i].schema) : wire_typed(q, "object");
        wire_set(q, tool, "parameters", schema);
        wire_set(q, tool, "strict", json_false()); // untold means true here
        wire_push(q, tools, tool);
    }
    wire_set(q, ret, "tools", tools);
    if (q->choice == WIRE_CHOICE_NAMED) {
        json_t *choice = wire_typed(q, "function");
        wire_set(q, choice, "name", wire_string(q, q->choice_name));
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
    json_t *text = wire_object(q),
           *format = wire_typed(q, q->schema ? "json_schema" : "json_object");
    if (q->schema) {
        if (q->schema_name.n)
            wire_set(q, format, "name", wire_string(q, q->schema_name));
        else
            wire_set_text(q, format, "name", "answer");
        wire_set(q, format, "schema", wire_copy(q, q->schema));
        wire_set(q, format, "strict", json_boolean(q->strict));
    }
    wire_set(q, text, "format", format);
    wire_set(q, ret, "text", text);
}

// Models that reason refuse both, even the values that they have anyway.
static void put_sampling(struct wire_request *q, enum wire_effort effort, json_t *ret) {
    bool temperature = q->temperature >= 0 && (q->temperature < 1 || q->temperature > 1);
    bool top_p = q->top_p >= 0 && q->top_p < 1;
    if ((temperature || top_p) && effort > WIRE_EFFORT_NONE) {
        wire_lose(q, "temperature and top_p while thinking");
        return;
    }
    if (temperature)
        wire_set(q, ret, "temperature", json_real(q->temperature));
    if (top_p)
        wire_set(q, ret, "top_p", json_real(q->top_p));
}

void wire_request_to_responses(struct wire_request *q, json_t *ret) {
    json_t *input = wire_array(q);
    enum wire_effort effort = wire_effort_of(q);
    wire_set_text(q, ret, "model", q->model);
    for (unsigned i = 0; i < q->turn_count; i++) {
        if (i == 0 && q->turns[0].role == WIRE_SYSTEM)
            wire_set(q, ret, "instructions", wire_joined(q, 0, q->turns[0].count));
        else
            put_turn(q, &q->turns[i], input);
    }
    wire_set(q, ret, "input", input);
    put_tools(q, ret);
    put_format(q, ret);
    if (q->max_tokens > 0)
        wire_set(q, ret, "max_output_tokens", json_integer(q->max_tokens));
    put_sampling(q, effort, ret);
    if (q->top_k > 0)
        wire_lose(q, "top_k");
    if (q->stop_count)
        wire_lose(q, "stop sequences");
    if (effort != WIRE_EFFORT_UNSET) {
        json_t *reasoning = wire_object(q);
        wire_set_text(q, reasoning, "effort", wire_effort_word(effort));
        wire_set(q, ret, "reasoning", reasoning);
    }
    wire_set(q, ret, "store", json_false()); // nobody asked the backend to keep it
    if (q->stream)
        wire_set(q, ret, "stream", json_true());
}
