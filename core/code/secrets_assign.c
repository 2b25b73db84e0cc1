// Values by what they are assigned to: key/value pairs in code and configuration, passwords in
// URLs, credentials in an Authorization header.
#include "core/code/secrets_impl.h"

#include "core/base/mem.h"

#include <string.h>
#include <strings.h>

enum kind { KEY_NONE, KEY_PASSWORD, KEY_SECRET };
enum { IDENTIFIER_MAX = 80, BLANKS_MAX = 40, URL_PART_MAX = 256 };

struct span {
    const char *s;
    size_t n;
};

static bool in_identifier(char c) {
    return secret_class('u', (unsigned char)c) || c == '.';
}

static bool is_one_of(const char *s, size_t n, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strlen(words[i]) == n && strncasecmp(s, words[i], n) == 0)
            return true;
    return false;
}

static bool ends_with_one_of(const char *s, size_t n, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t m = strlen(words[i]);
        if (m <= n && strncasecmp(s + n - m, words[i], m) == 0)
            return true;
    }
    return false;
}

// "pass" and "auth" also end other words ("bypass"); what may stand before them is another word.
static bool begins_word(struct span id, size_t at) {
    static const char *const before[] = {"db",   "user",  "root", "admin",
                                         "smtp", "mysql", "ftp",  "my"};
    char c = at ? id.s[at - 1] : '_';
    return !secret_class('L', (unsigned char)c) || (c >= 'a' && id.s[at] <= 'Z') ||
           is_one_of(id.s, at, before, COUNT_OF(before));
}

// What the word at `at` of an identifier makes of it; *ret_end is the end of the word.
static enum kind kind_of_word(struct span id, size_t at, size_t *ret_end) {
    static const struct {
        const char *word;
        enum kind kind;
    } words[] = {{"password", KEY_PASSWORD}, {"passwd", KEY_PASSWORD}, {"passphrase", KEY_PASSWORD},
                 {"passcode", KEY_PASSWORD}, {"pass", KEY_PASSWORD},   {"pwd", KEY_PASSWORD},
                 {"secret", KEY_SECRET},     {"token", KEY_SECRET},    {"credentials", KEY_SECRET},
                 {"credential", KEY_SECRET}, {"auth", KEY_SECRET}};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        size_t m = strlen(words[i].word);
        if (at + m <= id.n && strncasecmp(id.s + at, words[i].word, m) == 0) {
            *ret_end = at + m;
            return m > 4 || begins_word(id, at) ? words[i].kind : KEY_NONE;
        }
    }
    // "key" is a word like any other; what kind of key decides.
    static const char *const kinds[] = {
        "api",      "apis",        "access",  "secret",      "private", "encryption", "encrypt",
        "signing",  "sign",        "auth",    "account",     "master",  "storage",    "shared",
        "app",      "application", "license", "write",       "admin",   "cipher",     "aes",
        "hmac",     "jwt",         "session", "cookie",      "deploy",  "client",     "service",
        "consumer", "token",       "webhook", "subscription"};
    if (at + 4 <= id.n && strncasecmp(id.s + at + 1, "key", 3) == 0) {
        size_t end = at + (strchr("_-.", id.s[at]) ? 0 : 1);
        *ret_end = at + 4;
        return ends_with_one_of(id.s, end, kinds, COUNT_OF(kinds)) ? KEY_SECRET : KEY_NONE;
    }
    return KEY_NONE;
}

// password_hash, tokenType, secretName are not what they begin with.
static bool tail_keeps_meaning(struct span id, size_t word_end) {
    static const char *const tails[] = {"",        "value",  "key",  "accesskey", "access_key",
                                        "str",     "string", "text", "plain",     "raw",
                                        "b64",     "base64", "hex",  "prod",      "production",
                                        "staging", "live",   "dev",  "default"};
    const char *tail = id.s + word_end;
    size_t n = id.n - word_end;
    while (n && strchr("_-.", *tail))
        tail++, n--;
    while (n && secret_class('d', (unsigned char)tail[n - 1]))
        n--;
    while (n && strchr("_-.", tail[n - 1]))
        n--;
    return is_one_of(tail, n, tails, COUNT_OF(tails));
}

