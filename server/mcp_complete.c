// completion/complete: values for arguments of prompts and of resource templates, from the memory
// itself. Source: MCP "Completion". At most 100 values.
#include "server/mcp_call.h"

#include <string.h>

static void complete_done(struct mcp_call *c, int r, struct answer *answer, const struct err *err) {
    // Nothing to suggest is no failure of the client's request; the log has the reason.
    if (r < 0)
        mcp_call_log(c, MCP_LOG_WARNING, err_text(err));
    json_t *values = r < 0 ? NULL : json_object_get(answer->structured, "values");
    values = values ? json_incref(values) : json_array();
    size_t n = json_array_size(values);
    mcp_call_result(c, json_pack("{s:{s:o, s:I, s:b}}", "completion", "values", values, "total",
                                 (json_int_t)n, "hasMore", n >= 100));
}

// What an argument is completed from: "tag", "note", "handoff", "" for nothing; NULL: no such
// argument.
static const char *prompt_source(const struct mcp_prompt *p, struct text argument) {
    for (const struct mcp_prompt_argument *a = p->arguments; a->name; a++) {
        if (!text_is(argument, a->name))
            continue;
        if (strcmp(a->name, "tags") == 0 || strcmp(a->name, "topic") == 0)
            return "tag";
        return strcmp(a->name, "handoff") == 0 ? "handoff" : "";
    }
    return NULL;
}

static const char *template_source(const struct mcp_template *t, struct text argument) {
    const char *open = strchr(t->uri, '{');
    size_t n = open ? strcspn(open + 1, "}") : 0;
    if (!open || argument.len != n || memcmp(argument.data, open + 1, n) != 0)
        return NULL;
    return t->name; // templates are named by what they show
}

// False: an error has been answered.
static bool find_source(struct rpc_request *req, const struct mcp_complete *in, const char **ret) {
    const char *source = NULL;
    bool known = false;
    if (text_is(in->ref_type, "ref/prompt")) {
        for (const struct mcp_prompt *p = mcp_prompts; p->name; p++)
            if (text_is(in->ref_name, p->name)) {
                known = true;
                source = prompt_source(p, in->argument);
            }
    } else {
        for (const struct mcp_template *t = mcp_templates; t->uri; t++)
            if (text_is(in->ref_uri, t->uri)) {
                known = true;
                source = template_source(t, in->argument);
            }
    }
    if (source) {
        *ret = source;
        return true;
    }
    rpc_fail(req, JSONRPC_INVALID_PARAMS,
             known ? "argument.name: no such argument" : "ref: no such prompt or template", NULL);
    return false;
}

static bool fixture(struct mcp_face *f, struct rpc_request *req, const struct mcp_complete *in) {
    json_t *values = json_array();
    if (!f->fixtures || !mcp_fixture_complete(in, values)) {
        json_decref(values);
        return false;
    }
    size_t n = json_array_size(values);
    mcp_reply(req, f->now.era,
              json_pack("{s:{s:o, s:I, s:b}}", "completion", "values", values, "total",
                        (json_int_t)n, "hasMore", 0));
    return true;
}

void mcp_complete(void *face, struct rpc_request *req, json_t *params) {
    struct mcp_face *f = face;
    struct mcp_complete in;
    struct err err = {0};
    if (mcp_complete_read(params, &in, &err) < 0) {
        mcp_fail_err(req, JSONRPC_INVALID_PARAMS, &err);
        return;
    }
    const char *source = NULL;
    if (fixture(f, req, &in) || !find_source(req, &in, &source))
        return;
    struct mcp_call *c = mcp_call_new(f, req, params);
    if (!c)
        return;
    // A list of tags is completed at its last one.
    const char *prefix = in.value.data;
    const char *comma = text_is(in.argument, "tags") ? strrchr(prefix, ',') : NULL;
    prefix = comma ? comma + 1 + strspn(comma + 1, " ") : prefix;
    c->owned = *source ? json_pack("{s:s, s:s}", "what", source, "prefix", prefix) : NULL;
    struct answer none = {0};
    int r =
        c->owned ? mcp_call_dispatch(c, "mcp.complete", c->owned, false, complete_done, &err) : 0;
    if (!c->owned)
        complete_done(c, 0, &none, NULL);
    else if (r < 0)
        complete_done(c, r, NULL, &err);
}
