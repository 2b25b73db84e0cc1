#include "core/models/wire_request.h"

#include "core/base/mem.h"
#include "core/models/wire_json.h"

#include <stdio.h>
#include <string.h>

void wire_lose(struct wire_request *q, const char *what) {
    char text[sizeof q->loss->what[0]];
    if (!q->loss)
        return;
    (void)snprintf(text, sizeof text, "%s", what);
    for (unsigned i = 0; i < q->loss->count; i++)
        if (!strcmp(q->loss->what[i], text))
            return;
    if (q->loss->count < COUNT_OF(q->loss->what))
        memcpy(q->loss->what[q->loss->count++], text, sizeof text);
}

// Names, not content: what does not look like one is not repeated.
static void lose_name(struct wire_request *q, const char *name) {
    size_t n =
        name ? strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") : 0;
    wire_lose(q, n && n <= 48 && !name[n] ? name : "a member of no known name");
}

void wire_lose_kind(struct wire_request *q, const json_t *part) {
    lose_name(q, json_string_value(json_object_get(part, "type")));
}

struct wire_text wire_text_of(const json_t *string) {
    return (struct wire_text){json_string_value(string), json_string_length(string)};
}

bool wire_member_is(const json_t *object, const char *name, const char *word) {
    return wire_text_is(wire_member(object, name), word);
}

int wire_invalid(struct wire_request *q, const char *what) {
    return err_set(q->err, ERR_INVAL,
                   "the request cannot go to a backend of another family: %s is missing or wrong",
                   what);
}

static int no_room(struct wire_request *q, int code) {
    return err_set(q->err, code, "the request cannot be converted: %s",
                   code == ERR_LIMIT ? "it has too many parts" : "out of memory");
}

int wire_no_memory(struct wire_request *q) {
    return no_room(q, ERR_NOMEM);
}

const json_t *wire_hold(struct wire_request *q, json_t *value) {
    if (!q->held)
        q->held = json_array();
    return json_array_append_new(q->held, value) < 0 ? NULL : value;
}

static int add_turn(struct wire_request *q, enum wire_role role) {
    int code = mem_grow((void **)&q->turns, q->turn_count, &q->turn_room, sizeof *q->turns,
                        WIRE_TURNS_MAX);
    if (code < 0)
        return no_room(q, code);
    q->turns[q->turn_count++] = (struct wire_turn){.role = role, .first = q->part_count};
    return 0;
}

int wire_add_part(struct wire_request *q, enum wire_role role, struct wire_part part) {
    int code = 0;
    if (!q->turn_count || q->turns[q->turn_count - 1].role != role)
        code = add_turn(q, role);
    if (code < 0)
        return code;
    code = mem_grow((void **)&q->parts, q->part_count, &q->part_room, sizeof *q->parts,
                    WIRE_PARTS_MAX);
    if (code < 0)
        return no_room(q, code);
    q->parts[q->part_count++] = part;
    q->turns[q->turn_count - 1].count++;
    return 0;
}

// Empty texts are refused by some, and nothing to any.
int wire_add_text(struct wire_request *q, enum wire_role role, const json_t *string) {
    struct wire_part part = {.kind = WIRE_PART_TEXT, .text = wire_text_of(string)};
    return part.text.n ? wire_add_part(q, role, part) : 0;
}

int wire_add_tool(struct wire_request *q, struct wire_tool tool) {
    if (!tool.name.n)
        return wire_invalid(q, "tools[].name");
    int code = mem_grow((void **)&q->tools, q->tool_count, &q->tool_room, sizeof *q->tools,
                        WIRE_TOOLS_MAX);
    if (code < 0)
        return no_room(q, code);
    q->tools[q->tool_count++] = tool;
    return 0;
}

static const json_t *function_in(const json_t *object, const char *inner) {
    return inner ? json_object_get(object, inner) : object;
}

int wire_take_functions(struct wire_request *q, const char *inner, const json_t *tools) {
    const json_t *tool;
    size_t i;
    int code = 0;
    json_array_foreach((json_t *)tools, i, tool) {
        const json_t *function = function_in(tool, inner);
        if (!wire_member_is(tool, "type", "function"))
            wire_lose(q, "tools of the backend");
        else if (code == 0)
            code = wire_add_tool(q, (struct wire_tool){wire_member(function, "name"),
                                                       wire_member(function, "description"),
                                                       json_object_get(function, "parameters")});
    }
    return code;
}

