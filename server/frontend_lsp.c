#include "server/frontend_lsp.h"

#include "protocol/json_pull.h"

#include <string.h>

static bool is(const struct jsonrpc_message *m, enum jsonrpc_kind kind, const char *method) {
    return m->kind == kind && m->method.len == strlen(method) &&
           memcmp(m->method.data, method, m->method.len) == 0;
}

enum frontend_word frontend_lsp_word(const struct jsonrpc_message *m, pid_t *ret_pid) {
    static const char *const names[] = {"processId"};
    struct span value = {0};
    int64_t pid;
    if (is(m, JSONRPC_REQUEST, "shutdown"))
        return FRONTEND_SHUTDOWN;
    if (is(m, JSONRPC_NOTIFICATION, "exit"))
        return FRONTEND_EXIT;
    if (!is(m, JSONRPC_REQUEST, "initialize"))
        return FRONTEND_OTHER;
    bool said = m->params.data && json_pull_members(m->params, names, &value, 1) && value.data &&
                json_pull_int(value, &pid) && pid > 0 && pid <= INT32_MAX;
    *ret_pid = said ? (pid_t)pid : 0;
    return FRONTEND_INITIALIZE;
}
