// Authors and records for tests, the same on every run.
#pragma once

#include "federation/records.h"

enum { DAY_MS = 24 * 3600 * 1000 };
#define MAKER_NOW_MS INT64_C(1790000000000)

struct maker {
    uint8_t secret[64];
    struct records_signer signer;
    int64_t counter;
};
void maker_init(struct maker *m, uint8_t seed);
// A content record of scope 0x53…, never expiring; the body is `n` bytes that do not compress.
struct record maker_record(struct maker *m, uint8_t *body, size_t n);
// The same signed, into `out`.
void maker_sign(struct maker *m, struct record *r, struct buf *out, uint8_t id[RECORD_ID_BYTES]);
