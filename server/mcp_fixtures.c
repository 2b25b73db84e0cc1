// Fixtures of the official conformance suite (@modelcontextprotocol/conformance): tools, resources
// and prompts with the behaviour its scenarios expect. Served only to a client whose front end was
// started with --fixtures.
#include "server/mcp_call.h"

#include <string.h>

// A red pixel, and a millisecond of silence.
#define PNG                                                                                        \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4"                                 \
    "z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC"
#define WAV "UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQgAAACAgICAgICAgA=="

#define NO_ARGUMENTS "{\"type\":\"object\",\"additionalProperties\":false}"
#define ONE_STRING(name, about)                                                                    \
    "{\"type\":\"object\",\"properties\":{\"" name                                                 \
    "\":{\"type\":\"string\",\"description\":\"" about "\"}},\"required\":[\"" name "\"]}"

static const char schema_2020_12[] =
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
    "\"$defs\":{\"address\":{\"$anchor\":\"addressDef\",\"type\":\"object\",\"properties\":"
    "{\"street\":{\"type\":\"string\"},\"city\":{\"type\":\"string\"}}}},"
    "\"properties\":{\"name\":{\"type\":\"string\"},\"address\":{\"$ref\":\"#/$defs/address\"},"
    "\"contactMethod\":{\"type\":\"string\",\"enum\":[\"phone\",\"email\"]},"
    "\"phone\":{\"type\":\"string\"},\"email\":{\"type\":\"string\"}},"
    "\"allOf\":[{\"anyOf\":[{\"required\":[\"phone\"]},{\"required\":[\"email\"]}]}],"
    "\"if\":{\"properties\":{\"contactMethod\":{\"const\":\"phone\"}},"
    "\"required\":[\"contactMethod\"]},\"then\":{\"required\":[\"phone\"]},"
    "\"else\":{\"required\":[\"email\"]},\"additionalProperties\":false}";

static json_t *text_content(const char *text) {
    return json_pack("{s:s, s:s}", "type", "text", "text", text);
}

static json_t *image_content(void) {
    return json_pack("{s:s, s:s, s:s}", "type", "image", "data", PNG, "mimeType", "image/png");
}

static json_t *resource_content(const char *uri, const char *mime, const char *text) {
    return json_pack("{s:s, s:{s:s, s:s, s:s}}", "type", "resource", "resource", "uri", uri,
                     "mimeType", mime, "text", text);
}

static void give(struct mcp_call *c, json_t *content) {
    mcp_call_result(c, json_pack("{s:[o]}", "content", content));
}

// --- plain tools
static void simple_text(struct mcp_call *c) {
    give(c, text_content("This is a simple text response for testing."));
}

static void image(struct mcp_call *c) {
    give(c, image_content());
}

static void audio(struct mcp_call *c) {
    give(c, json_pack("{s:s, s:s, s:s}", "type", "audio", "data", WAV, "mimeType", "audio/wav"));
}

static void embedded(struct mcp_call *c) {
    give(c, resource_content("test://embedded-resource", "text/plain",
                             "This is an embedded resource content."));
}

static void several(struct mcp_call *c) {
    mcp_call_result(c,
                    json_pack("{s:[o, o, o]}", "content",
                              text_content("Multiple content types test:"), image_content(),
                              resource_content("test://mixed-content-resource", "application/json",
                                               "{\"test\":\"data\",\"value\":123}")));
}

static void error(struct mcp_call *c) {
    mcp_call_result(c,
                    mcp_text_result("This tool intentionally returns an error for testing", true));
}

static void echo_schema(struct mcp_call *c) {
    give(c, text_content("JSON Schema 2020-12 tool called"));
}

// --- tools that take time
enum { STEP_MS = 50 };

static void logging_tick(struct mcp_call *c) {
    static const char *const lines[] = {"Tool execution started", "Tool processing data",
                                        "Tool execution completed"};
    mcp_call_log(c, MCP_LOG_INFO, lines[c->step]);
    if (++c->step == 3)
        give(c, text_content("Tool with logging executed successfully"));
    else
        mcp_call_after(c, STEP_MS, logging_tick);
}

