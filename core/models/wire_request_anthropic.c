// Requests of Anthropic Messages.
#include "core/models/wire_request.h"

#include "core/base/mem.h"

#include <string.h>

enum { MAX_TOKENS_UNTOLD = 8192, BUDGET_MIN = 1024 };

static int take_source(struct wire_request *q, enum wire_role role, const json_t *block,
                       unsigned *ret_count) {
    const json_t *source = json_object_get(block, "source");
    struct wire_part part = {.kind = WIRE_PART_FILE};
    if (wire_member_is(source, "type", "text")) {
        *ret_count += wire_member(source, "data").n > 0;
        return wire_add_text(q, role, json_object_get(source, "data"));
    }
    if (wire_member_is(source, "type", "base64")) {
        part.media = wire_member(source, "media_type");
        part.data = wire_member(source, "data");
    } else if (wire_member_is(source, "type", "url")) {
        part.url = wire_member(source, "url");
        if (wire_member_is(block, "type", "document"))
            part.media = (struct wire_text){"application/pdf", 15};
    }
    if (!part.url.s && (!part.media.s || !part.data.s)) {
        wire_lose(q, "files that only the backend has");
        return 0;
    }
    ++*ret_count;
    return wire_add_part(q, role, part);
}

// A text, an image or a document, in a message or in a tool's result. Counts what it added.
static int take_content(struct wire_request *q, enum wire_role role, const json_t *block,
                        unsigned *ret_count) {
    if (json_object_get(block, "cache_control"))
        wire_lose(q, "cache_control");
    if (wire_member_is(block, "type", "text")) {
        *ret_count += wire_member(block, "text").n > 0;
        return wire_add_text(q, role, json_object_get(block, "text"));
    }
    if (wire_member_is(block, "type", "image") || wire_member_is(block, "type", "document"))
        return take_source(q, role, block, ret_count);
    wire_lose_kind(q, block);
    return 0;
}

static int take_result(struct wire_request *q, const json_t *block) {
    struct wire_part part = {.kind = WIRE_PART_RESULT,
                             .id = wire_member(block, "tool_use_id"),
                             .error = json_is_true(json_object_get(block, "is_error"))};
    if (!part.id.n)
        return wire_invalid(q, "messages[].content[].tool_use_id");
    if (json_object_get(block, "cache_control"))
        wire_lose(q, "cache_control");
    int code = wire_add_part(q, WIRE_USER, part);
    uint32_t at = q->part_count - 1;
    unsigned count = 0;
    const json_t *content = json_object_get(block, "content"), *one;
    if (code == 0 && json_is_string(content)) {
        count = json_string_length(content) > 0;
        code = wire_add_text(q, WIRE_USER, content);
    }
    size_t i;
    json_array_foreach((json_t *)content, i, one) if (code == 0) code =
        take_content(q, WIRE_USER, one, &count);
    if (code == 0)
        q->parts[at].count = count;
    return code;
}

static int take_block(struct wire_request *q, enum wire_role role, const json_t *block) {
    unsigned count = 0;
    if (wire_member_is(block, "type", "tool_use")) {
        struct wire_part part = {.kind = WIRE_PART_CALL,
                                 .id = wire_member(block, "id"),
                                 .name = wire_member(block, "name"),
                                 .input = json_object_get(block, "input")};
        if (!part.id.n || !part.name.n || !json_is_object(part.input))
            return wire_invalid(q, "messages[].content[] of type tool_use");
        if (json_object_get(block, "cache_control"))
            wire_lose(q, "cache_control");
        return wire_add_part(q, WIRE_ASSISTANT, part);
    }
    if (wire_member_is(block, "type", "tool_result"))
        return take_result(q, block);
    if (wire_member_is(block, "type", "thinking") ||
        wire_member_is(block, "type", "redacted_thinking")) {
        wire_lose(q, "thinking of another model"); // signed for that one alone
        return 0;
    }
    return take_content(q, role, block, &count);
}

static int take_blocks(struct wire_request *q, enum wire_role role, const json_t *content) {
    const json_t *block;
    size_t i;
    int code = 0;
    if (json_is_string(content))
        return wire_add_text(q, role, content);
    json_array_foreach((json_t *)content, i, block) if (code == 0) code =
        take_block(q, role, block);
    return code;
}

