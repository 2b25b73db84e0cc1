// Fixtures of the conformance suite, second part: tools and a prompt that need input from the
// client before they can answer (2026-07-28 "Multi Round-Trip Requests").
#include "server/mcp_call.h"

#include <string.h>

#define NO_ARGUMENTS "{\"type\":\"object\",\"additionalProperties\":false}"
#define FORM(message, name, type)                                                                  \
    "{\"mode\":\"form\",\"message\":\"" message "\",\"requestedSchema\":{\"type\":\"object\","     \
    "\"properties\":{\"" name "\":{\"type\":\"" type "\"}},\"required\":[\"" name "\"]}}"
#define SAMPLE(prompt, tokens)                                                                     \
    "{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":\"" prompt          \
    "\"}}],\"maxTokens\":" tokens "}"

struct question {
    const char *key, *method, *params;
    unsigned can;
    const char *capability;
};

#define ELICIT(key, message, name, type)                                                           \
    { key, "elicitation/create", FORM(message, name, type), MCP_CAN_ELICIT, "elicitation" }
#define ROOTS                                                                                      \
    { "client_roots", "roots/list", "{}", MCP_CAN_ROOTS, "roots" }
#define ASK_MODEL(key, prompt, tokens)                                                             \
    { key, "sampling/createMessage", SAMPLE(prompt, tokens), MCP_CAN_SAMPLE, "sampling" }

enum flags {
    STATE = 1,     // requestState goes with the questions and has to come back
    OPTIONAL = 2,  // ask only what the client can answer
    ROUNDS = 4,    // one question after the other
    PROMPT = 8,    // prompts/get
    THEN_TASK = 16 // the answer is worked out in a task
};

static const struct fixture {
    const char *name, *description;
    unsigned flags;
    struct question questions[3];
} fixtures[] = {
    {"test_input_required_result_elicitation",
     "Asks for a name",
     0,
     {ELICIT("user_name", "What is your name?", "name", "string")}},
    {"test_input_required_result_sampling",
     "Asks the client's model",
     0,
     {ASK_MODEL("capital_question", "What is the capital of France?", "100")}},
    {"test_input_required_result_list_roots", "Asks for the roots", 0, {ROOTS}},
    {"test_input_required_result_request_state",
     "Asks, with state",
     STATE,
     {ELICIT("confirm", "Please confirm", "ok", "boolean")}},
    {"test_input_required_result_multiple_inputs",
     "Asks three things at once",
     STATE,
     {ELICIT("user_name", "What is your name?", "name", "string"),
      ASK_MODEL("greeting", "Generate a greeting", "50"), ROOTS}},
    {"test_input_required_result_multi_round",
     "Asks twice",
     STATE | ROUNDS,
     {ELICIT("step1", "Step 1: What is your name?", "name", "string"),
      ELICIT("step2", "Step 2: What is your favorite color?", "color", "string")}},
    {"test_input_required_result_tampered_state",
     "Asks, with state that must not be changed",
     STATE,
     {ELICIT("confirm", "Please confirm", "ok", "boolean")}},
    {"test_input_required_result_capabilities",
     "Asks what the client can answer",
     OPTIONAL,
     {ELICIT("user_name", "What is your name?", "name", "string"),
      ASK_MODEL("greeting", "Generate a greeting", "50")}},
    {"test_streaming_elicitation",
     "Asks the user",
     0,
     {ELICIT("answer", "Shall it go on?", "ok", "boolean")}},
    {"test_tool_with_task",
     "Asks for a name, then works in a task",
     THEN_TASK,
     {ELICIT("user_name", "What is your name?", "name", "string")}},
    {"test_input_required_result_prompt",
     "Asks the user",
     PROMPT,
     {ELICIT("user_context", "What context should the prompt use?", "context", "string")}},
};

static const struct fixture *find(const char *name, unsigned prompt) {
    for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++)
        if (strcmp(fixtures[i].name, name) == 0 && (fixtures[i].flags & PROMPT) == prompt)
            return &fixtures[i];
    return NULL;
}

// --- asking
static json_t *question_json(const struct question *q) {
    return json_pack("{s:s, s:o}", "method", q->method, "params",
                     mcp_tree(q->params, strlen(q->params)));
}

// From question `first` on: those without an answer. In rounds only the first of them.
static void ask(struct mcp_call *c, const struct fixture *fx, int first, const json_t *answers) {
    json_t *requests = json_object();
    for (int i = first; i < 3 && fx->questions[i].key; i++) {
        const struct question *q = &fx->questions[i];
        if (json_object_get(answers, q->key))
            continue;
        if (!(c->view.can & q->can)) {
            if (fx->flags & OPTIONAL)
                continue;
            json_decref(requests);
            mcp_call_fail(c, MCP_ERROR_MISSING_CAPABILITY, "The client cannot answer what is asked",
                          mcp_missing_data(q->capability));
            return;
        }
        (void)json_object_set_new(requests, q->key, question_json(q));
        if (fx->flags & ROUNDS)
            break;
    }
    json_t *result =
        json_pack("{s:s, s:o}", "resultType", "input_required", "inputRequests", requests);
    if (fx->flags & STATE) {
        json_t *payload = json_pack("{s:i}", "round", first);
        (void)json_object_set_new(
            result, "requestState",
            mcp_state_sign(c->face, rpc_request_method(c->req), c->name, c->arguments, payload));
        json_decref(payload);
    }
    mcp_call_result(c, result);
}

