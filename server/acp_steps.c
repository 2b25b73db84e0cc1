// The steps of a turn: which ones a prompt takes, and how each is carried out, shown and said.
// Sources: ACP v1 "Agent Plan", "Tool Calls", "Slash Commands".
#include "server/acp_turn.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

enum { SAID_BYTES_MAX = 1024 * 1024 };

void acp_call_id(const struct acp_turn *t, char ret[ACP_CALL_BYTES]) {
    (void)snprintf(ret, ACP_CALL_BYTES, "call-%llu-%zu", (unsigned long long)t->seq, t->at);
}

// --- the present step ----------------------------------------------------------------------------

static void run_step(struct acp_turn *t);

static void go_on(struct acp_turn *t) {
    if (t->at < t->count)
        run_step(t);
    else
        acp_turn_finish(t, "end_turn");
}

void acp_step_end(struct acp_turn *t) {
    t->at++;
    t->part = 0;
    acp_say_plan(t->chat, t->steps, t->count);
    t->chat->said.steps = t->at;
    acp_state_tell(t->chat);
    acp_keep(t, go_on);
}

void acp_step_say(struct acp_turn *t, const struct answer *answer) {
    const struct acp_step *s = &t->steps[t->at];
    AUTO_BUF said = BUF_INIT(SAID_BYTES_MAX);
    if (t->count > 1)
        (void)buf_printf(&said, "### %s\n\n", s->title);
    (void)acp_markdown(answer->text.data ? answer->text.data : "", answer->text.len, t->chat->shown,
                       acp_layout(s), &said);
    while (said.len && said.data[said.len - 1] == '\n')
        said.len--;
    (void)buf_puts(&said, "\n\n");
    if (!said.failed)
        acp_turn_say(t, said.data, said.len);
}

void acp_step_failed(struct acp_turn *t, const char *why) {
    struct acp_step *s = &t->steps[t->at];
    char call[ACP_CALL_BYTES];
    AUTO_BUF said = BUF_INIT(SAID_BYTES_MAX);
    acp_call_id(t, call);
    s->status = ACP_FAILED;
    acp_say_call_update(t->chat, call, s, NULL, why, strlen(why));
    (void)buf_printf(&said, "%s: ", s->title);
    (void)acp_markdown_line(why, strlen(why), t->chat->shown, &said);
    (void)buf_puts(&said, "\n\n");
    if (!said.failed)
        acp_turn_say(t, said.data, said.len);
    acp_step_end(t);
}

// The first line: what an answer comes to.
static size_t headline(const struct buf *text) {
    const char *eol = text->len ? memchr(text->data, '\n', text->len) : NULL;
    return eol ? (size_t)(eol - text->data) : text->len;
}

static void note_more(struct acp_chat *chat, const struct acp_step *s, const json_t *structured) {
    const json_t *next = json_object_get(structured, "next");
    const json_t *path = json_object_get(s->arguments, "path");
    json_decref(chat->more);
    chat->more = NULL;
    if (json_is_string(next)) {
        json_t *arguments = json_copy(s->arguments);
        (void)json_object_set(arguments, "cursor", (json_t *)next);
        chat->more = json_pack("{s:s, s:o}", "row", s->row->name, "arguments", arguments);
    }
    if (!json_is_string(path))
        path = json_object_get(s->arguments, "symbol");
    if (json_is_string(path) && json_string_length(path) < sizeof chat->focus)
        (void)snprintf(chat->focus, sizeof chat->focus, "%s", json_string_value(path));
}

static void step_done(struct acp_turn *t, int r, struct answer *answer, const struct err *err) {
    struct acp_step *s = &t->steps[t->at];
    char call[ACP_CALL_BYTES];
    if (r < 0) {
        acp_step_failed(t, err_text(err));
        return;
    }
    acp_call_id(t, call);
    s->status = ACP_COMPLETED;
    acp_say_call_update(t->chat, call, s, answer->structured,
                        answer->text.data ? answer->text.data : "", headline(&answer->text));
    const json_t *checks = json_object_get(answer->structured, "checks");
    if (t->by_model && json_is_string(checks)) { // its words have been said
        buf_clear(&answer->text);
        (void)buf_append(&answer->text, json_string_value(checks), json_string_length(checks));
        acp_turn_say(t, "\n\n", 2);
    }
    acp_step_say(t, answer);
    note_more(t->chat, s, answer->structured);
    acp_step_end(t);
}