void wire_take_choice(struct wire_request *q, const char *inner, const json_t *choice) {
    struct wire_text word = wire_text_of(choice);
    if (wire_text_is(word, "auto"))
        q->choice = WIRE_CHOICE_AUTO;
    else if (wire_text_is(word, "required"))
        q->choice = WIRE_CHOICE_ANY;
    else if (wire_text_is(word, "none"))
        q->choice = WIRE_CHOICE_NONE;
    else if (wire_member_is(choice, "type", "function")) {
        q->choice = WIRE_CHOICE_NAMED;
        q->choice_name = wire_member(function_in(choice, inner), "name");
    } else if (json_is_object(choice)) {
        wire_lose(q, "tool_choice");
    }
}

void wire_add_stops(struct wire_request *q, const json_t *stops) {
    size_t n = json_is_string(stops) ? 1 : json_array_size(stops);
    for (size_t i = 0; i < n; i++) {
        struct wire_text t = wire_text_of(json_is_string(stops) ? stops : json_array_get(stops, i));
        if (t.n && q->stop_count < WIRE_STOPS_MAX)
            q->stops[q->stop_count++] = t;
        else if (t.n)
            wire_lose(q, "stop sequences");
    }
}

void wire_take_numbers(struct wire_request *q, const json_t *object, const char *temperature,
                       const char *top_p, const char *top_k) {
    const json_t *v = json_object_get(object, temperature);
    if (json_is_number(v))
        q->temperature = json_number_value(v);
    v = json_object_get(object, top_p);
    if (json_is_number(v))
        q->top_p = json_number_value(v);
    v = top_k ? json_object_get(object, top_k) : NULL;
    if (json_is_number(v) && json_number_value(v) > 0 && json_number_value(v) < 1e9)
        q->top_k = (int64_t)json_number_value(v);
}

static const char *const effort_words[] = {
    [WIRE_EFFORT_UNSET] = "",          [WIRE_EFFORT_NONE] = "none",
    [WIRE_EFFORT_MINIMAL] = "minimal", [WIRE_EFFORT_LOW] = "low",
    [WIRE_EFFORT_MEDIUM] = "medium",   [WIRE_EFFORT_HIGH] = "high",
    [WIRE_EFFORT_XHIGH] = "xhigh",     [WIRE_EFFORT_MAX] = "max",
};

const char *wire_effort_word(enum wire_effort effort) {
    return effort_words[effort];
}

void wire_take_effort(struct wire_request *q, const json_t *word) {
    struct wire_text t = wire_text_of(word);
    for (unsigned i = WIRE_EFFORT_NONE; t.s && i <= WIRE_EFFORT_MAX; i++)
        if (wire_text_is(t, effort_words[i]))
            q->effort = (enum wire_effort)i;
}

// Tokens that an effort stands for, from the low end up: no family publishes a table, these are
// what clients of budgets use for the same words.
static const int64_t effort_budgets[] = {
    [WIRE_EFFORT_UNSET] = -1,    [WIRE_EFFORT_NONE] = 0,       [WIRE_EFFORT_MINIMAL] = 1024,
    [WIRE_EFFORT_LOW] = 4096,    [WIRE_EFFORT_MEDIUM] = 10240, [WIRE_EFFORT_HIGH] = 24576,
    [WIRE_EFFORT_XHIGH] = 32768, [WIRE_EFFORT_MAX] = 65536,
};

enum wire_effort wire_effort_of(const struct wire_request *q) {
    if (q->effort != WIRE_EFFORT_UNSET || q->budget < 0)
        return q->effort;
    for (unsigned i = WIRE_EFFORT_NONE; i < WIRE_EFFORT_HIGH; i++)
        if (q->budget <= effort_budgets[i])
            return (enum wire_effort)i;
    return WIRE_EFFORT_HIGH;
}

int64_t wire_budget_of(const struct wire_request *q) {
    return q->budget >= 0 ? q->budget : effort_budgets[q->effort];
}

void wire_lose_others(struct wire_request *q, const json_t *request, const char *const *known,
                      size_t count) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)request, name, value) {
        bool found = json_is_null(value);
        for (size_t i = 0; i < count && !found; i++)
            found = !strcmp(name, known[i]);
        if (!found)
            lose_name(q, name);
    }
}

struct wire_part wire_file_of(struct wire_text url) {
    struct wire_part part = {.kind = WIRE_PART_FILE};
    const char *comma = url.n > 5 && !memcmp(url.s, "data:", 5) ? memchr(url.s, ',', url.n) : NULL;
    const char mark[] = ";base64";
    if (!comma || (size_t)(comma - url.s) < 5 + sizeof mark - 1 ||
        memcmp(comma - (sizeof mark - 1), mark, sizeof mark - 1) != 0) {
        part.url = url;
        return part;
    }
    const char *type = url.s + 5, *end = comma - (sizeof mark - 1);
    const char *more = memchr(type, ';', (size_t)(end - type)); // parameters of the type
    part.media = (struct wire_text){type, (size_t)((more ? more : end) - type)};
    part.data = (struct wire_text){comma + 1, url.n - (size_t)(comma + 1 - url.s)};
    return part;
}

