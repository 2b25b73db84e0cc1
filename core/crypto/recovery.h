// 160 random bits as 21 words for paper: 20 bytes and a check byte, each one of 256 words. Words of
// one kind are not taken for the other's: the check byte depends on the kind. Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECOVERY_SECRET_BYTES = 20, RECOVERY_TEXT_BYTES_MAX = 256 }; // with spaces and NUL
enum recovery_kind { RECOVERY_STORE, RECOVERY_IDENTITY };

// ERR_LIMIT: does not fit into `max` bytes; `ret` is wiped.
int recovery_format(enum recovery_kind kind, const uint8_t secret[RECOVERY_SECRET_BYTES], char *ret,
                    size_t max);
// Any case, any white space, commas or dashes between; the first four letters are enough. false:
// not the right number of known words with the right last word.
bool recovery_parse(enum recovery_kind kind, const char *text, size_t n,
                    uint8_t ret[RECOVERY_SECRET_BYTES]);
