// The neutral form that requests cross between families in. It borrows its texts from the request
// that was read. Inside core/models only.
#pragma once

#include "core/models/wire.h"

enum {
    WIRE_PARTS_MAX = 1 << 16, // of all messages
    WIRE_TURNS_MAX = 1 << 16,
    WIRE_TOOLS_MAX = 1024,
    WIRE_STOPS_MAX = 16
};

struct wire_text { // s == NULL: absent
    const char *s;
    size_t n;
};

enum wire_part_kind { WIRE_PART_TEXT, WIRE_PART_FILE, WIRE_PART_CALL, WIRE_PART_RESULT };
struct wire_part {
    enum wire_part_kind kind;
    struct wire_text text;             // of a TEXT; a CALL's arguments as text
    struct wire_text media, data, url; // of a FILE: its type, base64 or an address
    struct wire_text id, name;         // of a CALL; of a RESULT the call's
    const json_t *input;               // of a CALL: its arguments as an object
    bool error;                        // of a RESULT
    unsigned count; // of a RESULT: so many parts after it are its content; of a CALL: answered
};

enum wire_role { WIRE_SYSTEM, WIRE_USER, WIRE_ASSISTANT };
struct wire_turn { // neighbours have different roles
    enum wire_role role;
    unsigned first, count; // parts
};

struct wire_tool {
    struct wire_text name, description;
    const json_t *schema; // NULL: no arguments
};

enum wire_choice {
    WIRE_CHOICE_UNSET,
    WIRE_CHOICE_AUTO,
    WIRE_CHOICE_ANY,
    WIRE_CHOICE_NONE,
    WIRE_CHOICE_NAMED
};
enum wire_effort { // the words of all families, in order
    WIRE_EFFORT_UNSET,
    WIRE_EFFORT_NONE,
    WIRE_EFFORT_MINIMAL,
    WIRE_EFFORT_LOW,
    WIRE_EFFORT_MEDIUM,
    WIRE_EFFORT_HIGH,
    WIRE_EFFORT_XHIGH,
    WIRE_EFFORT_MAX
};

struct wire_request {
    struct wire_part *parts;
    struct wire_turn *turns;
    struct wire_tool *tools;
    uint32_t part_count, part_room, turn_count, turn_room, tool_count, tool_room;

    enum wire_choice choice;
    struct wire_text choice_name;
    int parallel;                      // tool calls; -1: not told
    int64_t max_tokens, budget, top_k; // -1: not told; budget: of thinking
    double temperature, top_p;         // < 0: not told
    struct wire_text stops[WIRE_STOPS_MAX];
    unsigned stop_count;
    enum wire_effort effort;
    const json_t *schema; // of the answer
    struct wire_text schema_name;
    bool json;   // any JSON
    bool strict; // the schema, in its family's sense

    const char *model; // of the request that is written
    bool stream;
    struct wire_loss *loss;
    struct err *err;
    bool failed;      // out of memory
    struct buf bytes; // scratch
    json_t *held;     // what was made while reading, an array; parts borrow from it
};

// Fill q from a request; ERR_INVAL names the member.
int wire_request_from_anthropic(struct wire_request *q, const json_t *request);
int wire_request_from_chat(struct wire_request *q, const json_t *request);
int wire_request_from_responses(struct wire_request *q, const json_t *request);
int wire_request_from_gemini(struct wire_request *q, const json_t *request);
// Add the members to `ret`; q->failed when out of memory.
void wire_request_to_anthropic(struct wire_request *q, json_t *ret);
void wire_request_to_chat(struct wire_request *q, json_t *ret);
void wire_request_to_responses(struct wire_request *q, json_t *ret);
void wire_request_to_gemini(struct wire_request *q, json_t *ret);

// --- for those that read
void wire_lose(struct wire_request *q, const char *what);        // each once
void wire_lose_kind(struct wire_request *q, const json_t *part); // by its "type"
struct wire_text wire_text_of(const json_t *string);             // absent when it is none
static inline struct wire_text wire_member(const json_t *object, const char *name) {
    return wire_text_of(json_object_get(object, name));
}
static inline bool wire_text_is(struct wire_text t, const char *word) {
    size_t i = 0;
    while (t.s && i < t.n && word[i] && t.s[i] == word[i])
        i++;
    return t.s && i == t.n && !word[i];
}
bool wire_member_is(const json_t *object, const char *name, const char *word);
int wire_invalid(struct wire_request *q, const char *what); // ERR_INVAL with its sentence
// Keeps a value that was made; NULL, also for NULL, when out of memory.
const json_t *wire_hold(struct wire_request *q, json_t *value);
int wire_no_memory(struct wire_request *q); // ERR_NOMEM with its sentence
int wire_add_part(struct wire_request *q, enum wire_role role, struct wire_part part);
int wire_add_text(struct wire_request *q, enum wire_role role, const json_t *string);
int wire_add_tool(struct wire_request *q, struct wire_tool tool);
// Tools and the choice among them as both of OpenAI's APIs say it; name and parameters stand in the
// member `inner`, or (NULL) beside the type.
int wire_take_functions(struct wire_request *q, const char *inner, const json_t *tools);
void wire_take_choice(struct wire_request *q, const char *inner, const json_t *choice);
void wire_add_stops(struct wire_request *q, const json_t *stops); // a string or an array
void wire_take_numbers(struct wire_request *q, const json_t *object, const char *temperature,
                       const char *top_p, const char *top_k);
void wire_take_effort(struct wire_request *q, const json_t *word);
// Members at the top that are in no list are told as lost.
void wire_lose_others(struct wire_request *q, const json_t *request, const char *const *known,
                      size_t count);
// "data:image/png;base64,…" or an address, as a part.
struct wire_part wire_file_of(struct wire_text url);

// --- for those that write
enum wire_effort wire_effort_of(const struct wire_request *q); // also from a budget
const char *wire_effort_word(enum wire_effort effort);
int64_t wire_budget_of(const struct wire_request *q); // also from an effort; -1: not told
// The texts among the parts as one, empty lines between them. "" when there are none.
json_t *wire_joined(struct wire_request *q, unsigned first, unsigned count);
bool wire_only_texts(const struct wire_request *q, unsigned first, unsigned count);
struct wire_text wire_name_of_call(const struct wire_request *q, unsigned result);
// A call's arguments, whichever way they were given: as text, as an object.
json_t *wire_call_text(struct wire_request *q, const struct wire_part *call);
json_t *wire_call_object(struct wire_request *q, const struct wire_part *call);
json_t *wire_data_url(struct wire_request *q, const struct wire_part *file);
// Values that may be NULL when memory is out: then q->failed is set and they are left out.
void wire_set(struct wire_request *q, json_t *object, const char *name, json_t *value);
void wire_push(struct wire_request *q, json_t *array, json_t *value);
json_t *wire_string(struct wire_request *q, struct wire_text text);
json_t *wire_object(struct wire_request *q);
json_t *wire_array(struct wire_request *q);
json_t *wire_deep_copy(const json_t *value); // NULL when out of memory
json_t *wire_copy(struct wire_request *q, const json_t *value);
json_t *wire_typed(struct wire_request *q, const char *type); // {"type": …}
static inline void wire_set_text(struct wire_request *q, json_t *object, const char *name,
                                 const char *text) {
    wire_set(q, object, name, json_string(text));
}
