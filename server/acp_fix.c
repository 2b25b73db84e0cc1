// Repairs: shown as a diff, and written through the editor if it can and the user agrees. The text
// is looked at once more before it is replaced. Sources: ACP v1 "Tool Calls" (diffs), "File
// System".
#include "server/acp_turn.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

enum { SAID_BYTES_MAX = 256 * 1024, WRITE_MS = 30 * 1000 };

bool acp_is_fix(const struct acp_step *s) {
    return strcmp(s->row->name, "edison.fix") == 0;
}

static const json_t *made(const struct acp_turn *t, const char *member) {
    return json_object_get(t->fix.made, member);
}

// --- saying it -----------------------------------------------------------------------------------

static json_t *places_json(const struct acp_turn *t) {
    json_t *list = json_array();
    size_t i;
    const json_t *one;
    json_array_foreach(made(t, "items"), i, one)(void) json_array_append_new(
        list,
        json_pack("{s:o, s:O}", "path", acp_full_path(t->chat, json_string_value(made(t, "path"))),
                  "line", json_object_get(one, "line")));
    return list;
}

static void show_diff(struct acp_turn *t) {
    char call[ACP_CALL_BYTES];
    acp_call_id(t, call);
    acp_update(t->chat,
               json_pack("{s:s, s:s, s:[{s:s, s:o, s:O, s:O}], s:o}", "sessionUpdate",
                         "tool_call_update", "toolCallId", call, "content", "type", "diff", "path",
                         acp_full_path(t->chat, json_string_value(made(t, "path"))), "oldText",
                         made(t, "old"), "newText", made(t, "new"), "locations", places_json(t)));
}

// What was done, and each repair with its place.
static void say_repairs(struct acp_turn *t, const char *outcome) {
    AUTO_BUF text = BUF_INIT(SAID_BYTES_MAX);
    struct answer as = {0};
    const char *path = json_string_value(made(t, "path"));
    size_t i, count = json_array_size(made(t, "items"));
    const json_t *one;
    (void)buf_printf(&text, "%s: %zu certain repair%s, %s\n", path, count, count == 1 ? "" : "s",
                     outcome);
    json_array_foreach(made(t, "items"), i, one)(void)
        buf_printf(&text, "%s:%lld [%s] %s\n", path,
                   (long long)json_integer_value(json_object_get(one, "line")),
                   json_string_value(json_object_get(one, "rule")),
                   json_string_value(json_object_get(one, "message")));
    (void)buf_puts(&text, "Not covered:\n- each was applied and parsed in memory: run the tests "
                          "before you commit\n");
    as.text = text;
    if (!text.failed)
        acp_step_say(t, &as);
}

static void completed(struct acp_turn *t, const char *outcome) {
    struct acp_step *s = &t->steps[t->at];
    char call[ACP_CALL_BYTES];
    acp_call_id(t, call);
    s->status = ACP_COMPLETED;
    acp_say_call_update(t->chat, call, s, NULL, NULL, 0);
    say_repairs(t, outcome);
    acp_step_end(t);
}

// --- writing -------------------------------------------------------------------------------------

static void on_written(struct acp_turn *t, const json_t *result, const char *why) {
    if (!result) {
        acp_step_failed(t, why ? why : "the editor did not take it");
        return;
    }
    completed(t, "written through the editor");
}

static void write_it(struct acp_turn *t) {
    acp_turn_ask(t, "fs/write_text_file",
                 json_pack("{s:s, s:o, s:O}", "sessionId", t->chat->id, "path",
                           acp_full_path(t->chat, json_string_value(made(t, "path"))), "content",
                           made(t, "new")),
                 WRITE_MS, on_written);
}

static void find_repairs(struct acp_turn *t, const json_t *text);

static void on_text(struct acp_turn *t, const json_t *result, const char *why) {
    (void)why; // not open, or not given: as it is on the disk
    find_repairs(t, json_object_get(result, "content"));
}

// The text as it is now: in the editor, else on the disk.
static void look(struct acp_turn *t) {
    const char *path = json_string_value(json_object_get(t->steps[t->at].arguments, "path"));
    if (t->chat->face->can & ACP_CAN_READ && path && *path != '/')
        acp_turn_ask(
            t, "fs/read_text_file",
            json_pack("{s:s, s:o}", "sessionId", t->chat->id, "path", acp_full_path(t->chat, path)),
            ACP_READ_MS, on_text);
    else
        find_repairs(t, NULL);
}

static void agreed(struct acp_turn *t) {
    struct acp_step *s = &t->steps[t->at];
    char call[ACP_CALL_BYTES];
    acp_call_id(t, call);
    s->status = ACP_RUNNING;
    acp_say_call_update(t->chat, call, s, NULL, NULL, 0);
    t->fix.again = true;
    look(t);
}

// --- finding -------------------------------------------------------------------------------------

static void none_found(struct acp_turn *t, struct answer *answer) {
    struct acp_step *s = &t->steps[t->at];
    char call[ACP_CALL_BYTES];
    acp_call_id(t, call);
    s->status = ACP_COMPLETED;
    acp_say_call_update(t->chat, call, s, NULL, answer->text.data, answer->text.len);
    acp_step_say(t, answer);
    acp_step_end(t);
}

static void on_repairs(struct acp_turn *t, int r, struct answer *answer, const struct err *err) {
    if (r < 0) {
        acp_step_failed(t, err_text(err));
        return;
    }
    if (t->fix.again) {
        t->fix.again = false;
        if (json_equal(json_object_get(answer->structured, "old"), made(t, "old")))
            write_it(t);
        else
            acp_step_failed(t, "the text has changed meanwhile, so nothing was written: ask again");
        return;
    }
    json_decref(t->fix.made);
    t->fix.made = json_incref(answer->structured);
    if (json_array_size(made(t, "items")) == 0) {
        none_found(t, answer);
        return;
    }
    show_diff(t);
    if (t->chat->face->can & ACP_CAN_WRITE) {
        t->steps[t->at].status = ACP_PENDING;
        acp_permit(t, agreed);
    } else {
        completed(t, "nothing was written: this client takes no edits from agents");
    }
}

static void find_repairs(struct acp_turn *t, const json_t *text) {
    struct err err = {0};
    json_t *arguments = json_copy(t->steps[t->at].arguments);
    (void)json_object_del(arguments, "budget");
    (void)json_object_del(arguments, "cursor");
    if (arguments && json_is_string(text))
        (void)json_object_set(arguments, "text", (json_t *)text);
    if (acp_turn_run(t, "acp.repair", arguments, on_repairs, &err) < 0)
        acp_step_failed(t, err_text(&err));
    json_decref(arguments);
}

void acp_fix_run(struct acp_turn *t) {
    t->fix.again = false;
    look(t);
}
