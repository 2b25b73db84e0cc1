// The agents as capabilities of dispatch: one row for each thing that an agent can do (command
// line, `ask`), and few sharp MCP tools over them, each with views. All of it follows from the
// agents' tables; a tool's arguments are those of its views together.
#include "core/agents/agents.h"
#include "core/base/mem.h"
#include "core/workspace/workspace.h"
#include "server/asked.h"
#include "server/team_impl.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    ROWS_MAX = 96,
    TOOL_FIELDS_MAX = 40,
    VIEWS_MAX = 10,
    SLOT_BYTES = 64 // of a decoded value that is only checked: the largest kind fits
};
static const char view_field[] = "what";

struct tool {
    const char *name, *title, *description, *search_hint, *example, *operand;
    const char *views[VIEWS_MAX]; // names of capabilities; the first is the default
    const char *leave_out[3];     // arguments that are for people and scripts
};
static const struct tool tools[] = {
    {.name = "review",
     .title = "Review changes",
     .description = "Findings by exact analysis on changed lines, with rule, file:line, why and "
                    "fix. what=review_tree: all files; risk: score of a change; missing: files "
                    "that usually change along; secrets.",
     .search_hint = "bugs, static analysis, diff, lint",
     .views = {"review", "review_tree", "risk", "missing", "secrets"},
     .leave_out = {"format", "rules"}},
    {.name = "locate",
     .title = "Find where something is",
     .description =
         "Files and functions for a text (issue, error, symbol, path), ranked, with reasons. "
         "what=similar: existing code like a fragment: look before writing a helper.",
     .search_hint = "search, find function, symbol, definition",
     .views = {"locate", "similar"}},
    {.name = "map",
     .title = "Map of the repository",
     .description = "The most important files and signatures within a token budget, around a focus "
                    "if given. Use at the start, instead of listing folders and opening files.",
     .search_hint = "overview, project layout",
     .views = {"map"}},
    {.name = "pack",
     .title = "Context for a task",
     .description = "The source of the functions that a task needs, chosen by its text, within a "
                    "token budget. Use instead of reading whole files.",
     .search_hint = "relevant source, read code",
     .views = {"pack"}},
    {.name = "impact",
     .title = "Structure and impact",
     .description = "Who calls a symbol, to a depth, and which tests. what=graph: modules and "
                    "cycles; boundaries: rules broken; drift: edges a change adds; adr: written "
                    "decisions.",
     .search_hint = "callers, references, dependencies, architecture",
     .views = {"impact", "graph", "boundaries", "drift", "adr"}},
    {.name = "measure",
     .title = "Numbers about the code",
     .description = "Complexity and size of functions. what=hotspots: churn times complexity; "
                    "coupling: what changes together; owners: bus factor; explain: where a number "
                    "comes from.",
     .search_hint = "metrics, churn, ownership",
     .views = {"metrics", "hotspots", "coupling", "owners", "explain"}},
    {.name = "ask",
     .title = "Ask the agents",
     .description =
         "A question to an agent, or to whom it concerns. Or `do` (with "
         "`with`): "
         "fix, scaffold_test, patterns, backlog, milestone, changelog, digest, flow, forecast, "
         "blockers, retro, a11y, strings, cli_ux, flows.",
     .search_hint = "status, plan, accessibility, tests",
     .views = {"ask"},
     .leave_out = {"patch"}},
};

static struct capability rows[ROWS_MAX + 1];
static char row_names[ROWS_MAX][48]; // "sherlock.review": a tool may have the bare name
static struct field tool_fields[COUNT_OF(tools)][TOOL_FIELDS_MAX + 2];
static const char *view_names[COUNT_OF(tools)][VIEWS_MAX + 1];
static pthread_once_t once = PTHREAD_ONCE_INIT;

// --- running -----------------------------------------------------------------------------------

static bool job_gone(void *ctx) {
    return job_cancelled(ctx);
}

