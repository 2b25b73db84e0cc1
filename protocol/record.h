// What two engines share: a record, as the canonical bytes that its author signed. Bytes in, values
// out and back; knows no key, no clock, no store. Signing and the rules between records are in
// federation/records. Any thread. Source: docs/FEDERATION.md, "Records".
//
// Big-endian, every field at its place, so that each value has one encoding:
//     0  u8       version, 1
//     1  u8       kind
//     2  u16      flags: bit 0 `refers` is present; the others are 0
//     4  u32      bytes of the body
//     8  u8[32]   author: the identity's key
//    40  u8[32]   device: the key that signed
//    72  u64      counter of the device, 1 …; the order of its records
//    80  u64      created, ms since 1970
//    88  u64      expires, ms since 1970; 0 never
//    96  u8[16]   scope
//   112  u8[32]   refers, when flagged
//        u8[n]    body
//        u8[64]   Ed25519 signature
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RECORD_KEY_BYTES = 32,
    RECORD_ID_BYTES = 32,
    RECORD_SCOPE_BYTES = 16,
    RECORD_SIGNATURE_BYTES = 64,
    RECORD_BODY_BYTES_MAX = 64 * 1024,
    RECORD_REASON_BYTES_MAX = 1024, // body of a revocation
    RECORD_HEAD_BYTES = 112,        // without `refers`
    RECORD_BYTES_MIN = RECORD_HEAD_BYTES + RECORD_SIGNATURE_BYTES,
    RECORD_BYTES_MAX = RECORD_BYTES_MIN + RECORD_ID_BYTES + RECORD_BODY_BYTES_MAX
};
#define RECORD_TIME_MS_MAX INT64_C(253402300799999) // the end of the year 9999

enum record_kind {
    RECORD_PATTERN = 1,
    RECORD_TEMPLATE,
    RECORD_RESOURCE,
    RECORD_METRIC,
    RECORD_DECISION,
    RECORD_MILESTONE,
    RECORD_REVOCATION, // refers to what its author takes back; the body says why, or is empty
    RECORD_RECEIPT,    // refers to the revocation obeyed; body: the id of the record deleted
    RECORD_KINDS
};
// "pattern" …; NULL for what is none.
const char *record_kind_name(unsigned kind);

struct record {
    enum record_kind kind;
    uint8_t author[RECORD_KEY_BYTES], device[RECORD_KEY_BYTES];
    int64_t counter, created_ms, expires_ms;
    uint8_t scope[RECORD_SCOPE_BYTES];
    bool refers; // to what it supersedes, revokes or answers
    uint8_t refers_to[RECORD_ID_BYTES];
    const uint8_t *body; // borrowed
    size_t body_bytes;
    uint8_t signature[RECORD_SIGNATURE_BYTES];
};

// Reads exactly `n` bytes; the body is borrowed from them. The signature is read, not judged.
// ERR_VERSION, ERR_LIMIT (longer than a record can be), ERR_PARSE (not the canonical bytes of any
// record).
int record_parse(const uint8_t *bytes, size_t n, struct record *ret, struct err *err);
// Whether its values can stand in a record. ERR_INVAL, ERR_LIMIT.
int record_check(const struct record *r, struct err *err);
// Appends the canonical bytes, signature last. What record_check says, and buf_append.
int record_format(const struct record *r, struct buf *out, struct err *err);
