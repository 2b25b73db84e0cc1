// tools/list and tools/call: from the table of capabilities to MCP and back. Sources: MCP "Tools",
// "Error Handling"; 2026-07-28 "Multi Round-Trip Requests"; 2025-11-25 "Elicitation".
#include "server/mcp_call.h"

#include "core/base/utf.h"

#include <string.h>

void mcp_tools_list(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_face *f = face;
    struct err err = {0};
    // One page: no cursor of ours exists, so any is a wrong one.
    if (mcp_cursor_read(json_object_get(params, "cursor"), 't', NULL, 0, &err) != 0) {
        mcp_fail_err(req, JSONRPC_INVALID_PARAMS, &err);
        return;
    }
    mcp_reply_buf(req, f->read_only
                           ? mcp_catalog_reading_tools(f->shared, f->fixtures, f->now.era)
                           : mcp_catalog_list(f->shared, f->fixtures, MCP_LIST_TOOLS, f->now.era));
}

// --- errors a model can act on
static void fail_as_result(struct mcp_call *c, int r, const struct err *err) {
    AUTO_BUF text = BUF_INIT(64 * 1024);
    const char *example = c->capability->example;
    (void)buf_printf(&text, "%s: %s", c->name, err_text(err));
    if (r != ERR_INVAL && r != ERR_NOT_FOUND)
        mcp_call_log(c, MCP_LOG_ERROR, err_text(err));
    else if (r == ERR_INVAL && example && !strstr(err_text(err), example)) // dispatch gives it, too
        (void)buf_printf(&text, ". Valid: %s", example);
    mcp_call_result(c, text.failed ? NULL : mcp_text_result(text.data, true));
}

// --- the answer
static size_t put_text(struct buf *out, const struct buf *text) {
    const char *bytes = text->len ? text->data : "";
    if (text->len <= MCP_RESULT_BYTES_MAX) {
        (void)buf_put_json_string(out, bytes, text->len);
        return text->len;
    }
    size_t shown = utf_cut(bytes, text->len, MCP_RESULT_BYTES_MAX);
    AUTO_BUF cut = BUF_INIT(0);
    (void)buf_append(&cut, bytes, shown);
    (void)buf_printf(&cut,
                     "\n[cut: %zu of %zu bytes are shown. For the rest ask for less at a time: a "
                     "narrower query, a smaller limit or budget, or the next page.]",
                     shown, text->len);
    out->failed |= cut.failed;
    (void)buf_put_json_string(out, cut.data, cut.len);
    return shown;
}

static void put_result(struct buf *out, enum mcp_era era, const struct answer *answer) {
    AUTO_BUF dumped = BUF_INIT(0);
    const struct buf *structured = &answer->json;
    if (answer->structured) {
        (void)mcp_put_json(&dumped, answer->structured);
        structured = &dumped;
    }
    bool too_big = structured->len > MCP_STRUCTURED_BYTES_MAX;
    (void)buf_reserve(out, answer->text.len + structured->len + 512); // grown once, mostly
    (void)buf_puts(out, "{\"content\":[{\"type\":\"text\",\"text\":");
    if (answer->text.len || !structured->len)
        (void)put_text(out, &answer->text);
    else
        (void)put_text(out, structured);
    (void)buf_puts(out, "}]");
    if (structured->len && !too_big) {
        (void)buf_puts(out, ",\"structuredContent\":");
        (void)buf_append(out, structured->data, structured->len);
    }
    // Without the structure the result would break the tool's output schema; an error need not
    // follow it.
    (void)buf_printf(out, ",\"isError\":%s", too_big ? "true" : "false");
    if (era == MCP_MODERN) {
        (void)buf_puts(out, ",\"resultType\":\"complete\",\"_meta\":");
        (void)mcp_put_server_meta(out);
    }
    (void)buf_putc(out, '}');
    out->failed |= structured->failed || answer->text.failed;
}

// On a worker: the text is made there, and the tree freed, so that the loop does neither.
static void render(struct answer *answer, enum mcp_era era) {
    put_result(&answer->rendered, era, answer);
    json_decref(answer->structured);
    answer->structured = NULL;
}
static void render_legacy(struct answer *answer) {
    render(answer, MCP_LEGACY);
}
static void render_modern(struct answer *answer) {
    render(answer, MCP_MODERN);
}

static void tool_done(struct mcp_call *c, int r, struct answer *answer, const struct err *err);

