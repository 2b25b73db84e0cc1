#include "protocol/record.h"

#include "core/base/mem.h"

#include <assert.h>
#include <string.h>

enum { VERSION = 1, FLAG_REFERS = 1 };

static const char *const kind_names[RECORD_KINDS] = {
    [RECORD_PATTERN] = "pattern",       [RECORD_TEMPLATE] = "template",
    [RECORD_RESOURCE] = "resource",     [RECORD_METRIC] = "metric",
    [RECORD_DECISION] = "decision",     [RECORD_MILESTONE] = "milestone",
    [RECORD_REVOCATION] = "revocation", [RECORD_RECEIPT] = "receipt"};

const char *record_kind_name(unsigned kind) {
    return kind < RECORD_KINDS ? kind_names[kind] : NULL;
}

static uint64_t read_uint(const uint8_t *at, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v = v << 8 | at[i];
    return v;
}

static void write_uint(uint8_t *at, int bytes, uint64_t v) {
    for (int i = bytes - 1; i >= 0; i--, v >>= 8)
        at[i] = (uint8_t)v;
}

static bool is_zero(const uint8_t *bytes, size_t n) {
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= bytes[i];
    return any == 0;
}

static int check_reference(const struct record *r, struct err *err) {
    bool reply = r->kind == RECORD_REVOCATION || r->kind == RECORD_RECEIPT;
    if (r->refers && is_zero(r->refers_to, sizeof r->refers_to))
        return err_set(err, ERR_INVAL, "a record refers to the id of nothing");
    if (!reply)
        return r->body_bytes ? 0 : err_set(err, ERR_INVAL, "a record has an empty body");
    if (!r->refers)
        return err_set(err, ERR_INVAL, "a %s does not say of what", kind_names[r->kind]);
    if (r->expires_ms) // it would come back with the end of what took it away
        return err_set(err, ERR_INVAL, "a %s cannot expire", kind_names[r->kind]);
    if (r->kind == RECORD_RECEIPT && r->body_bytes != RECORD_ID_BYTES)
        return err_set(err, ERR_INVAL, "a receipt names one record");
    if (r->body_bytes > RECORD_REASON_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the reason of a revocation has over %d bytes",
                       RECORD_REASON_BYTES_MAX);
    return 0;
}

int record_check(const struct record *r, struct err *err) {
    if (!record_kind_name(r->kind))
        return err_set(err, ERR_INVAL, "there is no record of kind %u", (unsigned)r->kind);
    if (r->body_bytes > RECORD_BODY_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a record's body has %zu bytes, at most %d can be shared",
                       r->body_bytes, RECORD_BODY_BYTES_MAX);
    if (r->counter < 1)
        return err_set(err, ERR_INVAL, "a record's counter begins with 1");
    if (r->created_ms < 1 || r->created_ms > RECORD_TIME_MS_MAX)
        return err_set(err, ERR_INVAL, "a record's date is out of range");
    if (r->expires_ms && (r->expires_ms <= r->created_ms || r->expires_ms > RECORD_TIME_MS_MAX))
        return err_set(err, ERR_INVAL, "a record ends before it begins, or never");
    return check_reference(r, err);
}

// Moves on by what it copies.
static const uint8_t *take(const uint8_t *at, void *ret, size_t n) {
    memcpy(ret, at, n);
    return at + n;
}

int record_parse(const uint8_t *bytes, size_t n, struct record *ret, struct err *err) {
    if (n > RECORD_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%zu bytes are more than a record can have", n);
    if (n < RECORD_BYTES_MIN)
        return err_set(err, ERR_PARSE, "a record is cut off");
    if (bytes[0] != VERSION)
        return err_set(err, ERR_VERSION, "a record of version %d; update paired", bytes[0]);
    uint64_t flags = read_uint(bytes + 2, 2), body = read_uint(bytes + 4, 4);
    if (flags & ~(uint64_t)FLAG_REFERS)
        return err_set(err, ERR_PARSE, "a record has flags that do not exist");
    size_t refers = flags & FLAG_REFERS ? RECORD_ID_BYTES : 0;
    if (body != n - RECORD_BYTES_MIN - refers || n - RECORD_BYTES_MIN < refers)
        return err_set(err, ERR_PARSE, "a record's length is not what it says");
    uint64_t numbers[3]; // counter, created, expires
    struct record r = {.kind = (enum record_kind)bytes[1], .refers = refers != 0};
    const uint8_t *at = take(bytes + 8, r.author, sizeof r.author);
    at = take(at, r.device, sizeof r.device);
    for (size_t i = 0; i < COUNT_OF(numbers); i++, at += 8)
        if ((numbers[i] = read_uint(at, 8)) > INT64_MAX)
            return err_set(err, ERR_PARSE, "a number of a record is out of range");
    r.counter = (int64_t)numbers[0];
    r.created_ms = (int64_t)numbers[1];
    r.expires_ms = (int64_t)numbers[2];
    at = take(at, r.scope, sizeof r.scope);
    at = take(at, r.refers_to, refers);
    r.body = at;
    r.body_bytes = (size_t)body;
    (void)take(at + body, r.signature, sizeof r.signature);
    if (record_check(&r, err) < 0)
        return err ? (err->code = ERR_PARSE) : ERR_PARSE;
    *ret = r;
    return 0;
}

int record_format(const struct record *r, struct buf *out, struct err *err) {
    int e = record_check(r, err);
    if (e < 0)
        return e;
    uint8_t head[RECORD_HEAD_BYTES + RECORD_ID_BYTES] = {VERSION, (uint8_t)r->kind};
    write_uint(head + 2, 2, r->refers ? FLAG_REFERS : 0);
    write_uint(head + 4, 4, r->body_bytes);
    memcpy(head + 8, r->author, sizeof r->author);
    memcpy(head + 40, r->device, sizeof r->device);
    write_uint(head + 72, 8, (uint64_t)r->counter);
    write_uint(head + 80, 8, (uint64_t)r->created_ms);
    write_uint(head + 88, 8, (uint64_t)r->expires_ms);
    memcpy(head + 96, r->scope, sizeof r->scope);
    memcpy(head + RECORD_HEAD_BYTES, r->refers_to, sizeof r->refers_to);
    size_t head_bytes = RECORD_HEAD_BYTES + (r->refers ? RECORD_ID_BYTES : 0);
    e = buf_reserve(out, head_bytes + r->body_bytes + sizeof r->signature);
    if (e < 0)
        return err_set(err, e, "no room for a record of %zu bytes", r->body_bytes);
    (void)buf_append(out, head, head_bytes);
    if (r->body_bytes)
        (void)buf_append(out, r->body, r->body_bytes);
    (void)buf_append(out, r->signature, sizeof r->signature);
    return 0;
}
