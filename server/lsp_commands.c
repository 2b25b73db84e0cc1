// workspace/executeCommand: every capability of every agent as "paired.<agent>.<capability>", and a
// few for editors: a question in words, what is kept of the last session, figures. A command's one
// argument is an object; it answers {"title", "text", "next"?} or what its row says.
#include "core/agents/agents.h"
#include "core/agents/document.h"
#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "server/lsp_status.h"
#include "server/lsp_texts.h"

#include <stdio.h>
#include <string.h>

enum {
    COMMAND_BYTES_MAX = 80,
    QUESTION_BYTES_MAX = 8 * 1024,
    TOKENS_TEXT_BYTES_MAX = 256 * 1024, // counted on the main loop
    RUNNING_MAX = 64
};

static const char prefix[] = "paired.";

struct running { // one command that a worker runs
    struct running *next, **link;
    struct lsp_face *face; // NULL: the session is over
    struct rpc_request *req;
    struct lsp_progress *progress;
    json_t *partial;   // token of partial results, or NULL
    int64_t handle;    // of dispatch; 0: not there yet
    json_t *arguments; // until then
    char *root;
    struct lsp_texts *held;
    bool show; // as a page, too
    char title[COMMAND_BYTES_MAX];
};
struct commands { // of one session
    struct running *running;
    size_t count;
};

// --- running a capability ------------------------------------------------------------------------

static void leave(struct running *c) {
    if (!c->face)
        return;
    struct commands *all = lsp_state(c->face, &lsp_feature_commands);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    all->count--;
    c->face = NULL;
}

static void running_free(struct running *c) {
    lsp_texts_let_go(c->held);
    json_decref(c->arguments);
    json_decref(c->partial);
    mem_free(c->root);
    mem_free(c);
}

// On the worker: so that the loop has only to send it.
static void render(struct answer *a) {
    const char *title = json_string_value(json_object_get(a->structured, "title"));
    const json_t *next = json_object_get(a->structured, "next");
    (void)buf_puts(&a->rendered, "{\"title\":");
    (void)buf_put_json_string(&a->rendered, title ? title : "", title ? strlen(title) : 0);
    (void)buf_puts(&a->rendered, ",\"text\":");
    (void)buf_put_json_string(&a->rendered, a->text.data ? a->text.data : "", a->text.len);
    const json_t *data = json_object_get(a->structured, "data");
    if (data) {
        (void)buf_puts(&a->rendered, ",\"data\":");
        (void)buf_put_json(&a->rendered, data, JSON_COMPACT);
    }
    if (next) {
        (void)buf_puts(&a->rendered, ",\"next\":");
        (void)buf_put_json(&a->rendered, next, JSON_COMPACT | JSON_ENCODE_ANY);
    }
    (void)buf_putc(&a->rendered, '}');
}

static void on_progress(void *ctx, double done, double total, const char *message) {
    struct running *c = ctx;
    lsp_progress_report(c->progress, total > 0 ? (int)(done * 100 / total) : -1, message);
}

// What a model says, as it comes: to who asked for parts of the result.
static void on_said(void *ctx, const char *text, size_t n) {
    struct running *c = ctx;
    if (c->face && c->partial)
        lsp_notify(c->face, "$/progress",
                   json_pack("{s:O, s:{s:s%}}", "token", c->partial, "value", "text", text, n));
}

static void on_done(void *ctx, int r, struct answer *a, const struct err *err) {
    struct running *c = ctx;
    struct lsp_face *f = c->face;
    leave(c);
    if (f)
        lsp_progress_end(c->progress, NULL);
    if (f && c->show && r == 0)
        lsp_page_show(f, c->title, a->text.data ? a->text.data : "", a->text.len);
    if (rpc_request_cancelled(c->req))
        rpc_fail(c->req, LSP_REQUEST_CANCELLED, "cancelled", NULL);
    else if (r == 0)
        lsp_reply_buf(c->req, &a->rendered);
    else
        lsp_fail(c->req, r == ERR_INVAL ? JSONRPC_INVALID_PARAMS : LSP_REQUEST_FAILED, err);
    running_free(c);
}

static void on_cancelled(void *data) {
    struct running *c = data;
    if (c->face && c->handle)
        dispatch_cancel(session_dispatch(c->face->session), c->handle);
}

static void progress_cancelled(void *ctx) {
    rpc_cancel(((struct running *)ctx)->req);
}

// The one that a command speaks of; NULL: none that is open.
static struct lsp_document *document_in(const struct lsp_face *f, const json_t *argument) {
    const json_t *uri = json_object_get(json_object_get(argument, "textDocument"), "uri");
    return json_is_string(uri)
               ? lsp_document_find(f, json_string_value(uri), json_string_length(uri))
               : NULL;
}