static int take_messages(struct wire_request *q, const json_t *messages) {
    const json_t *message;
    size_t i;
    int code = 0;
    if (!json_is_array(messages))
        return wire_invalid(q, "messages");
    json_array_foreach((json_t *)messages, i, message) {
        const json_t *content = json_object_get(message, "content");
        bool user = wire_member_is(message, "role", "user");
        bool system = wire_member_is(message, "role", "system");
        if (!user && !system && !wire_member_is(message, "role", "assistant"))
            return wire_invalid(q, "messages[].role");
        if (!json_is_string(content) && !json_is_array(content))
            return wire_invalid(q, "messages[].content");
        if (code == 0)
            code = take_blocks(q,
                               user     ? WIRE_USER
                               : system ? WIRE_SYSTEM
                                        : WIRE_ASSISTANT,
                               content);
    }
    return code;
}

static int take_tools(struct wire_request *q, const json_t *tools) {
    const json_t *tool;
    size_t i;
    int code = 0;
    json_array_foreach((json_t *)tools, i, tool) {
        struct wire_text type = wire_member(tool, "type");
        if (json_object_get(tool, "cache_control"))
            wire_lose(q, "cache_control");
        if (type.s && !wire_text_is(type, "custom"))
            wire_lose(q, "tools of the backend"); // it runs them itself
        else if (code == 0)
            code = wire_add_tool(q, (struct wire_tool){wire_member(tool, "name"),
                                                       wire_member(tool, "description"),
                                                       json_object_get(tool, "input_schema")});
    }
    return code;
}

static void take_choice(struct wire_request *q, const json_t *choice) {
    if (wire_member_is(choice, "type", "auto"))
        q->choice = WIRE_CHOICE_AUTO;
    else if (wire_member_is(choice, "type", "any"))
        q->choice = WIRE_CHOICE_ANY;
    else if (wire_member_is(choice, "type", "none"))
        q->choice = WIRE_CHOICE_NONE;
    else if (wire_member_is(choice, "type", "tool"))
        q->choice = WIRE_CHOICE_NAMED;
    q->choice_name = wire_member(choice, "name");
    if (json_is_true(json_object_get(choice, "disable_parallel_tool_use")))
        q->parallel = 0;
}

static void take_thinking(struct wire_request *q, const json_t *request) {
    const json_t *thinking = json_object_get(request, "thinking");
    const json_t *output = json_object_get(request, "output_config");
    const json_t *format = json_object_get(output, "format");
    const json_t *budget = json_object_get(thinking, "budget_tokens");
    wire_take_effort(q, json_object_get(output, "effort"));
    if (wire_member_is(thinking, "type", "enabled") && json_is_integer(budget))
        q->budget = json_integer_value(budget) > 0 ? json_integer_value(budget) : -1;
    else if (wire_member_is(thinking, "type", "adaptive") && q->effort == WIRE_EFFORT_UNSET)
        q->effort = WIRE_EFFORT_MEDIUM;
    else if (wire_member_is(thinking, "type", "disabled"))
        q->effort = WIRE_EFFORT_NONE;
    if (wire_member_is(format, "type", "json_schema")) {
        q->schema = json_object_get(format, "schema");
        q->strict = true;
    }
}

int wire_request_from_anthropic(struct wire_request *q, const json_t *request) {
    static const char *const known[] = {
        "model",      "system",        "messages", "tools", "tool_choice",
        "max_tokens", "temperature",   "top_p",    "top_k", "stop_sequences",
        "thinking",   "output_config", "stream"};
    const json_t *max = json_object_get(request, "max_tokens");
    wire_lose_others(q, request, known, COUNT_OF(known));
    if (json_is_integer(max))
        q->max_tokens = json_integer_value(max);
    wire_take_numbers(q, request, "temperature", "top_p", "top_k");
    wire_add_stops(q, json_object_get(request, "stop_sequences"));
    take_thinking(q, request);
    take_choice(q, json_object_get(request, "tool_choice"));
    int code = take_blocks(q, WIRE_SYSTEM, json_object_get(request, "system"));
    if (code == 0)
        code = take_messages(q, json_object_get(request, "messages"));
    return code < 0 ? code : take_tools(q, json_object_get(request, "tools"));
}

// --- written

