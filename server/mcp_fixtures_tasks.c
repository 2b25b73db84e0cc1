// Fixtures of the conformance suite, third part: tools of the Tasks extension's scenarios.
#include "server/mcp_call.h"

#include <string.h>

enum { SECONDS_MAX = 300, SHORT_MS = 200, JOB_MS = 1000 };

static const char *string_argument(const struct mcp_call *c, const char *name,
                                   const char *fallback) {
    const char *s = json_string_value(json_object_get(c->arguments, name));
    return s ? s : fallback;
}

static void give_text(struct mcp_call *c, const char *before, const char *value,
                      const char *after) {
    AUTO_BUF text = BUF_INIT(0);
    (void)buf_printf(&text, "%s%s%s", before, value, after);
    mcp_call_result(c, text.failed ? NULL : mcp_text_result(text.data, false));
}

// False: answered, the client must declare the extension first.
static bool need_task(struct mcp_call *c) {
    if (!(c->view.can & MCP_CAN_TASKS)) {
        mcp_call_fail(c, MCP_ERROR_MISSING_CAPABILITY, "This tool needs the tasks extension",
                      mcp_missing_data(MCP_EXT_TASKS));
        return false;
    }
    if (mcp_task_start(c, NULL) < 0) {
        mcp_call_fail(c, JSONRPC_INTERNAL_ERROR, "no room for a task", NULL);
        return false;
    }
    return true;
}

static void greet(struct mcp_call *c) {
    give_text(c, "Hello, ", string_argument(c, "name", "you"), "!");
}

static void computed(struct mcp_call *c) {
    give_text(c, "Computed: ", string_argument(c, "label", "done"), "");
}

static void slow_compute(struct mcp_call *c) {
    int64_t seconds = json_integer_value(json_object_get(c->arguments, "seconds"));
    if (seconds < 0 || seconds > SECONDS_MAX) {
        mcp_call_result(c, mcp_text_result("seconds: expected 0 to 300", true));
        return;
    }
    if ((c->view.can & MCP_CAN_TASKS) && !need_task(c))
        return;
    mcp_call_after(c, (uint64_t)seconds * 1000, computed);
}

static void job_failed(struct mcp_call *c) {
    mcp_call_result(c, mcp_text_result("The job has failed, as it always does", true));
}

static void failing_job(struct mcp_call *c) {
    if (need_task(c))
        mcp_call_after(c, JOB_MS, job_failed);
}

static void protocol_failed(struct mcp_call *c) {
    mcp_call_fail(c, JSONRPC_INTERNAL_ERROR, "The job broke down", NULL);
}

static void protocol_error_job(struct mcp_call *c) {
    if (need_task(c))
        mcp_call_after(c, SHORT_MS, protocol_failed);
}

static json_t *form(const char *message) {
    return json_pack("{s:s, s:{s:s, s:s, s:{s:s, s:{s:{s:s}}, s:[s]}}}", "method",
                     "elicitation/create", "params", "mode", "form", "message", message,
                     "requestedSchema", "type", "object", "properties", "confirm", "type",
                     "boolean", "required", "confirm");
}

static void delete_answered(struct mcp_call *c, const json_t *responses) {
    const json_t *answer = json_object_get(responses, "confirm");
    const char *action = json_string_value(json_object_get(answer, "action"));
    bool yes = action && strcmp(action, "accept") == 0 &&
               json_is_true(json_object_get(json_object_get(answer, "content"), "confirm"));
    give_text(c, yes ? "Deleted " : "Kept ", string_argument(c, "filename", "the file"), "");
}

static void confirm_delete(struct mcp_call *c) {
    if (!need_task(c))
        return;
    c->input = delete_answered;
    mcp_task_wait(c->task, json_pack("{s:o}", "confirm", form("Delete the file?")));
}

static void inputs_answered(struct mcp_call *c, const json_t *responses) {
    char count[24];
    snprintf(count, sizeof count, "%zu", json_object_size(responses));
    give_text(c, "", count, " answers");
}

static void multi_input(struct mcp_call *c) {
    if (!need_task(c))
        return;
    c->input = inputs_answered;
    mcp_task_wait(c->task, json_pack("{s:o, s:o}", "first", form("First question"), "second",
                                     form("Second question")));
}

static const struct {
    const char *name, *description, *schema;
    void (*run)(struct mcp_call *c);
} tools[] = {
    {"greet", "Answers at once",
     "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"}}}", greet},
    {"slow_compute", "Takes as long as it is told to",
     "{\"type\":\"object\",\"properties\":{\"seconds\":{\"type\":\"integer\"},\"label\":{\"type\":"
     "\"string\"}}}",
     slow_compute},
    {"failing_job", "A job that fails", "{\"type\":\"object\"}", failing_job},
    {"protocol_error_job", "A job that breaks down", "{\"type\":\"object\"}", protocol_error_job},
    {"confirm_delete", "Asks before it deletes",
     "{\"type\":\"object\",\"properties\":{\"filename\":{\"type\":\"string\"}}}", confirm_delete},
    {"multi_input", "Asks two things at once", "{\"type\":\"object\"}", multi_input},
};

bool mcp_fixture_task_tool(struct mcp_call *c) {
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
        if (strcmp(tools[i].name, c->name) == 0) {
            tools[i].run(c);
            return true;
        }
    return false;
}

int mcp_fixture_put_task_tools(struct buf *out) {
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
        (void)mcp_fixture_put_tool(out, false, tools[i].name, tools[i].description,
                                   tools[i].schema);
    return out->failed ? ERR_NOMEM : 0;
}