static void progress_tick(struct mcp_call *c) {
    mcp_call_progress(c, 50.0 * c->step, 100, NULL);
    if (++c->step == 3)
        give(c, text_content("Tool with progress executed successfully"));
    else
        mcp_call_after(c, STEP_MS, progress_tick);
}

// The bridge of the tests owns the HTTP stream; what is left for the server is to answer late.
static void reconnected(struct mcp_call *c) {
    give(c, text_content("Reconnection test completed"));
}

static void reconnection(struct mcp_call *c) {
    mcp_call_after(c, 4 * STEP_MS, reconnected);
}

// --- legacy: asking the client
static bool client_can(struct mcp_call *c, unsigned what, const char *name) {
    if (c->view.era == MCP_LEGACY && (c->view.can & what))
        return true;
    char text[128];
    snprintf(text, sizeof text, "The client does not support %s", name);
    mcp_call_result(c, mcp_text_result(text, true));
    return false;
}

static void sampled(struct mcp_call *c, const json_t *result, const char *failure) {
    const char *text =
        json_string_value(json_object_get(json_object_get(result, "content"), "text"));
    AUTO_BUF out = BUF_INIT(0);
    (void)buf_printf(&out, failure ? "Sampling failed: %s" : "LLM response: %s",
                     failure ? failure
                     : text  ? text
                             : "(no text)");
    mcp_call_result(c, out.failed ? NULL : mcp_text_result(out.data, failure != NULL));
}

static void sampling(struct mcp_call *c) {
    const char *prompt = json_string_value(json_object_get(c->arguments, "prompt"));
    if (client_can(c, MCP_CAN_SAMPLE, "sampling"))
        mcp_call_ask(c, "sampling/createMessage",
                     json_pack("{s:[{s:s, s:{s:s, s:s}}], s:i}", "messages", "role", "user",
                               "content", "type", "text", "text", prompt ? prompt : "", "maxTokens",
                               100),
                     sampled);
}

static void elicited(struct mcp_call *c, const json_t *result, const char *failure) {
    const char *action = json_string_value(json_object_get(result, "action"));
    const json_t *content = json_object_get(result, "content");
    AUTO_BUF out = BUF_INIT(0);
    if (failure) {
        (void)buf_printf(&out, "Elicitation failed: %s", failure);
    } else {
        (void)buf_printf(&out, "%s action=%s, content=",
                         strcmp(c->name, "test_elicitation") == 0 ? "User response:"
                                                                  : "Elicitation completed:",
                         action ? action : "(none)");
        if (content)
            (void)mcp_put_json(&out, content);
        else
            (void)buf_puts(&out, "{}");
    }
    mcp_call_result(c, out.failed ? NULL : mcp_text_result(out.data, failure != NULL));
}

static void elicit(struct mcp_call *c, const char *message, const char *schema) {
    if (client_can(c, MCP_CAN_ELICIT, "elicitation"))
        mcp_call_ask(c, "elicitation/create",
                     json_pack("{s:s, s:o}", "message", message, "requestedSchema",
                               mcp_tree(schema, strlen(schema))),
                     elicited);
}

static void elicitation(struct mcp_call *c) {
    const char *message = json_string_value(json_object_get(c->arguments, "message"));
    elicit(c, message ? message : "",
           "{\"type\":\"object\",\"properties\":{\"username\":{\"type\":\"string\","
           "\"description\":\"User's response\"},\"email\":{\"type\":\"string\","
           "\"description\":\"User's email address\"}},\"required\":[\"username\",\"email\"]}");
}

static void elicitation_defaults(struct mcp_call *c) {
    elicit(c, "Please review and update the form fields with defaults",
           "{\"type\":\"object\",\"properties\":{"
           "\"name\":{\"type\":\"string\",\"default\":\"John Doe\"},"
           "\"age\":{\"type\":\"integer\",\"default\":30},"
           "\"score\":{\"type\":\"number\",\"default\":95.5},"
           "\"status\":{\"type\":\"string\",\"enum\":[\"active\",\"inactive\",\"pending\"],"
           "\"default\":\"active\"},"
           "\"verified\":{\"type\":\"boolean\",\"default\":true}},\"required\":[]}");
}

