// A checkpoint says how far a log had come, and what its tree was then: a text that the log's
// device signs and others cosign. Whoever holds a cosigned one sees that a log was cut or
// rewritten. Pure functions on foreign bytes; any thread. Source: c2sp.org/tlog-checkpoint,
// signed-note and tlog-cosignature (v1). Keys are Ed25519.
//
//   paired-audit/<32 hex digits, random: the log>
//   <entries, decimal>
//   <root of the RFC 6962 tree over them, base64>
//   time <milliseconds since 1970>
//
// each line ended by a newline. Every checkpoint has one encoding.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHECKPOINT_LOG_BYTES = 16,
    CHECKPOINT_ROOT_BYTES = 32,
    CHECKPOINT_KEY_BYTES = 32,
    CHECKPOINT_SIGNATURE_BYTES = 64,
    CHECKPOINT_TEXT_BYTES_MAX = 160, // with its end
    CHECKPOINT_COSIGN_BYTES_MAX = CHECKPOINT_TEXT_BYTES_MAX + 64
};
#define CHECKPOINT_TIME_MS_MAX INT64_C(253402300799999) // the end of the year 9999

struct checkpoint {
    uint8_t log[CHECKPOINT_LOG_BYTES];
    int64_t entries; // 1 …
    uint8_t root[CHECKPOINT_ROOT_BYTES];
    int64_t time_ms;
};

// Terminated; its length. The values are in range (asserted).
size_t checkpoint_format(const struct checkpoint *c, char text[CHECKPOINT_TEXT_BYTES_MAX]);
// ERR_PARSE: not the text of any checkpoint.
int checkpoint_parse(const char *text, size_t n, struct checkpoint *ret, struct err *err);

// The log's device signs the text itself.
bool checkpoint_signed(const char *text, size_t n, const uint8_t key[CHECKPOINT_KEY_BYTES],
                       const uint8_t signature[CHECKPOINT_SIGNATURE_BYTES]);
// What a cosigner signs: "cosignature/v1", its time in seconds, and the text. Terminated; its
// length. ERR_LIMIT (as a size_t: 0): the text is too long.
size_t checkpoint_cosign_text(const char *text, size_t n, int64_t time_s,
                              char out[CHECKPOINT_COSIGN_BYTES_MAX]);
bool checkpoint_cosigned(const char *text, size_t n, const uint8_t key[CHECKPOINT_KEY_BYTES],
                         int64_t time_s, const uint8_t signature[CHECKPOINT_SIGNATURE_BYTES]);

// --- as others read it: a signed note, to which each signature adds a line
// The text and the empty line behind it.
int checkpoint_note_begin(struct buf *out, const char *text, size_t n);
// time_s < 0: of the log's device; else a cosignature of that time. The name of a key is
// "paired-device/" and its first 16 hex digits.
int checkpoint_note_sign(struct buf *out, const uint8_t key[CHECKPOINT_KEY_BYTES], int64_t time_s,
                         const uint8_t signature[CHECKPOINT_SIGNATURE_BYTES]);
// "name+hash+key", as verifiers of signed notes want it.
int checkpoint_note_key(struct buf *out, const uint8_t key[CHECKPOINT_KEY_BYTES], bool cosigner);
