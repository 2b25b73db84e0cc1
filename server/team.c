// How a question goes: the context it begins with, then the model's turns, each followed by the
// tools it calls, until it answers or a budget is used up; then what it said is checked.
#include "server/team.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "server/cap_models.h"
#include "server/models_impl.h"
#include "server/team_impl.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_ARGUMENTS = 80, ANSWER_BYTES_MAX = 1024 * 1024 };

// --- whether -------------------------------------------------------------------------------------

static bool has_model(struct call *call, const struct model_keys *keys, char why[400],
                      bool *ret_none) {
    struct model_plan *plan = NULL;
    struct err err = {0};
    bool none = false, any = false;
    why[0] = '\0';
    if (!call->services->gateway)
        none = true; // an engine without backends: tests
    else if (!conf_bool(call->services->conf, "ask.model"))
        (void)snprintf(why, 400, "the setting ask.model is off");
    else if (model_plan_new(call->services, NULL, call->caller->workspace, keys, &plan, &err) < 0)
        (void)snprintf(why, 400, "%s", err_text(&err));
    else {
        any = plan->count > 0;
        none = plan->backends.count == 0;
        (void)snprintf(why, 400, "%s", plan->why);
        model_plan_unref(plan);
    }
    if (ret_none)
        *ret_none = none;
    return any;
}

bool team_has_model(struct call *call, char why[400], bool *ret_none) {
    char ignored[400];
    return has_model(call, NULL, why ? why : ignored, ret_none);
}

// The tools alone; `why` no model, "" nothing is to be said of it.
static int answer_plainly(struct call *call, const void *input, capability_fn *plain,
                          const char *why, struct answer *answer, struct err *err) {
    int r = plain(call, input, answer, err);
    if (r < 0 || !why[0])
        return r;
    if (answer->text.len && answer->text.data[answer->text.len - 1] != '\n')
        (void)buf_putc(&answer->text, '\n');
    (void)buf_printf(&answer->text, "Answered without a model: %s.\n", why);
    if (answer->structured)
        (void)json_object_set_new(answer->structured, "without_model", json_string(why));
    return 0;
}

// --- life ----------------------------------------------------------------------------------------

static void team_drop(void *state) {
    struct team *t = state;
    team_reply_done(&t->reply);
    team_patch_free(t->patch);
    team_seen_done(&t->seen);
    model_keys_done(&t->keys);
    buf_done(&t->body);
    json_decref(t->talk);
    json_decref(t->tools);
    mem_free(t);
}

static const struct agent *agent_named(const json_t *arguments) {
    const char *name = json_string_value(json_object_get(arguments, "agent"));
    const struct agent *a = name ? agent_find(name, strlen(name)) : NULL;
    return a ? a : &agent_team;
}

struct team *team_state(struct call *call, const char *purpose) {
    struct team *t = mem_zalloc(sizeof *t);
    if (!t)
        return NULL;
    t->call = call;
    t->purpose = t->asker = purpose;
    call->pause = (struct call_pause){t, team_wait_begin, team_wait_stop, team_drop};
    return t;
}

static struct team *team_new(struct call *call) {
    const struct conf *conf = call->services->conf;
    const json_t *question = json_object_get(call->arguments, "question");
    struct team *t = team_state(call, "ask");
    if (!t)
        return NULL;
    t->asker = NULL; // the agent
    t->agent = agent_named(call->arguments);
    t->question = json_string_value(question);
    t->question_bytes = json_string_length(question);
    t->tools = json_array();
    t->budget = (struct team_budget){
        .tokens_max = conf_int(conf, "ask.tokens"),
        .cost_max = conf_int(conf, "ask.cents") * 10000,
        .turns_max = conf_int(conf, "ask.turns"),
        .until_ns =
            env_now_mono_ns() + (uint64_t)conf_int(conf, "ask.seconds") * UINT64_C(1000000000)};
    return t;
}

// --- the answer ----------------------------------------------------------------------------------

static void put_count(struct buf *out, const char *what, unsigned n) {
    (void)buf_printf(out, "%u %s%s", n, what, n == 1 ? "" : "s");
}

