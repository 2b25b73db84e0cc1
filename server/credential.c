#include "server/credential.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

// A fixed beginning and at least so many characters of the token's alphabet after it. Public,
// documented formats of the providers.
static const struct shape {
    const char *prefix;
    size_t min;        // characters after the prefix
    const char *extra; // allowed besides letters and digits
    const char *what;
} shapes[] = {
    {"ghp_", 36, "", "a GitHub token"},      {"gho_", 36, "", "a GitHub token"},
    {"ghu_", 36, "", "a GitHub token"},      {"ghs_", 36, "", "a GitHub token"},
    {"ghr_", 36, "", "a GitHub token"},      {"github_pat_", 50, "_", "a GitHub token"},
    {"glpat-", 20, "_-", "a GitLab token"},  {"sk-ant-", 32, "_-", "an Anthropic key"},
    {"sk-proj-", 32, "_-", "an OpenAI key"}, {"sk-", 40, "", "an API key"},
    {"AKIA", 16, "", "an AWS access key"},   {"ASIA", 16, "", "an AWS access key"},
    {"AIza", 35, "_-", "a Google API key"},  {"xoxb-", 20, "-", "a Slack token"},
    {"xoxp-", 20, "-", "a Slack token"},     {"npm_", 36, "", "an npm token"},
    {"sk_live_", 24, "", "a Stripe key"},    {"rk_live_", 24, "", "a Stripe key"},
    {"hf_", 34, "", "a Hugging Face token"},
};

static bool has_shape(const struct shape *s, const char *text, size_t n) {
    size_t prefix = strlen(s->prefix), got = 0;
    bool digit = false;
    if (n < prefix + s->min || memcmp(text, s->prefix, prefix) != 0)
        return false;
    for (size_t i = prefix; i < n; i++, got++) {
        unsigned char c = (unsigned char)text[i];
        if (!isalnum(c) && !(c && strchr(s->extra, c)))
            break;
        digit |= isdigit(c) != 0;
    }
    return got >= s->min && digit; // random characters have digits; long identifiers seldom
}

// "-----BEGIN RSA PRIVATE KEY-----" (RFC 7468 and its older relatives)
static bool is_private_key(const char *text, size_t n) {
    static const char begin[] = "-----BEGIN ", end[] = "PRIVATE KEY-----",
                      block[] = "PRIVATE KEY BLOCK-----";
    if (n < sizeof begin || memcmp(text, begin, sizeof begin - 1) != 0)
        return false;
    const char *line = memchr(text, '\n', n);
    size_t len = line ? (size_t)(line - text) : n;
    if (len > 80)
        len = 80;
    return memmem(text, len, end, sizeof end - 1) || memmem(text, len, block, sizeof block - 1);
}

const char *credential_find(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned char before = i ? (unsigned char)text[i - 1] : ' ';
        if (text[i] == '-' && is_private_key(text + i, n - i))
            return "a private key";
        if (isalnum(before) || before == '_' || !isalpha((unsigned char)text[i]))
            continue; // tokens begin where a word begins
        for (size_t k = 0; k < COUNT_OF(shapes); k++)
            if (has_shape(&shapes[k], text + i, n - i))
                return shapes[k].what;
    }
    return NULL;
}