// Only letters, digits, lines: what others made is changed alike in the call and in its result.
static json_t *put_id(struct wire_request *q, struct wire_text id) {
    json_t *string = NULL;
    AUTO_FREE char *copy = mem_strndup(id.s, id.n);
    for (size_t i = 0; copy && i < id.n; i++)
        if (!((copy[i] >= '0' && copy[i] <= '9') ||
              ((copy[i] | 0x20) >= 'a' && (copy[i] | 0x20) <= 'z') || copy[i] == '-'))
            copy[i] = '_';
    if (copy)
        string = json_stringn(copy, id.n);
    q->failed = q->failed || !string;
    return string;
}

static json_t *put_file(struct wire_request *q, const struct wire_part *p) {
    bool document = wire_text_is(p->media, "application/pdf");
    json_t *block = wire_typed(q, document ? "document" : "image");
    json_t *source = wire_typed(q, p->url.s ? "url" : "base64");
    if (p->url.s) {
        wire_set(q, source, "url", wire_string(q, p->url));
    } else {
        wire_set(q, source, "media_type", wire_string(q, p->media));
        wire_set(q, source, "data", wire_string(q, p->data));
    }
    wire_set(q, block, "source", source);
    return block;
}

static json_t *put_part(struct wire_request *q, const struct wire_part *p) {
    json_t *block;
    if (p->kind == WIRE_PART_FILE)
        return put_file(q, p);
    if (p->kind == WIRE_PART_CALL) {
        block = wire_typed(q, "tool_use");
        wire_set(q, block, "id", put_id(q, p->id));
        wire_set(q, block, "name", wire_string(q, p->name));
        wire_set(q, block, "input", wire_call_object(q, p));
        return block;
    }
    block = wire_typed(q, "text");
    wire_set(q, block, "text", wire_string(q, p->text));
    return block;
}

static json_t *put_parts(struct wire_request *q, unsigned first, unsigned count) {
    json_t *blocks = wire_array(q);
    for (unsigned i = first; i < first + count; i++) {
        const struct wire_part *p = &q->parts[i];
        if (p->kind != WIRE_PART_RESULT) {
            wire_push(q, blocks, put_part(q, p));
            continue;
        }
        json_t *block = wire_typed(q, "tool_result"), *content = wire_array(q);
        wire_set(q, block, "tool_use_id", put_id(q, p->id));
        for (unsigned k = 0; k < p->count; k++)
            wire_push(q, content, put_part(q, p + 1 + k));
        wire_set(q, block, "content", content);
        if (p->error)
            wire_set(q, block, "is_error", json_true());
        wire_push(q, blocks, block);
        i += p->count;
    }
    return blocks;
}

// What stands before the conversation is the system's; later it can only be said by the user.
static void put_messages(struct wire_request *q, json_t *ret) {
    json_t *messages = wire_array(q), *content = NULL;
    bool begun = false, user = false;
    for (unsigned i = 0; i < q->turn_count; i++) {
        const struct wire_turn *t = &q->turns[i];
        json_t *blocks = put_parts(q, t->first, t->count);
        if (t->role == WIRE_SYSTEM && !begun) {
            wire_set(q, ret, "system", blocks);
            continue;
        }
        if (t->role == WIRE_SYSTEM)
            wire_lose(q, "system messages within the conversation");
        bool by_user = t->role != WIRE_ASSISTANT;
        if (begun && by_user == user) { // neighbours of one role
            if (json_array_extend(content, blocks) < 0)
                q->failed = true;
            json_decref(blocks);
            continue;
        }
        json_t *message = wire_object(q);
        wire_set_text(q, message, "role", by_user ? "user" : "assistant");
        wire_set(q, message, "content", blocks);
        content = json_object_get(message, "content");
        wire_push(q, messages, message);
        user = by_user;
        begun = true;
    }
    wire_set(q, ret, "messages", messages);
}