static void run_tool(struct mcp_call *c, bool confirmed) {
    struct err err = {0};
    c->render = c->view.era == MCP_MODERN ? render_modern : render_legacy;
    int r = mcp_call_dispatch(c, c->name, c->arguments, confirmed, tool_done, &err);
    if (r < 0)
        fail_as_result(c, r, &err);
}

// --- asking the user
static const char confirm_key[] = "confirm";

static json_t *confirm_params(const json_t *ask) {
    const char *message = json_string_value(json_object_get(ask, "message"));
    const char *about = json_string_value(json_object_get(ask, "about"));
    return json_pack("{s:s, s:s, s:{s:s, s:{s:{s:s, s:s, s:s}}, s:[s]}}", "mode", "form", "message",
                     message ? message : "Go on?", "requestedSchema", "type", "object",
                     "properties", confirm_key, "type", "boolean", "title", "Yes, do it",
                     "description", about ? about : "This cannot be undone", "required",
                     confirm_key);
}

static bool agreed(const json_t *response) {
    const char *action = json_string_value(json_object_get(response, "action"));
    const json_t *value = json_object_get(json_object_get(response, "content"), confirm_key);
    return action && strcmp(action, "accept") == 0 && json_is_true(value);
}

static void fail_declined(struct mcp_call *c) {
    char text[256];
    snprintf(text, sizeof text, "%.100s: nothing was changed; the user did not agree.", c->name);
    mcp_call_result(c, mcp_text_result(text, true));
}

static void confirm_replied(struct mcp_call *c, const json_t *result, const char *error) {
    if (error || !agreed(result))
        fail_declined(c);
    else
        run_tool(c, true);
}

static void confirm_input(struct mcp_call *c, const json_t *responses) {
    confirm_replied(c, json_object_get(responses, confirm_key), NULL);
}

static json_t *confirm_requests(const json_t *ask) {
    return json_pack("{s:{s:s, s:o}}", confirm_key, "method", "elicitation/create", "params",
                     confirm_params(ask));
}

static void cannot_ask(struct mcp_call *c, const json_t *ask) {
    const char *message = json_string_value(json_object_get(ask, "message"));
    const char *instead = json_string_value(json_object_get(ask, "instead"));
    AUTO_BUF text = BUF_INIT(32 * 1024);
    (void)buf_printf(&text, "%s: not done yet. %s\nThis client cannot ask the user. ", c->name,
                     message ? message : "");
    if (instead) // what no model may agree to for them
        (void)buf_printf(&text, "They have to agree in a terminal: %s", instead);
    else
        (void)buf_printf(&text,
                         "Ask them yourself; when they agree, call %s again with the same "
                         "arguments and \"confirm\": true.",
                         c->name);
    mcp_call_result(c, text.failed ? NULL : mcp_text_result(text.data, true));
}

static void ask_user(struct mcp_call *c, const json_t *ask) {
    if (!(c->view.can & MCP_CAN_ELICIT)) {
        cannot_ask(c, ask);
    } else if (c->task) {
        c->input = confirm_input;
        mcp_task_wait(c->task, confirm_requests(ask));
    } else if (c->view.era == MCP_LEGACY) {
        json_t *params = confirm_params(ask);
        if (strcmp(c->view.version->name, "2025-11-25") < 0)
            (void)json_object_del(params, "mode"); // 2025-06-18 knows only forms and no name for it
        mcp_call_ask(c, "elicitation/create", params, confirm_replied);
    } else {
        json_t *state = mcp_state_sign(c->face, "tools/call", c->name, c->arguments, NULL);
        mcp_call_result(c,
                        json_pack("{s:s, s:o, s:o}", "resultType", "input_required",
                                  "inputRequests", confirm_requests(ask), "requestState", state));
    }
}

static void tool_done(struct mcp_call *c, int r, struct answer *answer, const struct err *err) {
    if (r < 0) {
        fail_as_result(c, r, err);
    } else if (answer->ask) {
        ask_user(c, answer->ask);
    } else {
        mcp_call_raw(c, &answer->rendered);
    }
}