static void elicitation_enums(struct mcp_call *c) {
    elicit(
        c, "Please select options from the enum fields",
        "{\"type\":\"object\",\"properties\":{"
        "\"untitledSingle\":{\"type\":\"string\",\"enum\":[\"option1\",\"option2\",\"option3\"]},"
        "\"titledSingle\":{\"type\":\"string\",\"oneOf\":["
        "{\"const\":\"value1\",\"title\":\"First Option\"},"
        "{\"const\":\"value2\",\"title\":\"Second Option\"},"
        "{\"const\":\"value3\",\"title\":\"Third Option\"}]},"
        "\"legacyEnum\":{\"type\":\"string\",\"enum\":[\"opt1\",\"opt2\",\"opt3\"],"
        "\"enumNames\":[\"Option One\",\"Option Two\",\"Option Three\"]},"
        "\"untitledMulti\":{\"type\":\"array\",\"items\":{\"type\":\"string\","
        "\"enum\":[\"option1\",\"option2\",\"option3\"]}},"
        "\"titledMulti\":{\"type\":\"array\",\"items\":{\"anyOf\":["
        "{\"const\":\"value1\",\"title\":\"First Choice\"},"
        "{\"const\":\"value2\",\"title\":\"Second Choice\"},"
        "{\"const\":\"value3\",\"title\":\"Third Choice\"}]}}},\"required\":[]}");
}

// --- modern
static void missing_capability(struct mcp_call *c) {
    if (c->view.can & MCP_CAN_SAMPLE)
        give(c, text_content("The client has declared sampling"));
    else
        mcp_call_fail(c, MCP_ERROR_MISSING_CAPABILITY, "The client has not declared sampling",
                      mcp_missing_data("sampling"));
}

static void logging_modern(struct mcp_call *c) {
    mcp_call_log(c, MCP_LOG_INFO, "Logging tool executed");
    give(c, text_content("Logging tool executed"));
}

static void change_tools(struct mcp_call *c) {
    c->shared->extra_tool = !c->shared->extra_tool;
    mcp_catalog_forget(c->shared, MCP_LIST_TOOLS);
    mcp_list_changed(c->shared, MCP_LISTEN_TOOLS, "notifications/tools/list_changed");
    give(c, text_content("The list of tools has changed"));
}

static void change_prompts(struct mcp_call *c) {
    c->shared->extra_prompt = !c->shared->extra_prompt;
    mcp_catalog_forget(c->shared, MCP_LIST_PROMPTS);
    mcp_list_changed(c->shared, MCP_LISTEN_PROMPTS, "notifications/prompts/list_changed");
    give(c, text_content("The list of prompts has changed"));
}

static const struct {
    const char *name, *description, *schema;
    void (*run)(struct mcp_call *c);
} tools[] = {
    {"test_simple_text", "Returns text", NO_ARGUMENTS, simple_text},
    {"test_image_content", "Returns an image", NO_ARGUMENTS, image},
    {"test_audio_content", "Returns sound", NO_ARGUMENTS, audio},
    {"test_embedded_resource", "Returns a resource", NO_ARGUMENTS, embedded},
    {"test_multiple_content_types", "Returns several kinds of content", NO_ARGUMENTS, several},
    {"test_tool_with_logging", "Logs while it runs", NO_ARGUMENTS, logging_tick},
    {"test_tool_with_progress", "Reports progress", NO_ARGUMENTS, progress_tick},
    {"test_error_handling", "Fails", NO_ARGUMENTS, error},
    {"test_sampling", "Asks the client's model", ONE_STRING("prompt", "Prompt for the model"),
     sampling},
    {"test_elicitation", "Asks the user", ONE_STRING("message", "Message for the user"),
     elicitation},
    {"test_elicitation_sep1034_defaults", "Asks the user, with defaults", NO_ARGUMENTS,
     elicitation_defaults},
    {"test_elicitation_sep1330_enums", "Asks the user to choose", NO_ARGUMENTS, elicitation_enums},
    {"json_schema_2020_12_tool", "Tool with JSON Schema 2020-12 features", schema_2020_12,
     echo_schema},
    {"test_reconnection", "Answers late", NO_ARGUMENTS, reconnection},
    {"test_missing_capability", "Needs sampling", NO_ARGUMENTS, missing_capability},
    {"test_logging_tool", "Logs when asked to", NO_ARGUMENTS, logging_modern},
    {"test_trigger_tool_change", "Changes the list of tools", NO_ARGUMENTS, change_tools},
    {"test_trigger_prompt_change", "Changes the list of prompts", NO_ARGUMENTS, change_prompts},
};

