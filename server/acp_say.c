// What a turn shows: its plan, the capability that runs, what it found. Sources: ACP v1 "Agent
// Plan", "Tool Calls", "Prompt Turn".
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "server/acp_face.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

// "sherlock.review" → "review".
static const char *bare_name(const struct acp_step *s) {
    const char *dot = strchr(s->row->name, '.');
    return dot ? dot + 1 : s->row->name;
}

// "Sherlock: Review a change (src/till.c)"
void acp_step_title(struct acp_step *s) {
    static const char *const shown[] = {"symbol", "path", "range", "rule", "text", "query"};
    const char *about = NULL, *dot = strchr(s->row->name, '.');
    for (size_t i = 0; !about && i < COUNT_OF(shown); i++) {
        const json_t *value = json_object_get(s->arguments, shown[i]);
        about = json_string_value(json_is_array(value) ? json_array_get(value, 0) : value);
    }
    char who[32] = "Memory", full[ACP_TITLE_BYTES_MAX * 2], words[64];
    if (dot && strncmp(s->row->name, "acp.", 4) == 0)
        (void)snprintf(who, sizeof who, "Sherlock");
    else if (dot)
        (void)snprintf(who, sizeof who, "%c%.*s", toupper((unsigned char)s->row->name[0]),
                       (int)(dot - s->row->name) - 1, s->row->name + 1);
    if (about)
        acp_one_line(about, strlen(about), words, sizeof words - 1);
    int n = about ? snprintf(full, sizeof full, "%s: %s (%s)", who, s->row->title, words)
                  : snprintf(full, sizeof full, "%s: %s", who, s->row->title);
    acp_one_line(full, (size_t)n < sizeof full ? (size_t)n : sizeof full - 1, s->title,
                 ACP_TITLE_BYTES_MAX);
}

static const char *entry_status(const struct acp_step *s) {
    return s->status == ACP_PENDING   ? "pending"
           : s->status == ACP_RUNNING ? "in_progress"
                                      : "completed";
}

void acp_say_plan(struct acp_chat *chat, const struct acp_step *steps, size_t count) {
    json_t *entries = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(
            entries, json_pack("{s:o, s:s, s:s}", "content",
                               acp_string(steps[i].title, strlen(steps[i].title)), "priority",
                               i == 0 ? "high" : "medium", "status", entry_status(&steps[i])));
    acp_update(chat, json_pack("{s:s, s:o}", "sessionUpdate", "plan", "entries", entries));
}

// --- calls ---------------------------------------------------------------------------------------

static const struct {
    const char *capability, *kind;
} kinds[] = {
    {"locate", "search"},   {"similar", "search"}, {"impact", "search"},   {"map", "search"},
    {"patterns", "search"}, {"fix", "edit"},       {"milestone", "think"}, {"forecast", "think"},
    {"digest", "think"},    {"changed", "other"},  {"retro", "think"},
};

static const char *kind_of(const struct acp_step *s) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (strcmp(kinds[i].capability, bare_name(s)) == 0)
            return kinds[i].kind;
    return s->row->flags & CAP_READ_ONLY ? "read" : "other";
}

// Of what is laid out by hand, or is code.
enum acp_layout acp_layout(const struct acp_step *s) {
    static const char *const verbatim[] = {"map", "pack", "scaffold_test", "risk"};
    const char *format = json_string_value(json_object_get(s->arguments, "format"));
    if (format && strcmp(format, "mermaid") == 0)
        return ACP_MERMAID;
    if (format && strcmp(format, "text") != 0)
        return strcmp(format, "sarif") == 0 ? ACP_JSON : ACP_VERBATIM;
    if (json_is_true(json_object_get(s->arguments, "propose")))
        return ACP_JSON;
    for (size_t i = 0; i < COUNT_OF(verbatim); i++)
        if (strcmp(verbatim[i], bare_name(s)) == 0)
            return ACP_VERBATIM;
    return ACP_LINES;
}

static const char *call_status(const struct acp_step *s) {
    static const char *const names[] = {"pending", "in_progress", "completed", "failed"};
    return names[s->status];
}

json_t *acp_call_json(const char *call, const struct acp_step *s) {
    return json_pack("{s:s, s:o, s:s, s:s, s:s, s:O}", "toolCallId", call, "title",
                     acp_string(s->title, strlen(s->title)), "name", s->row->name, "kind",
                     kind_of(s), "status", call_status(s), "rawInput", s->arguments);
}

