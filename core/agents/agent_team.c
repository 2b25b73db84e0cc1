// What belongs to no single agent: a question to whom it concerns, and anything by its name.
#include "core/agents/ask.h"

#include "core/base/mem.h"

#include <string.h>

enum { NAME_BYTES_MAX = 64, PART_TOKENS_MIN = 400, FRAME_TOKENS = 60 };

static const char *const agent_names[] = {"sherlock", "leonardo", "edison", "marie",
                                          "alex",     "vince",    "maya",   NULL};

struct ask_input {
    struct agent_page page;
    struct text question, what, session;
    json_t *with;
    int agent;
    bool patch;
    uint64_t present;
};
enum { ASK_AGENT = 1 };
static const struct field ask_fields[] = {
    {.name = "question",
     .type = FIELD_STRING,
     .offset = offsetof(struct ask_input, question),
     .description = "in plain words",
     .max = ASK_QUESTION_BYTES_MAX},
    {.name = "agent",
     .type = FIELD_ENUM,
     .offset = offsetof(struct ask_input, agent),
     .presence = ASK_AGENT,
     .presence_offset = offsetof(struct ask_input, present),
     .values = agent_names},
    {.name = "do",
     .type = FIELD_STRING,
     .offset = offsetof(struct ask_input, what),
     .description = "one capability by name, instead of a question",
     .max = NAME_BYTES_MAX},
    {.name = "with",
     .type = FIELD_JSON,
     .offset = offsetof(struct ask_input, with),
     .description = "arguments, an object"},
    {.name = "session", // of a model: server/team.c
     .type = FIELD_STRING,
     .offset = offsetof(struct ask_input, session),
     .description = "conversation to continue",
     .max = NAME_BYTES_MAX},
    {.name = "patch", // of a model: server/team_patch.c; the command line alone
     .type = FIELD_BOOL,
     .offset = offsetof(struct ask_input, patch),
     .description = "a model proposes a patch, which is checked and shown, not applied"},
    AGENT_PAGE_FIELDS,
    {0},
};

// Runs one and puts its answer down as one item. A later page of a single answer is asked of it.
static int run_one(struct agent_call *call, const struct agent *a, const struct agent_capability *c,
                   json_t *arguments, uint32_t budget, struct text cursor, struct report *report,
                   struct err *err) {
    struct agent_call inner = *call;
    struct report_answer answer = {0};
    json_t *given = json_copy(arguments);
    inner.asker = call;
    if (!given)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!json_object_get(given, "budget"))
        (void)json_object_set_new(given, "budget", json_integer(budget));
    if (cursor.len)
        (void)json_object_set_new(given, "cursor", json_stringn(cursor.data, cursor.len));
    int r = agent_run(&inner, c, given, &answer, err);
    json_decref(given);
    if (r < 0)
        return err_context(err, r, "%s", c->name);
    if (report_count(report) && json_array_size(json_object_get(answer.structured, "items")) == 0) {
        report_answer_done(
            &answer); // another has something to say: that nothing was found is no news
        return 0;
    }
    AUTO_BUF text = BUF_INIT(REPORT_TEXT_BYTES_MAX);
    AUTO_BUF shown = BUF_INIT(REPORT_ITEM_BYTES_MAX);
    (void)buf_put_json(&shown, arguments, JSON_COMPACT | JSON_SORT_KEYS);
    (void)buf_printf(&text, "[%s.%s %s]\n", a->name, c->name,
                     shown.len && shown.len < 300 ? shown.data : "{…}");
    (void)buf_append(&text, answer.text.data ? answer.text.data : "", answer.text.len);
    while (text.len && text.data[text.len - 1] == '\n')
        text.len--;
    if (text.failed)
        report_failed(report);
    report_item_text(report,
                     json_pack("{s:s, s:s, s:O, s:O}", "agent", a->name, "capability", c->name,
                               "arguments", arguments, "answer", answer.structured),
                     text.len ? text.data : "", text.len);
    report_answer_done(&answer);
    return 0;
}

