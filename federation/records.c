#include "federation/records.h"

#include "core/crypto/digest.h"

#include <sodium.h>
#include <string.h>

static const char domain[16] = "paired record 1"; // with its NUL
enum { SIGNED_BYTES = sizeof domain + RECORD_ID_BYTES };

static void to_sign(const uint8_t id[RECORD_ID_BYTES], uint8_t ret[SIGNED_BYTES]) {
    memcpy(ret, domain, sizeof domain);
    memcpy(ret + sizeof domain, id, RECORD_ID_BYTES);
}

static int sign_in_memory(void *ctx, const void *bytes, size_t n,
                          uint8_t ret[RECORD_SIGNATURE_BYTES], struct err *err) {
    if (crypto_sign_detached(ret, NULL, bytes, n, ctx) != 0)
        return err_set(err, ERR_KEY, "the record could not be signed");
    return 0;
}

struct records_signer records_signer_of(const uint8_t secret[64]) {
    union { // borrowed, and only ever read
        const uint8_t *of_caller;
        void *ctx;
    } key = {secret};
    struct records_signer s = {.sign = sign_in_memory, .ctx = key.ctx};
    memcpy(s.device, secret + 32, sizeof s.device);
    memcpy(s.author, s.device, sizeof s.author);
    return s;
}

void records_id(const uint8_t *bytes, size_t n, uint8_t ret[RECORD_ID_BYTES]) {
    digest_bytes(bytes, n - RECORD_SIGNATURE_BYTES, ret, RECORD_ID_BYTES);
}

int records_sign(struct record *r, const struct records_signer *by, struct buf *out,
                 uint8_t ret_id[RECORD_ID_BYTES], struct err *err) {
    memcpy(r->author, by->author, sizeof r->author);
    memcpy(r->device, by->device, sizeof r->device);
    size_t start = out->len;
    int e = record_format(r, out, err);
    if (e < 0)
        return e;
    uint8_t id[RECORD_ID_BYTES], message[SIGNED_BYTES];
    records_id((const uint8_t *)out->data + start, out->len - start, id);
    to_sign(id, message);
    e = by->sign(by->ctx, message, sizeof message, r->signature, err);
    if (e < 0) {
        out->len = start;
        out->data[start] = '\0';
        return e;
    }
    memcpy(out->data + out->len - sizeof r->signature, r->signature, sizeof r->signature);
    memcpy(ret_id, id, sizeof id);
    return 0;
}

int records_open(const uint8_t *bytes, size_t n, struct record *ret,
                 uint8_t ret_id[RECORD_ID_BYTES], struct err *err) {
    struct record r;
    int e = record_parse(bytes, n, &r, err);
    if (e < 0)
        return e;
    uint8_t id[RECORD_ID_BYTES], message[SIGNED_BYTES];
    records_id(bytes, n, id);
    to_sign(id, message);
    if (crypto_sign_verify_detached(r.signature, message, sizeof message, r.device) != 0)
        return err_set(err, ERR_KEY, "a record's signature is not its author's");
    *ret = r;
    memcpy(ret_id, id, sizeof id);
    return 0;
}

int records_timely(const struct record *r, int64_t now_ms, struct err *err) {
    if (r->kind == RECORD_REVOCATION || r->kind == RECORD_RECEIPT)
        return 0;
    if (r->expires_ms && now_ms - RECORDS_GRACE_MS > r->expires_ms)
        return err_set(err, ERR_TIMEOUT, "the record has expired");
    if (r->created_ms - RECORDS_GRACE_MS > now_ms)
        return err_set(err, ERR_TIMEOUT,
                       "the record is dated more than a day ahead; compare the clocks");
    return 0;
}

int records_may(const struct record *r, const struct record *old, struct err *err) {
    if (r->kind == RECORD_RECEIPT || old->kind == RECORD_REVOCATION || old->kind == RECORD_RECEIPT)
        return err_set(err, ERR_PERM, "a %s does not change a %s", record_kind_name(r->kind),
                       record_kind_name(old->kind));
    if (memcmp(r->author, old->author, sizeof r->author) != 0)
        return err_set(err, ERR_PERM, "only a record's author may replace it or take it back");
    if (memcmp(r->scope, old->scope, sizeof r->scope) != 0)
        return err_set(err, ERR_PERM, "the record to change is of another scope");
    if (r->kind != RECORD_REVOCATION && r->kind != old->kind)
        return err_set(err, ERR_PERM, "a %s cannot replace a %s", record_kind_name(r->kind),
                       record_kind_name(old->kind));
    if (memcmp(r->device, old->device, sizeof r->device) == 0 && r->counter <= old->counter)
        return err_set(err, ERR_PERM, "the record is older than the one it would change");
    return 0;
}

int records_receipt(const uint8_t revocation[RECORD_ID_BYTES],
                    const uint8_t deleted[RECORD_ID_BYTES], const uint8_t scope[RECORD_SCOPE_BYTES],
                    int64_t counter, int64_t created_ms, const struct records_signer *by,
                    struct buf *out, uint8_t ret_id[RECORD_ID_BYTES], struct err *err) {
    struct record r = {.kind = RECORD_RECEIPT,
                       .counter = counter,
                       .created_ms = created_ms,
                       .refers = true,
                       .body = deleted,
                       .body_bytes = RECORD_ID_BYTES};
    memcpy(r.scope, scope, sizeof r.scope);
    memcpy(r.refers_to, revocation, sizeof r.refers_to);
    return records_sign(&r, by, out, ret_id, err);
}