void wire_set(struct wire_request *q, json_t *object, const char *name, json_t *value) {
    if (json_object_set_new(object, name, value) < 0)
        q->failed = true;
}

void wire_push(struct wire_request *q, json_t *array, json_t *value) {
    if (json_array_append_new(array, value) < 0)
        q->failed = true;
}

static json_t *made(struct wire_request *q, json_t *value) {
    q->failed = q->failed || !value;
    return value;
}

json_t *wire_string(struct wire_request *q, struct wire_text text) {
    return made(q, json_stringn(text.s ? text.s : "", text.s ? text.n : 0));
}

json_t *wire_object(struct wire_request *q) {
    return made(q, json_object());
}

json_t *wire_array(struct wire_request *q) {
    return made(q, json_array());
}

// jansson 2.14 leaves out what there was no memory for.
json_t *wire_deep_copy(const json_t *value) {
    json_t *copy = json_deep_copy(value);
    if (copy && json_equal(copy, value))
        return copy;
    json_decref(copy);
    return NULL;
}

json_t *wire_copy(struct wire_request *q, const json_t *value) {
    return made(q, wire_deep_copy(value));
}

json_t *wire_typed(struct wire_request *q, const char *type) {
    json_t *object = wire_object(q);
    wire_set_text(q, object, "type", type);
    return object;
}

enum { LOOK_BACK_MAX = 4096 }; // parts between a call and its result

static json_t *scratch_string(struct wire_request *q) {
    if (q->bytes.failed) {
        q->failed = true;
        return NULL;
    }
    return wire_string(q, (struct wire_text){q->bytes.len ? q->bytes.data : "", q->bytes.len});
}

json_t *wire_joined(struct wire_request *q, unsigned first, unsigned count) {
    buf_clear(&q->bytes);
    for (unsigned i = first; i < first + count; i++) {
        const struct wire_part *p = &q->parts[i];
        if (p->kind == WIRE_PART_RESULT)
            i += p->count;
        if (p->kind != WIRE_PART_TEXT)
            continue;
        if (q->bytes.len)
            (void)buf_puts(&q->bytes, "\n\n");
        (void)buf_append(&q->bytes, p->text.s, p->text.n);
    }
    return scratch_string(q);
}

bool wire_only_texts(const struct wire_request *q, unsigned first, unsigned count) {
    for (unsigned i = first; i < first + count; i++)
        if (q->parts[i].kind != WIRE_PART_TEXT)
            return false;
    return true;
}

static bool same_text(struct wire_text a, struct wire_text b) {
    return a.n == b.n && (!a.n || !memcmp(a.s, b.s, a.n));
}

struct wire_text wire_name_of_call(const struct wire_request *q, unsigned result) {
    if (q->parts[result].name.n)
        return q->parts[result].name;
    for (unsigned i = result; i-- > 0 && result - i <= LOOK_BACK_MAX;)
        if (q->parts[i].kind == WIRE_PART_CALL && same_text(q->parts[i].id, q->parts[result].id))
            return q->parts[i].name;
    return (struct wire_text){"unknown", 7};
}

json_t *wire_call_text(struct wire_request *q, const struct wire_part *call) {
    if (!call->input)
        return wire_string(q, call->text.n ? call->text : (struct wire_text){"{}", 2});
    buf_clear(&q->bytes);
    if (buf_put_json(&q->bytes, call->input, JSON_COMPACT) < 0)
        q->bytes.failed = true;
    return scratch_string(q);
}

// What well-formed text fails to be read for, but for memory. jansson says "invalid token" of
// memory too, so that the text has to be looked at.
static bool beyond_jansson(const json_error_t *error) {
    enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
           !strncmp(error->text, "invalid Unicode", 15); // half a pair
}

// What the model wrote may be no JSON: then the text itself is told.
json_t *wire_call_object(struct wire_request *q, const struct wire_part *call) {
    if (call->input)
        return wire_copy(q, call->input);
    if (!call->text.n)
        return wire_object(q);
    bool formed = wire_json_document(call->text.s, call->text.n).p != NULL;
    json_error_t error = {0};
    json_t *object = formed ? json_loadb(call->text.s, call->text.n, JSON_ALLOW_NUL, &error) : NULL;
    if (object && json_is_object(object))
        return object;
    if (formed && !object && !beyond_jansson(&error)) {
        q->failed = true;
        return NULL;
    }
    json_decref(object);
    object = wire_object(q);
    wire_set(q, object, "invalid_json", wire_string(q, call->text));
    return object;
}