int agents_call(struct call *call, const struct agent_capability *c, json_t *arguments,
                struct report_answer *ret, struct err *err) {
    if (!call->caller->workspace)
        return err_set(err, ERR_INVAL,
                       "no workspace is known: start paired in the folder of the repository, or "
                       "let the client name its roots");
    struct agent_call agent = {.workspaces = call->services->workspaces,
                               .root = call->caller->workspace,
                               .store = call->services->store(call->services, NULL),
                               .client = call->caller->client,
                               .seq = call->caller->seq,
                               .now_ms = call->now_ms,
                               .cancelled = job_gone,
                               .ctx = call->job};
    memcpy(agent.session, call->caller->session, sizeof agent.session);
    if (agent.store && store_state(agent.store) != STORE_OPEN)
        agent.store = NULL;
    int r = workspaces_get(agent.workspaces, agent.root, &agent.ws, err);
    if (r == 0)
        r = agent_run(&agent, c, arguments, ret, err);
    workspace_put(agent.ws);
    return r;
}

void agents_asked(struct call *call, const char *title, const json_t *arguments) {
    asked_note(&(struct asked_by){.face = call->caller->face,
                                  .session = call->caller->session,
                                  .client = call->caller->client,
                                  .root = call->caller->workspace},
               title, arguments, call->now_ms);
}

static int run_capability(struct call *call, const struct agent_capability *c, json_t *arguments,
                          struct answer *answer, struct err *err) {
    struct report_answer made = {0};
    int r = agents_call(call, c, arguments, &made, err);
    if (r < 0)
        return r;
    buf_done(&answer->text);
    answer->text = made.text;
    answer->structured = made.structured;
    agents_asked(call, c->title, arguments);
    // A mute, a baseline: editors look again at what they show.
    answer->changed = c->flags & AGENT_WRITES ? json_pack("[s, s]", ASKED_URI, "paired://findings")
                                              : json_pack("[s]", ASKED_URI);
    return 0;
}

static int run_agent(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const char *name = call->capability->name;
    (void)input; // decoded once more there: that way all faces and the agents themselves are alike
    return run_capability(call, agent_capability_find(name, strlen(name), NULL), call->arguments,
                          answer, err);
}

static const struct tool *tool_of(const struct capability *row) {
    for (size_t i = 0; i < COUNT_OF(tools); i++)
        if (strcmp(tools[i].name, row->name) == 0 && (row->flags & CAP_TOOL))
            return &tools[i];
    return NULL;
}

// Arguments that belong to other views are refused: passed over, they would answer another
// question.
static int check_view(const struct agent_capability *c, const json_t *arguments, struct err *err) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)arguments, name, value) {
        const struct field *f = c->input;
        while (f->name && strcmp(f->name, name) != 0)
            f++;
        if (!f->name)
            return err_set(err, ERR_INVAL, "%.64s: not an argument of what=%s", name, c->name);
    }
    return 0;
}

static int run_tool(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct tool *t = tool_of(call->capability);
    const char *view = json_string_value(json_object_get(call->arguments, view_field));
    (void)input;
    view = view ? view : t->views[0];
    json_t *arguments = json_copy(call->arguments);
    if (!arguments)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)json_object_del(arguments, view_field);
    (void)json_object_del(arguments, "confirm"); // clients may send it with any tool
    const struct agent_capability *c = agent_capability_find(view, strlen(view), NULL);
    int r = c ? check_view(c, arguments, err) : err_set(err, ERR_NOT_FOUND, "no \"%s\"", view);
    if (r == 0)
        r = run_capability(call, c, arguments, answer, err);
    json_decref(arguments);
    // The text holds the same, for a fraction of the tokens that the structure would cost a model.
    if (r == 0) {
        json_decref(answer->structured);
        answer->structured = NULL;
    }
    return r;
}

static int run_question(struct call *call, const void *input, struct answer *answer,
                        struct err *err) {
    bool tool = (call->capability->flags & CAP_TOOL) != 0;
    int r = team_ask(call, input, tool ? run_tool : run_agent, answer, err);
    if (tool && r == 0) { // as run_tool
        json_decref(answer->structured);
        answer->structured = NULL;
    }
    return r;
}