// --- answering
static void put_answers(struct buf *out, const struct fixture *fx, const json_t *answers) {
    for (int i = 0; i < 3 && fx->questions[i].key; i++) {
        const json_t *answer = json_object_get(answers, fx->questions[i].key);
        const json_t *content = json_object_get(answer, "content");
        const char *name = json_string_value(json_object_get(content, "name"));
        (void)buf_puts(out, i ? "; " : "");
        if (name)
            (void)buf_printf(out, "Hello, %s!", name);
        else if (answer)
            (void)mcp_put_json(out, content ? content : answer);
    }
}

static void task_tick(struct mcp_call *c) {
    mcp_call_result(c, json_incref(c->notes));
}

static void complete(struct mcp_call *c, const struct fixture *fx, const json_t *answers) {
    AUTO_BUF text = BUF_INIT(0);
    put_answers(&text, fx, answers);
    const char *said = text.failed ? NULL : text.len ? text.data : "";
    if (fx->flags & PROMPT) {
        mcp_call_result(c, json_pack("{s:[{s:s, s:{s:s, s:s}}]}", "messages", "role", "user",
                                     "content", "type", "text", "text", said));
    } else if (fx->flags & THEN_TASK) {
        c->notes = mcp_text_result(said, false);
        if (mcp_task_start(c, NULL) < 0)
            mcp_call_fail(c, JSONRPC_INTERNAL_ERROR, "no room for a task", NULL);
        else
            mcp_call_after(c, 200, task_tick);
    } else {
        mcp_call_result(c, mcp_text_result(said, false));
    }
}

// An answer has the shape its question asks for. False: answered with an error.
static bool check(struct mcp_call *c, const struct question *q, const json_t *answer) {
    bool good = json_is_object(answer);
    if (good && q->can == MCP_CAN_ELICIT)
        good = json_is_string(json_object_get(answer, "action"));
    else if (good && q->can == MCP_CAN_ROOTS)
        good = json_is_array(json_object_get(answer, "roots"));
    else if (good)
        good = json_object_get(answer, "content") != NULL;
    if (good)
        return true;
    char text[128];
    snprintf(text, sizeof text, "inputResponses.%s: not an answer to %s", q->key, q->method);
    mcp_call_fail(c, JSONRPC_INVALID_PARAMS, text, NULL);
    return false;
}

static void run(struct mcp_call *c, const struct fixture *fx) {
    const json_t *answers = json_object_get(c->params, "inputResponses");
    const json_t *state = json_object_get(c->params, "requestState");
    struct err err = {0};
    int round = 0;
    if ((fx->flags & THEN_TASK) && !(c->view.can & MCP_CAN_TASKS)) {
        mcp_call_fail(c, MCP_ERROR_MISSING_CAPABILITY, "This tool needs the tasks extension",
                      mcp_missing_data(MCP_EXT_TASKS));
        return;
    }
    if (state) {
        json_t *payload = NULL;
        if (mcp_state_verify(c->face, rpc_request_method(c->req), c->name, c->arguments, state,
                             &payload, &err) < 0) {
            mcp_call_fail(c, JSONRPC_INVALID_PARAMS, err_text(&err), NULL);
            return;
        }
        round = (int)json_integer_value(json_object_get(payload, "round"));
        json_decref(payload);
    }
    if (!answers || ((fx->flags & STATE) && !state)) {
        ask(c, fx, 0, NULL);
        return;
    }
    for (int i = round; i < 3 && fx->questions[i].key; i++) {
        const struct question *q = &fx->questions[i];
        const json_t *answer = json_object_get(answers, q->key);
        if (!answer && (fx->flags & OPTIONAL) && !(c->view.can & q->can))
            continue;
        if (!answer) {
            ask(c, fx, i, answers);
            return;
        }
        if (!check(c, q, answer))
            return;
        if ((fx->flags & ROUNDS) && i + 1 < 3 && fx->questions[i + 1].key) {
            ask(c, fx, i + 1, NULL);
            return;
        }
    }
    complete(c, fx, answers);
}

bool mcp_fixture_input_tool(struct mcp_call *c) {
    const struct fixture *fx = c->view.era == MCP_MODERN ? find(c->name, 0) : NULL;
    if (fx)
        run(c, fx);
    return fx != NULL;
}

bool mcp_fixture_input_prompt(struct mcp_call *c) {
    const struct fixture *fx = c->view.era == MCP_MODERN ? find(c->name, PROMPT) : NULL;
    if (fx)
        run(c, fx);
    return fx != NULL;
}

int mcp_fixture_put_input_tools(struct buf *out) {
    for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++)
        if (!(fixtures[i].flags & PROMPT))
            (void)mcp_fixture_put_tool(out, false, fixtures[i].name, fixtures[i].description,
                                       NO_ARGUMENTS);
    return out->failed ? ERR_NOMEM : 0;
}
