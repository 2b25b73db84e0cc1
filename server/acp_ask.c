// Asking the user before anything is kept or written. Source: ACP v1 "Requesting Permission".
#include "server/acp_turn.h"

#include "core/base/mem.h"

#include <string.h>

// What a person decides about once and for all: each capability by itself. Position = bit of
// chat->allowed, chat->refused.
static const char *const kinds[] = {"sherlock.mute", "sherlock.baseline", "edison.fix", "remember",
                                    "handoff"};

static unsigned bit_of(const struct acp_step *s) {
    for (unsigned i = 0; i < COUNT_OF(kinds); i++)
        if (strcmp(kinds[i], s->row->name) == 0)
            return 1U << i;
    return 0; // asked each time
}

static bool only_lists(const struct acp_step *s) {
    const char *name;
    json_t *value;
    if (strcmp(s->row->name, "sherlock.mute") != 0)
        return false;
    json_object_foreach(s->arguments, name, value) {
        if (strcmp(name, "budget") != 0 && strcmp(name, "cursor") != 0)
            return false;
    }
    return true;
}

bool acp_step_writes(const struct acp_step *s) {
    return !(s->row->flags & CAP_READ_ONLY) && !only_lists(s);
}

static const struct {
    const char *id, *name, *kind;
} options[] = {
    {"allow-once", "Allow", "allow_once"},
    {"allow-always", "Allow in this session", "allow_always"},
    {"reject-once", "Do not", "reject_once"},
    {"reject-always", "Never in this session", "reject_always"},
};

static json_t *options_json(const struct acp_step *s) {
    json_t *list = json_array();
    for (size_t i = 0; i < COUNT_OF(options); i++)
        if (bit_of(s) || !strstr(options[i].kind, "always"))
            (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "optionId",
                                                        options[i].id, "name", options[i].name,
                                                        "kind", options[i].kind));
    return list;
}

static const char *chosen_kind(const json_t *result) {
    const json_t *outcome = json_object_get(result, "outcome");
    const char *what = json_string_value(json_object_get(outcome, "outcome"));
    const char *id = json_string_value(json_object_get(outcome, "optionId"));
    if (what && strcmp(what, "cancelled") == 0)
        return what;
    for (size_t i = 0; what && id && strcmp(what, "selected") == 0 && i < COUNT_OF(options); i++)
        if (strcmp(options[i].id, id) == 0)
            return options[i].kind;
    return NULL;
}

static void on_decision(struct acp_turn *t, const json_t *result, const char *why) {
    const struct acp_step *s = &t->steps[t->at];
    const char *kind = result ? chosen_kind(result) : NULL;
    if (kind && strcmp(kind, "cancelled") == 0) { // "the prompt turn was cancelled"
        acp_turn_cancel(t);
        return;
    }
    if (kind && strcmp(kind, "allow_always") == 0)
        t->chat->allowed |= bit_of(s);
    if (kind && strcmp(kind, "reject_always") == 0)
        t->chat->refused |= bit_of(s);
    if (kind && strncmp(kind, "allow", 5) == 0)
        t->then(t);
    else if (kind)
        acp_step_failed(t, "not allowed, so nothing was written");
    else if (why)
        acp_step_failed(t, "this client could not ask for permission, so nothing was written");
    else
        acp_step_failed(t, "the client's answer is none of those offered, so nothing was written");
}

void acp_permit(struct acp_turn *t, acp_then_fn *then) {
    struct acp_step *s = &t->steps[t->at];
    unsigned bit = bit_of(s);
    char call[ACP_CALL_BYTES];
    if (t->chat->refused & bit) {
        acp_step_failed(t, "not allowed in this session, so nothing was written");
        return;
    }
    if (t->chat->allowed & bit) {
        then(t);
        return;
    }
    acp_call_id(t, call);
    t->then = then;
    acp_turn_ask(t, "session/request_permission",
                 json_pack("{s:s, s:o, s:o}", "sessionId", t->chat->id, "toolCall",
                           acp_call_json(call, s), "options", options_json(s)),
                 ACP_PEOPLE_MS, on_decision);
}
