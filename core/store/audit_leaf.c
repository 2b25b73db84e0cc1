// The bytes of an audit entry and what is computed over them (RFC 6962 section 2.1).
#include "core/base/utf.h"
#include "core/store/audit.h"

#include <sodium.h>
#include <string.h>

enum { LEAF_VERSION = 1, PREFIX_LINK = 2 };

static const char *const events[AUDIT_EVENTS] = {"?",      "send",   "end",   "grant",
                                                 "revoke", "refuse", "arrive"};
static const char *const outcomes[AUDIT_OUTCOMES] = {"open", "ok", "failed", "cancelled", "denied"};

const char *audit_event_name(enum audit_event e) {
    return (unsigned)e < AUDIT_EVENTS ? events[e] : "?";
}

const char *audit_outcome_name(enum audit_outcome o) {
    return (unsigned)o < AUDIT_OUTCOMES ? outcomes[o] : "?";
}

// --- writing ------------------------------------------------------------------------------------

static void put_number(struct buf *out, int64_t value, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;)
        (void)buf_putc(out, (char)((uint64_t)value >> (8 * i) & 0xff));
}

static int put_text(struct buf *out, const char *text, size_t max, struct err *err) {
    size_t n = strlen(text);
    if (n > max)
        return err_set(err, ERR_LIMIT, "audit: a name has %zu bytes, %zu are allowed", n, max);
    if (!utf_valid(text, n))
        return err_set(err, ERR_INVAL, "audit: a name is not valid UTF-8");
    put_number(out, (int64_t)n, 2);
    (void)buf_append(out, text, n);
    return 0;
}

int audit_leaf_encode(const struct audit_entry *e, const uint8_t subject[AUDIT_HASH_BYTES],
                      struct buf *out, struct err *err) {
    if (e->event < AUDIT_SEND || e->event >= AUDIT_EVENTS || e->outcome >= AUDIT_OUTCOMES ||
        e->seq < 1 || e->time_ms < 0 || e->ref < 0 || e->bytes_out < 0 || e->bytes_in < 0)
        return err_set(err, ERR_INVAL, "audit: a number of the entry is out of range");
    put_number(out, LEAF_VERSION, 1);
    put_number(out, e->seq, 8);
    put_number(out, e->time_ms, 8);
    put_number(out, e->event, 1);
    put_number(out, e->outcome, 1);
    put_number(out, e->ref, 8);
    put_number(out, e->bytes_out, 8);
    put_number(out, e->bytes_in, 8);
    (void)buf_append(out, subject, AUDIT_HASH_BYTES);
    int r = put_text(out, e->kind, AUDIT_KIND_BYTES_MAX, err);
    if (r == 0)
        r = put_text(out, e->audience, AUDIT_NAME_BYTES_MAX, err);
    if (r == 0)
        r = put_text(out, e->purpose, AUDIT_NAME_BYTES_MAX, err);
    if (r == 0)
        r = put_text(out, e->model, AUDIT_NAME_BYTES_MAX, err);
    return r == 0 && out->failed ? err_set(err, ERR_NOMEM, "out of memory") : r;
}

// --- reading ------------------------------------------------------------------------------------

struct reader {
    const uint8_t *at, *end;
    bool failed;
};

static int64_t get_number(struct reader *in, unsigned bytes) {
    uint64_t value = 0;
    if (in->failed || (size_t)(in->end - in->at) < bytes) {
        in->failed = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | *in->at++;
    in->failed = value > INT64_MAX;
    return (int64_t)value;
}

static void get_text(struct reader *in, char *out, size_t max) {
    size_t n = (size_t)get_number(in, 2);
    in->failed = in->failed || n > max || (size_t)(in->end - in->at) < n || memchr(in->at, 0, n) ||
                 !utf_valid((const char *)in->at, n);
    if (in->failed)
        return;
    memcpy(out, in->at, n);
    out[n] = '\0';
    in->at += n;
}

int audit_leaf_decode(const uint8_t *leaf, size_t n, struct audit_entry *ret,
                      uint8_t ret_subject[AUDIT_HASH_BYTES], struct audit_texts *texts) {
    static const uint8_t none[AUDIT_HASH_BYTES];
    struct reader in = {leaf, leaf + n, leaf == NULL};
    struct audit_entry e = {0};
    *texts = (struct audit_texts){{0}, {0}, {0}, {0}};
    bool known = get_number(&in, 1) == LEAF_VERSION;
    e.seq = get_number(&in, 8);
    e.time_ms = get_number(&in, 8);
    e.event = (enum audit_event)get_number(&in, 1);
    e.outcome = (enum audit_outcome)get_number(&in, 1);
    e.ref = get_number(&in, 8);
    e.bytes_out = get_number(&in, 8);
    e.bytes_in = get_number(&in, 8);
    if (in.failed || in.end - in.at < AUDIT_HASH_BYTES)
        return ERR_PARSE;
    memcpy(ret_subject, in.at, AUDIT_HASH_BYTES);
    in.at += AUDIT_HASH_BYTES;
    get_text(&in, texts->kind, AUDIT_KIND_BYTES_MAX);
    get_text(&in, texts->audience, AUDIT_NAME_BYTES_MAX);
    get_text(&in, texts->purpose, AUDIT_NAME_BYTES_MAX);
    get_text(&in, texts->model, AUDIT_NAME_BYTES_MAX);
    if (in.failed || !known || in.at != in.end || e.seq < 1 || e.event < AUDIT_SEND ||
        e.event >= AUDIT_EVENTS || e.outcome >= AUDIT_OUTCOMES)
        return ERR_PARSE;
    e.kind = texts->kind;
    e.audience = texts->audience;
    e.purpose = texts->purpose;
    e.model = texts->model;
    e.about_workspace = memcmp(ret_subject, none, sizeof none) != 0;
    *ret = e;
    return 0;
}

// --- hashes -------------------------------------------------------------------------------------

static void hash_parts(uint8_t prefix, const void *a, size_t n_a, const void *b, size_t n_b,
                       uint8_t out[AUDIT_HASH_BYTES]) {
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, &prefix, 1);
    (void)crypto_hash_sha256_update(&state, a, n_a);
    (void)crypto_hash_sha256_update(&state, b, n_b);
    (void)crypto_hash_sha256_final(&state, out);
}

void audit_leaf_hash(const void *leaf, size_t n, uint8_t out[AUDIT_HASH_BYTES]) {
    tree_leaf(leaf, n, out);
}

void audit_link(const uint8_t before[AUDIT_HASH_BYTES], const uint8_t leaf_hash[AUDIT_HASH_BYTES],
                uint8_t out[AUDIT_HASH_BYTES]) {
    hash_parts(PREFIX_LINK, before, AUDIT_HASH_BYTES, leaf_hash, AUDIT_HASH_BYTES, out);
}

void audit_subject(const uint8_t salt[AUDIT_SALT_BYTES], const char *path,
                   uint8_t out[AUDIT_HASH_BYTES]) {
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, salt, AUDIT_SALT_BYTES);
    (void)crypto_hash_sha256_update(&state, (const unsigned char *)path, strlen(path));
    (void)crypto_hash_sha256_final(&state, out);
}
