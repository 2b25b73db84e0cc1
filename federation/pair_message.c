#include "federation/pair_message.h"

#include "core/base/utf.h"

#include <string.h>

// ------------------------------------------------------------------------------------------ parts

static bool scope_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == ':' || c == '-';
}

static bool scope_good(const char *name, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!scope_letter(name[i]))
            return false;
    return n > 0 && n <= PAIR_SCOPE_BYTES_MAX;
}

bool pair_scopes_has(const struct pair_scopes *s, const char *name) {
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->names[i], name) == 0)
            return true;
    return false;
}

int pair_scopes_add(struct pair_scopes *s, const char *name, size_t n, struct err *err) {
    char text[PAIR_SCOPE_BYTES_MAX + 1];
    if (!scope_good(name, n))
        return err_set(err, ERR_INVAL, "a scope has 1 to %d of a…z, 0…9, dot, colon and dash",
                       PAIR_SCOPE_BYTES_MAX);
    memcpy(text, name, n);
    text[n] = '\0';
    if (pair_scopes_has(s, text))
        return 0;
    if (s->n == PAIR_SCOPES_MAX)
        return err_set(err, ERR_LIMIT, "at most %d scopes can be proposed at once",
                       PAIR_SCOPES_MAX);
    size_t at = s->n;
    for (; at > 0 && strcmp(s->names[at - 1], text) > 0; at--)
        memcpy(s->names[at], s->names[at - 1], sizeof s->names[at]);
    memset(s->names[at], 0, sizeof s->names[at]);
    memcpy(s->names[at], text, n + 1);
    s->n++;
    return 0;
}

bool pair_name_good(const char *name, size_t n) {
    if (n == 0 || n > PAIR_NAME_BYTES_MAX || !utf_valid(name, n) || name[0] == ' ' ||
        name[n - 1] == ' ')
        return false;
    for (size_t i = 0, bytes; i < n; i += bytes)
        if (utf_hides(utf_decode(name + i, n - i, &bytes)))
            return false;
    return true;
}

// ---------------------------------------------------------------------------------------- reading

struct reader {
    const uint8_t *at, *end;
    bool failed;
};

static const uint8_t *take(struct reader *r, size_t n) {
    if (r->failed || (size_t)(r->end - r->at) < n) {
        r->failed = true;
        return NULL;
    }
    r->at += n;
    return r->at - n;
}

static void take_to(struct reader *r, void *to, size_t n) {
    const uint8_t *from = take(r, n);
    if (from)
        memcpy(to, from, n);
}

static unsigned take_u8(struct reader *r) {
    const uint8_t *b = take(r, 1);
    return b ? b[0] : 0;
}

static unsigned take_u16(struct reader *r) {
    const uint8_t *b = take(r, 2);
    return b ? (unsigned)b[0] << 8 | b[1] : 0;
}

static void take_scopes(struct reader *r, struct pair_scopes *s) {
    size_t n = take_u8(r);
    if (n > PAIR_SCOPES_MAX)
        r->failed = true;
    for (size_t i = 0; i < n && !r->failed; i++) {
        size_t bytes = take_u8(r);
        const uint8_t *name = take(r, bytes);
        // One list is written in one way: ascending, none twice.
        if (!name || !scope_good((const char *)name, bytes)) {
            r->failed = true;
            return;
        }
        memcpy(s->names[i], name, bytes);
        s->names[i][bytes] = '\0';
        if (i && strcmp(s->names[i - 1], s->names[i]) >= 0)
            r->failed = true;
        s->n = i + 1;
    }
}

static void take_introduction(struct reader *r, struct pair_message *m) {
    size_t n = take_u8(r);
    const uint8_t *name = take(r, n);
    if (!name || !pair_name_good((const char *)name, n))
        r->failed = true;
    else
        memcpy(m->name, name, n);
    m->chain_n = take_u16(r);
    m->chain = m->chain_n <= CHAIN_BYTES_MAX ? take(r, m->chain_n) : NULL;
    r->failed |= !m->chain;
    take_scopes(r, &m->give);
    take_scopes(r, &m->want);
}

