// Private keys (RFC 7468 and its older relatives) and JSON web tokens (RFC 7519): what has the
// armour must also decode.
#include "core/code/secrets_impl.h"

#include "core/base/mem.h"

#include <string.h>

enum { LABEL_BYTES_MAX = 48, HEADER_LINES_MAX = 8, RULER = 5 };

static bool starts(const char *s, size_t n, const char *with) {
    size_t m = strlen(with);
    return n >= m && memcmp(s, with, m) == 0;
}

// Bytes of "LABEL-----" when it is the label of a private key, else 0.
static size_t key_label(const char *s, size_t n) {
    size_t i = 0;
    while (i < n && i < LABEL_BYTES_MAX && (s[i] == ' ' || secret_class('U', (unsigned char)s[i])))
        i++;
    bool private = (i >= 11 && memcmp(s + i - 11, "PRIVATE KEY", 11) == 0) ||
                   (i >= 17 && memcmp(s + i - 17, "PRIVATE KEY BLOCK", 17) == 0);
    return private && starts(s + i, n - i, "-----") ? i + RULER : 0;
}

// "Proc-Type: 4,ENCRYPTED" and the like, up to the blank line; they end at a line end or at \n.
static size_t skip_headers(const char *s, size_t n, bool *encrypted) {
    size_t at = 0;
    for (int lines = 0; lines < HEADER_LINES_MAX; lines++) {
        size_t begin = at;
        while (begin < n &&
               (strchr("\r\n\t \"'+", s[begin]) || starts(s + begin, n - begin, "\\n")))
            begin += s[begin] == '\\' ? 2 : 1;
        size_t end = begin;
        bool colon = false;
        while (end < n && s[end] != '\n' && !starts(s + end, n - end, "\\n"))
            colon |= s[end++] == ':';
        if (!colon || end == n)
            break;
        *encrypted |= value_has_word(s + begin, end - begin, "DEK-Info") ||
                      value_has_word(s + begin, end - begin, "ENCRYPTED");
        at = end;
    }
    return at;
}

// The outermost SEQUENCE fills the bytes: a cut or invented key does not.
static bool der_fills(const uint8_t *der, size_t have, size_t total) {
    if (have < 8 || der[0] != 0x30)
        return false;
    size_t length = der[1], head = 2;
    if (length > 0x80) {
        head = 2 + (length & 0x7F);
        length = 0;
        if (head > 5)
            return false;
        for (size_t i = 2; i < head; i++)
            length = length << 8 | der[i];
    }
    return total >= 32 && head + length == total;
}

static bool body_decodes(const char *label, const char *body, size_t n, bool encrypted) {
    enum { BYTES_MIN = 32 };
    uint8_t out[64];
    size_t digits, have = code_base64(body, n, out, sizeof out, &digits), total = digits * 3 / 4;
    if (total < BYTES_MIN)
        return false;
    if (strstr(label, "OPENSSH"))
        return starts((const char *)out, have, "openssh-key-v1");
    if (strstr(label, "BLOCK")) // OpenPGP: every packet begins with a set bit
        return out[0] & 0x80 && total >= 64;
    if (encrypted && out[0] != 0x30)
        return total % 8 == 0;
    return der_fills(out, have, total);
}

void secret_try_pem(struct secret_scan *s, size_t at) {
    if (at + 1 < RULER || !starts(s->text + at + 1 - RULER, s->n - at - 1 + RULER, "-----BEGIN "))
        return;
    size_t start = at + 1 - RULER, label_at = start + strlen("-----BEGIN ");
    size_t label_bytes = key_label(s->text + label_at, s->n - label_at);
    if (!label_bytes)
        return;
    char label[LABEL_BYTES_MAX + RULER + 1] = {0};
    memcpy(label, s->text + label_at, label_bytes);
    size_t body = label_at + label_bytes, room = s->n - body;
    if (room > SECRET_VALUE_BYTES_MAX)
        room = SECRET_VALUE_BYTES_MAX;
    const char *close = memmem(s->text + body, room, "-----END", 8);
    size_t bytes = close ? (size_t)(close - s->text) - body : 0;
    bool encrypted = strstr(label, "ENCRYPTED") != NULL;
    size_t headers = skip_headers(s->text + body, bytes, &encrypted);
    bool good = close && body_decodes(label, s->text + body + headers, bytes - headers, encrypted);
    if (!good && !s->gate)
        return;
    size_t end = body + bytes;
    if (close) {
        const char *rest = memmem(close + 8, s->n - (size_t)(close + 8 - s->text), "-----", 5);
        end = rest && rest - close < 80 ? (size_t)(rest - s->text) + 5 : end + 8;
    }
    secret_report(s, "private-key", encrypted ? "encrypted private key" : "private key", start, end,
                  body - start,
                  !good       ? 40
                  : encrypted ? 75
                              : 99);
}

// --- JSON web tokens -----------------------------------------------------------------------------
static size_t segment(const char *s, size_t n) {
    size_t i = 0;
    while (i < n && secret_class('u', (unsigned char)s[i]))
        i++;
    return i;
}

// Decodes to an object; the text of at most `room` - 1 bytes is left in out, terminated.
static bool is_object(const char *s, size_t n, char *out, size_t room) {
    size_t digits, got = code_base64(s, n, (uint8_t *)out, room - 1, &digits);
    out[got] = '\0';
    for (size_t i = 0; i < got; i++)
        if ((unsigned char)out[i] < ' ' && out[i] != '\n' && out[i] != '\t' && out[i] != '\r')
            return false;
    while (got && (unsigned char)out[got - 1] <= ' ')
        got--;
    return got >= 2 && out[0] == '{' && (out[got - 1] == '}' || digits * 3 / 4 > room);
}

void secret_try_jwt(struct secret_scan *s, size_t at) {
    enum { PARTS_MAX = 5, SIGNATURE_MIN = 22 };
    char header[512], payload[2048];
    size_t begins[PARTS_MAX], sizes[PARTS_MAX], parts = 0, end = at;
    if (s->text[at] != 'e' || (at && secret_class('u', (unsigned char)s->text[at - 1])))
        return;
    for (;;) {
        begins[parts] = end;
        sizes[parts] = segment(s->text + end, s->n - end);
        end += sizes[parts++];
        if (parts == PARTS_MAX || end + 1 >= s->n || s->text[end] != '.' ||
            !secret_class('u', (unsigned char)s->text[end + 1]))
            break;
        end++;
    }
    if (parts != 3 && parts != 5)
        return;
    if (end - at > SECRET_VALUE_BYTES_MAX ||
        !is_object(s->text + begins[0], sizes[0], header, sizeof header) ||
        !strstr(header, "\"alg\""))
        return;
    // NATS' own: a signed description of an account, no credential without its seed.
    bool nats = strstr(header, "\"ed25519") != NULL;
    bool good = sizes[parts - 1] >= SIGNATURE_MIN && !nats &&
                !value_is_dull(s->text + begins[parts - 1], sizes[parts - 1]);
    if (parts == 3)
        good &= is_object(s->text + begins[1], sizes[1], payload, sizeof payload) &&
                // The token of jwt.io and of every tutorial; a key that is public by design.
                !strstr(payload, "John Doe") && !strstr(payload, "\"1234567890\"") &&
                !strstr(payload, "\"role\":\"anon\"");
    else
        good &= strstr(header, "\"enc\"") != NULL;
    if (good || s->gate)
        secret_report(s, "json-web-token", "JSON web token", at, end, 3, good ? 96 : 40);
}