// --- making the rows ---------------------------------------------------------------------------

static void add_field(struct field *fields, size_t *count, const struct field *f, bool required) {
    for (size_t i = 0; i < *count; i++)
        if (strcmp(fields[i].name, f->name) == 0)
            return;
    if (*count == TOOL_FIELDS_MAX)
        return;
    fields[*count] = *f;
    fields[*count].offset = *count * SLOT_BYTES;
    fields[*count].presence = 0;
    // The capability's own table checks bounds; in the list of tools they would only cost tokens.
    fields[*count].min = 0;
    fields[*count].max = f->type == FIELD_STRING && f->max > UINT16_MAX ? f->max : 0;
    fields[*count].default_json = NULL;
    if (strcmp(f->name, "cursor") == 0)
        fields[*count].description = NULL;
    if (!required)
        fields[*count].flags &= ~(unsigned)FIELD_REQUIRED;
    (*count)++;
}

static bool left_out(const struct tool *t, const char *name) {
    for (size_t i = 0; i < COUNT_OF(t->leave_out) && t->leave_out[i]; i++)
        if (strcmp(t->leave_out[i], name) == 0)
            return true;
    return false;
}

static void ask_by_model(struct capability *row) {
    row->run = run_question;
    row->deadline_ms = (TEAM_SECONDS_MAX + 60) * 1000;
}

static void make_tool(size_t i, struct capability *row) {
    const struct tool *t = &tools[i];
    struct field *fields = tool_fields[i];
    size_t count = 0, views = 0;
    bool writes = false;
    for (size_t v = 0; t->views[v]; v++) {
        const struct agent_capability *c =
            agent_capability_find(t->views[v], strlen(t->views[v]), NULL);
        if (!c)
            continue;
        view_names[i][views++] = t->views[v];
        writes |= (c->flags & AGENT_WRITES) != 0;
    }
    if (views > 1)
        fields[count++] = (struct field){
            .name = view_field, .type = FIELD_ENUM, .values = view_names[i], .offset = 0};
    for (size_t v = 0; v < views; v++)
        for (const struct field *f =
                 agent_capability_find(view_names[i][v], strlen(view_names[i][v]), NULL)->input;
             f->name; f++)
            if (!left_out(t, f->name))
                add_field(fields, &count, f, views == 1);
    *row = (struct capability){.name = t->name,
                               .title = t->title,
                               .description = t->description,
                               .search_hint = t->search_hint,
                               .flags = CAP_TOOL | (writes ? CAP_IDEMPOTENT : CAP_READ_ONLY),
                               .input = fields,
                               .input_size = (TOOL_FIELDS_MAX + 1) * SLOT_BYTES,
                               .run = run_tool,
                               .example = t->example};
    if (strcmp(t->name, "ask") == 0)
        ask_by_model(row);
    if (!views)
        row->name = NULL;
}

static void make_rows(void) {
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(tools) && n < ROWS_MAX; i++) {
        make_tool(i, &rows[n]);
        n += rows[n].name != NULL;
    }
    for (size_t a = 0; agents[a]; a++)
        for (const struct agent_capability *c = agents[a]->capabilities; c->name && n < ROWS_MAX;
             c++, n++) {
            (void)snprintf(row_names[n], sizeof row_names[n], "%s.%s", agents[a]->name, c->name);
            rows[n] = (struct capability){.name = row_names[n],
                                          .title = c->title,
                                          .description = c->description,
                                          .flags = c->flags & AGENT_WRITES ? CAP_IDEMPOTENT
                                                                           : CAP_READ_ONLY,
                                          .input = c->input,
                                          .input_size = c->input_size,
                                          .run = run_agent,
                                          .example = c->example,
                                          .operand = c->operand};
            if (agents[a] == &agent_team)
                ask_by_model(&rows[n]);
        }
}

const struct capability *capabilities_agents(void) {
    (void)pthread_once(&once, make_rows);
    return rows;
}