// What was checked, and by what it was made: for the reader to judge.
static void put_checks(const struct team_verdict *v, bool patch, struct buf *out) {
    size_t i;
    const json_t *one;
    unsigned places = v->checked + v->unchecked;
    (void)buf_puts(out, "\n");
    if (places == 0) {
        if (!patch)
            (void)buf_puts(out, "No place in the code is cited.");
    } else {
        (void)buf_printf(out, "%u of ", v->checked);
        put_count(out, "cited place", places);
        (void)buf_printf(out, " %s among the lines that the tools returned.",
                         v->checked == 1 ? "is" : "are");
    }
    if (v->unchecked) {
        (void)buf_puts(out, " Not checked:");
        json_array_foreach(v->citations, i,
                           one) if (!json_is_true(json_object_get(one, "checked")))(void)
            buf_printf(out, " %s:%lld", json_string_value(json_object_get(one, "path")),
                       (long long)json_integer_value(json_object_get(one, "line")));
        (void)buf_putc(out, '.');
    }
    if (v->left_out)
        (void)buf_printf(out, " %u more were not looked at.", v->left_out);
    (void)buf_putc(out, '\n');
    if (v->uncited_count)
        (void)buf_puts(out, "Without a place:\n");
    json_array_foreach(v->uncited, i, one)(void) buf_printf(out, "- %s\n", json_string_value(one));
    if (v->uncited_count > json_array_size(v->uncited))
        (void)buf_printf(out, "- and %u more\n",
                         v->uncited_count - (unsigned)json_array_size(v->uncited));
    if (v->uncited_count)
        (void)buf_putc(out, '\n'); // the list ends: what follows is none of it
}

static void put_bill(const struct team *t, struct buf *out) {
    if (!t->model[0])
        (void)buf_puts(out, "No model answered: ");
    else if (t->patch && team_patch_stages(t) > 1)
        (void)buf_puts(out, "In all: ");
    else
        (void)buf_printf(out, "%s (%s): ", t->backend, t->model);
    put_count(out, "request", (unsigned)t->budget.turns);
    (void)buf_puts(out, ", ");
    put_count(out, "tool call", (unsigned)t->calls);
    if (t->usage.known) {
        (void)buf_printf(out, ", %lld tokens in",
                         (long long)(t->usage.input + t->usage.cached + t->usage.cache_write));
        if (t->usage.cached)
            (void)buf_printf(out, " (%lld from its cache)", (long long)t->usage.cached);
        (void)buf_printf(out, ", %lld out", (long long)t->usage.output);
    }
    if (t->budget.cost)
        (void)buf_printf(out, ", $%.4f", (double)t->budget.cost / 1e6);
    (void)buf_printf(out, ". Conversation %s.\n", t->id);
}

static json_t *answer_json(const struct team *t, const struct team_verdict *v, const char *stopped,
                           const struct buf *checks) {
    json_t *usage =
        json_pack("{s:I, s:I, s:I, s:I}", "input", (json_int_t)t->usage.input, "cached",
                  (json_int_t)t->usage.cached, "cache_write", (json_int_t)t->usage.cache_write,
                  "output", (json_int_t)t->usage.output);
    json_t *model = json_pack("{s:s, s:s, s:I, s:o, s:f}", "backend", t->backend, "name", t->model,
                              "requests", (json_int_t)t->budget.turns, "usage", usage, "cost_usd",
                              (double)t->budget.cost / 1e6);
    json_t *ret = json_pack(
        "{s:s, s:s, s:s%, s:O, s:O, s:i, s:O, s:o, s:s%}", "title", "Answered by a model",
        "session", t->id, "answer", v->text.data ? v->text.data : "", v->text.len, "citations",
        v->citations, "uncited", v->uncited, "uncited_count", (int)v->uncited_count, "tools",
        t->tools, "model", model, "checks", checks->data ? checks->data : "", checks->len);
    if (ret && stopped)
        (void)json_object_set_new(ret, "stopped", json_string(stopped));
    return ret;
}

