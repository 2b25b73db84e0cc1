// Rotating tags: how friends recognise each other in an announcement that means nothing to anybody
// else. A tag is a keyed hash of the day, of the secret that two devices share, and of who speaks;
// a stranger sees new random bytes each day (00:00 UTC) and cannot tell tags from filling. One
// table holds the tags that friends may use yesterday, today and tomorrow, so that a clock that is
// a day off is still recognised, and finds one in O(1).
//
// Also who is being paired: while a code is shown or sought its number stands for the secret. The
// number is short, so a stranger can find out by trying that a code is open; not the words.
//
// One owner thread; no I/O, no clock (tag_table_turn). Bytes: docs/FEDERATION.md, Discovery.
// BLAKE2b: RFC 7693.
#pragma once

#include "core/base/err.h"
#include "federation/hint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TAG_BYTES = 8,
    TAG_KEY_BYTES = 24, // of one speaker and day, for what goes with the tag
    TAG_SECRET_BYTES = 32,
    TAG_FRIENDS_MAX = 16384,
    TAG_GROUP = 40,         // tags of one announcement, always all of them
    TAG_GROUP_FRIENDS = 38, // the rest is for a code that is shown and one that is sought
    TAG_DAY_MS = 24 * 60 * 60 * 1000
};

struct tag_table;
// `own`: this device's key. `local`: a secret that stays on this device and stays the same; the
// filling is made from it, so that it cannot be told from tags by watching for longer. Copies.
int tag_table_new(const uint8_t own[HINT_DEVICE_BYTES], const uint8_t local[TAG_SECRET_BYTES],
                  int64_t wall_ms, struct tag_table **ret, struct err *err);
void tag_table_free(struct tag_table *t); // wipes; accepts NULL

// Copies; replaces the secret of a device that is there, and changes nothing when it is the same.
// ERR_LIMIT, ERR_NOMEM, ERR_INVAL (itself).
int tag_table_put(struct tag_table *t, const uint8_t device[HINT_DEVICE_BYTES],
                  const uint8_t secret[TAG_SECRET_BYTES], struct err *err);
void tag_table_remove(struct tag_table *t, const uint8_t device[HINT_DEVICE_BYTES]); // or is absent
// Removes all that `keep` says no to.
typedef bool tag_keep_fn(void *ctx, const uint8_t device[HINT_DEVICE_BYTES]);
void tag_table_retain(struct tag_table *t, tag_keep_fn *keep, void *ctx);
uint32_t tag_table_friends(const struct tag_table *t);
// The number of the code that is shown here, and of the one that was typed here; negative: none.
void tag_table_show_code(struct tag_table *t, int64_t number);
void tag_table_seek_code(struct tag_table *t, int64_t number);
bool tag_table_pairing(const struct tag_table *t);
// Says what day it is, before anything is looked for or announced. Once a day this costs one hash a
// friend (10,000: about 5 ms), else nothing.
void tag_table_turn(struct tag_table *t, int64_t wall_ms);
int64_t tag_table_day(const struct tag_table *t); // days since 1970-01-01
// Counts the changes of what tag_group answers: friends, codes, the day.
uint64_t tag_table_version(const struct tag_table *t);

struct tag {
    uint8_t tag[TAG_BYTES], key[TAG_KEY_BYTES];
};
// What this device announces, in `tag_groups` parts of TAG_GROUP tags each, filled up and in
// ascending order. No group: there is nobody to announce it to.
uint32_t tag_groups(const struct tag_table *t);
void tag_group(const struct tag_table *t, uint32_t group, struct tag ret[TAG_GROUP]);

struct tag_hit {
    enum hint_about about;
    uint8_t device[HINT_DEVICE_BYTES]; // zeros for codes
    uint8_t key[TAG_KEY_BYTES];        // the one that went with the tag at its speaker
    uint32_t group;                    // of ours that this one would recognise
};
// False: filling, or meant for others.
bool tag_find(const struct tag_table *t, const uint8_t tag[TAG_BYTES], struct tag_hit *ret);

// The derivation itself, for test vectors: BLAKE2b-256 with key `secret` over
// "paired tag v1" NUL NUL NUL, the day (8 bytes, big-endian), `from`.
void tag_derive(const uint8_t secret[TAG_SECRET_BYTES], int64_t day,
                const uint8_t from[HINT_DEVICE_BYTES], struct tag *ret);
// A name that changes each day and that only this device could have made: lower case hexadecimal.
enum { TAG_NAME_CHARS = 16 };
void tag_name(const struct tag_table *t, uint32_t salt, char ret[TAG_NAME_CHARS + 1]);
