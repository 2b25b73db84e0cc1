#include "server/frontend.h"

#include "protocol/jsonrpc.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { DETECT_BYTES_MAX = 1024 * 1024 };

static const char *skip_space(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    return p;
}

// Value of protocolVersion among the params of initialize: a number in ACP, a date in MCP.
static bool has_integer_version(struct span params) {
    static const char name[] = "\"protocolVersion\"";
    const char *end = params.data + params.len;
    const char *at = params.data ? memmem(params.data, params.len, name, sizeof name - 1) : NULL;
    if (!at)
        return false;
    const char *p = skip_space(at + sizeof name - 1, end);
    if (p < end && *p == ':')
        p = skip_space(p + 1, end);
    return p < end && isdigit((unsigned char)*p);
}

static enum frontend_protocol detect_line(const char *line, size_t n) {
    struct jsonrpc_message m;
    // Even a faulty line is a line: MCP's error answer says more than we could.
    if (jsonrpc_read(line, n, &m, NULL) == 0 && m.kind == JSONRPC_REQUEST && m.method.len == 10 &&
        memcmp(m.method.data, "initialize", 10) == 0 && has_integer_version(m.params))
        return FRONTEND_ACP;
    return FRONTEND_MCP;
}

enum frontend_protocol frontend_detect(const char *bytes, size_t n, bool end) {
    static const char header[] = "Content-";
    const char *p = skip_space(bytes, bytes + n);
    size_t left = n - (size_t)(p - bytes);
    if (!left)
        return end ? FRONTEND_UNKNOWN : FRONTEND_UNDECIDED;
    if (*p == '{' || *p == '[') {
        const char *lf = memchr(p, '\n', left);
        if (lf)
            return detect_line(p, (size_t)(lf - p));
        return end || n >= DETECT_BYTES_MAX ? detect_line(p, left) : FRONTEND_UNDECIDED;
    }
    size_t known = left < sizeof header - 1 ? left : sizeof header - 1;
    if (strncasecmp(p, header, known) != 0)
        return FRONTEND_UNKNOWN;
    if (known == sizeof header - 1)
        return FRONTEND_LSP;
    return end ? FRONTEND_UNKNOWN : FRONTEND_UNDECIDED;
}