static int run_named(struct agent_call *call, const struct ask_input *in, uint32_t budget,
                     struct report *report, struct err *err) {
    const struct agent *a = NULL;
    char name[NAME_BYTES_MAX + 1] = "";
    for (size_t i = 0; i < in->what.len && i < NAME_BYTES_MAX; i++)
        name[i] = in->what.data[i] == '-' ? '_' : in->what.data[i];
    const struct agent_capability *c = agent_capability_find(name, strlen(name), &a);
    if (!c || a == &agent_team)
        return err_set(err, ERR_NOT_FOUND,
                       "do: no agent has \"%s\"; leave `do` out and ask in words, or see: paired "
                       "help",
                       name);
    if (c->flags & AGENT_WRITES) // what is silenced or kept is for a person to decide
        return err_set(err, ERR_PERM, "do: %s is for the command line: paired %s", name, name);
    if (in->with && !json_is_object(in->with))
        return err_set(err, ERR_INVAL, "with: expected an object of arguments");
    json_t *arguments = in->with ? json_incref(in->with) : json_object();
    int r = arguments ? run_one(call, a, c, arguments, budget, in->page.cursor, report, err)
                      : err_set(err, ERR_NOMEM, "out of memory");
    json_decref(arguments);
    return r;
}

static int run_question(struct agent_call *call, const struct ask_input *in, uint32_t budget,
                        struct report *report, struct err *err) {
    struct ask_choice choices[ASK_CHOICES_MAX];
    size_t count = 0, done = 0;
    const struct agent *only = in->present >> ASK_AGENT & 1 ? agents[in->agent] : NULL;
    int r = ask_choose(in->question.data, in->question.len, only, choices, &count, err);
    if (r < 0)
        return r;
    if (budget / count < PART_TOKENS_MIN && count > 1) { // better one whole answer
        ask_choices_done(choices + 1, count - 1);
        count = 1;
    }
    for (size_t i = 0; i < count; i++) {
        struct err why = {0};
        r = run_one(call, choices[i].agent, choices[i].capability, choices[i].arguments,
                    budget / (uint32_t)count, (struct text){0}, report, &why);
        done += r == 0;
        if (r == ERR_CANCELLED || r == ERR_NOMEM || (r < 0 && count == 1)) {
            ask_choices_done(choices, count);
            return err_set(err, r, "%s", err_text(&why));
        }
        if (r < 0)
            report_note(report, "%s", err_text(&why));
    }
    ask_choices_done(choices, count);
    if (!done)
        report_nothing(report, "No agent could answer.");
    return 0;
}

static int run_ask(struct agent_call *call, const void *input, struct report *report,
                   struct err *err) {
    const struct ask_input *in = input;
    uint32_t budget = in->page.budget ? (uint32_t)in->page.budget : AGENT_BUDGET_DEFAULT;
    budget = budget > 2 * FRAME_TOKENS ? budget - FRAME_TOKENS : budget;
    if (call->asker)
        return err_set(err, ERR_LIMIT, "agents do not ask the team");
    if (in->what.len)
        return run_named(call, in, budget, report, err);
    if (!in->question.len)
        return err_set(err, ERR_INVAL, "question: what do you want to know? Or give `do`.");
    return run_question(call, in, budget, report, err);
}

static const struct agent_capability capabilities[] = {
    {.name = "ask",
     .title = "Ask the agents a question in plain words",
     .description = "The agent whose work it is (or the one named) picks its own analyses for the "
                    "question and answers from them; a model words the answer where one was "
                    "granted. `do` runs one by name.",
     .flags = AGENT_OWN_PAGES,
     .operand = "question",
     .input = ask_fields,
     .input_size = sizeof(struct ask_input),
     .run = run_ask,
     .example = "{\"question\": \"where are the hotspots?\"}"},
    {0},
};

const struct agent agent_team = {
    .name = "team",
    .title = "The team",
    .persona = "",
    .capabilities = capabilities,
};