static const char *root_of(const struct lsp_face *f, const json_t *argument) {
    const struct lsp_document *d = document_in(f, argument);
    return d && d->root ? d->root : lsp_root(f);
}

// What a command's argument may hold beside what its capability takes.
static json_t *own_arguments(const json_t *argument) {
    json_t *arguments = argument ? json_copy((json_t *)argument) : json_object();
    (void)json_object_del(arguments, "textDocument");
    (void)json_object_del(arguments, "show");
    return arguments;
}

static int ask_dispatch(struct running *c, struct err *err) {
    struct session *session = c->face->session;
    struct dispatch_request d = {.capability = c->title,
                                 .arguments = c->arguments,
                                 .caller = {.face = "lsp",
                                            .seq = rpc_request_seq(c->req),
                                            .client = session_client(session),
                                            .workspace = c->root},
                                 .render = render,
                                 .progress = on_progress,
                                 .said = on_said,
                                 .done = on_done,
                                 .ctx = c};
    (void)snprintf(d.caller.session, sizeof d.caller.session, "%s", session_id(session));
    c->handle = dispatch_call(session_dispatch(session), &d, err);
    return c->handle < 0 ? (int)c->handle : 0;
}

// The unsaved texts are in place: now it can run.
static void start(void *ctx, struct lsp_texts *held) {
    struct running *c = ctx;
    struct lsp_face *f = c->face;
    struct err err = {0};
    c->held = held;
    if (!f) {
        running_free(c); // its request went with the session
        return;
    }
    lsp_texts_learn(f, held);
    int r = rpc_request_cancelled(c->req) ? err_set(&err, ERR_CANCELLED, "cancelled")
                                          : ask_dispatch(c, &err);
    if (r == 0)
        return;
    lsp_progress_end(c->progress, NULL);
    leave(c);
    lsp_fail(c->req,
             r == ERR_CANCELLED ? LSP_REQUEST_CANCELLED
             : r == ERR_INVAL   ? JSONRPC_INVALID_PARAMS
                                : LSP_REQUEST_FAILED,
             &err);
    running_free(c);
}

static void join(struct commands *all, struct running *c) {
    c->next = all->running;
    c->link = &all->running;
    if (c->next)
        c->next->link = &c->next;
    all->running = c;
    all->count++;
}

// `arguments` is stolen; `argument` is the command's.
static void run(struct lsp_face *f, struct rpc_request *req, const json_t *params,
                const char *capability, json_t *arguments, const json_t *argument) {
    struct commands *all = lsp_state(f, &lsp_feature_commands);
    struct err err = {0};
    const char *root = root_of(f, argument);
    struct running *c = all->count < RUNNING_MAX ? mem_zalloc(sizeof *c) : NULL;
    if (c) {
        c->arguments = arguments;
        c->root = root ? mem_strdup(root) : NULL;
    }
    if (!c || !arguments || (root && !c->root)) {
        if (all->count >= RUNNING_MAX)
            (void)err_set(&err, ERR_BUSY, "%d commands are running already", RUNNING_MAX);
        else
            (void)err_set(&err, ERR_NOMEM, "out of memory");
        if (c)
            running_free(c);
        else
            json_decref(arguments);
        lsp_fail(req, LSP_REQUEST_FAILED, &err);
        return;
    }
    c->req = req;
    (void)snprintf(c->title, sizeof c->title, "%s", capability);
    c->show = json_is_true(json_object_get(argument, "show"));
    c->face = f;
    join(all, c);
    rpc_request_set_data(req, c, on_cancelled);
    c->partial = json_incref(json_object_get(params, "partialResultToken"));
    const json_t *token = json_object_get(params, "workDoneToken");
    if (token)
        c->progress = lsp_progress_begin(f, token, c->title, progress_cancelled, c);
    // What the memory answers does not depend on texts.
    if (strchr(capability, '.') && strncmp(capability, "models.", 7) != 0)
        lsp_texts_hold(f, c->root, start, c);
    else
        start(c, NULL);
}

// --- the commands that are not a capability's ----------------------------------------------------

struct invocation {
    struct lsp_face *face;
    struct rpc_request *req;
    const json_t *params;   // of executeCommand
    const json_t *argument; // its one argument: an object, or NULL
};

static void refuse(const struct invocation *i, const char *text) {
    rpc_fail(i->req, JSONRPC_INVALID_PARAMS, text, NULL);
}

// Does the question speak of what the user has in front of him?
static bool means_here(const char *question) {
    static const char *const words[] = {"this", "here", "selection", "selected", "current"};
    for (const char *p = question; *p;) {
        size_t n = strcspn(p, " \t\r\n.,;:!?()'\"");
        for (size_t w = 0; w < COUNT_OF(words); w++)
            if (n == strlen(words[w]) && strncasecmp(p, words[w], n) == 0)
                return true;
        p += n;
        p += *p != '\0';
    }
    return false;
}

