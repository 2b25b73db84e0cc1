// The keys of one user's store, in two files of its directory:
//   store.keys  JSON, versioned, replaced atomically: slots that each wrap the master key (MK), and
//               the data keys (DEK epochs) wrapped by MK, all of it under one authenticator
//   key         32 random bytes, mode 0600: the key-file slot's factor, which asks nothing
// A slot is type + parameters + XAES-256-GCM(KEK, MK) + a key commitment that is compared first.
// Nothing secret is ever in a slot's header, and there is no passphrase hint.
//
// What remains undetectable: an older, complete store.keys put back opens again with the factors it
// had then. Changing a passphrase therefore also asks for rotating the data keys.
//
// Any thread (one lock inside). keyring_unlock and keyring_add_* with a passphrase take about a
// second and KEYRING_ARGON_BYTES of memory: never on a loop. Source: RFC 9106, RFC 5869, C2SP
// XAES-256-GCM.
#pragma once

#include "core/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KEYRING_SLOTS_MAX = 16,
    KEYRING_EPOCHS_MAX =
        16, // data keys kept at a time: 1, 2 while rotating; more after aborted ones
    KEYRING_FILE_BYTES_MAX = 64 * 1024,
    KEYRING_PASSPHRASE_BYTES_MAX = 1024,
    KEYRING_RECOVERY_BYTES_MAX = 256, // the words with their spaces and NUL
    KEYRING_KEY_BYTES = 32,
    KEYRING_EPOCH_BACKUP = 0 // pages of backups: a key derived from MK, which rotation leaves alone
};
#define KEYRING_ARGON_BYTES       (256u * 1024 * 1024)
#define KEYRING_ARGON_BYTES_FLOOR (64u * 1024 * 1024)

struct keyring;

// Loads <dir>/store.keys and tries the key file. KEYRING_CREATE: makes both files when neither
// exists; with a `store.db` beside them nothing is made (ERR_KEY: its keys are missing). State
// after it: open, or locked (returns 0). ERR_NOT_FOUND, ERR_CORRUPT, ERR_VERSION, ERR_PERM, …
enum keyring_flags { KEYRING_CREATE = 1 };
int keyring_open(const char *dir, unsigned flags, struct keyring **ret, struct err *err);
void keyring_free(struct keyring *k); // wipes; accepts NULL
bool keyring_locked(struct keyring *k);

// `secret` is a passphrase or the words of a recovery code; which slot it opens is found out.
// ERR_KEY: none. The caller wipes it.
int keyring_unlock(struct keyring *k, const char *secret, size_t n, struct err *err);
// Wipes the keys from memory. ERR_UNSUPPORTED while a key-file slot would open it again unasked.
int keyring_lock(struct keyring *k, struct err *err);

// [{"id","type":"key-file"|"passphrase"|"passphrase+key-file"|"recovery","created","last_used",
//   "parameters":{…}}], no secrets. Times are milliseconds, last_used null when never (it is
// written when a slot opened by passphrase or words was used). The caller owns it.
int keyring_list(struct keyring *k, json_t **ret, struct err *err);

// Each adds one slot and writes store.keys durably before it returns. The keyring is open
// (ERR_LOCKED). ret_slot may be NULL. Passphrases have 8 bytes at least (ERR_INVAL).
// `with_key_file`: both factors are needed together (the key file is made if it is missing).
int keyring_add_passphrase(struct keyring *k, const char *pass, size_t n, bool with_key_file,
                           int64_t *ret_slot, struct err *err);
int keyring_add_key_file(struct keyring *k, int64_t *ret_slot, struct err *err); // ERR_EXISTS
// Writes 21 words, separated by spaces and terminated, into `words`; shown once, kept nowhere.
int keyring_add_recovery(struct keyring *k, char *words, size_t max, int64_t *ret_slot,
                         struct err *err);
// ERR_INVAL for the last slot that can open the store; a recovery code alone does not count as
// one. The key file itself goes with the last slot that needs it. ERR_NOT_FOUND.
int keyring_remove(struct keyring *k, int64_t slot, struct err *err);
// First slot of a type by its name in the list; ERR_NOT_FOUND.
int keyring_find(struct keyring *k, const char *type, int64_t *ret_slot, struct err *err);

// --- data keys (the VFS)
uint32_t keyring_epoch(struct keyring *k); // the newest: what new pages are written under; 0 locked
int64_t keyring_epoch_created(struct keyring *k); // milliseconds; 0 while locked
int keyring_epoch_add(struct keyring *k, uint32_t *ret_epoch, struct err *err);
int keyring_epoch_remove(struct keyring *k, uint32_t epoch, struct err *err); // not the newest
bool keyring_epoch_known(struct keyring *k, uint32_t epoch);
size_t keyring_epochs(struct keyring *k, uint32_t *epochs, size_t max); // ascending, without 0
// out = HKDF-SHA512(DEK of `epoch`, info) for page keys. ERR_LOCKED, ERR_KEY (no such epoch).
int keyring_page_key(struct keyring *k, uint32_t epoch, const void *info, size_t n,
                     uint8_t out[KEYRING_KEY_BYTES], struct err *err);
// out = HKDF-SHA512(MK, label): keys that rotation leaves alone (heads, audit, export).
int keyring_derive(struct keyring *k, const char *label, uint8_t out[KEYRING_KEY_BYTES],
                   struct err *err);

// Tests only: Argon2id memory for new passphrase and recovery slots of this process, from 64 KiB,
// and the floor that existing ones must have. 0 puts the real figures back.
void keyring_test_argon_bytes(size_t bytes);
