// Who else holds a pattern, without a server and without showing it ("peer-bound tags"). For each
// pattern that it holds an identity tells a friend
//
//   T = BLAKE2b-128("paired tag 1" NUL | author's key | reader's key | u64 month | pattern's id)
//
// (a friend's scope; where everybody reads, the reader is zeros). Whoever has the pattern too can
// compute every friend's T, counts them, and shows the text only when k - 1 others hold it (k = 3).
//
// What it gives: a tag says nothing to who does not have the pattern and cannot guess it; it cannot
// be passed on or repeated as one's own, since it is bound to the key of who says it and of who is
// told, nor be compared between two readers, nor between months.
// What it does not give: patterns are short, so who guesses one can test whether a friend holds it
// (that is what tags are for, and holds for common idioms above all). k counts identities, not
// people: two friends who are one person, or who collude, count twice; they need the pattern to
// count at all, as guess or because somebody showed it. How many patterns one holds is seen.
//
// Pure; any thread. Source: docs/FEDERATION.md, "Bodies".
#pragma once

#include "core/privacy/payload.h"

#include <stdbool.h>

enum { TAGS_K = 3, TAGS_KEY_BYTES = 32, TAGS_ID_BYTES = 16, TAGS_PEERS_MAX = 1024 };

// Months since year 0: the epoch in which a tag is told. UTC.
int64_t tags_epoch(int64_t wall_ms);
void tags_make(const uint8_t author[TAGS_KEY_BYTES], const uint8_t reader[TAGS_KEY_BYTES],
               int64_t epoch, const uint8_t id[TAGS_ID_BYTES], uint8_t ret[PAYLOAD_TAG_BYTES]);
// The body for one reader: tags of all ids, ascending, doubles once; above PAYLOAD_TAGS_MAX those
// of the first ones. ERR_NOMEM.
int tags_body(const uint8_t author[TAGS_KEY_BYTES], const uint8_t reader[TAGS_KEY_BYTES],
              int64_t epoch, const uint8_t (*ids)[TAGS_ID_BYTES], uint32_t count, struct buf *out,
              struct err *err);

// What friends told us. Of an identity the last body counts. ERR_LIMIT, ERR_NOMEM.
struct tags_heard;
struct tags_heard *tags_heard_new(const uint8_t reader[TAGS_KEY_BYTES], int64_t epoch);
void tags_heard_free(struct tags_heard *t);
// `p` is what `author` (verified by the record's signature) said; of the month before, or of this
// one: any other is refused (ERR_TIMEOUT), as is our own voice (ERR_INVAL).
int tags_hear(struct tags_heard *t, const uint8_t author[TAGS_KEY_BYTES], const struct payload *p,
              struct err *err);
// How many other identities hold it.
uint32_t tags_holders(const struct tags_heard *t, const uint8_t id[TAGS_ID_BYTES]);
// TAGS_K - 1 others, or more.
bool tags_reveal(const struct tags_heard *t, const uint8_t id[TAGS_ID_BYTES]);
