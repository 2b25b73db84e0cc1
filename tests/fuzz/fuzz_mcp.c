// protocol/mcp: whatever parameters a client sends, its readers say yes within their limits or name
// what is wrong. The text is first read as the engine reads it.
#include "protocol/mcp.h"

#include "protocol/jsonrpc.h"
#include "protocol/tree.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_reason(int code, const struct err *err) {
    if (code != 0 && (code > 0 || err->message[0] == '\0'))
        abort();
}

static void read_table(const struct field *table, const json_t *params, void *out) {
    struct err err = {0};
    int code = fields_decode(table, params, out, &err);
    expect_reason(code, &err);
    if (code == 0)
        fields_release(table, out);
}

static void read_all(const json_t *params) {
    struct err err = {0};
    struct mcp_meta meta;
    int code = mcp_meta_read(params, &meta, &err);
    expect_reason(code, &err);
    if (code == 0 && meta.modern && (!meta.version || !json_is_object(meta.capabilities)))
        abort();
    if (code == 0)
        (void)mcp_capabilities_read(meta.capabilities);
    if (code == 0 && meta.log_level >= 0 && !*mcp_log_level_name(meta.log_level))
        abort();

    struct mcp_complete complete;
    expect_reason(mcp_complete_read(params, &complete, &err), &err);
    struct mcp_listen listen;
    code = mcp_listen_read(params, &listen, &err);
    expect_reason(code, &err);
    if (code == 0 && json_array_size(listen.uris) > MCP_SUBSCRIPTIONS_MAX)
        abort();

    struct mcp_initialize initialize = {0};
    read_table(mcp_initialize_fields, params, &initialize);
    struct mcp_named named = {0};
    read_table(mcp_named_fields, params, &named);
    struct mcp_uri uri = {0};
    read_table(mcp_uri_fields, params, &uri);
    struct mcp_task_ref task = {0};
    read_table(mcp_task_fields, params, &task);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct jsonrpc_message m;
    const char *why;
    if (jsonrpc_read((const char *)data, size, &m, NULL) < 0 || !m.params.data)
        return 0;
    json_t *params = tree_build(m.params.data, m.params.len, &why);
    if (params)
        read_all(params);
    json_decref(params);
    return 0;
}