static void carry_out(struct acp_turn *t) {
    struct acp_step *s = &t->steps[t->at];
    struct err err = {0};
    char call[ACP_CALL_BYTES];
    acp_call_id(t, call);
    if (s->status == ACP_PENDING) { // the user has agreed to it
        s->status = ACP_RUNNING;
        acp_say_call_update(t->chat, call, s, NULL, NULL, 0);
    }
    if (acp_turn_run(t, s->row->name, s->arguments, step_done, &err) < 0)
        acp_step_failed(t, err_text(&err));
}

static void run_step(struct acp_turn *t) {
    struct acp_step *s = &t->steps[t->at];
    char call[ACP_CALL_BYTES];
    bool asks = acp_step_writes(s);
    acp_call_id(t, call);
    s->status = ACP_RUNNING;
    acp_say_plan(t->chat, t->steps, t->count);
    s->status = asks ? ACP_PENDING : ACP_RUNNING;
    acp_say_call(t->chat, call, s);
    if (acp_is_fix(s))
        acp_fix_run(t);
    else if (acp_is_wait(s))
        acp_wait_run(t);
    else if (asks)
        acp_permit(t, carry_out);
    else
        carry_out(t);
}

// To a client that shows no notices.
static void tell_foreign(struct acp_turn *t) {
    static const char text[] =
        "_The MCP servers that the editor named were not started: the agents "
        "run nothing foreign._\n\n";
    if (t->chat->foreign)
        acp_turn_say(t, text, sizeof text - 1);
    t->chat->foreign = 0;
}

// What an engine that died has said already is not said again.
static void begin_after(struct acp_turn *t) {
    struct acp_chat *chat = t->chat;
    size_t said = chat->said.seq == t->seq ? chat->said.steps : 0;
    chat->said.seq = t->seq;
    chat->said.steps = said;
    t->kept_steps = said;
    for (; t->at < said && t->at < t->count; t->at++)
        t->steps[t->at].status = ACP_COMPLETED;
    tell_foreign(t);
    go_on(t);
}

void acp_steps_begin(struct acp_turn *t) {
    acp_texts_read(t, begin_after);
}

// --- which steps ---------------------------------------------------------------------------------

// Said where it was asked; the turn ends.
static void done_saying(struct acp_turn *t) {
    acp_turn_finish(t, "end_turn");
}

static void say_only(struct acp_turn *t, const char *text, size_t n) {
    acp_turn_say(t, text, n);
    acp_keep(t, done_saying);
}

static int add_step(struct acp_turn *t, const char *row, json_t *arguments) {
    const struct capability *c = dispatch_find(t->dispatch, row);
    if (!c || !arguments || t->count == ACP_STEPS_MAX)
        return ERR_NOT_FOUND;
    struct acp_step *s = &t->steps[t->count++];
    *s = (struct acp_step){.row = c, .arguments = json_incref(arguments)};
    acp_step_title(s);
    return 0;
}

// A model may be asked: one step, with the words of the question.
static void plan_by_model(struct acp_turn *t, size_t from) {
    const struct agent *agent = t->chat->agent;
    AUTO_BUF question = BUF_INIT(ACP_QUESTION_BYTES_MAX);
    if (t->prompt.text.len > from)
        (void)buf_append(&question, t->prompt.text.data + from, t->prompt.text.len - from);
    for (size_t i = 0; i < t->prompt.path_count; i++)
        (void)buf_printf(&question, "\n`%s`", t->prompt.paths[i]);
    json_t *arguments =
        question.failed
            ? NULL
            : json_pack("{s:o, s:s, s:s*}", "question", acp_string(question.data, question.len),
                        "session", t->chat->id, "agent", agent == &agent_team ? NULL : agent->name);
    t->by_model = add_step(t, "team.ask", arguments) == 0;
    json_decref(arguments);
}

static void say_without_model(struct acp_turn *t, const char *why) {
    AUTO_BUF text = BUF_INIT(2048);
    (void)buf_printf(&text, "_Without a model: %s._\n\n", why);
    if (!text.failed && !t->chat->told_why)
        acp_turn_say(t, text.data, text.len);
    t->chat->told_why = true;
}

