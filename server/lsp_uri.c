// URIs of documents. Pure. Sources: RFC 3986 §2.1, §3; RFC 8089 "file"; LSP 3.17 "URI".
#include "core/base/buf.h"
#include "core/base/mem.h"
#include "server/lsp_face.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// What stands behind "file:" and the authority; *n shrinks. NULL: another scheme or host.
static const char *file_part(const char *uri, size_t *n) {
    static const char scheme[] = "file:";
    if (*n < sizeof scheme - 1 || strncasecmp(uri, scheme, sizeof scheme - 1) != 0)
        return NULL;
    const char *p = uri + sizeof scheme - 1, *end = uri + *n;
    if (end - p >= 2 && p[0] == '/' && p[1] == '/') {
        const char *host = p + 2;
        p = memchr(host, '/', (size_t)(end - host));
        bool local = p && (p == host || (p - host == 9 && strncasecmp(host, "localhost", 9) == 0));
        if (!local)
            return NULL;
    }
    *n = (size_t)(end - p);
    return p;
}

char *lsp_uri_path(const char *uri, size_t n) {
    const char *p = n <= LSP_URI_BYTES_MAX ? file_part(uri, &n) : NULL;
    char *path = p && n && *p == '/' ? mem_alloc(n + 1) : NULL;
    size_t len = 0;
    if (!path)
        return NULL;
    for (const char *end = p + n; p < end && *p != '?' && *p != '#'; p++) {
        int c = (unsigned char)*p;
        if (*p == '%') {
            int high = end - p > 2 ? hex(p[1]) : -1, low = end - p > 2 ? hex(p[2]) : -1;
            c = high < 0 || low < 0 ? 0 : high << 4 | low;
            p += 2;
        }
        if (c == 0) {
            mem_free(path);
            return NULL;
        }
        path[len++] = (char)c;
    }
    path[len] = '\0';
    return path;
}

char *lsp_uri_of_path(const char *path) {
    struct buf uri = BUF_INIT(4 * LSP_URI_BYTES_MAX);
    (void)buf_puts(&uri, "file://");
    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;
        bool plain = c < 0x80 && (isalnum(c) || strchr("-._~/", c)); // not by the locale: ASCII
        (void)(plain ? buf_putc(&uri, (char)c) : buf_printf(&uri, "%%%02X", c));
    }
    return buf_take(&uri);
}
