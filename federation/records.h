// Who made a record, and what records may do to each other. A record's id is the BLAKE2b-256 of its
// canonical bytes without the signature; the signature is Ed25519 (RFC 8032, strict: no second
// encoding of a signature or key, no key of small order) over "paired record 1" NUL and that id.
// Any thread; no clock of its own. Source: docs/FEDERATION.md, "Records".
#pragma once

#include "protocol/record.h"

// Clocks may differ by this much in either direction, and nothing is lost.
#define RECORDS_GRACE_MS (INT64_C(24) * 3600 * 1000)

// Signs `n` bytes with the key whose public half is `device`. ERR_LOCKED …
typedef int records_sign_fn(void *ctx, const void *bytes, size_t n,
                            uint8_t ret[RECORD_SIGNATURE_BYTES], struct err *err);
struct records_signer {
    uint8_t author[RECORD_KEY_BYTES], device[RECORD_KEY_BYTES];
    records_sign_fn *sign;
    void *ctx;
};
// One whose key lies in memory: libsodium's 64 bytes, borrowed. The device is its own author.
struct records_signer records_signer_of(const uint8_t secret[64]);

// Sets author, device and signature of `r`, appends its canonical bytes. What record_format says,
// and what the signer says.
int records_sign(struct record *r, const struct records_signer *by, struct buf *out,
                 uint8_t ret_id[RECORD_ID_BYTES], struct err *err);
// `bytes` are what record_parse took.
void records_id(const uint8_t *bytes, size_t n, uint8_t ret[RECORD_ID_BYTES]);
// record_parse, and the signature is the device's. ERR_KEY (forged), or as record_parse.
int records_open(const uint8_t *bytes, size_t n, struct record *ret,
                 uint8_t ret_id[RECORD_ID_BYTES], struct err *err);

// ERR_TIMEOUT: expired, or dated further ahead than clocks can differ. Revocations and receipts
// never expire.
int records_timely(const struct record *r, int64_t now_ms, struct err *err);
// Whether `r`, which refers to the record `id`, may do so to `old`, which is that record: supersede
// it, revoke it. ERR_PERM: it is another author's, of another scope or kind, or a receipt. Between
// records of one device the later counter wins.
int records_may(const struct record *r, const struct record *old, struct err *err);
// Receipt for `deleted`, removed because of `revocation`, both ids. Scope and signer are the
// receiver's; the caller gives counter and date.
int records_receipt(const uint8_t revocation[RECORD_ID_BYTES],
                    const uint8_t deleted[RECORD_ID_BYTES], const uint8_t scope[RECORD_SCOPE_BYTES],
                    int64_t counter, int64_t created_ms, const struct records_signer *by,
                    struct buf *out, uint8_t ret_id[RECORD_ID_BYTES], struct err *err);