static int put_place(const struct invocation *i, struct buf *question) {
    char word[LSP_WORD_BYTES_MAX + 1];
    const struct lsp_document *d = document_in(i->face, i->argument);
    struct lsp_range range;
    if (!d || !d->relative)
        return 0;
    (void)buf_printf(question, "\n%s", d->relative);
    if (lsp_read_range(json_object_get(i->argument, "range"), &range) &&
        lsp_word_at(i->face, d, range.start, word, &range))
        (void)buf_printf(question, "\n%s", word);
    return question->failed ? ERR_NOMEM : 0;
}

static void on_ask(const struct invocation *i) {
    const char *question = json_string_value(json_object_get(i->argument, "question"));
    const char *agent = json_string_value(json_object_get(i->argument, "agent"));
    if (!question || !*question || strlen(question) > QUESTION_BYTES_MAX) {
        refuse(i, "paired.ask: {\"question\": \"in plain words\", \"agent\"?: \"sherlock\"}");
        return;
    }
    AUTO_BUF text = BUF_INIT(2 * QUESTION_BYTES_MAX);
    (void)buf_puts(&text, question);
    if (means_here(question))
        (void)put_place(i, &text);
    json_t *arguments =
        text.failed ? NULL
                    : json_pack("{s:s%, s:s*, s:O*, s:O*, s:O*}", "question", text.data, text.len,
                                "agent", agent, "cursor", json_object_get(i->argument, "cursor"),
                                "budget", json_object_get(i->argument, "budget"), "session",
                                json_object_get(i->argument, "session"));
    run(i->face, i->req, i->params, "team.ask", arguments, i->argument);
}

static void on_run(const struct invocation *i) {
    const char *name = json_string_value(json_object_get(i->argument, "capability"));
    const json_t *given = json_object_get(i->argument, "arguments");
    const struct agent *agent = NULL;
    const struct agent_capability *c =
        name ? agent_capability_find(name, strlen(name), &agent) : NULL;
    char row[COMMAND_BYTES_MAX];
    if (!c || (given && !json_is_object(given))) {
        refuse(i, "paired.run: {\"capability\": \"review\", \"arguments\"?: {}}; "
                  "paired.capabilities lists them");
        return;
    }
    (void)snprintf(row, sizeof row, "%s.%s", agent->name, c->name);
    run(i->face, i->req, i->params, row, given ? json_copy((json_t *)given) : json_object(),
        i->argument);
}

static void on_memory(const struct invocation *i, const char *capability) {
    run(i->face, i->req, i->params, capability, own_arguments(i->argument), i->argument);
}
static void on_resume(const struct invocation *i) {
    on_memory(i, "resume");
}
static void on_recall(const struct invocation *i) {
    on_memory(i, "recall");
}
static void on_remember(const struct invocation *i) {
    on_memory(i, "remember");
}
static void on_handoff(const struct invocation *i) {
    on_memory(i, "handoff");
}

static void on_models(const struct invocation *i) {
    run(i->face, i->req, i->params, "models.offered", json_object(), i->argument);
}
static void on_chat(const struct invocation *i) {
    run(i->face, i->req, i->params, "models.chat", own_arguments(i->argument), i->argument);
}

static void on_tokens(const struct invocation *i) {
    const json_t *text = json_object_get(i->argument, "text");
    if (!json_is_string(text) || json_string_length(text) > TOKENS_TEXT_BYTES_MAX) {
        refuse(i, "paired.tokens: {\"text\": \"at most 256 KB\"}");
        return;
    }
    size_t n = tokens_count(json_string_value(text), json_string_length(text));
    rpc_reply(i->req, json_pack("{s:I, s:b}", "tokens", (json_int_t)n, "exact", tokens_exact()));
}

static void on_capabilities(const struct invocation *i) {
    json_t *list = json_array();
    for (size_t a = 0; agents[a]; a++)
        for (const struct agent_capability *c = agents[a]->capabilities; c->name; c++)
            (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:b}", "name",
                                                        c->name, "agent", agents[a]->name, "title",
                                                        c->title, "description", c->description,
                                                        "writes", (c->flags & AGENT_WRITES) != 0));
    rpc_reply(i->req, json_pack("{s:o}", "capabilities", list));
}

