// Between the files of the keyring only.
#pragma once

#include "core/crypto/keyring.h"
#include "core/crypto/recovery.h"
#include "core/crypto/seal.h"
#include "core/crypto/secret.h"

#include <pthread.h>

enum {
    KEYRING_VERSION = 1,
    KEYRING_SALT_BYTES = 16,
    KEYRING_WRAPPED_BYTES = KEYRING_KEY_BYTES + SEAL_TAG_BYTES,
    KEYRING_COMMITMENT_BYTES = 32,
    KEYRING_MAC_BYTES = 32,
    KEYRING_PATH_BYTES_MAX = 1024,
    KEYRING_PASSES = 3,
    KEYRING_PASSES_MAX = 16
};
#define KEYRING_ARGON_BYTES_MAX (2048u * 1024 * 1024) // what a foreign file may make us allocate

enum slot_type { SLOT_KEY_FILE, SLOT_PASSPHRASE, SLOT_BOTH, SLOT_RECOVERY };
enum { SLOT_TYPES = 4 };
extern const char *const slot_type_names[SLOT_TYPES];

struct slot {
    int64_t id;
    enum slot_type type;
    int64_t created, last_used; // milliseconds; last_used 0: never
    uint32_t passes;            // Argon2id; 0 where no passphrase is part
    uint64_t argon_bytes;
    uint8_t salt[KEYRING_SALT_BYTES];
    uint8_t nonce[SEAL_NONCE_BYTES];
    uint8_t wrapped[KEYRING_WRAPPED_BYTES];
    uint8_t commitment[KEYRING_COMMITMENT_BYTES];
};

struct epoch {
    uint32_t number;
    int64_t created;
    uint8_t nonce[SEAL_NONCE_BYTES];
    uint8_t wrapped[KEYRING_WRAPPED_BYTES];
};

// What store.keys holds. No secret in the clear, so copies need no care.
struct keys_file {
    uint8_t store_id[16];
    int64_t next_slot; // ids are never used twice
    size_t slots_n, epochs_n;
    struct slot slots[KEYRING_SLOTS_MAX];
    struct epoch epochs[KEYRING_EPOCHS_MAX]; // ascending
    uint8_t mac[KEYRING_MAC_BYTES];
};

struct secrets { // in secret_alloc memory
    uint8_t mk[KEYRING_KEY_BYTES];
    uint8_t dek[KEYRING_EPOCHS_MAX][KEYRING_KEY_BYTES]; // same order as keys_file.epochs
};

struct keyring {
    pthread_mutex_t lock;
    char dir[KEYRING_PATH_BYTES_MAX];
    struct keys_file file;
    struct secrets *secrets; // NULL: locked
    struct seal *seal;
};

// keyring.c, for keyring_keys.c; under k->lock.
int keyring_no_memory(struct err *err);
int keyring_locked_error(struct err *err);
// Writes `next` and makes it the current one; on failure nothing has changed.
int keyring_save(struct keyring *k, struct keys_file *next, const uint8_t *mk, struct err *err);
// A new random data key behind the others of `next`, and in `s`.
int keyring_new_epoch(struct keyring *k, struct keys_file *next, struct secrets *s, uint32_t number,
                      struct err *err);

// keyring_file.c: text and files.
// Everything that can be wrong in a foreign file is refused here. ERR_CORRUPT, ERR_VERSION,
// ERR_NOMEM.
int keys_file_parse(const char *text, size_t n, struct keys_file *ret, struct err *err);
// Canonical text; the authenticator is computed over exactly this text with `mac` all zero.
char *keys_file_format(const struct keys_file *f); // gives; NULL when out of memory
// ERR_NOT_FOUND, ERR_PERM (not ours, or readable by others), ERR_LIMIT, ERR_IO …
int keys_read_private(const char *path, size_t max, char **ret, size_t *ret_n, struct err *err);
// Atomic, durable: temporary file, fsync, rename, fsync of the directory.
int keys_write_private(const char *dir, const char *name, const void *bytes, size_t n,
                       struct err *err);
int keys_remove_private(const char *dir, const char *name, struct err *err); // overwritten first

// keyring_slot.c: what opens a slot.
struct factors {
    const char *pass; // passphrase, or NULL
    size_t pass_n;
    const uint8_t *key_file; // 32 bytes, or NULL
    const uint8_t *recovery; // 20 bytes, or NULL
};
bool slot_needs_pass(enum slot_type type);
bool slot_needs_key_file(enum slot_type type);
// New salt and nonce, then MK wrapped under the factors; id, type, created, argon are set.
int slot_wrap(struct seal *s, struct slot *slot, const uint8_t store_id[16],
              const struct factors *with, const uint8_t mk[KEYRING_KEY_BYTES], struct err *err);
// ERR_KEY: these factors do not open it. ERR_INVAL: a factor of this type is missing.
int slot_unwrap(struct seal *s, const struct slot *slot, const uint8_t store_id[16],
                const struct factors *with, uint8_t mk[KEYRING_KEY_BYTES], struct err *err);
int epoch_wrap(struct seal *s, struct epoch *e, const uint8_t store_id[16],
               const uint8_t mk[KEYRING_KEY_BYTES], const uint8_t dek[KEYRING_KEY_BYTES]);
int epoch_unwrap(struct seal *s, const struct epoch *e, const uint8_t store_id[16],
                 const uint8_t mk[KEYRING_KEY_BYTES], uint8_t dek[KEYRING_KEY_BYTES]);
size_t slot_argon_bytes(void);       // for new slots
size_t slot_argon_bytes_floor(void); // for existing ones