// --- tools/call
// -------------------------------------------------------------------------------------- Second
// round of a modern request: what the user said stands in inputResponses, and requestState proves
// that it was this request we asked for. True: go on, *ret_confirmed says what with.
static bool second_round(struct mcp_call *c, bool *ret_confirmed) {
    const json_t *responses = json_object_get(c->params, "inputResponses");
    const json_t *state = json_object_get(c->params, "requestState");
    struct err err = {0};
    if (!state)
        return true; // a first round; what it brings unasked proves nothing
    json_t *payload = NULL;
    if (mcp_state_verify(c->face, "tools/call", c->name, c->arguments, state, &payload, &err) < 0) {
        mcp_call_fail(c, JSONRPC_INVALID_PARAMS, err_text(&err), NULL);
        return false;
    }
    json_decref(payload);
    const json_t *answer = json_object_get(responses, confirm_key);
    if (!json_is_object(answer))
        return true; // missing: it is asked for again
    if (!agreed(answer)) {
        fail_declined(c);
        return false;
    }
    *ret_confirmed = true;
    return true;
}

static bool read_call(struct mcp_face *f, struct rpc_request *req, json_t *params,
                      struct mcp_named *in) {
    struct err err = {0};
    if (fields_decode(mcp_named_fields, params, in, &err) < 0) {
        mcp_fail_err(req, JSONRPC_INVALID_PARAMS, &err);
        return false;
    }
    if (in->arguments && !json_is_object(in->arguments)) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "arguments: expected object", NULL);
        return false;
    }
    if (memchr(in->name.data, '\0', in->name.len)) { // it is used as a C string from here on
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "name: must not hold NUL characters", NULL);
        return false;
    }
    const json_t *responses = json_object_get(params, "inputResponses");
    const json_t *state = json_object_get(params, "requestState");
    if (f->now.era == MCP_MODERN &&
        ((responses && !json_is_object(responses)) || (state && !json_is_string(state)))) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS,
                 "inputResponses: expected object; requestState: expected string", NULL);
        return false;
    }
    return true;
}

static bool try_fixtures(struct mcp_call *c) {
    return c->face->fixtures &&
           (mcp_fixture_tool(c) || mcp_fixture_input_tool(c) || mcp_fixture_task_tool(c));
}

// A misspelt argument that is passed over gives an answer to another question: it is refused.
static bool arguments_known(struct mcp_call *c) {
    const char *name;
    json_t *value;
    json_object_foreach(c->arguments, name, value) {
        const struct field *f = c->capability->input;
        while (f && f->name && strcmp(f->name, name) != 0)
            f++;
        if ((f && f->name) || strcmp(name, confirm_key) == 0)
            continue;
        AUTO_BUF text = BUF_INIT(4096);
        (void)buf_printf(&text, "%s: %.64s: no such argument. There are:", c->name, name);
        for (f = c->capability->input; f && f->name; f++)
            if (!(f->flags & FIELD_HIDDEN))
                (void)buf_printf(&text, " %s", f->name);
        mcp_call_result(c, mcp_text_result(text.failed ? "no such argument" : text.data, true));
        return false;
    }
    return true;
}

void mcp_tools_call(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_face *f = face;
    struct mcp_named in = {0};
    if (!read_call(f, req, params, &in))
        return;
    struct mcp_call *c = mcp_call_new(f, req, params);
    if (!c)
        return;
    c->name = json_string_value(json_object_get(params, "name"));
    c->arguments = in.arguments;
    if (try_fixtures(c))
        return;
    c->capability = dispatch_find(c->dispatch, c->name);
    if (!mcp_is_tool(c->capability)) {
        char text[160];
        snprintf(text, sizeof text, "Unknown tool: %.100s", c->name);
        mcp_call_fail(c, JSONRPC_INVALID_PARAMS, text, NULL);
        return;
    }
    if (f->read_only && !(c->capability->flags & CAP_READ_ONLY)) {
        mcp_call_result(c, mcp_text_result("This tool is switched off here: the setting mcp.tools "
                                           "is read-only.",
                                           true));
        return;
    }
    if (!arguments_known(c))
        return;
    // The argument counts only where the user cannot be asked: a model must not answer for them.
    bool confirmed =
        !(c->view.can & MCP_CAN_ELICIT) && json_is_true(json_object_get(c->arguments, confirm_key));
    if (f->now.era == MCP_MODERN && !second_round(c, &confirmed))
        return;
    if ((c->capability->flags & CAP_LONG) && (c->view.can & MCP_CAN_TASKS))
        (void)mcp_task_start(c, NULL); // refused: the answer comes the ordinary way
    run_tool(c, confirmed);
}