bool mcp_fixture_tool(struct mcp_call *c) {
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
        if (strcmp(tools[i].name, c->name) == 0) {
            tools[i].run(c);
            return true;
        }
    return false;
}

int mcp_fixture_put_tool(struct buf *out, bool first, const char *name, const char *description,
                         const char *schema) {
    return buf_printf(out, "%s{\"name\":\"%s\",\"description\":\"%s\",\"inputSchema\":%s}",
                      first ? "" : ",", name, description, schema);
}

int mcp_fixture_put_tools(struct buf *out, bool first, bool extra) {
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
        (void)mcp_fixture_put_tool(out, first && i == 0, tools[i].name, tools[i].description,
                                   tools[i].schema);
    (void)mcp_fixture_put_input_tools(out);
    (void)mcp_fixture_put_task_tools(out);
    if (extra)
        (void)mcp_fixture_put_tool(out, false, "test_dynamic_tool", "Comes and goes", NO_ARGUMENTS);
    return out->failed ? ERR_NOMEM : 0;
}

// --- resources
json_t *mcp_fixture_resources(void) {
    return json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s}, {s:s, s:s, s:s}]", "uri",
                     "test://static-text", "name", "static-text", "mimeType", "text/plain", "uri",
                     "test://static-binary", "name", "static-binary", "mimeType", "image/png",
                     "uri", "test://watched-resource", "name", "watched-resource", "mimeType",
                     "text/plain");
}

int mcp_fixture_put_templates(struct buf *out, bool first) {
    return buf_printf(out,
                      "%s{\"uriTemplate\":\"test://template/{id}/data\",\"name\":\"template\","
                      "\"mimeType\":\"application/json\"}",
                      first ? "" : ",");
}

static json_t *template_content(const char *uri) {
    static const char head[] = "test://template/", tail[] = "/data";
    size_t n = strlen(uri);
    if (n <= sizeof head + sizeof tail - 2 || strncmp(uri, head, sizeof head - 1) != 0 ||
        strcmp(uri + n - (sizeof tail - 1), tail) != 0)
        return NULL;
    int id_bytes = (int)(n - (sizeof head + sizeof tail - 2));
    const char *id = uri + sizeof head - 1;
    json_t *data = json_pack("{s:s%, s:b, s:s+%}", "id", id, id_bytes, "templateTest", 1, "data",
                             "Data for ID: ", id, id_bytes);
    AUTO_BUF text = BUF_INIT(0);
    (void)mcp_put_json(&text, data);
    json_decref(data);
    return json_pack("{s:s, s:s, s:s}", "uri", uri, "mimeType", "application/json", "text",
                     text.failed ? NULL : text.data);
}