static void take_body(struct reader *r, struct pair_message *m) {
    switch (m->type) {
    case PAIR_HELLO:
        m->number = (uint16_t)take_u16(r);
        take_to(r, m->sid, sizeof m->sid);
        take_to(r, m->share, sizeof m->share);
        return;
    case PAIR_REPLY:
        take_to(r, m->share, sizeof m->share);
        return;
    case PAIR_PROOF:
        take_to(r, m->tag, sizeof m->tag);
        return;
    case PAIR_INTRODUCE:
        take_introduction(r, m);
        m->mac = take(r, PAIR_MAC_BYTES);
        return;
    case PAIR_VERDICT: {
        unsigned yes = take_u8(r);
        m->yes = yes == 1;
        take_scopes(r, &m->give);
        r->failed |= yes > 1 || (yes == 0 && m->give.n > 0);
        m->mac = take(r, PAIR_MAC_BYTES);
        return;
    }
    case PAIR_REFUSE:
        m->reason = take_u8(r);
        r->failed |= m->reason < PAIR_NO_CODE || m->reason > PAIR_IDENTITY;
        return;
    }
    r->failed = true;
}

int pair_message_parse(const uint8_t *bytes, size_t n, struct pair_message *ret, struct err *err) {
    if (n > PAIR_MESSAGE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a message of pairing is larger than %d bytes",
                       PAIR_MESSAGE_BYTES_MAX);
    struct reader r = {.at = bytes, .end = bytes + n};
    unsigned version = take_u8(&r);
    if (!r.failed && version != PAIR_VERSION)
        return err_set(err, ERR_VERSION, "the other side pairs in version %u, this one in %d",
                       version, PAIR_VERSION);
    struct pair_message m = {.type = take_u8(&r)};
    if (!r.failed)
        take_body(&r, &m);
    if (r.failed || r.at != r.end)
        return err_set(err, ERR_PARSE, "a message of pairing is malformed");
    *ret = m;
    return 0;
}

// ---------------------------------------------------------------------------------------- writing

static void put_u8(struct buf *b, size_t v) {
    (void)buf_putc(b, (char)v);
}

static void put_u16(struct buf *b, size_t v) {
    put_u8(b, v >> 8 & 0xff);
    put_u8(b, v & 0xff);
}

static void put_scopes(struct buf *b, const struct pair_scopes *s) {
    put_u8(b, s->n);
    for (size_t i = 0; i < s->n; i++) {
        put_u8(b, strlen(s->names[i]));
        (void)buf_puts(b, s->names[i]);
    }
}

int pair_message_format(const struct pair_message *m, struct buf *out) {
    put_u8(out, PAIR_VERSION);
    put_u8(out, m->type);
    switch (m->type) {
    case PAIR_HELLO:
        put_u16(out, m->number);
        (void)buf_append(out, m->sid, sizeof m->sid);
        (void)buf_append(out, m->share, sizeof m->share);
        break;
    case PAIR_REPLY:
        (void)buf_append(out, m->share, sizeof m->share);
        break;
    case PAIR_PROOF:
        (void)buf_append(out, m->tag, sizeof m->tag);
        break;
    case PAIR_INTRODUCE:
        put_u8(out, strlen(m->name));
        (void)buf_puts(out, m->name);
        put_u16(out, m->chain_n);
        (void)buf_append(out, m->chain, m->chain_n);
        put_scopes(out, &m->give);
        put_scopes(out, &m->want);
        break;
    case PAIR_VERDICT:
        put_u8(out, m->yes);
        put_scopes(out, &m->give);
        break;
    case PAIR_REFUSE:
        put_u8(out, m->reason);
        break;
    }
    return out->failed ? ERR_NOMEM : 0;
}
