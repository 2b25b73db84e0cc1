// What a backend may be called and where it may be.
#include "core/base/utf.h"
#include "core/store/backends_impl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

const char *const backend_family_names[] = {"anthropic", "chat", "responses", "gemini", NULL};
const char *const backend_fim_names[] = {"none",     "infill", "completions", "mistral",
                                         "deepseek", "ollama", NULL};
const char *const backend_key_names[] = {"none", "env", "store", NULL};

static int bad_url(struct err *err, const char *why) {
    return err_set(err, ERR_INVAL, "url: %s", why);
}

// The machine itself, by what is written: a name that only resolves to it may resolve elsewhere
// tomorrow.
static bool is_loopback(const char *host) {
    struct in_addr a;
    if (host[0] == '[')
        return strcmp(host, "[::1]") == 0;
    if (strcmp(host, "localhost") == 0)
        return true;
    return inet_pton(AF_INET, host, &a) == 1 && (ntohl(a.s_addr) >> 24) == 127;
}

static bool is_address6(const char *host, size_t n) {
    char text[INET6_ADDRSTRLEN];
    struct in6_addr a;
    if (n < 4 || n - 2 >= sizeof text || host[n - 1] != ']')
        return false;
    (void)snprintf(text, sizeof text, "%.*s", (int)n - 2, host + 1);
    return inet_pton(AF_INET6, text, &a) == 1;
}

static bool is_host(const char *host, size_t n) {
    if (n && host[0] == '[')
        return is_address6(host, n);
    if (!n || n > 253 || host[0] == '.' || host[0] == '-' || host[n - 1] == '-')
        return false;
    return strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-") >= n;
}

static bool is_port(const char *s, size_t n) {
    unsigned port = 0;
    if (!n || n > 5)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        port = port * 10 + (unsigned)(s[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

// RFC 3986 section 3.3: what a path may hold, and % with two hexadecimal digits.
static bool is_path(const char *s) {
    static const char hex[] = "0123456789abcdefABCDEF";
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._~!$&'()*+,;=:@/";
    for (; *s; s++) {
        if (*s == '%' && (!s[1] || !strchr(hex, s[1]) || !s[2] || !strchr(hex, s[2])))
            return false;
        if (*s != '%' && !strchr(plain, *s))
            return false;
    }
    return true;
}

static int split(char *url, size_t scheme, char **ret_path, char ret_host[256], struct err *err) {
    char *host = url + scheme;
    size_t n = strcspn(host, "/?#");
    *ret_path = host + n;
    if (memchr(host, '@', n))
        return bad_url(err, "no user or password belongs into it; a key comes from --key-env or "
                            "--key-stdin");
    if (strpbrk(url, "?#"))
        return bad_url(err, "it has no ? and no #: paths of the API are added to it");
    for (size_t i = 0; i < n; i++)
        if (host[i] >= 'A' && host[i] <= 'Z')
            host[i] = (char)(host[i] - 'A' + 'a');
    const char *bracket = memchr(host, ']', n);
    const char *after = bracket ? bracket : host;
    const char *colon = memchr(after, ':', n - (size_t)(after - host));
    size_t host_n = colon ? (size_t)(colon - host) : n;
    if (!is_host(host, host_n) || host_n > 255)
        return bad_url(err, "its host is not a name or an address");
    if (colon && !is_port(colon + 1, n - host_n - 1))
        return bad_url(err, "its port is not a number from 1 to 65535");
    (void)snprintf(ret_host, 256, "%.*s", (int)host_n, host);
    return 0;
}

int backend_url_check(const char *url, char ret[BACKEND_URL_BYTES_MAX + 1], bool *ret_local,
                      struct err *err) {
    char host[256];
    char *path = NULL;
    size_t n = strlen(url);
    if (n > BACKEND_URL_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "url: %d bytes at most", BACKEND_URL_BYTES_MAX);
    memcpy(ret, url, n + 1);
    bool plain = strncasecmp(ret, "http://", 7) == 0;
    if (!plain && strncasecmp(ret, "https://", 8) != 0)
        return bad_url(err, "it begins with https:// (or http:// for this machine)");
    for (size_t i = 0; ret[i] != ':'; i++)
        ret[i] = (char)(ret[i] | 0x20); // letters
    int r = split(ret, plain ? 7 : 8, &path, host, err);
    if (r < 0)
        return r;
    if (!is_path(path))
        return bad_url(err, "a character of its path is not allowed there");
    *ret_local = is_loopback(host);
    if (plain && !*ret_local)
        return bad_url(err, "http would send text and key readable over the network: use https "
                            "(http only to localhost, 127.0.0.1 or [::1])");
    for (n = strlen(ret); n && ret + n > path && ret[n - 1] == '/'; n--)
        ret[n - 1] = '\0';
    return 0;
}

static bool is_name(const char *s, bool model) {
    size_t n = strlen(s);
    bool first = (s[0] >= 'a' && s[0] <= 'z') || (s[0] >= '0' && s[0] <= '9');
    if (!model)
        return first && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f)
            return false;
    return n && utf_valid(s, n);
}

static bool is_variable(const char *s) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return s[0] && !(s[0] >= '0' && s[0] <= '9') && strspn(s, letters) == strlen(s);
}

static int check_models(const struct backend *b, struct err *err) {
    if (b->model_count > BACKEND_MODELS_MAX)
        return err_set(err, ERR_LIMIT, "model: %d at most", BACKEND_MODELS_MAX);
    for (size_t i = 0; i < b->model_count; i++) {
        const struct backend_model *m = &b->models[i];
        if (!is_name(m->name, true) || (m->price[0] && !is_name(m->price, true)))
            return err_set(err, ERR_INVAL, "model: a name has no spaces or control characters");
        for (size_t j = 0; j < i; j++)
            if (strcmp(m->name, b->models[j].name) == 0)
                return err_set(err, ERR_INVAL, "model: %s is named twice", m->name);
    }
    return 0;
}

int backend_check(struct backend *b, struct err *err) {
    char url[BACKEND_URL_BYTES_MAX + 1];
    bool local;
    if (!is_name(b->name, false))
        return err_set(err, ERR_INVAL,
                       "name: lower case letters, digits, dots, dashes; a letter or digit first");
    if ((unsigned)b->family >= BACKEND_FAMILIES || (unsigned)b->key >= BACKEND_KEYS ||
        (unsigned)b->fim >= BACKEND_FIMS)
        return err_set(err, ERR_INVAL, "family, fim or key source: no such thing");
    if (b->fim != BACKEND_FIM_NONE && b->family != BACKEND_CHAT)
        return err_set(err, ERR_INVAL, "fim: only backends of the family chat have such an API");
    if (b->account[0] && !is_name(b->account, false))
        return err_set(err, ERR_INVAL, "account: lower case letters, digits, dots, dashes");
    if (b->key == BACKEND_KEY_ENV && !is_variable(b->key_env))
        return err_set(err, ERR_INVAL,
                       "key: not the name of an environment variable (it is the "
                       "name that is kept, not the key)");
    int r = backend_url_check(b->url, url, &local, err);
    if (r == 0)
        r = check_models(b, err);
    if (r < 0)
        return r;
    memcpy(b->url, url, strlen(url) + 1);
    if (b->key != BACKEND_KEY_ENV)
        b->key_env[0] = '\0';
    return 0;
}