json_t *acp_call_brief(const struct acp_step *s) {
    return json_pack("{s:o, s:s, s:s}", "title", acp_string(s->title, strlen(s->title)), "kind",
                     kind_of(s), "status", call_status(s));
}

void acp_say_call(struct acp_chat *chat, const char *call, const struct acp_step *s) {
    json_t *update = acp_call_json(call, s);
    if (update)
        (void)json_object_set_new(update, "sessionUpdate", json_string("tool_call"));
    acp_update(chat, update);
}

// --- places --------------------------------------------------------------------------------------

struct places {
    const char *root;
    json_t *list;
};

static bool is_known(const json_t *list, const json_t *place) {
    size_t i;
    const json_t *one;
    json_array_foreach(list, i, one) if (json_equal(one, place)) return true;
    return false;
}

// "path" with "line" or "start_line" of an object.
static void add_place(struct places *p, const json_t *object) {
    const char *path = json_string_value(json_object_get(object, "path"));
    const json_t *line = json_object_get(object, "line");
    if (!path || !*path || *path == '/' || json_array_size(p->list) >= ACP_LOCATIONS_MAX)
        return;
    json_t *place = json_pack("{s:o}", "path", json_sprintf("%s/%s", p->root, path));
    if (place && json_integer_value(line) > 0)
        (void)json_object_set(place, "line", (json_t *)line);
    if (place && json_object_get(place, "path") && !is_known(p->list, place))
        (void)json_array_append(p->list, place);
    json_decref(place);
}

// Of every object in the answer, in its order. Iterates: the depth of an answer is a capability's.
static json_t *places_of(const struct acp_chat *chat, const json_t *answer) {
    enum { DEPTH_MAX = 8 };
    struct places p = {chat->shown, json_array()};
    struct {
        const json_t *value;
        size_t at;
        void *iter;
    } stack[DEPTH_MAX];
    size_t depth = 0;
    stack[depth++].value = answer;
    stack[0].at = 0;
    stack[0].iter = json_is_object(answer) ? json_object_iter((json_t *)answer) : NULL;
    add_place(&p, answer);
    while (p.list && depth) {
        const json_t *in = stack[depth - 1].value, *next = NULL;
        if (json_is_array(in)) {
            next = json_array_get(in, stack[depth - 1].at++);
        } else if (json_is_object(in) && stack[depth - 1].iter) {
            next = json_object_iter_value(stack[depth - 1].iter);
            stack[depth - 1].iter = json_object_iter_next((json_t *)in, stack[depth - 1].iter);
        }
        if (!next) {
            depth--;
            continue;
        }
        if (json_is_object(next))
            add_place(&p, next);
        if ((json_is_object(next) || json_is_array(next)) && depth < DEPTH_MAX) {
            stack[depth].value = next;
            stack[depth].at = 0;
            stack[depth].iter = json_is_object(next) ? json_object_iter((json_t *)next) : NULL;
            depth++;
        }
    }
    return p.list;
}

void acp_say_call_update(struct acp_chat *chat, const char *call, const struct acp_step *s,
                         const json_t *answer, const char *text, size_t n) {
    json_t *update = json_pack("{s:s, s:s, s:s}", "sessionUpdate", "tool_call_update", "toolCallId",
                               call, "status", call_status(s));
    json_t *places = answer ? places_of(chat, answer) : NULL;
    if (update && json_array_size(places))
        (void)json_object_set(update, "locations", places);
    if (update && n)
        (void)json_object_set_new(update, "content",
                                  json_pack("[{s:s, s:{s:s, s:o}}]", "type", "content", "content",
                                            "type", "text", "text", acp_string(text, n)));
    json_decref(places);
    acp_update(chat, update);
}

// --- text ----------------------------------------------------------------------------------------

// A piece of at most ACP_CHUNK_BYTES, whole lines if it can be.
static size_t piece(const char *text, size_t n) {
    if (n <= ACP_CHUNK_BYTES)
        return n;
    const char *eol = memrchr(text, '\n', ACP_CHUNK_BYTES);
    size_t cut = eol ? (size_t)(eol - text) + 1 : utf_cut(text, n, ACP_CHUNK_BYTES);
    return cut ? cut : ACP_CHUNK_BYTES;
}

void acp_say(struct acp_chat *chat, const char *kind, const char *message, const char *text,
             size_t n) {
    for (size_t at = 0, one; at < n; at += one) {
        one = piece(text + at, n - at);
        acp_update(chat, json_pack("{s:s, s:s, s:{s:s, s:o}}", "sessionUpdate", kind, "messageId",
                                   message, "content", "type", "text", "text",
                                   acp_string(text + at, one)));
    }
}