// What a finding means: for people who ask, from the table of rules.
static void on_about(const struct invocation *i) {
    const char *id = json_string_value(json_object_get(i->argument, "rule"));
    const char *message = json_string_value(json_object_get(i->argument, "message"));
    const struct rule *rule = id ? document_rule(id, strlen(id)) : NULL;
    AUTO_BUF text = BUF_INIT(64 * 1024);
    if (!rule) {
        refuse(i, "paired.about: {\"rule\": \"swallowed-error\", \"message\"?: \"…\"}");
        return;
    }
    lsp_rule_page(rule, message && strlen(message) <= QUESTION_BYTES_MAX ? message : NULL, &text);
    if (text.failed) {
        rpc_fail(i->req, JSONRPC_INTERNAL_ERROR, "out of memory", NULL);
        return;
    }
    lsp_page_show(i->face, rule->title, text.data, text.len);
    rpc_reply(i->req, json_pack("{s:s, s:s%}", "title", rule->title, "text", text.data, text.len));
}

static void on_status(const struct invocation *i) {
    lsp_status_answer(i->face, i->req);
}

static void on_document(const struct invocation *i) {
    struct lsp_document *d = document_in(i->face, i->argument);
    if (d)
        lsp_document_answer(i->face, i->req, d);
    else
        refuse(i, "paired.document: {\"textDocument\": {\"uri\": of one that is open}}");
}

static const struct {
    const char *name;
    void (*run)(const struct invocation *i);
} table[] = {
    {"ask", on_ask},       {"run", on_run},           {"resume", on_resume},
    {"recall", on_recall}, {"remember", on_remember}, {"handoff", on_handoff},
    {"status", on_status}, {"tokens", on_tokens},     {"capabilities", on_capabilities},
    {"about", on_about},   {"document", on_document}, {"models", on_models},
    {"chat", on_chat},
};

// --- the method ----------------------------------------------------------------------------------

// "paired.sherlock.review": the argument holds the capability's own arguments.
static bool run_by_name(const struct invocation *i, const char *name) {
    const struct agent *agent = NULL;
    const struct agent_capability *c = agent_capability_find(name, strlen(name), &agent);
    size_t n = c ? strlen(agent->name) : 0;
    if (!c || strncmp(name, agent->name, n) != 0 || name[n] != '.')
        return false;
    run(i->face, i->req, i->params, name, own_arguments(i->argument), i->argument);
    return true;
}

static void on_execute(void *face, struct rpc_request *req, json_t *params) {
    const char *command = json_string_value(json_object_get(params, "command"));
    const json_t *argument = json_array_get(json_object_get(params, "arguments"), 0);
    struct invocation i = {face, req, params, argument};
    size_t n = sizeof prefix - 1;
    if (!command) {
        refuse(&i, "workspace/executeCommand needs \"command\"");
        return;
    }
    if (argument && !json_is_object(argument)) {
        refuse(&i, "a command of paired takes one object");
        return;
    }
    if (strncmp(command, prefix, n) == 0) {
        for (size_t k = 0; k < COUNT_OF(table); k++)
            if (strcmp(command + n, table[k].name) == 0) {
                table[k].run(&i);
                return;
            }
        if (run_by_name(&i, command + n))
            return;
    }
    char text[160];
    (void)snprintf(text, sizeof text, "no command %.100s", command);
    rpc_fail(req, JSONRPC_INVALID_PARAMS, text, NULL);
}

static int advertise(struct lsp_face *f, json_t *capabilities) {
    char name[COMMAND_BYTES_MAX];
    json_t *list = json_array();
    (void)f;
    for (size_t k = 0; k < COUNT_OF(table); k++) {
        (void)snprintf(name, sizeof name, "%s%s", prefix, table[k].name);
        (void)json_array_append_new(list, json_string(name));
    }
    for (size_t a = 0; agents[a]; a++)
        for (const struct agent_capability *c = agents[a]->capabilities; c->name; c++) {
            (void)snprintf(name, sizeof name, "%s%s.%s", prefix, agents[a]->name, c->name);
            (void)json_array_append_new(list, json_string(name));
        }
    json_t *provider = json_pack("{s:o, s:b}", "commands", list, "workDoneProgress", 1);
    return json_object_set_new(capabilities, "executeCommandProvider", provider) < 0 ? ERR_NOMEM
                                                                                     : 0;
}

static int open_state(struct lsp_face *f, void **ret, struct err *err) {
    (void)f;
    *ret = mem_zalloc(sizeof(struct commands));
    return *ret ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static void close_state(struct lsp_face *f, void *state) {
    struct commands *all = state;
    while (all->running) {
        struct running *c = all->running;
        int64_t handle = c->handle;
        all->running = c->next;
        if (c->next)
            c->next->link = &all->running;
        c->face = NULL; // its request is let go by rpc_free; on_done frees the rest
        c->progress = NULL;
        dispatch_cancel(session_dispatch(f->session), handle);
    }
    mem_free(all);
}

static const struct lsp_method methods[] = {
    {.name = "workspace/executeCommand", .request = on_execute, .advertise = advertise},
    {0},
};
const struct lsp_feature lsp_feature_commands = {
    .name = "commands", .methods = methods, .open = open_state, .close = close_state};