static void planned(struct acp_turn *t, int r, struct answer *answer, const struct err *err) {
    size_t i;
    const json_t *step;
    const char *without = json_string_value(json_object_get(answer->structured, "without_model"));
    if (json_is_true(json_object_get(answer->structured, "model")))
        plan_by_model(t, t->from);
    if (without)
        say_without_model(t, without);
    json_array_foreach(json_object_get(answer->structured, "steps"), i, step) {
        const char *row = json_string_value(json_object_get(step, "capability"));
        if (row)
            (void)add_step(t, row, json_object_get(step, "arguments"));
    }
    const char *why = r < 0 ? err_text(err) : "No agent knows what to do with this question.";
    if (t->count)
        acp_steps_begin(t);
    else
        say_only(t, why, strlen(why));
}

static void plan_question(struct acp_turn *t, size_t from) {
    const struct agent *agent = t->chat->agent;
    t->from = from;
    struct err err = {0};
    const char *text = t->prompt.text.data ? t->prompt.text.data + from : "";
    json_t *paths = json_array();
    for (size_t i = 0; i < t->prompt.path_count; i++)
        (void)json_array_append_new(paths,
                                    acp_string(t->prompt.paths[i], strlen(t->prompt.paths[i])));
    json_t *arguments =
        json_pack("{s:o, s:s*, s:o, s:o}", "question", acp_string(text, t->prompt.text.len - from),
                  "agent", agent == &agent_team ? NULL : agent->name, "paths", paths, "focus",
                  acp_string(t->chat->focus, strlen(t->chat->focus)));
    int r = acp_turn_run(t, "acp.plan", arguments, planned, &err);
    json_decref(arguments);
    if (r < 0)
        say_only(t, err_text(&err), strlen(err_text(&err)));
}

static void run_more(struct acp_turn *t) {
    static const char none[] = "There is nothing more: the last answer was whole.";
    const char *row = json_string_value(json_object_get(t->chat->more, "row"));
    if (row && add_step(t, row, json_object_get(t->chat->more, "arguments")) == 0)
        acp_steps_begin(t);
    else
        say_only(t, none, sizeof none - 1);
}

// The next change of a file, and what is to be said of it.
static void run_wait(struct acp_turn *t) {
    json_t *none = json_object();
    (void)add_step(t, "acp.changed", none);
    (void)add_step(t, "sherlock.review", none);
    json_decref(none);
    acp_steps_begin(t);
}

// What is wrong with a command is said in the chat, where it was typed.
static void refuse_command(struct acp_turn *t, const struct capability *c, const struct err *err) {
    AUTO_BUF text = BUF_INIT(8 * 1024);
    if (!c)
        (void)buf_printf(&text, "There is no /%s: choose one of the commands, or ask in words.",
                         t->prompt.command);
    else
        (void)buf_printf(&text, "/%s: %s. Its arguments are these, for example: `%s`",
                         t->prompt.command, err_text(err), c->example ? c->example : "none");
    say_only(t, text.failed ? "" : text.data, text.len);
}

// "/review src"
static void run_command(struct acp_turn *t) {
    const struct acp_prompt *p = &t->prompt;
    json_t *arguments = NULL;
    struct err err = {0};
    if (strcmp(p->command, "more") == 0) {
        run_more(t);
        return;
    }
    if (strcmp(p->command, "wait") == 0) {
        run_wait(t);
        return;
    }
    if (strcmp(p->command, "ask") == 0 && p->text.len > p->rest) {
        plan_question(t, p->rest);
        return;
    }
    const struct capability *c = acp_command_find(t->dispatch, p->command, t->chat->agent);
    int r = c ? acp_arguments(c, p->text.data + p->rest, p->text.len - p->rest, p->paths,
                              p->path_count, &arguments, &err)
              : ERR_NOT_FOUND;
    if (r == 0)
        acp_command_complete(t->chat, c, arguments);
    if (r == 0)
        r = add_step(t, c->name, arguments);
    json_decref(arguments);
    if (r == 0)
        acp_steps_begin(t);
    else
        refuse_command(t, c, &err);
}

void acp_steps_plan(struct acp_turn *t) {
    if (t->prompt.command[0])
        run_command(t);
    else
        plan_question(t, 0);
}