static void put_tools(struct wire_request *q, json_t *ret) {
    static const char *const words[] = {[WIRE_CHOICE_AUTO] = "auto",
                                        [WIRE_CHOICE_ANY] = "any",
                                        [WIRE_CHOICE_NONE] = "none",
                                        [WIRE_CHOICE_NAMED] = "tool"};
    if (!q->tool_count)
        return;
    json_t *tools = wire_array(q);
    for (unsigned i = 0; i < q->tool_count; i++) {
        json_t *tool = wire_object(q), *schema;
        wire_set(q, tool, "name", wire_string(q, q->tools[i].name));
        if (q->tools[i].description.n)
            wire_set(q, tool, "description", wire_string(q, q->tools[i].description));
        if (q->tools[i].schema)
            schema = wire_copy(q, q->tools[i].schema);
        else
            schema = wire_typed(q, "object");
        wire_set(q, tool, "input_schema", schema);
        wire_push(q, tools, tool);
    }
    wire_set(q, ret, "tools", tools);
    if (q->choice == WIRE_CHOICE_UNSET && q->parallel != 0)
        return;
    enum wire_choice choice = q->choice == WIRE_CHOICE_UNSET ? WIRE_CHOICE_AUTO : q->choice;
    json_t *object = wire_typed(q, words[choice]);
    if (choice == WIRE_CHOICE_NAMED)
        wire_set(q, object, "name", wire_string(q, q->choice_name));
    if (q->parallel == 0 && choice != WIRE_CHOICE_NONE)
        wire_set(q, object, "disable_parallel_tool_use", json_true());
    wire_set(q, ret, "tool_choice", object);
}

// Thinking cannot begin where tools are forced, nor go on in a turn whose earlier thoughts are
// another model's: the last answer before a tool's result would have to begin with them.
static bool may_think(struct wire_request *q) {
    const struct wire_turn *last = &q->turns[q->turn_count - 1];
    bool forced = q->choice == WIRE_CHOICE_ANY || q->choice == WIRE_CHOICE_NAMED;
    bool within = last->role == WIRE_USER && q->parts[last->first].kind == WIRE_PART_RESULT;
    if (forced || within)
        wire_lose(q, within ? "thinking within a tool's turn" : "thinking with a forced tool");
    return !forced && !within;
}

static void put_limits(struct wire_request *q, json_t *ret) {
    int64_t max = q->max_tokens > 0 ? q->max_tokens : MAX_TOKENS_UNTOLD;
    int64_t budget = wire_budget_of(q);
    bool thinks = budget > 0 && may_think(q);
    if (thinks && budget < BUDGET_MIN)
        budget = BUDGET_MIN;
    if (thinks && q->max_tokens <= 0)
        max += budget;
    if (thinks && budget >= max) { // it has to leave room for an answer
        budget = max / 2;
        thinks = budget >= BUDGET_MIN;
        if (!thinks)
            wire_lose(q, "thinking: max_tokens is too small");
    }
    wire_set(q, ret, "max_tokens", json_integer(max));
    if (thinks) {
        json_t *thinking = wire_typed(q, "enabled");
        wire_set(q, thinking, "budget_tokens", json_integer(budget));
        wire_set(q, ret, "thinking", thinking);
        if (q->temperature >= 0 || q->top_p >= 0 || q->top_k > 0)
            wire_lose(q, "temperature, top_p and top_k while thinking");
        return;
    }
    if (q->temperature > 1)
        wire_lose(q, "temperature above 1");
    if (q->temperature >= 0)
        wire_set(q, ret, "temperature", json_real(q->temperature > 1 ? 1 : q->temperature));
    else if (q->top_p >= 0) // newer models take only one of the two
        wire_set(q, ret, "top_p", json_real(q->top_p));
    if (q->temperature >= 0 && q->top_p >= 0 && q->top_p < 1)
        wire_lose(q, "top_p beside temperature");
    if (q->top_k > 0)
        wire_set(q, ret, "top_k", json_integer(q->top_k));
}

void wire_request_to_anthropic(struct wire_request *q, json_t *ret) {
    wire_set_text(q, ret, "model", q->model);
    put_limits(q, ret);
    put_tools(q, ret);
    put_messages(q, ret);
    if (q->stop_count) {
        json_t *stops = wire_array(q);
        for (unsigned i = 0; i < q->stop_count; i++)
            wire_push(q, stops, wire_string(q, q->stops[i]));
        wire_set(q, ret, "stop_sequences", stops);
    }
    if (q->schema) {
        json_t *output = wire_object(q), *format = wire_typed(q, "json_schema");
        wire_set(q, format, "schema", wire_copy(q, q->schema));
        wire_set(q, output, "format", format);
        wire_set(q, ret, "output_config", output);
    } else if (q->json) {
        wire_lose(q, "an answer in JSON without a schema");
    }
    if (q->stream)
        wire_set(q, ret, "stream", json_true());
}