static bool means_no_secret(struct span id) {
    static const char *const words[] = {
        "public",    "hash",     "digest",  "checksum",  "fingerprint", "csrf",     "xsrf",
        "example",   "sample",   "dummy",   "fake",      "mock",        "test",     "placeholder",
        "next",      "page",     "cursor",  "continu",   "primary",     "foreign",  "sort",
        "partition", "cache",    "idempot", "i18n",      "monkey",      "turkey",   "hotkey",
        "sha1",      "sha256",   "sha512",  "md5",       "etag",        "site",     "publish",
        "anon",      "bypass",   "compass", "encrypted", "old_",        "invalid",  "wrong",
        "bad_",      "expected", "regex",   "commit",    "revision",    "translat", "label",
        "message",   "error",    "surpass", "trespass"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (value_has_word(id.s, id.n, words[i]))
            return true;
    return false;
}

// --- from the key to the value -------------------------------------------------------------------
static size_t skip_blanks(const struct secret_scan *s, size_t at) {
    size_t end = at;
    while (end < s->n && end - at < BLANKS_MAX && (s->text[end] == ' ' || s->text[end] == '\t'))
        end++;
    return end;
}

static char at_or_zero(const struct secret_scan *s, size_t at) {
    return at < s->n ? s->text[at] : '\0';
}

// A type between a name and its value: "name: &str = ", "name: Optional[str] = ".
static size_t skip_type(const struct secret_scan *s, size_t at) {
    size_t end = at;
    while (end < s->n && end - at < BLANKS_MAX &&
           (secret_class('w', (unsigned char)s->text[end]) || strchr("&*[]<> '?:.", s->text[end])))
        end++;
    return end > at && at_or_zero(s, end) == '=' && at_or_zero(s, end + 1) != '=' ? end + 1 : at;
}

struct place {
    size_t at;     // of the value, behind its quote
    char quote;    // 0 when there is none
    bool assigned; // by = or :, which may do without quotes
};

// The operator behind a key that ends at `end`; `quoted` is the key's own quote or 0.
static bool find_value(const struct secret_scan *s, size_t id_start, size_t end,
                       struct place *ret) {
    size_t at = end;
    char before = id_start ? s->text[id_start - 1] : '\0';
    bool quoted = before == '"' || before == '\'' || before == '`';
    if (quoted && at_or_zero(s, at) == before)
        at++;
    if (at_or_zero(s, at) == ']')
        at++;
    at = skip_blanks(s, at);
    char c = at_or_zero(s, at), next = at_or_zero(s, at + 1);
    *ret = (struct place){0};
    if ((c == ':' || c == '?' || c == '+') && next == '=') {
        at += 2;
        ret->assigned = true;
    } else if (c == '=' && next == '>') {
        at += 2;
    } else if ((c == '=' && next != '=' && next != '~') || (c == ':' && next != ':')) {
        at = c == ':' ? skip_type(s, at + 1) : at + 1;
        ret->assigned = true;
    } else if (c == '>' && before == '<') {
        ret->quote = '<';
        ret->at = at + 1;
        return true;
    } else if ((c == ',' && quoted) || c == '(') {
        at++;
    } else if (!(at > end && (c == '"' || c == '\''))) { // #define NAME "…", --name '…'
        return false;
    }
    at = skip_blanks(s, at);
    static const char prefixes[] = "bBfFrRuUL@$&";
    if (at_or_zero(s, at) && strchr(prefixes, s->text[at]) &&
        (at_or_zero(s, at + 1) == '"' || at_or_zero(s, at + 1) == '\''))
        at++;
    c = at_or_zero(s, at);
    if (c == '"' || c == '\'' || c == '`') {
        ret->quote = c;
        at++;
    } else if (!ret->assigned) {
        return false;
    }
    ret->at = at;
    return true;
}

static struct span value_at(const struct secret_scan *s, const struct place *p) {
    size_t end = p->at, limit = p->at + SECRET_VALUE_BYTES_MAX;
    if (limit > s->n)
        limit = s->n;
    if (p->quote) {
        while (end < limit && s->text[end] != p->quote && s->text[end] != '\n')
            end += s->text[end] == '\\' && end + 1 < limit && s->text[end + 1] != '\n' ? 2 : 1;
        if (end >= limit || s->text[end] != p->quote)
            return (struct span){0};
    } else {
        while (end < limit && (unsigned char)s->text[end] > ' ' &&
               !strchr(";,\"'`<>()", s->text[end]))
            end++;
    }
    return (struct span){s->text + p->at, end - p->at};
}

// Without quotes a word may be anything in a program; in a configuration, a connection string or a
// query it is the value.
static bool may_be_bare(const struct secret_scan *s, const struct span *id,
                        const struct span *value) {
    size_t end = (size_t)(value->s - s->text) + value->n, start = (size_t)(id->s - s->text);
    char after = at_or_zero(s, end), before = start ? s->text[start - 1] : '\n';
    if (s->path & PATH_CONFIG) // prose goes on: "password = Falsches Passwort"
        return after != '(' &&
               !(after == ' ' && secret_class('L', (unsigned char)at_or_zero(s, end + 1)));
    return before == ';' || before == '?' || before == '&' || s->gate;
}

// Paths, addresses, hosts, digests with their algorithm, public keys, certificates.
static bool names_something(struct span v) {
    static const char *const begins[] = {
        "/",       "./",     "../",     "~",       "http", "sha1-", "sha256-", "sha384-",
        "sha512-", "sha1:",  "sha256:", "sha512:", "ssh-", "AAAA",  "MII",     "data:",
        "$2a$",    "$2b$",   "$2y$",    "$argon",  "$6$",  "$5$",   "$1$",     "{SHA",
        "pbkdf2",  "bcrypt", "scram",   "pk_",     "urn:", "0x"};
    for (size_t i = 0; i < COUNT_OF(begins); i++)
        if (v.n >= strlen(begins[i]) && strncasecmp(v.s, begins[i], strlen(begins[i])) == 0)
            return true;
    return memmem(v.s, v.n, "://", 3) != NULL;
}

// Confidence of a value; 0: none.
static unsigned judge(const struct secret_scan *s, enum kind kind, struct span id, struct span v,
                      bool quoted, const char **rule, const char **what) {
    *rule = kind == KEY_PASSWORD ? "assigned-password" : "assigned-secret";
    *what = kind == KEY_PASSWORD ? "password" : "secret value";
    if (value_is_placeholder(v.s, v.n) || names_something(v)) // what people choose are words, too
        return s->gate && kind == KEY_PASSWORD && quoted && !value_is_template(v.s, v.n) ? 10 : 0;
    bool noise = s->path & (PATH_FIXTURE | PATH_LOCK | PATH_DOC);
    if (secret_match("%u23,28.%u6,7.%u27,38", v.s, v.n) == v.n && check_discord(v.s, v.n)) {
        *rule = "discord-token";
        *what = "Discord bot token";
        return 96;
    }
    bool aws = value_has_word(id.s, id.n, "aws") || value_has_word(id.s, id.n, "secret_access") ||
               value_has_word(id.s, id.n, "secretaccess");
    if (aws && secret_match("%b40", v.s, v.n) == v.n && !value_is_hex(v.s, v.n) &&
        value_wordiness(v.s, v.n) < 54) {
        *rule = "aws-secret-key";
        *what = "AWS secret access key";
        return 92;
    }
    if (secret_begins_like_token(v.s, v.n))
        return 25;
    if (value_is_random(v.s, v.n))
        return noise ? 30 : value_is_hex(v.s, v.n) ? 70 : 80;
    if (kind == KEY_PASSWORD && value_is_password(v.s, v.n))
        return noise ? 20 : 60;
    return v.n >= 6 && value_wordiness(v.s, v.n) < 54 ? 15 : 0;
}

void secret_try_assign(struct secret_scan *s, size_t at) {
    enum { CONFIDENCE_MIN = 50 };
    size_t start = at, end = at;
    while (start > 0 && at - start < IDENTIFIER_MAX && in_identifier(s->text[start - 1]))
        start--;
    while (end < s->n && end - at < IDENTIFIER_MAX && in_identifier(s->text[end]))
        end++;
    struct span id = {s->text + start, end - start};
    size_t word_end;
    struct place place;
    enum kind kind = kind_of_word(id, at - start, &word_end);
    if (kind == KEY_NONE || !tail_keeps_meaning(id, word_end) || !find_value(s, start, end, &place))
        return;
    struct span v = value_at(s, &place);
    size_t value_end = place.at + v.n;
    if (v.n < 6 || (means_no_secret(id) && !s->gate) || (!place.quote && !may_be_bare(s, &id, &v)))
        return;
    if (secret_is_shaped(s, place.at, value_end))
        return;
    const char *rule, *what;
    unsigned confidence = judge(s, kind, id, v, place.quote != 0, &rule, &what);
    if (confidence >= CONFIDENCE_MIN || (s->gate && confidence))
        secret_report(s, rule, what, place.at, value_end, 0, confidence);
}

// --- passwords in URLs ---------------------------------------------------------------------------
static bool is_local(struct span host) {
    static const char *const names[] = {"localhost", "127.0.0.1",  "0.0.0.0",  "::1",    "host",
                                        "hostname",  "db",         "server",   "proxy",  "postgres",
                                        "mysql",     "redis",      "rabbitmq", "mongo",  "host.com",
                                        "domain",    "domain.com", "foo",      "foo.com"};
    static const char *const inside[] = {"example.", ".test", ".local", ".invalid", "example"};
    if (is_one_of(host.s, host.n, names, COUNT_OF(names)))
        return true;
    for (size_t i = 0; i < COUNT_OF(inside); i++)
        if (value_has_word(host.s, host.n, inside[i]))
            return true;
    return false;
}

static size_t length_up_to(const char *s, size_t n, const char *ends) {
    size_t i = 0;
    while (i < n && i < URL_PART_MAX && (unsigned char)s[i] > ' ' && !strchr(ends, s[i]))
        i++;
    return i;
}

void secret_try_url(struct secret_scan *s, size_t at) {
    size_t begin = at + 4;
    struct span all = {s->text + begin,
                       length_up_to(s->text + begin, s->n - begin, "/?#\"'`<>\\|")};
    const char *sign = memrchr(all.s, '@', all.n), *colon = memchr(all.s, ':', all.n);
    if (!sign || !colon || colon > sign || colon == sign - 1)
        return;
    struct span user = {all.s, (size_t)(colon - all.s)};
    struct span v = {colon + 1, (size_t)(sign - colon - 1)};
    struct span host = {sign + 1, length_up_to(sign + 1, all.n - (size_t)(sign + 1 - all.s), ":,")};
    size_t start = (size_t)(v.s - s->text);
    if (secret_is_shaped(s, start, start + v.n))
        return;
    bool same = user.n == v.n && memcmp(user.s, v.s, v.n) == 0;
    bool certain = !same && !memchr(v.s, ',', v.n) && !value_is_placeholder(v.s, v.n) &&
                   !is_local(host) && !(s->path & (PATH_FIXTURE | PATH_DOC | PATH_LOCK)) &&
                   (value_is_random(v.s, v.n) || value_is_password(v.s, v.n) ||
                    (v.n >= 10 && !value_is_dull(v.s, v.n) && value_wordiness(v.s, v.n) < 45));
    if (certain ||
        (s->gate && v.n && !value_has_word(v.s, v.n, "${") && *v.s != '$' && *v.s != '<'))
        secret_report(s, "url-password", "password in a URL", start, start + v.n, 0,
                      certain ? 80 : 30);
}

// --- Authorization -------------------------------------------------------------------------------
static bool names_user_and_password(struct span v) {
    char out[256];
    size_t digits, got = code_base64(v.s, v.n, (uint8_t *)out, sizeof out, &digits);
    const char *colon = memchr(out, ':', got);
    if (!colon || colon == out)
        return false;
    for (size_t i = 0; i < got; i++)
        if ((unsigned char)out[i] < ' ' || (unsigned char)out[i] >= 0x7F)
            return false;
    size_t at = (size_t)(colon + 1 - out);
    return value_is_password(out + at, got - at) || value_is_random(out + at, got - at);
}

void secret_try_bearer(struct secret_scan *s, size_t at) {
    bool basic = (s->text[at] | 0x20) == 'b' && (s->text[at + 1] | 0x20) == 'a';
    const char *word = basic ? "basic " : "bearer ";
    size_t m = strlen(word);
    if (s->n - at <= m || strncasecmp(s->text + at, word, m) != 0)
        return;
    size_t begin = at + m;
    struct span v = {s->text + begin, length_up_to(s->text + begin, s->n - begin, "\"'`<>\\|,;)}")};
    if (v.n < 12 || secret_is_shaped(s, begin, begin + v.n) || value_is_placeholder(v.s, v.n))
        return;
    if (basic ? !names_user_and_password(v) : !(v.n >= 20 && value_is_random(v.s, v.n)))
        return;
    bool noise = s->path & (PATH_FIXTURE | PATH_DOC | PATH_LOCK);
    if (!noise || s->gate)
        secret_report(s, basic ? "basic-credentials" : "bearer-token",
                      basic ? "user and password of HTTP Basic" : "bearer token", begin,
                      begin + v.n, 0, noise ? 30 : 80);
}