bool mcp_fixture_read(struct mcp_face *f, struct rpc_request *req, enum mcp_era era,
                      const char *uri) {
    json_t *content = NULL;
    (void)f;
    if (strcmp(uri, "test://static-text") == 0)
        content = json_pack("{s:s, s:s, s:s}", "uri", uri, "mimeType", "text/plain", "text",
                            "This is the content of the static text resource.");
    else if (strcmp(uri, "test://static-binary") == 0)
        content = json_pack("{s:s, s:s, s:s}", "uri", uri, "mimeType", "image/png", "blob", PNG);
    else if (strcmp(uri, "test://watched-resource") == 0)
        content = json_pack("{s:s, s:s, s:s}", "uri", uri, "mimeType", "text/plain", "text",
                            "Watched resource content");
    else
        content = template_content(uri);
    if (!content)
        return false;
    json_t *result = json_pack("{s:[o]}", "contents", content);
    if (era == MCP_MODERN && result) {
        (void)json_object_set_new(result, "ttlMs", json_integer(0));
        (void)json_object_set_new(result, "cacheScope", json_string("public"));
    }
    mcp_reply(req, era, result);
    return true;
}

// --- prompts
static json_t *message(json_t *content) {
    return json_pack("{s:s, s:o}", "role", "user", "content", content);
}

static const char *prompt_argument(const struct mcp_call *c, const char *name) {
    const char *s = json_string_value(json_object_get(c->arguments, name));
    return s ? s : "";
}

bool mcp_fixture_prompt(struct mcp_call *c) {
    json_t *messages = NULL;
    if (strcmp(c->name, "test_simple_prompt") == 0) {
        messages = json_pack("[o]", message(text_content("This is a simple prompt for testing.")));
    } else if (strcmp(c->name, "test_prompt_with_arguments") == 0) {
        AUTO_BUF text = BUF_INIT(0);
        (void)buf_printf(&text, "Prompt with arguments: arg1='%s', arg2='%s'",
                         prompt_argument(c, "arg1"), prompt_argument(c, "arg2"));
        messages = json_pack("[o]", message(text_content(text.failed ? NULL : text.data)));
    } else if (strcmp(c->name, "test_prompt_with_embedded_resource") == 0) {
        messages =
            json_pack("[o, o]",
                      message(resource_content(prompt_argument(c, "resourceUri"), "text/plain",
                                               "Embedded resource content for testing.")),
                      message(text_content("Please process the embedded resource above.")));
    } else if (strcmp(c->name, "test_prompt_with_image") == 0) {
        messages = json_pack("[o, o]", message(image_content()),
                             message(text_content("Please analyze the image above.")));
    } else {
        return mcp_fixture_input_prompt(c);
    }
    mcp_call_result(c, json_pack("{s:o}", "messages", messages));
    return true;
}

int mcp_fixture_put_prompts(struct buf *out, bool first, bool extra) {
    (void)buf_puts(out, first ? "" : ",");
    (void)buf_puts(
        out, "{\"name\":\"test_simple_prompt\",\"description\":\"A prompt without arguments\"},"
             "{\"name\":\"test_prompt_with_arguments\",\"description\":\"A prompt with arguments\","
             "\"arguments\":[{\"name\":\"arg1\",\"description\":\"First\",\"required\":true},"
             "{\"name\":\"arg2\",\"description\":\"Second\",\"required\":true}]},"
             "{\"name\":\"test_prompt_with_embedded_resource\",\"description\":\"Embeds a "
             "resource\",\"arguments\":[{\"name\":\"resourceUri\",\"description\":\"URI of the "
             "resource\",\"required\":true}]},"
             "{\"name\":\"test_prompt_with_image\",\"description\":\"Has an image\"},"
             "{\"name\":\"test_input_required_result_prompt\",\"description\":\"Asks the user\"}");
    if (extra)
        (void)buf_puts(out,
                       ",{\"name\":\"test_dynamic_prompt\",\"description\":\"Comes and goes\"}");
    return out->failed ? ERR_NOMEM : 0;
}

bool mcp_fixture_complete(const struct mcp_complete *m, json_t *values) {
    static const char *const words[] = {"paris", "park", "party", "test"};
    bool prompt =
        text_is(m->ref_type, "ref/prompt") && text_is(m->ref_name, "test_prompt_with_arguments");
    if (!prompt && !text_is(m->ref_uri, "test://template/{id}/data"))
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(words[i], m->value.data, m->value.len) == 0)
            (void)json_array_append_new(values, json_string(words[i]));
    return true;
}