json_t *wire_data_url(struct wire_request *q, const struct wire_part *file) {
    if (file->url.s)
        return wire_string(q, file->url);
    buf_clear(&q->bytes);
    (void)buf_puts(&q->bytes, "data:");
    (void)buf_append(&q->bytes, file->media.s, file->media.n);
    (void)buf_puts(&q->bytes, ";base64,");
    (void)buf_append(&q->bytes, file->data.s, file->data.n);
    return scratch_string(q);
}

static int (*const read_from[WIRE_FAMILIES])(struct wire_request *, const json_t *) = {
    [WIRE_ANTHROPIC] = wire_request_from_anthropic,
    [WIRE_CHAT] = wire_request_from_chat,
    [WIRE_RESPONSES] = wire_request_from_responses,
    [WIRE_GEMINI] = wire_request_from_gemini,
};
static void (*const write_to[WIRE_FAMILIES])(struct wire_request *, json_t *) = {
    [WIRE_ANTHROPIC] = wire_request_to_anthropic,
    [WIRE_CHAT] = wire_request_to_chat,
    [WIRE_RESPONSES] = wire_request_to_responses,
    [WIRE_GEMINI] = wire_request_to_gemini,
};

static int cross(struct wire_request *q, enum wire_family from, enum wire_family to,
                 const json_t *request, json_t *object) {
    int code = read_from[from](q, request);
    if (code < 0)
        return code;
    if (!q->turn_count)
        return wire_invalid(q, from == WIRE_GEMINI      ? "contents"
                               : from == WIRE_RESPONSES ? "input"
                                                        : "messages");
    write_to[to](q, object);
    return q->failed ? no_room(q, ERR_NOMEM) : 0;
}

static int copy_same(enum wire_family family, const json_t *request, const char *model, bool stream,
                     json_t **ret, struct err *err) {
    json_t *copy = wire_deep_copy(request);
    bool failed = !copy;
    if (family != WIRE_GEMINI && copy) { // where they stand in the path
        failed = json_object_set_new(copy, "model", json_string(model)) < 0;
        if (stream || json_object_get(copy, "stream"))
            failed = json_object_set_new(copy, "stream", json_boolean(stream)) < 0 || failed;
    }
    if (failed) {
        json_decref(copy);
        return err_set(err, ERR_NOMEM, "the request cannot be converted: out of memory");
    }
    *ret = copy;
    return 0;
}

int wire_convert(enum wire_family from, enum wire_family to, const json_t *request,
                 const char *model, bool stream, json_t **ret, struct wire_loss *loss,
                 struct err *err) {
    struct wire_request q = {.model = model,
                             .stream = stream,
                             .loss = loss,
                             .err = err,
                             .parallel = -1,
                             .max_tokens = -1,
                             .budget = -1,
                             .top_k = -1,
                             .temperature = -1,
                             .top_p = -1};
    if (loss)
        *loss = (struct wire_loss){0};
    if ((unsigned)from >= WIRE_FAMILIES || (unsigned)to >= WIRE_FAMILIES ||
        !json_is_object(request))
        return err_set(err, ERR_INVAL, "the request is no JSON object");
    if (from == to)
        return copy_same(from, request, model, stream, ret, err);
    json_t *object = json_object();
    int code = object ? cross(&q, from, to, request, object) : no_room(&q, ERR_NOMEM);
    mem_free(q.parts);
    mem_free(q.turns);
    mem_free(q.tools);
    buf_done(&q.bytes);
    json_decref(q.held);
    if (code < 0)
        json_decref(object);
    else
        *ret = object;
    return code;
}

// A model's name may hold anything; only these stand in a path as they are (RFC 3986 2.3, and the
// slash and the colon that such names have).
static int put_segment(struct buf *out, const char *s) {
    int code = 0;
    for (; *s && code == 0; s++) {
        bool plain = (*s >= '0' && *s <= '9') || ((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z') ||
                     strchr("-._~/:@", *s);
        code = plain ? buf_putc(out, *s) : buf_printf(out, "%%%02X", (unsigned char)*s);
    }
    return code;
}

int wire_path(enum wire_family family, const char *model, bool stream, struct buf *out) {
    static const char *const paths[] = {[WIRE_ANTHROPIC] = "/v1/messages",
                                        [WIRE_CHAT] = "/v1/chat/completions",
                                        [WIRE_RESPONSES] = "/v1/responses"};
    if ((unsigned)family >= WIRE_FAMILIES)
        return ERR_INVAL;
    if (family != WIRE_GEMINI)
        return buf_puts(out, paths[family]);
    int code = buf_puts(out, strncmp(model, "models/", 7) ? "/v1beta/models/" : "/v1beta/");
    if (code == 0)
        code = put_segment(out, model);
    if (code == 0)
        code = buf_puts(out, stream ? ":streamGenerateContent?alt=sse" : ":generateContent");
    return code;
}