// The model's last words, checked. `stopped` NULL: it ended by itself.
static int finish(struct team *t, const char *stopped, struct answer *answer, struct err *err) {
    const struct buf *said = t->patch ? team_patch_prose(t) : &t->reply.text;
    struct team_verdict v;
    AUTO_BUF checks = BUF_INIT(ANSWER_BYTES_MAX);
    AUTO_BUF patch = BUF_INIT(4 * ANSWER_BYTES_MAX);
    int r = team_verdict_make(said->data ? said->data : "", said->len, &t->seen, &v);
    if (r == 0) {
        if (stopped)
            (void)buf_printf(&checks, "\nStopped before the end: %s.\n", stopped);
        put_checks(&v, t->patch != NULL, &checks);
        if (t->patch)
            team_patch_put(t, &checks, &patch);
        put_bill(t, &checks);
        buf_done(&answer->text);
        (void)buf_append(&answer->text, v.text.data ? v.text.data : "", v.text.len);
        if (v.text.len && v.text.data[v.text.len - 1] != '\n')
            (void)buf_putc(&answer->text, '\n');
        (void)buf_append(&answer->text, checks.data, checks.len);
        (void)buf_append(&answer->text, patch.data ? patch.data : "", patch.len);
        answer->structured = answer_json(t, &v, stopped, &checks);
        if (t->patch && answer->structured)
            team_patch_json(t, answer->structured);
        r = answer->structured && !checks.failed && !patch.failed ? 0 : ERR_NOMEM;
        if (r == 0)
            team_talk_keep(t, answer->text.data, answer->text.len);
    }
    team_verdict_done(&v);
    agents_asked(t->call, "Question to a model", t->call->arguments);
    return r < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

// --- tools ---------------------------------------------------------------------------------------

static void show_call(struct team *t, const struct team_tool_call *c) {
    char line[TEAM_NAME_BYTES + SHOWN_ARGUMENTS + 8];
    (void)snprintf(line, sizeof line, "%s %.*s", c->name,
                   (int)(c->input.len < SHOWN_ARGUMENTS ? c->input.len : SHOWN_ARGUMENTS),
                   c->input.data ? c->input.data : "");
    call_progress(t->call, ++t->ticks, -1, line);
}

// Names go back to the backend as the API allows them.
static bool plain_name(const char *name) {
    return *name &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
               strlen(name);
}

static int run_call(struct team *t, struct team_tool_call *c, json_t *results, struct err *err) {
    AUTO_BUF shown = {0};
    bool error = false;
    char id[32];
    json_t *input = c->input.failed ? NULL
                    : c->input.len
                        ? json_loadb(c->input.data, c->input.len, JSON_REJECT_DUPLICATES, NULL)
                        : json_object();
    if (input && !json_is_object(input)) {
        json_decref(input);
        input = NULL;
    }
    if (!plain_name(c->name))
        (void)snprintf(c->name, sizeof c->name, "unknown");
    show_call(t, c);
    (void)snprintf(id, sizeof id, "call-%zu-%lld",
                   json_array_size(json_object_get(t->talk, "messages")), (long long)++t->calls);
    int r = team_tool_run(t, c->name, input, &shown, &error, err);
    if (!input)
        input = json_object();
    if (r == 0) {
        (void)json_array_append_new(t->tools,
                                    json_pack("{s:s, s:O}", "name", c->name, "arguments", input));
        json_t *one = json_pack("{s:s, s:s, s:O, s:s%}", "id", id, "name", c->name, "input", input,
                                "content", shown.data ? shown.data : "", shown.len);
        if (one && error)
            (void)json_object_set_new(one, "error", json_true());
        r = json_array_append_new(results, one) < 0 ? ERR_NOMEM : 0;
    }
    json_decref(input);
    return r;
}

static int run_calls(struct team *t, struct err *err) {
    json_t *results = json_array();
    int r = results ? 0 : ERR_NOMEM;
    for (size_t i = 0; r == 0 && i < t->reply.call_count; i++)
        r = run_call(t, &t->reply.calls[i], results, err);
    if (r == 0)
        return team_talk_reply(t, results, err);
    json_decref(results);
    return r;
}

// --- turns ---------------------------------------------------------------------------------------

// CALL_WAIT; 0 with *ret_why: the budget does not allow it.
static int next_turn(struct team *t, char why[TEAM_WHY_BYTES], const char **ret_why,
                     struct err *err) {
    int64_t tokens = t->patch ? TEAM_PATCH_TOKENS : TEAM_ANSWER_TOKENS;
    int r = team_talk_body(t, tokens, &t->body, err);
    if (r < 0)
        return r;
    int64_t coming =
        (int64_t)tokens_estimate(t->body.data, t->body.len) / (t->budget.turns ? 10 : 1) +
        tokens / 4;
    *ret_why = team_budget_against(&t->budget, coming, env_now_mono_ns(), why);
    if (*ret_why) {
        buf_done(&t->body);
        return 0;
    }
    call_progress(t->call, ++t->ticks, -1,
                  t->budget.turns ? "asking the model again" : "asking a model");
    return CALL_WAIT;
}

static int begin(struct team *t, struct err *err) {
    const json_t *session = json_object_get(t->call->arguments, "session");
    const struct text name = {json_string_value(session), json_string_length(session)};
    call_progress(t->call, ++t->ticks, -1, "looking for what the question is about");
    int r = team_talk_open(t, name, err);
    return r == 0 ? team_talk_question(t, err) : r;
}

// Counts it. Tokens of a cache weigh what they cost beside others.
static void count_turn(struct team *t, size_t sent) {
    t->budget.turns++;
    t->budget.tokens =
        t->usage.input + t->usage.cache_write + t->usage.cached / 10 + t->usage.output;
    if (!t->usage.known)
        t->budget.tokens += (int64_t)(sent / 4 + t->reply.text.len / 4);
}

// Something stopped it: what the model has said so far is the answer, or the tools' own.
static int give_up(struct team *t, const void *input, capability_fn *plain, const char *why,
                   struct answer *answer, struct err *err) {
    if (t->budget.turns == 0 && !t->reply.text.len)
        return answer_plainly(t->call, input, plain, why, answer, err);
    if (t->reply.text.len || t->patch) {
        int r = t->reply.whole || !t->reply.text.len ? 0 : team_talk_reply(t, NULL, err);
        return r < 0 ? r : finish(t, why, answer, err);
    }
    int r = answer_plainly(t->call, input, plain, why, answer, err);
    if (r == 0)
        put_bill(t, &answer->text);
    return r;
}

static int take_reply(struct team *t, struct err *err) {
    struct team_reply *r = &t->reply;
    if (r->call_count)
        return run_calls(t, err);
    return team_talk_reply(t, NULL, err);
}

static int go_on(struct team *t, const void *input, capability_fn *plain, struct answer *answer,
                 struct err *err) {
    const char *why = NULL;
    char text[TEAM_WHY_BYTES];
    int r = 0;
    if (t->run_over) { // a reply is there
        count_turn(t, t->sent);
        if (!t->reply.whole)
            return give_up(t, input, plain,
                           t->reply.timed_out ? "the time of a question (ask.seconds) is over"
                                              : t->reply.message,
                           answer, err);
        if (!t->reply.call_count && !t->reply.text.len)
            return give_up(t, input, plain, "the model's answer was empty", answer, err);
        bool calls = t->reply.call_count > 0;
        r = take_reply(t, err);
        bool more = false;
        if (r == 0 && !calls && t->patch) {
            r = team_patch_judge(t, err);
            more = r > 0;
            r = r > 0 ? 0 : r;
        }
        if (r == 0 && !calls && !more)
            return finish(
                t,
                t->reply.stop == WIRE_STOP_LENGTH ? "the answer reached its greatest length" : NULL,
                answer, err);
    }
    if (r == 0)
        r = next_turn(t, text, &why, err);
    if (why)
        return give_up(t, input, plain, why, answer, err);
    if (r == CALL_WAIT) {
        t->run_over = true;
        t->sent = t->body.len;
    }
    return r;
}

int team_ask(struct call *call, const void *input, capability_fn *plain, struct answer *answer,
             struct err *err) {
    struct team *t = call->pause.state;
    const char *question = json_string_value(json_object_get(call->arguments, "question"));
    if (t)
        return go_on(t, input, plain, answer, err);
    if (!question || !*question || json_object_get(call->arguments, "do") ||
        json_object_get(call->arguments, "cursor") || !call->caller->workspace)
        return plain(call, input, answer, err);
    if (json_is_true(json_object_get(call->arguments, "patch")) &&
        strcmp(call->caller->face, "cli") != 0) // it runs the user's commands
        return err_set(err, ERR_PERM, "patch: for the command line only: paired ask --patch");
    struct model_keys keys = {0};
    char why[400];
    int r = strcmp(call->caller->face, "cli") == 0
                ? models_take_keys(json_object_get(call->arguments, "keys"), &keys, err)
                : 0;
    bool any = r == 0 && has_model(call, &keys, why, NULL);
    if (r < 0 || !any) {
        model_keys_done(&keys);
        return r < 0 ? r : answer_plainly(call, input, plain, why, answer, err);
    }
    t = team_new(call);
    if (!t) {
        model_keys_done(&keys);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    t->keys = keys;
    r = json_is_true(json_object_get(call->arguments, "patch")) ? team_patch_new(t, err) : 0;
    if (r == 0)
        r = begin(t, err);
    return r < 0 ? r : go_on(t, input, plain, answer, err);
}
