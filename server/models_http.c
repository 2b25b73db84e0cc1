#include "server/models_http.h"

#include <stdlib.h>
#include <string.h>

int model_put_url(const char *base, const char *path, struct buf *out) {
    size_t n = strlen(base), version = path[0] == '/' ? 1 + strcspn(path + 1, "/") : 0;
    bool twice = n >= version && version > 1 && memcmp(base + n - version, path, version) == 0;
    (void)buf_puts(out, base);
    (void)buf_puts(out, path + (twice ? version : 0));
    return out->failed ? ERR_NOMEM : 0;
}

size_t model_put_key(enum backend_family family, const char *key, struct buf *bearer,
                     struct http_header *out) {
    if (!key)
        return 0;
    if (family == BACKEND_ANTHROPIC)
        out[0] = (struct http_header){"x-api-key", key};
    else if (family == BACKEND_GEMINI)
        out[0] = (struct http_header){"x-goog-api-key", key};
    else if (buf_printf(bearer, "Bearer %s", key) == 0)
        out[0] = (struct http_header){"authorization", bearer->data};
    else
        return 0;
    return 1;
}

// The small letters are the older and more usual name; libcurl's own programs take both.
static const char *variable(const char *small, const char *capital) {
    const char *value = getenv(small);
    if (!value || !*value)
        value = getenv(capital);
    return value && *value ? value : NULL;
}

const char *model_proxy(bool local) {
    return local ? NULL : variable("https_proxy", "HTTPS_PROXY");
}

const char *model_ca_file(void) {
    return variable("SSL_CERT_FILE", "SSL_CERT_FILE");
}

const char *model_no_proxy(void) {
    return variable("no_proxy", "NO_PROXY");
}
